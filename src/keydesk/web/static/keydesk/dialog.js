// <kd-dialog>: shows the steps that the server sends, each in the place of the one before.

// Our server marks a step; nothing else (an error page of a proxy, the page of a log-in) is ever put into the dialog.
const STEP_HEADER = "Keydesk-Step";

class Dialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.content = this.querySelector("#dialog-content");
    this.dialog.addEventListener("cancel", (event) => {
      if (!this.mayLeave()) event.preventDefault();
    });
    this.dialog.addEventListener("close", () => this.leave());
    this.dialog.addEventListener("click", (event) => this.clicked(event));
    document.body.addEventListener("htmx:beforeRequest", (event) => this.asked(event));
    document.body.addEventListener("htmx:beforeSwap", (event) => this.answered(event));
    document.body.addEventListener("htmx:afterSwap", (event) => this.swapped(event));
    document.body.addEventListener("htmx:sendError", (event) => this.failed(event));
    document.body.addEventListener("htmx:timeout", (event) => this.failed(event));
    // The server sent the page with a step in it; without this file it would stand there open as well.
    this.isStepPage = this.dialog.open;
    if (this.isStepPage) {
      this.dialog.removeAttribute("open");
      this.dialog.showModal();
    }
  }

  close() {
    if (this.mayLeave()) this.dialog.close();
  }

  mayLeave() {
    return this.querySelector("kd-key")?.mayLeave() ?? true;
  }

  clicked(event) {
    const closer = event.target.closest("[data-close]");
    if (!closer && event.target !== this.dialog) return;
    event.preventDefault();
    this.close();
  }

  // The dialog has closed: forget what it showed, and read the list again if it may have changed.
  leave() {
    const isStale = this.querySelector("[data-stale]") !== null;
    this.content.replaceChildren();
    if (this.isStepPage) {
      if (isStale) location.replace(this.dataset.home);
      else history.replaceState(null, "", this.dataset.home);
      this.isStepPage = false;
    } else if (isStale) {
      const region = `#${this.dataset.region}`;
      htmx.ajax("GET", location.pathname + location.search, {
        target: region,
        select: region,
        swap: "outerHTML",
      });
    }
  }

  asked(event) {
    // The menu closes first, so that the focus returns to its button when the dialog closes.
    event.target.closest("[popover]")?.hidePopover();
    if (event.detail.target === this.content && !this.dialog.open)
      this.linkId = event.target.closest("tr")?.querySelector("a")?.id;
    this.content.querySelector("[data-alert]")?.remove();
  }

  answered(event) {
    const { xhr, target } = event.detail;
    if (target !== this.content) {
      if (event.detail.isError) this.failed(event);
      return;
    }
    if (xhr.getResponseHeader(STEP_HEADER)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    } else {
      event.detail.shouldSwap = false;
      if (xhr.status === 404) location.reload();
      else if (!xhr.getResponseHeader("HX-Redirect")) this.failed(event);
    }
  }

  swapped(event) {
    if (event.detail.target !== this.content) this.keepFocus();
    else if (!this.dialog.open) this.dialog.showModal();
  }

  // The menu that had the focus may have gone with the list: go on at the key it belonged to, or at the list's beginning.
  keepFocus() {
    if (document.activeElement !== document.body) return;
    const region = document.getElementById(this.dataset.region);
    const place = document.getElementById(this.linkId) ?? region;
    if (place === region) region.tabIndex = -1;
    place.focus();
  }

  // Keep what was typed and say that it can be sent again; where nothing can be said, show the page of the failure.
  failed(event) {
    // Not the event's own element: before a swap that is the target.
    const form = event.detail.requestConfig.elt.closest("form");
    if (!form) {
      location.reload();
      return;
    }
    if (!this.dialog.open) {
      location.assign(form.action);
      return;
    }
    this.content.querySelector("[data-alert]")?.remove();
    form.prepend(this.querySelector("template[data-unreachable]").content.cloneNode(true));
  }
}

customElements.define("kd-dialog", Dialog);
