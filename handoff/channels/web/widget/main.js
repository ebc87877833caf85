// Entry: finds the script tag, puts <dragoman-chat> on the page and offers window.Dragoman to the shop.
import { DragomanChat } from "./chat.js";

const ATTRIBUTES = ["language", "market", "accent", "position", "title", "open"];
const EVENTS = ["ready", "message", "unread", "owner"];

const script = document.currentScript ?? document.querySelector('script[src*="/widget.js"]');

/** The element that the page has, or a new one with the settings of the script tag. */
function findOrMake() {
  const found = document.querySelector("dragoman-chat");
  if (found) return found;
  const made = document.createElement("dragoman-chat");
  for (const name of ATTRIBUTES) if (name in script.dataset) made.setAttribute(name, script.dataset[name]);
  if (script.dataset.user) made.dataset.user = script.dataset.user;
  document.body.append(made);
  return made;
}

function start() {
  const chat = findOrMake();
  const api = {
    open: () => chat.open(),
    close: () => chat.close(),
    setLanguage: (tag) => chat.setLanguage(tag),
    identify: (identity) => chat.identify(identity),
    /** Calls `listener(detail)` for ready, message, unread or owner; returns a function that stops it. */
    on(event, listener) {
      if (!EVENTS.includes(event))
        throw new TypeError(`Dragoman has no event ${event}; it has ${EVENTS.join(", ")}`);
      const listen = ({ detail }) => listener(detail);
      chat.addEventListener(`dragoman:${event}`, listen);
      if (event === "ready" && chat.ready) listener({});
      return () => chat.removeEventListener(`dragoman:${event}`, listen);
    },
  };
  window.Dragoman = Object.freeze(api);
}

// The tag may be there twice (a shop's template and its tag manager): the first one wins.
if (!customElements.get("dragoman-chat")) {
  DragomanChat.origin = new URL(script.src).origin;
  customElements.define("dragoman-chat", DragomanChat);
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
}
