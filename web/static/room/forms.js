// A form is sent once: whoever clicks twice means it once. The service would notice, but say so like an error.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  const isSent = form.dataset.sent, keeps = "keeps" in form.dataset;
  if (isSent || keeps) event.preventDefault();
  if (keeps && !isSent) send(form);
  form.dataset.sent = "yes";
});

// Back again, by the button of the browser: it may be sent anew.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// `data-keeps`: what stands in the form may be a secret, which no page shows again. So it is sent from where it is, and where it
// is refused the reason comes to it; where it is taken, the page that follows is opened as ever.
async function send(form) {
  tell(form, "On its way.", "status");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const why = page.querySelector("[role=alert]") ?? (answer.ok ? null : page.querySelector("main p"));
    if (answer.ok && !why) return void location.assign(answer.url);
    tell(form, why?.textContent.trim() || "The service could not answer. Send it again in a moment.");
    // Who signed in anew, in another tab, has another token: the next try carries it.
    const token = page.querySelector("input[name=csrf]");
    if (token) form.elements.csrf.value = token.value;
  } catch {
    tell(form, "The service could not be reached. Send it again in a moment.");
  }
  delete form.dataset.sent;
}

function tell(form, text, role = "alert") {
  const notice = document.createElement("p");
  notice.className = role === "alert" ? "notice bad" : "notice mild";
  notice.setAttribute("role", role);
  notice.textContent = text;
  if (form.previousElementSibling?.matches(".notice")) form.previousElementSibling.remove();
  form.before(notice);
  notice.scrollIntoView({ block: "nearest" });
}
