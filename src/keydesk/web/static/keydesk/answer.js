// <kd-passkey-answer data-options>: asks for one of the person's passkeys, and sends the form that it stands in with the answer.

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

function readable(options) {
  const allowed = options.allowCredentials ?? [];
  return {
    ...options,
    challenge: toBytes(options.challenge),
    allowCredentials: allowed.map((each) => ({ ...each, id: toBytes(each.id) })),
  };
}

function written(credential) {
  const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
  const id = toText(credential.rawId);
  return JSON.stringify({
    id,
    rawId: id,
    type: credential.type,
    clientExtensionResults: {},
    response: {
      authenticatorData: toText(authenticatorData),
      clientDataJSON: toText(clientDataJSON),
      signature: toText(signature),
      ...(userHandle && { userHandle: toText(userHandle) }),
    },
  });
}

class PasskeyAnswer extends HTMLElement {
  connectedCallback() {
    // Plain http has no WebAuthn but for localhost, and an address of digits has no passkeys.
    if (!window.PublicKeyCredential || /^[\d.]+$|:/.test(location.hostname)) return;
    this.hidden = false;
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => this.ask());
  }

  async ask() {
    const status = this.querySelector("[data-status]");
    status.textContent = "";
    this.button.disabled = true;
    try {
      const publicKey = readable(JSON.parse(this.dataset.options));
      this.querySelector("[name=answer]").value = written(await navigator.credentials.get({ publicKey }));
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
