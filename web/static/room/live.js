// Keeps an open page true: it is told what has changed, fetches itself again, and puts in the regions that are others now.
//
// A region is an element with an id and `data-live="topic topic"`; the topics are those of infra/reports/marks.py,
// `authorization:42` for one of them, or nothing for all. Without this module a page stays as it was made. The answer to a
// form stands at an address that only forms are sent to: `data-page` of the body says which one is asked instead.

const body = document.body;
const here = () => body.dataset.page ?? location.href;
const REST = 2000; // milliseconds between two refreshes of one page, however much happens
const PATIENCE = [2000, 60000]; // the first wait after a stream broke, and the longest

// --- Times: `in 3 d 4 h`, by the clock of the service, which in a simulation runs faster than this machine's.

// What the filters `when`, `left` and `exact` write: `in 3 d 4 h`, `3 d 4 h`, and an instant, which does not go on.
const TOLD = "time:not([data-clock])", GOES_ON = `${TOLD}:not([data-exact])`;
const MINUTE = 60, HOUR = 3600, DAY = 86400;
const speed = Number(body.dataset.speed);
let told = Date.parse(body.dataset.now), toldAt = performance.now();

const now = () => told + (performance.now() - toldAt) * speed;

function span(seconds) {
  const days = Math.floor(seconds / DAY), hours = Math.floor((seconds % DAY) / HOUR);
  if (days) return `${days} d ${hours} h`;
  const minutes = Math.floor((seconds % HOUR) / MINUTE);
  return hours ? `${hours} h ${minutes} min` : `${minutes} min`;
}

function relative(at) {
  const seconds = Math.abs(at - now()) / 1000;
  if (seconds < MINUTE) return "just now";
  const away = seconds >= 7 * DAY ? `${Math.floor(seconds / DAY)} d` : span(seconds);
  return at > now() ? `in ${away}` : `${away} ago`;
}

const left = (at) => (at > now() ? span((at - now()) / 1000) : "over");

