// The keyboard: `/` to search, j and k through the rows, x to choose one, and `?` to see all this. Pages work without it.

const KEYS = {
  "/": ["search", search],
  j: ["the next row", () => step(1)],
  k: ["the row before", () => step(-1)],
  x: ["choose the row, or no longer", choose],
  "?": ["these keys", help],
};
// What the browser does by itself, once a row has the focus; and what is for the search alone.
const OTHERS = [["Enter", ["open the row"]], ["Esc", ["leave the search"]]];
const LIST = "/authorizations";
// A dialog that was closed stays in the page for a moment.
const OPEN = "dialog#keys[open]";

const ROW = "[data-rows] tbody tr, [data-rows] > li";
const rows = () => [...document.querySelectorAll(ROW)].filter((row) => row.getClientRects().length);
const current = () => document.activeElement?.closest?.(ROW);

function step(by) {
  const all = rows();
  const place = all.indexOf(current());
  const next = place < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(place + by, 0), all.length - 1);
  const row = all[next];
  // One that leads nowhere is stopped at by itself: the page gives it a tabindex.
  (row?.querySelector("th a, a") ?? row)?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

function search() {
  const field = document.querySelector("[data-search]");
  if (field) field.select();
  else location.assign(`${LIST}#search`);
}

function choose() {
  current()?.querySelector("input[type=checkbox]")?.click();
}

function help() {
  const open = document.querySelector(OPEN);
  if (open) return void open.close();
  const dialog = document.createElement("dialog");
  dialog.id = "keys";
  dialog.setAttribute("aria-labelledby", "keys-title");
  const title = Object.assign(document.createElement("h2"), { id: "keys-title", textContent: "Keys" });
  const list = document.createElement("dl");
  for (const [key, [words]] of [...Object.entries(KEYS), ...OTHERS]) {
    const name = document.createElement("dt");
    name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    list.append(name, Object.assign(document.createElement("dd"), { textContent: words }));
  }
  const close = Object.assign(document.createElement("button"), { textContent: "Close", className: "small" });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(title, list, close);
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  // What was typed stays, as it may be sent later; j and k walk the rows again.
  if (event.key === "Escape" && !event.isComposing && event.target.matches?.("[data-search]")) {
    event.preventDefault();
    return void event.target.blur();
  }
  const types = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  if (types || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]:not(#keys)") || !(event.key in KEYS)) return;
  if (document.querySelector(OPEN) && event.key !== "?") return;
  event.preventDefault();
  KEYS[event.key][1]();
});

// --- Rows that are chosen: how many, and all of the page at once.

function count() {
  const told = document.querySelector("[data-chosen]");
  if (!told) return;
  const boxes = [...document.querySelectorAll("[data-rows] tbody input[type=checkbox]")];
  const chosen = boxes.filter((box) => box.checked).length;
  const everything = document.querySelector("[data-everything]")?.checked;
  told.textContent = everything || !chosen ? "" : `${chosen} chosen`;
  const all = wholePage();
  if (!all) return;
  all.checked = chosen > 0 && chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
}

function wholePage() {
  const head = document.querySelector("[data-rows] thead .pick");
  if (!head) return null;
  const known = head.querySelector("input");
  if (known) return known;
  const label = Object.assign(document.createElement("label"), { className: "choice" });
  const box = Object.assign(document.createElement("input"), { type: "checkbox" });
  box.setAttribute("aria-label", "Choose all of this page");
  box.addEventListener("change", () => {
    for (const each of document.querySelectorAll("[data-rows] tbody input[type=checkbox]")) each.checked = box.checked;
  });
  label.append(box);
  head.replaceChildren(label);
  return box;
}

document.addEventListener("change", count);
document.addEventListener("refreshed", count);
addEventListener("pageshow", count);
if (location.hash === "#search") search();
count();
