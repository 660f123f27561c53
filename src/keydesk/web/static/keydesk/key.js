// <kd-key>: a key on the screen. It selects itself, hides itself again after a while, and asks before it is left uncopied.

class Key extends HTMLElement {
  connectedCallback() {
    this.kept = !("mustCopy" in this.dataset);
    this.field = this.querySelector("[data-secret]");
    this.question = this.querySelector("[data-ask]");
    this.field.addEventListener("focus", () => this.field.select());
    this.addEventListener("copy", () => this.keep());
    this.addEventListener("kd-kept", () => this.keep());
    this.querySelector("[data-stay]").addEventListener("click", () => this.stay());
    this.querySelector("[data-leave]").addEventListener("click", () => {
      this.keep();
      this.closest("kd-dialog").close();
    });
    this.onunload = (event) => {
      if (!this.kept) event.preventDefault();
    };
    window.addEventListener("beforeunload", this.onunload);
    const seconds = Number(this.dataset.hideAfter);
    if (seconds) this.timer = setTimeout(() => this.hide(), seconds * 1000);
    this.field.focus();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    window.removeEventListener("beforeunload", this.onunload);
  }

  keep() {
    this.kept = true;
    this.question.hidden = true;
  }

  stay() {
    this.question.hidden = true;
    this.field.focus();
  }

  // Whether the dialog may close now; if not, the question shows why.
  mayLeave() {
    if (this.kept) return true;
    this.question.hidden = false;
    this.question.querySelector("[data-stay]").focus();
    return false;
  }

  hide() {
    // The attribute as well: the key leaves the document, not only the screen.
    this.field.value = this.field.dataset.masked;
    this.field.setAttribute("value", this.field.dataset.masked);
    this.querySelector("[data-with-key]").remove();
    this.querySelector("kd-copy").remove();
    this.querySelector("[data-copy-status]").textContent =
      this.querySelector("[data-hidden-text]").textContent;
  }
}

customElements.define("kd-key", Key);
