// <dragoman-chat>: ties the conversation, its words and the panel together; what the shop's page talks to.
import { Conversation } from "./conversation.js";
import { Panel } from "./panel.js";
import { Retry } from "./retry.js";
import { Storage } from "./storage.js";
import { loadWords } from "./words.js";

/* global STYLE -- the text of style.css, put in by widget_script() */

const RENDER_AFTER_MS = 16;
const OFFLINE_AFTER_MS = 2_500;
const RIGHT_TO_LEFT = /^(ar|he|iw|fa|ur|yi|ps|sd|ug|dv|ckb)\b/i;
const OPEN_KEY = "dragoman:open";

/**
 * Attributes: `language`, `market`, `accent`, `position` ("right" or "left" where one reads from left to
 * right; mirrored elsewhere), `title`, `open`, and `data-user` (the signed identity as JSON). Events, also on
 * the document: `dragoman:ready`, `dragoman:message` {id, author, name, text}, `dragoman:unread` {count},
 * `dragoman:owner` {owner, agent}.
 */
export class DragomanChat extends HTMLElement {
  static observedAttributes = ["language", "accent", "position", "title", "open"];

  /** Origin of the service; set by main.js from the address of the script. */
  static origin = null;

  /** Whether the launcher is there: the words have come. */
  ready = false;

  #local = new Storage("localStorage");
  #session = new Storage("sessionStorage");
  #identity = null;
  #panel;
  #conversation;
  #words = null;
  #wantedLanguage = null;
  #wordsRetry;
  #renderTimer = null;
  #offlineTimer = null;
  #offline = false;
  #unread = 0;
  #onVisibility = () => this.#watch();

