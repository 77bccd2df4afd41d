// A form is sent once: whoever clicks twice means it once. The service would notice, but say so like an error.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});

// Back again, by the button of the browser: it may be sent anew.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
