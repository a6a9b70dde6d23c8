// Makes quicker and clearer what works without it. Nothing here is needed to book.
"use strict";

// What is wrong is read out and reached first.
const errors = document.querySelector(".errors");
if (errors) errors.focus();

// The second of two quick clicks does nothing; coming back to the page makes it work again.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => {
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });
}
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-once] button").forEach((button) => { button.disabled = false; });
});

// Other days: the list is replaced, and the reader is at its heading. Where that fails, the plain link does it.
document.addEventListener("htmx:afterSwap", (event) => {
  const heading = event.detail.target?.id === "week" && document.querySelector("#week .range");
  if (heading) { heading.focus(); heading.scrollIntoView({ block: "nearest" }); }
});
for (const failure of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failure, (event) => {
    const link = event.detail.elt.closest("a[href]");
    if (link) window.location.assign(link.href);
  });
}
