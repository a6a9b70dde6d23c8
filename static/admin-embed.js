// The snippet maker in the admin: what is chosen is shown at once, and copied at one click. Without this, "Show" does it.
(() => {
  "use strict";
  const form = document.querySelector("form[data-live]");
  const ready = () => document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
  let asked = 0;

  form.addEventListener("change", async () => {
    const address = `?${new URLSearchParams(new FormData(form))}`;
    const mine = ++asked;
    const answer = await fetch(address);
    const made = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("made");
    if (mine !== asked || !made) return;
    document.getElementById("made").replaceWith(document.adoptNode(made));
    history.replaceState(null, "", address);
    ready();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = button.dataset.copied;
    } catch { // not allowed: it is selected, to be copied by hand
      getSelection().selectAllChildren(text);
    }
  });
  ready();
})();
