// A table's box that scrolls is a stop of the Tab key and a landmark, as the page makes it; one that shows all it holds is neither.

const sizes = new ResizeObserver((changes) => new Set(changes.map(({ target }) => target.closest(".scroll"))).forEach(fit));

function fit(box) {
  const scrolls = box.scrollWidth > box.clientWidth;
  // Who is on it stays on it.
  if (!scrolls && box === document.activeElement) return;
  box.setAttribute("role", scrolls ? "region" : "group");
  if (scrolls) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
}

function watch() {
  for (const each of document.querySelectorAll(".scroll, .scroll > *")) sizes.observe(each);
}

document.addEventListener("refreshed", watch);
watch();
