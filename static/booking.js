// Makes quicker and clearer what works without it. Nothing here is needed to book.
"use strict";

const all = (selector) => document.querySelectorAll(selector);
const say = (text) => { document.getElementById("said").textContent = text; };

function make(tag, properties, inside = []) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

function focus(element) {
  if (!element) return;
  if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

// What is wrong is read out and reached first. Else, on the way from page to page, the reader goes on at the heading.
const errors = document.querySelector(".errors");
const how = performance.getEntriesByType("navigation")[0]?.type;
const from = document.referrer.startsWith(`${location.origin}/`) ? new URL(document.referrer).pathname : "";
if (errors) errors.focus();
else if (how === "navigate" && from.split("/")[1] === location.pathname.split("/")[1] && !location.hash) {
  focus(document.querySelector("main h1"));
}

// The second of two quick clicks does nothing; coming back to the page makes it work again.
for (const form of all("form[data-once]")) {
  form.addEventListener("submit", () => {
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });
}
window.addEventListener("pageshow", () => {
  all("form[data-once] button").forEach((button) => { button.disabled = false; });
});

// --- A day of the list (a frame does not scroll by itself) --------------------------------------------------------

document.addEventListener("click", (event) => {
  const day = document.querySelector(event.target.hash || "none")?.closest(".day");
  if (!day) return;
  event.preventDefault();
  focus(day.querySelector("h3"));
  day.scrollIntoView();
});

// --- Other days: the list is replaced, and the reader is at its heading -------------------------------------------

document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.target?.setAttribute("aria-busy", "true"));
document.addEventListener("htmx:afterRequest", ({ detail }) => detail.target?.removeAttribute("aria-busy"));
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const heading = detail.target?.id === "week" && document.querySelector("#week .range");
  if (heading) { focus(heading); heading.scrollIntoView({ block: "nearest" }); }
});

// Where that fails, it is said in this place, with the plain link to try again.
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failure, ({ detail }) => {
    const { elt, target } = detail;
    if (target?.id !== "week" || !elt.href) return;
    const { notReached, again } = document.getElementById("said").dataset;
    const notice = make("div", { className: "notice" }, [
      make("p", { textContent: notReached }),
      make("p", {}, [make("a", { className: "button", href: elt.href, textContent: again })]),
    ]);
    notice.setAttribute("role", "alert");
    target.querySelector(":scope > [role=alert]")?.remove();
    target.prepend(notice);
    focus(notice);
    notice.scrollIntoView({ block: "nearest" });
  });
}

// --- How long the time is kept: minutes left, said once before it ends --------------------------------------------

const WARN = 120;
const OFFER = 300;
const inWords = (count, unit) =>
  new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" }).format(count);

function watch(until) {
  const { now, until: end, left, soon, ended } = until.dataset;
  const over = performance.now() + (end - now) * 1000;
  const kept = until.closest(".kept");
  let warned = end - now <= WARN;
  let drawn = "";
  (function tick() {
    if (!until.isConnected) return;
    const seconds = Math.ceil((over - performance.now()) / 1000);
    kept.classList.toggle("soon", seconds <= WARN);
    kept.querySelector(".keep")?.classList.toggle("early", seconds > OFFER);
    if (seconds <= 0) {
      until.textContent = ended;
      kept.querySelector(".keep")?.remove();
      say(ended);
      return;
    }
    const words = seconds > 60 ? inWords(Math.ceil(seconds / 60), "minute") : inWords(Math.ceil(seconds / 10) * 10, "second");
    if (words !== drawn) until.querySelector(".left").textContent = left.replace("{time}", drawn = words);
    if (seconds <= WARN && !warned) { warned = true; say(soon.replace("{time}", words)); }
    setTimeout(tick, 1000);
  })();
}
all(".until[data-until]").forEach(watch);

// Kept longer: the line is replaced. If the time had ended meanwhile, that is said, and what was typed stays here.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target, xhr } = detail;
  if (!target.matches(".kept") || xhr.responseURL.endsWith("/extend/")) return;
  detail.shouldSwap = false;
  const until = target.querySelector(".until");
  until.textContent = until.dataset.ended;
  target.querySelector(".keep")?.remove();
  focus(until);
});
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (!detail.elt.matches?.(".kept")) return;
  const until = detail.elt.querySelector(".until");
  watch(until);
  say(until.textContent);
  focus(until); // the button is not offered again before it is needed
});
