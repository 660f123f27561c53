// <kd-passkey>: makes or shows a passkey and sends what the browser says about it. Where there are none, it stays hidden.
//
// data-offer holds what a new passkey is asked for, data-request what an old one is; data-from is where to ask instead.

// A passkey belongs to a name; an address of digits has none, and plain http has no passkeys but on localhost.
const isNamed = !/^[\d.]+$|:/.test(location.hostname);
const isPossible = isNamed && Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON);

async function made(offer) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(offer);
  return navigator.credentials.create({ publicKey });
}

async function shown(request) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(request);
  return navigator.credentials.get({ publicKey });
}

class Passkey extends HTMLElement {
  connectedCallback() {
    if (!isPossible) return;
    this.hidden = false;
    for (const note of document.querySelectorAll("[data-no-passkeys]")) note.hidden = true;
    this.form = this.querySelector("form");
    this.status = this.querySelector("[data-passkey-status]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.busy) this.ask();
    });
  }

  async ask() {
    this.busy = true;
    this.status.textContent = "";
    try {
      const credential = await this.credential();
      this.form.elements.credential.value = JSON.stringify(credential.toJSON());
      this.form.submit();
    } catch {
      // The person closed the browser's question, or has no such passkey: it says no more than that, by design.
      this.status.textContent = this.status.dataset.failed;
      this.busy = false;
    }
  }

  async credential() {
    const { offer, request, from } = this.dataset;
    if (offer) return made(JSON.parse(offer));
    if (request) return shown(JSON.parse(request));
    const answer = await fetch(from, { headers: { Accept: "application/json" } });
    return shown(await answer.json());
  }
}

customElements.define("kd-passkey", Passkey);

// <kd-passkey-answer data-request>: answers the form that it stands in, beside what could be typed there instead.
class PasskeyAnswer extends HTMLElement {
  connectedCallback() {
    if (!isPossible) return;
    this.hidden = false;
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => this.ask());
  }

  async ask() {
    const status = this.querySelector("[data-passkey-status]");
    status.textContent = "";
    this.button.disabled = true;
    try {
      const credential = await shown(JSON.parse(this.dataset.request));
      this.querySelector("[name=answer]").value = JSON.stringify(credential.toJSON());
    } catch {
      status.textContent = status.dataset.failed;
      return;
    } finally {
      this.button.disabled = false;
    }
    this.closest("form").requestSubmit();
  }
}

customElements.define("kd-passkey-answer", PasskeyAnswer);
