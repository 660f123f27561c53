// <kd-copy data-for="id">: copies a field's text, and says "Copied" only if that worked.

const SHOWN_MILLISECONDS = 4000;

async function copyText(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // Plain http has no clipboard object. The field lies in the open dialog, so it may be selected there.
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}

class Copy extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => this.copy());
  }

  async copy() {
    const field = document.getElementById(this.dataset.for);
    const status = this.closest("kd-key")?.querySelector("[data-copy-status]");
    const text = this.querySelector("[data-text]");
    const worked = await copyText(field);
    status.textContent = worked ? status.dataset.copied : status.dataset.failed;
    if (!worked) {
      field.focus();
      field.select();
      return;
    }
    this.dispatchEvent(new CustomEvent("kd-kept", { bubbles: true }));
    text.dataset.first ??= text.textContent;
    text.textContent = text.dataset.done;
    this.dataset.copied = "";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      text.textContent = text.dataset.first;
      delete this.dataset.copied;
    }, SHOWN_MILLISECONDS);
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }
}

// <kd-download data-for data-name data-file>: saves the field's text as a line of an .env file.
class Download extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => {
      const field = document.getElementById(this.dataset.for);
      const line = `${this.dataset.name}=${field.value}\n`;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([line], { type: "text/plain" }));
      link.download = this.dataset.file;
      link.click();
      URL.revokeObjectURL(link.href);
      this.dispatchEvent(new CustomEvent("kd-kept", { bubbles: true }));
    });
  }
}

customElements.define("kd-copy", Copy);
customElements.define("kd-download", Download);
