// <kd-time>: a moment in the zone and language of the person who reads it. Without this file it is shown in UTC.

const LOCALES = { en: "en-GB", id: "id-ID" };
const SHAPES = {
  date: { day: "numeric", month: "short", year: "numeric" },
  moment: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
};

class Time extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    const at = new Date(time.dateTime);
    const locale = LOCALES[document.documentElement.lang] ?? document.documentElement.lang;
    if (this.dataset.show !== "ago") time.textContent = new Intl.DateTimeFormat(locale, SHAPES[this.dataset.show]).format(at);
    time.title = at.toLocaleString(locale, { dateStyle: "full", timeStyle: "long" });
  }
}

customElements.define("kd-time", Time);
