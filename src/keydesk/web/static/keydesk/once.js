// A form with data-once is sent once: a double click does not send it again. (The server holds that line as well.)

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("once" in form.dataset) || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});

// A page that comes back from the history may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