function tick() {
  for (const time of document.querySelectorAll(GOES_ON)) {
    const at = Date.parse(time.dateTime);
    put(time, "left" in time.dataset ? left(at) : relative(at));
  }
  for (const time of document.querySelectorAll("time[data-clock]"))
    put(time, new Date(now()).toISOString().slice(0, 16).replace("T", " "));
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// On hover the exact instant, by UTC and by the reader's own clock.
function explain(event) {
  const time = event.target.closest?.(TOLD);
  if (!time || time.title.includes("\n")) return;
  const own = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const exact = time.title || `${time.dateTime.slice(0, 19).replace("T", " ")} UTC`;
  time.title = `${exact}\n${own.format(Date.parse(time.dateTime))}`;
}

// A row that leads on as a whole has its times above its link.
function follow(event) {
  event.target.closest?.(".on time")?.closest(".on").querySelector("a").click();
}

// --- Regions.

const regions = () => [...document.querySelectorAll("[data-live][id]")];
const wants = (region) => region.dataset.live.split(" ").filter(Boolean);
// Each as the service made it last, but for what only time changes.
const as = new Map(regions().map((region) => [region.id, timeless(region)]));

function timeless(region) {
  return region.outerHTML.replace(/(<time [^>]*>)[^<]*/g, "$1");
}

function concerns(topics) {
  const has = new Set(topics);
  const about = (topic) => has.has(topic) || (topic.startsWith("authorization:") && has.has("authorization:*"));
  return has.has("*") ? regions() : regions().filter((region) => !wants(region).length || wants(region).some(about));
}

// Whoever types, or has marked a text, is not disturbed: the region waits until they have done.
function isInUse(region) {
  const active = document.activeElement;
  const types = active?.matches("input:not([type=checkbox], [type=radio]), textarea, select");
  const selection = getSelection();
  const marks = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
  return marks || (types && region.contains(active));
}

// Where the focus was, what was ticked, which folds were open, and how far boxes were scrolled, by names that last.
function habits(region) {
  const within = [...region.querySelectorAll("a, button, input, select, summary, [tabindex], .scroll")];
  const active = within.indexOf(document.activeElement);
  return {
    focus: active < 0 ? null : { key: nameOf(document.activeElement), place: active },
    ticked: new Set([...region.querySelectorAll("input:checked")].map(nameOf)),
    open: new Set([...region.querySelectorAll("details[open]")].map(foldOf)),
    scrolled: [...region.querySelectorAll(".scroll")].map((box) => box.scrollLeft),
  };
}

// A row that leads nowhere by what stands in it, all others by what they are for.
function nameOf(element) {
  if (element.id) return element.id;
  if (element.matches("tr, li")) return timeless(element);
  return [element.tagName, element.name, element.value, element.getAttribute("href")].join(" ");
}

const foldOf = (fold) => fold.id || fold.querySelector("summary")?.textContent;

function resume(region, before) {
  for (const input of region.querySelectorAll("input[type=checkbox], input[type=radio]"))
    input.checked = before.ticked.has(nameOf(input)) || (input.defaultChecked && !before.ticked.size);
  for (const fold of region.querySelectorAll("details")) fold.open ||= before.open.has(foldOf(fold));
  region.querySelectorAll(".scroll").forEach((box, place) => (box.scrollLeft = before.scrolled[place] ?? 0));
  if (!before.focus) return;
  const within = [...region.querySelectorAll("a, button, input, select, summary, [tabindex], .scroll")];
  const same = within.find((each) => nameOf(each) === before.focus.key) ?? within[before.focus.place];
  same?.focus({ preventScroll: true });
}

function replace(fresh) {
  for (const region of regions()) {
    const other = fresh.getElementById(region.id);
    if (!other || as.get(region.id) === timeless(other)) continue;
    if (isInUse(region)) {
      waiting = true;
      continue;
    }
    as.set(region.id, timeless(other));
    const before = habits(region);
    const made = document.importNode(other, true);
    region.replaceWith(made);
    resume(made, before);
    made.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
  }
}

// --- Fetching itself again: one at a time, and not without a rest.

let mark = body.dataset.mark, isFetching = false, waiting = false, restsUntil = 0, timer = 0;

function refreshSoon() {
  if (timer) return;
  if (document.hidden) return void (waiting = true);
  timer = setTimeout(refresh, Math.max(0, restsUntil - performance.now()) + Math.random() * 250);
}

async function refresh() {
  timer = 0;
  if (isFetching) return void (waiting = true);
  isFetching = true;
  waiting = false;
  restsUntil = performance.now() + REST;
  try {
    const answer = await fetch(here(), { headers: { "x-live-mark": mark, accept: "text/html" }, redirect: "manual" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    told = Date.parse(fresh.body.dataset.now);
    toldAt = performance.now();
    replace(fresh);
    tick();
  } catch {
    // The stream notices as well, and comes back with what was missed.
  } finally {
    isFetching = false;
    if (waiting && !document.hidden) setTimeout(() => waiting && refreshSoon(), REST);
  }
}

// --- The stream, as long as somebody looks: a browser grants a site six connections, and tabs in the back need none.

let stream = null, wait = PATIENCE[0], again = 0;

function listen() {
  if (stream || document.hidden || !regions().length) return;
  stream = new EventSource(`/live?since=${encodeURIComponent(mark)}`);
  stream.addEventListener("changed", (event) => {
    const news = JSON.parse(event.data);
    mark = news.mark;
    wait = PATIENCE[0];
    show("on");
    if (concerns(news.topics).length) refreshSoon();
  });
  stream.addEventListener("over", leave);
  stream.addEventListener("error", () => {
    hangUp("off");
    again = setTimeout(listen, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, PATIENCE[1]);
  });
}

function hangUp(state) {
  stream?.close();
  stream = null;
  clearTimeout(again);
  show(state);
}

// The session is over, or the role is another one: the page is made again as whoever is here now may see it. What stands in a
// form that keeps it (forms.js) would be lost.
function leave() {
  hangUp("over");
  if ([...document.querySelectorAll("form[data-keeps] textarea")].some((each) => each.value)) return;
  if (body.dataset.page) location.replace(here());
  else location.reload();
}

function show(state) {
  document.documentElement.dataset.stream = state;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return hangUp("paused");
  tick();
  listen();
  if (waiting) refreshSoon();
});
document.addEventListener("focusout", () => waiting && refreshSoon());
document.addEventListener("selectionchange", () => waiting && getSelection().isCollapsed && refreshSoon());
document.addEventListener("pointerover", explain);
document.addEventListener("click", follow);
addEventListener("pagehide", () => hangUp("paused"));
addEventListener("pageshow", (event) => event.persisted && listen());

tick();
setInterval(() => document.hidden || tick(), speed > 1 ? 1000 : 15000);
listen();
