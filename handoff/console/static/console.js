// What the console's page does by itself: write times, tell the service whether anybody looks, say when the connection
// is lost, follow the browser's Back, and forget drafts at sign-out.

const DRAFTS = "dragoman-draft:";
const SIGN_IN = "/console/sign-in";
// NiceGUI's socket keeps trying when the service refuses it: asking for the page tells whether the session has ended.
const CHECK_AFTER_MS = 4000;

// Moments as the browser's clock and the page's language write them; used by the components.
globalThis.moments = {
  get language() {
    return document.documentElement.lang || undefined;
  },
  full(at) {
    return new Intl.DateTimeFormat(this.language, { dateStyle: "full", timeStyle: "medium" }).format(new Date(at));
  },
  clock(at) {
    const moment = new Date(at);
    const isToday = moment.toDateString() === new Date().toDateString();
    const day = isToday ? {} : { day: "numeric", month: "short" };
    return new Intl.DateTimeFormat(this.language, { ...day, hour: "2-digit", minute: "2-digit" }).format(moment);
  },
  since(at, now = Date.now()) {
    const seconds = Math.max(0, Math.floor((now - new Date(at)) / 1000));
    const days = Math.floor(seconds / 86400);
    if (days) {
      return new Intl.NumberFormat(this.language, { style: "unit", unit: "day", unitDisplay: "long" }).format(days);
    }
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  },
  until(at, now = Date.now()) {
    const minutes = Math.round((new Date(at) - now) / 60000);
    const format = new Intl.RelativeTimeFormat(this.language, { numeric: "auto" });
    return Math.abs(minutes) < 90 ? format.format(minutes, "minute") : format.format(Math.round(minutes / 60), "hour");
  },
};

addEventListener("popstate", () => location.reload());

// The next one at this computer must not find them.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "sign-out") return;
  Object.keys(sessionStorage).filter((key) => key.startsWith(DRAFTS)).forEach((key) => sessionStorage.removeItem(key));
});

document.addEventListener("visibilitychange", () => emitEvent("visibility", document.visibilityState === "visible"));

addEventListener("DOMContentLoaded", () => {
  const lost = document.getElementById("popup");
  let check;
  new MutationObserver(() => {
    const isLost = lost.getAttribute("aria-hidden") === "false";
    document.documentElement.classList.toggle("is-offline", isLost);
    clearInterval(check);
    if (isLost) check = setInterval(leaveIfSignedOut, CHECK_AFTER_MS);
  }).observe(lost, { attributes: true, attributeFilter: ["aria-hidden"] });
});

async function leaveIfSignedOut() {
  const response = await fetch(location.pathname, { method: "HEAD", redirect: "manual" }).catch(() => null);
  if (response?.type === "opaqueredirect") {
    location.assign(`${SIGN_IN}?next=${encodeURIComponent(location.pathname)}`);
  }
}