  constructor() {
    super();
    this.#panel = new Panel({
      toggle: () => (this.isOpen ? this.close() : this.open()),
      close: () => this.close(),
      leaveQueue: () => this.#conversation.leaveQueue(),
      send: (text) => this.#conversation.say(text),
      press: ({ title, payload }) => this.#conversation.say(title, payload),
      typing: () => this.#conversation?.showTyping(),
      retry: (message) => this.#conversation.retry(message),
    });
    const shadow = this.attachShadow({ mode: "open" });
    addStyle(shadow);
    shadow.append(this.#panel.root);
    this.#panel.root.hidden = true;
  }

  connectedCallback() {
    this.#wordsRetry = new Retry(() => this.#fetchWords());
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.#panel.setAccent(this.getAttribute("accent"));
    this.#setSide();
    this.#identity ??= identityOf(this);
    this.#startConversation();
    // On a phone the open panel would hide the page that the customer has just gone to.
    const wasOpen = this.#session.read(OPEN_KEY) && !window.matchMedia("(max-width: 480px)").matches;
    if (this.isOpen) this.#opened();
    else if (wasOpen) this.setAttribute("open", "");
  }

  disconnectedCallback() {
    this.#wordsRetry.dispose();
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#conversation.dispose();
    clearTimeout(this.#renderTimer);
    clearTimeout(this.#offlineTimer);
  }

  attributeChangedCallback(name, before, after) {
    if (!this.isConnected || !this.#conversation || before === after) return;
    if (name === "accent") this.#panel.setAccent(after);
    if (name === "position" || name === "language") this.#setSide();
    if (name === "language") this.#useLanguage(after);
    if (name === "open" && (before === null) !== (after === null))
      after === null ? this.#closed() : this.#opened();
    this.#renderSoon();
  }

  get isOpen() {
    return this.hasAttribute("open");
  }

  /** Opens the panel and moves the focus into it. */
  open() {
    this.setAttribute("open", "");
    this.#panel.focus();
  }

  close() {
    this.removeAttribute("open");
  }

  /** Shows the widget's words in another language; a conversation under way keeps the customer's language. */
  setLanguage(tag) {
    this.setAttribute("language", tag);
  }

  /**
   * Tells who the customer is, as signed by the shop's server: `{id, name, email, signature}`. Null when they
   * sign out: their conversation leaves this device.
   */
  identify(identity) {
    const known = readIdentity(identity);
    if (known?.id === this.#identity?.id) return;
    if (!known) this.#conversation?.forget();
    this.#identity = known;
    if (!this.#conversation) return;
    this.#conversation.dispose();
    this.#startConversation();
    if (this.isOpen) this.#conversation.begin();
    this.#watch();
  }

  #startConversation() {
    this.#conversation = new Conversation(
      {
        origin: DragomanChat.origin,
        storage: this.#local,
        identity: this.#identity,
        language: () => this.#words?.language ?? this.#pageLanguage(),
        market: () => this.getAttribute("market"),
      },
      {
        changed: () => this.#changed(),
        message: (message) => this.#heard(message),
        owner: (owner) => this.#emit("owner", owner),
        language: (language) => this.#useLanguage(language),
      },
    );
    this.#conversation.resume();
    this.#useLanguage(this.#conversation.language ?? this.#pageLanguage());
    this.#renderSoon();
  }

  #pageLanguage() {
    return this.getAttribute("language") || document.documentElement.lang || navigator.language;
  }

  #setSide() {
    const page = getComputedStyle(document.documentElement).direction;
    const mirrored = page === "rtl" || RIGHT_TO_LEFT.test(this.getAttribute("language") ?? "");
    this.#panel.setSide(this.getAttribute("position") === "left" ? "start" : "end", mirrored ? "rtl" : "ltr");
  }

  // ---- words ----

  #useLanguage(language) {
    this.#wantedLanguage = language || this.#pageLanguage();
    this.#wordsRetry.cancel();
    this.#wordsRetry.reset();
    this.#fetchWords();
  }

  async #fetchWords() {
    const language = this.#wantedLanguage;
    if (this.#words?.language === language) return;
    let words;
    try {
      words = await loadWords(DragomanChat.origin, language);
    } catch (error) {
      console.warn("Dragoman:", error.message);
      if (this.isConnected && language === this.#wantedLanguage) this.#wordsRetry.later();
      return;
    }
    if (language !== this.#wantedLanguage) return; // changed again meanwhile
    this.#words = words;
    this.#render();
    if (this.ready) return;
    this.ready = true;
    this.#panel.root.hidden = false;
    if (this.isOpen) this.#panel.open();
    this.#emit("ready", {});
  }

  // ---- open and closed ----

  #opened() {
    this.#session.write(OPEN_KEY, true);
    this.#panel.open();
    this.#conversation.begin();
    this.#watch();
  }

  #closed() {
    this.#session.remove(OPEN_KEY);
    this.#panel.close();
    this.#watch();
  }

  /** Messages count as read while the panel is open on a page that is in sight. */
  #watch() {
    this.#conversation.watched = this.isOpen && document.visibilityState === "visible";
    this.#renderSoon();
  }

  // ---- what happens in the conversation ----

  #changed() {
    const lost = this.#conversation.wanted && !this.#conversation.connected;
    if (!lost) {
      clearTimeout(this.#offlineTimer);
      this.#offlineTimer = null;
      this.#offline = false;
    } else if (!navigator.onLine) {
      this.#offline = true;
    } else if (this.#offlineTimer === null) {
      // A connection that is back within a moment is not worth a word.
      this.#offlineTimer = setTimeout(() => {
        this.#offline = true;
        this.#renderSoon();
      }, OFFLINE_AFTER_MS);
    }
    this.#renderSoon();
  }

  #heard(message) {
    const { id, author, name, text } = message;
    this.#emit("message", { id, author, name, text });
    if (!this.isOpen && this.#words) this.#panel.announce(message, this.#words);
  }

  #emit(event, detail) {
    this.dispatchEvent(new CustomEvent(`dragoman:${event}`, { detail, bubbles: true, composed: true }));
  }

  #renderSoon() {
    this.#renderTimer ??= setTimeout(() => this.#render(), RENDER_AFTER_MS);
  }

  #render() {
    clearTimeout(this.#renderTimer);
    this.#renderTimer = null;
    if (!this.#words) return;
    this.#panel.render(this.#conversation, this.#words, {
      title: this.getAttribute("title"),
      offline: this.#offline,
    });
    const { unread } = this.#conversation;
    if (unread !== this.#unread) {
      this.#unread = unread;
      this.#emit("unread", { count: unread });
    }
  }
}

/** What the service wants of a signed identity, and nothing else the shop may have put there. */
function readIdentity(user) {
  if (!user?.id) return null;
  const { id, name = null, email = null, signature } = user;
  return { id: String(id), name, email, signature };
}

/** The signed identity that the shop's server wrote into the page, or null. */
function identityOf(element) {
  if (!element.dataset.user) return null;
  try {
    return readIdentity(JSON.parse(element.dataset.user));
  } catch (error) {
    console.error("Dragoman: data-user is not JSON; going on as a guest", error);
    return null;
  }
}

/**
 * Puts the style sheet in; a constructed one needs no `unsafe-inline` in the shop's content security policy.
 */
function addStyle(shadow) {
  if (shadow.adoptedStyleSheets) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [sheet];
    return;
  }
  const style = document.createElement("style");
  style.textContent = STYLE;
  shadow.append(style);
}
