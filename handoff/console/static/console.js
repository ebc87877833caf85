// What the console's page does by itself: tell the service whether anybody looks, say when the connection is lost,
// follow the browser's Back, and forget drafts at sign-out.

const DRAFTS = "dragoman-draft:";
const SIGN_IN = "/console/sign-in";
// NiceGUI's socket gives up silently when the service refuses it: asking for the page tells why.
const CHECK_AFTER_MS = 4000;

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
