// Asks the browser for a passkey and puts what it answers into the page's form. The server checks everything; nothing here
// decides.
"use strict";
(() => {
  const form = document.querySelector("form[data-passkey]");
  if (!form) return;
  const status = form.querySelector("[data-passkey-status]");
  const button = form.querySelector("button[type=submit]");

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  // What browsers without parseCreationOptionsFromJSON and toJSON are given and give (Web Authentication Level 3, section 5.1).
  const parsed = (options) => {
    const id = (c) => ({ ...c, id: bytes(c.id) });
    const out = { ...options, challenge: bytes(options.challenge) };
    if (options.user) out.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) out.excludeCredentials = options.excludeCredentials.map(id);
    if (options.allowCredentials) out.allowCredentials = options.allowCredentials.map(id);
    return out;
  };
  const encoded = (credential) => {
    if (credential.toJSON) return credential.toJSON();
    const r = credential.response;
    const response = { clientDataJSON: text(r.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (r[name]) response[name] = text(r[name]);
    }
    if (r.getTransports) response.transports = r.getTransports();
    return {
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  };

  const ask = async () => {
    if (!window.PublicKeyCredential) {
      status.textContent = "This browser has no passkeys.";
      return;
    }
    button.disabled = true;
    status.textContent = "";
    try {
      const publicKey = parsed(JSON.parse(form.dataset.options));
      const made = form.dataset.passkey === "create" ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
      form.elements.credential.value = JSON.stringify(encoded(made));
      form.submit();
    } catch (error) {
      status.textContent = error.name === "InvalidStateError" ? "This device has a passkey for your account already."
        : error.name === "SecurityError" ? "Passkeys do not work at this address."
          : "No passkey was used. You can try again.";
      button.disabled = false;
    }
  };
  form.addEventListener("submit", (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    ask();
  });
  if (form.dataset.passkey === "get") ask();
})();
