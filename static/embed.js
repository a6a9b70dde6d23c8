// A practice's booking page in a clinic's own website; the README says how ("Embed"). Served as /embed.js, which fills
// in the words. Messages come from the frame only, and are believed by origin, source and shape.
(() => {
  "use strict";
  const NAME = "anteroom-booking";
  const WORDS = { en: ["Book an appointment", "Open in a new tab", "Close"] };
  const SHAPES = { step: ["name"], confirmed: ["service", "clinic", "provider"], error: ["kind"] };
  const script = document.currentScript;
  const origin = new URL(script.src).origin;

  const make = (name, values, style) => {
    const element = Object.assign(document.createElement(name), values);
    Object.assign(element.style, style);
    return element;
  };

  class AnteroomBooking extends HTMLElement {
    connectedCallback() {
      if (this.base || document.readyState !== "loading") this.begin();
      else addEventListener("DOMContentLoaded", () => this.isConnected && this.begin()); // its link is not there yet
    }

    begin() {
      const said = (name) => this.getAttribute(name) || this.getAttribute("data-" + name) || "";
      const lang = said("lang");
      const wanted = lang || navigator.language;
      const home = (this.base || origin) + `/${said("practice")}/`;
      const address = new URL(home + (lang && lang + "/"));
      for (const name of ["service", "clinic", "provider", "from", "day", "after", "before"]) {
        const values = name === "day" ? said(name).split(/[\s,]+/) : [said(name)];
        for (const value of values) if (value) address.searchParams.append(name, value);
      }
      this.home = home;
      this.lang = lang;
      this.mode = said("mode");
      this.words = WORDS[wanted] || WORDS[wanted.split("-")[0]] || WORDS.en;
      this.label = said("title") || this.words[0];
      const inline = !/^(popup|button)$/.test(this.mode);
      this.link = this.querySelector("a[href]") ||
        this.appendChild(make("a", { href: address.href, textContent: this.words[inline ? 1 : 0] }));
      if (inline) {
        Object.assign(this.link, { target: "_blank", rel: "noopener" });
        this.style.display = "block";
        this.prepend(this.show(address.href, "640px"));
      } else if (window.HTMLDialogElement) {
        this.link.setAttribute("aria-haspopup", "dialog");
        if (this.mode === "button") this.paint(said("colour"));
        document.addEventListener("click", this);
      }
      addEventListener("message", this);
    }

    disconnectedCallback() {
      removeEventListener("message", this);
      document.removeEventListener("click", this);
      if (this.dialog) { this.dialog.close(); this.dialog.remove(); }
      if (this.frame) this.frame.remove();
      this.dialog = this.frame = null;
    }

    paint(colour) {
      if (!/^#[\da-f]{6}$/i.test(colour)) colour = "#0d5f58";
      const [red, green, blue] = colour.match(/\w\w/g).map((part) => parseInt(part, 16));
      Object.assign(this.link.style, {
        display: "inline-block", padding: ".75em 1.5em", borderRadius: ".5em", font: "inherit", fontWeight: "600",
        textDecoration: "none", background: colour, color: red * 3 + green * 6 + blue > 1400 ? "#000" : "#fff",
      });
    }

    show(address, height) {
      this.steps = 0;
      this.heard = false;
      this.frame = make("iframe", { title: this.label, lang: this.lang, allow: "", referrerPolicy: "strict-origin" },
        { display: "block", width: "100%", height, border: "0" });
      this.frame.addEventListener("load", () => setTimeout(() => this.card(!this.heard), 3000));
      this.frame.src = address;
      return this.frame;
    }

    // Where the page may not be shown here: its link, plainly, instead of a browser's error.
    card(shown) {
      if (!this.frame) return;
      this.frame.style.display = shown ? "none" : "block";
      const link = this.dialog ? this.dialog.querySelector("a") : this.link;
      Object.assign(link.style, { display: shown ? "block" : "", padding: shown ? "1.5em" : "", border: shown ? "1px solid" : "" });
    }

    handleEvent(event) {
      if (event.type === "message") this.hear(event); else this.click(event);
    }

    click(event) {
      const link = event.composedPath()[0].closest("a[href]");
      if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      if (link !== this.link && (this.mode === "button" || link.target || link.closest(NAME))) return;
      if (!link.href.startsWith(this.home) || /\/(booking|manage)\//.test(link.href)) return;
      event.preventDefault();
      this.open(link.href);
    }

    open(address) {
      if (!this.dialog) {
        const edge = "max(0px, min(2rem, (100vw - 48rem) * 99))";
        this.dialog = make("dialog", {}, {
          position: "fixed", inset: "0", width: "auto", height: "auto", maxWidth: "none", maxHeight: "none", padding: "0",
          border: "0", overflow: "hidden", margin: edge + " max(0px, (100vw - 48rem) / 2)",
        });
        const bar = make("div", {}, {
          display: "flex", justifyContent: "space-between", alignItems: "center", height: "3rem", padding: "0 1rem",
          boxSizing: "border-box",
        });
        const close = make("button", { type: "button", textContent: this.words[2] }, { font: "inherit", minHeight: "2.75rem" });
        close.addEventListener("click", () => this.dialog.close());
        bar.append(make("a", { target: "_blank", rel: "noopener", textContent: this.words[1] }), close);
        this.dialog.append(bar);
        this.dialog.setAttribute("aria-label", this.label);
        this.dialog.addEventListener("close", () => { document.documentElement.style.overflow = this.scrolled; });
        document.body.append(this.dialog);
      }
      this.dialog.querySelector("a").href = address;
      if (this.address !== address) {
        if (this.frame) this.frame.remove();
        this.dialog.append(this.show(this.address = address, "calc(100% - 3rem)"));
      }
      this.scrolled = document.documentElement.style.overflow;
      document.documentElement.style.overflow = "hidden";
      this.dialog.showModal();
    }

    hear({ origin, source, data }) {
      const { frame } = this;
      if (!frame || source !== frame.contentWindow || !this.home.startsWith(origin + "/") || !data || data.v !== 1) return;
      const { type, height } = data;
      const names = Object.prototype.hasOwnProperty.call(SHAPES, type) ? SHAPES[type] : [];
      if (names.some((name) => typeof data[name] !== "string")) return;
      if (type === "ready") { this.heard = true; this.card(false); }
      if (type === "height" && !this.dialog && height > 0 && height < 1e5) frame.style.height = Math.ceil(height) + "px";
      if (type === "close" && this.dialog) this.dialog.close();
      if (type === "step" && this.steps++ && !this.dialog) {
        const { top } = this.getBoundingClientRect();
        if (top < 0 || top > innerHeight) this.scrollIntoView();
      }
      if (names.length) {
        const detail = Object.fromEntries(names.map((name) => [name, data[name]]));
        frame.dispatchEvent(new CustomEvent("booking:" + type, { bubbles: true, detail }));
      }
    }
  }

  if (!customElements.get(NAME)) customElements.define(NAME, AnteroomBooking);
  if (script.dataset.practice) {
    const element = Object.assign(document.createElement(NAME), { base: origin });
    for (const name in script.dataset) element.dataset[name] = script.dataset[name];
    const before = script.previousElementSibling;
    if (before && before.href && before.href.startsWith(`${origin}/${script.dataset.practice}/`)) element.append(before);
    if (script.closest("body")) script.after(element);
    else addEventListener("DOMContentLoaded", () => document.body.append(element));
  }
})();
