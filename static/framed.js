// A booking page in a frame of a clinic's website: tells that website how high it is and which step it shows, and offers
// what a frame makes hard. Nothing is taken from the website, and nothing here is needed to book.
(() => {
  "use strict";
  if (window.parent === window) return;
  const { origins, step, error, until, service = "", clinic = "", provider = "" } = document.currentScript.dataset;
  const root = document.documentElement;
  root.classList.add("framed");

  // Whose website it is: said by the browser, or by the address that this frame was first opened from.
  const before = document.referrer && new URL(document.referrer).origin;
  if (before && before !== location.origin) window.name = `in ${before}`;
  const remembered = /^in (\S+)$/.exec(window.name);
  const host = location.ancestorOrigins ? location.ancestorOrigins[0] : remembered ? remembered[1] : location.origin;
  const listed = host === location.origin || origins.split(" ").some((origin) => {
    const [scheme, below] = origin.split("*");
    return below ? host.startsWith(scheme) && host.endsWith(below) : host === origin;
  });
  const tell = (type, more) => { if (listed) window.parent.postMessage({ v: 1, type, ...more }, host); };

  const storage = (() => {
    try { sessionStorage.getItem(""); return sessionStorage; } catch { return null; }
  })();

  function offer(what, address) {
    const found = document.getElementById(what);
    if (!found) return;
    const notice = found.content.firstElementChild;
    notice.querySelector("a").href = address;
    document.querySelector("main").prepend(notice);
    notice.scrollIntoView({ block: "nearest" });
  }

  // --- How high ---------------------------------------------------------------------------------------------------

  let height = 0;
  let waiting = 0;
  function measure() {
    const now = Math.ceil(root.getBoundingClientRect().height);
    if (now !== height) tell("height", { height: (height = now) });
  }
  new ResizeObserver(() => { clearTimeout(waiting); waiting = setTimeout(measure, 60); }).observe(root);

  // --- Which step -------------------------------------------------------------------------------------------------

  let shown = "";
  function announce() {
    const state = document.querySelector("[data-state]")?.dataset;
    const now = `${location.href} ${state?.state}`;
    if (now === shown) return;
    const first = !shown;
    shown = now;
    measure();
    tell("step", { name: step || error || "" });
    if (error) tell("error", { kind: error });
    if (state?.state === "confirmed" && isNew(state.reference, first)) tell("confirmed", { service, clinic, provider });
    if (!first) document.querySelector(".new-tab a").href = location.href;
  }

  // A booking is told once, also where its page is loaded again.
  function isNew(reference, first) {
    const key = `confirmed ${reference}`;
    if (!storage) return !first || performance.getEntriesByType("navigation")[0]?.type === "navigate";
    if (storage.getItem(key)) return false;
    storage.setItem(key, "1");
    return true;
  }

  tell("ready");
  announce();
  document.addEventListener("htmx:afterSettle", announce);
  const entered = before !== location.origin;
  if (entered && listed && host !== location.origin) {
    const seen = new URLSearchParams({ origin: host });
    fetch(`/${location.pathname.split("/")[1]}/embedded/`, { method: "POST", body: seen, keepalive: true }).catch(() => {});
  }
  const heading = document.querySelector("main h1");
  if (!entered && heading && document.hasFocus() && document.activeElement === document.body) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) tell("close");
  });

  // --- What a frame makes hard --------------------------------------------------------------------------------------

  document.querySelector(".new-tab").hidden = false;
  for (const link of document.querySelectorAll('a[href^="http"]')) {
    if (link.origin !== location.origin) Object.assign(link, { target: "_blank", rel: "noopener" });
  }

  // A website that allows the frame too little: no origin, and every form is refused; or no forms, and none is sent.
  if (self.origin === "null") offer("too-strict", location.href);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button?.form || button.type !== "submit") return;
    let noticed = false;
    const notice = () => { noticed = true; };
    for (const type of ["submit", "invalid"]) document.addEventListener(type, notice, { capture: true, once: true });
    setTimeout(() => {
      for (const type of ["submit", "invalid"]) document.removeEventListener(type, notice, { capture: true });
      if (!noticed && !event.defaultPrevented) offer("too-strict", location.href);
    });
  });

  // The website was loaded again while a time was kept: back to it at one click, where the browser remembers.
  const kept = `held ${location.pathname.split("/")[1]}`;
  if (storage) {
    if (until && step !== "booking") storage.setItem(kept, JSON.stringify({ address: location.pathname, until }));
    else if (step === "booking" && !until) storage.removeItem(kept);
    else if (!until && !/[?&]held=/.test(location.search)) {
      const hold = JSON.parse(storage.getItem(kept) || "{}");
      if (Date.parse(hold.until) > Date.now()) offer("still-kept", hold.address);
    }
    document.addEventListener("submit", (event) => {
      if (/\/release\/$/.test(event.target.action)) storage.removeItem(kept);
    });
  }
})();
