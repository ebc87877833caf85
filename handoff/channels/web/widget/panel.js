// The launcher and the window it opens: who is speaking, how things stand, the messages, where to write.
import { accentProperties } from "./colours.js";
import { Composer } from "./composer.js";
import { icon, make, setAttribute, setText } from "./dom.js";
import { nameOf, Thread } from "./thread.js";

const CHAT_ICON =
  "M5 4.5h14a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6.5a2 2 0 0 1 2-2zM8 9.2h8M8 12.6h5";
const CLOSE_ICON = "M6 6l12 12M18 6L6 18";
const DOWN_ICON = "M12 5v14m-6-6l6 6 6-6";
const FULL_SCREEN = "(max-width: 480px), (max-height: 440px)"; // the same as in style.css
const MOST_ON_BADGE = 99;

/** The service line for each owner of the conversation. */
const STATUS = {
  bot: "widget.status_assistant",
  waiting: "widget.status_waiting",
  agent: "widget.status_agent",
  closed: "widget.status_closed",
};

export class Panel {
  #parts;
  #title = make("h2", { id: "title", dir: "auto" });
  #status = make("p", { class: "status", role: "status" });
  #avatar = make("div", { class: "avatar", "aria-hidden": "true" });
  #close;
  #badge = make("span", { class: "badge", "aria-hidden": "true", hidden: true });
  #queueText = make("p", { role: "status" });
  #leave;
  #queue;
  #offline = make("p", { class: "offline", role: "status", hidden: true });
  #typing = make(
    "div",
    { class: "typing", hidden: true },
    make("span", { class: "unseen" }),
    make("i"),
    make("i"),
    make("i"),
  );
  #problem = make("p", { class: "problem", role: "alert", dir: "auto" });
  #jump;
  #announcer = make("div", { class: "unseen", role: "status" });
  #fullScreen = window.matchMedia(FULL_SCREEN);

  /**
   * @param {{toggle: Function, close: Function, leaveQueue: Function, send: Function, typing: Function,
   *   retry: Function, press: Function}} handlers
   */
  constructor(handlers) {
    this.thread = new Thread({
      retry: handlers.retry,
      press: (button) => {
        handlers.press(button);
        this.focus(); // the pressed button is gone
      },
      scrolled: () => this.#showJump(),
    });
    this.composer = new Composer(handlers);
    this.launcher = make(
      "button",
      {
        type: "button",
        class: "launcher",
        "aria-haspopup": "dialog",
        "aria-controls": "panel",
        onclick: handlers.toggle,
      },
      icon(CHAT_ICON, "icon chat"),
      icon(CLOSE_ICON, "icon cross"),
      this.#badge,
    );
    this.#close = make(
      "button",
      { type: "button", class: "close", onclick: handlers.close },
      icon(CLOSE_ICON),
    );
    this.#leave = make("button", { type: "button", onclick: handlers.leaveQueue });
    this.#queue = make("div", { class: "queue", hidden: true }, this.#queueText, this.#leave);
    this.#jump = make(
      "button",
      {
        type: "button",
        class: "jump",
        hidden: true,
        onclick: () => this.thread.scrollToEnd(),
      },
      icon(DOWN_ICON),
      make("span"),
    );
    this.window = make(
      "section",
      {
        id: "panel",
        class: "panel",
        role: "dialog",
        "aria-labelledby": "title",
        tabindex: "-1",
        hidden: true,
        onkeydown: (event) => this.#keyDown(event, handlers.close),
      },
      make("header", {}, this.#avatar, make("div", { class: "who" }, this.#title, this.#status), this.#close),
      this.#queue,
      this.#offline,
      make("div", { class: "body" }, this.thread.node, this.#jump),
      this.#typing,
      this.#problem,
      this.composer.node,
    );
    // An empty title keeps the host element's own `title` from popping up over every message.
    this.root = make("div", { class: "root", title: "" }, this.launcher, this.window, this.#announcer);
    for (const change of ["resize", "scroll"]) {
      window.visualViewport?.addEventListener(change, () => this.#fitKeyboard());
    }
    this.#fullScreen.addEventListener("change", () => this.#fitKeyboard());
  }

  get isOpen() {
    return !this.window.hidden;
  }

  setAccent(value) {
    for (const [name, colour] of Object.entries(accentProperties(value)))
      this.root.style.setProperty(name, colour);
  }

  /** @param {"start" | "end"} side of the page, in reading direction of `pageDirection` */
  setSide(side, pageDirection) {
    const right = (side === "end") === (pageDirection !== "rtl");
    this.root.dataset.side = right ? "right" : "left";
  }

  open() {
    this.window.hidden = false;
    this.#announcer.textContent = "";
    this.#fitKeyboard();
    this.composer.fit();
    this.thread.scrollToEnd();
  }

  close() {
    const hadFocus = this.window.contains(this.root.getRootNode().activeElement);
    this.window.hidden = true;
    if (hadFocus) this.launcher.focus();
  }

  /** To the text field; on touch screens to the window, or the keyboard would cover half of it unasked. */
  focus() {
    const target = window.matchMedia("(pointer: coarse)").matches ? this.window : this.composer.textarea;
    target.focus({ preventScroll: true });
  }

  /** Tells a screen reader of a message that came while the panel was closed. */
  announce(message, words) {
    this.#announcer.textContent = words.text("widget.new_message", { name: nameOf(message, words) });
  }

  render(conversation, words, { title, offline }) {
    setAttribute(this.root, "lang", words.language);
    setAttribute(this.root, "dir", words.direction);
    setText(this.#title, title || words.text("widget.title"));
    this.#renderLauncher(conversation.unread, words);
    this.#renderStatus(conversation, words, offline);
    this.#renderTyping(conversation.typing, words);
    setText(this.#problem, conversation.problem ?? "");
    setAttribute(this.#close, "aria-label", words.text("widget.close"));
    setText(this.#jump.lastChild, words.text("widget.jump"));
    this.thread.render(conversation, words);
    this.composer.render(conversation, words);
    this.#showJump();
  }

  #renderLauncher(unread, words) {
    const action = words.text(this.isOpen ? "widget.close" : "widget.open");
    const count = words.text("widget.unread", { count: words.number(unread) });
    setAttribute(this.launcher, "aria-label", unread && !this.isOpen ? `${action} (${count})` : action);
    setAttribute(this.launcher, "aria-expanded", this.isOpen);
    this.#badge.hidden = !unread || this.isOpen;
    setText(this.#badge, unread > MOST_ON_BADGE ? `${words.number(MOST_ON_BADGE)}+` : words.number(unread));
  }

  #renderStatus({ owner, agent, queuePosition, connected }, words, offline) {
    const name = agent?.name || words.text("widget.agent");
    setText(this.#status, words.text(STATUS[owner] ?? STATUS.bot, { name }));
    this.root.dataset.owner = owner;
    const initial =
      owner === "agent" && agent?.name ? [...agent.name.trim()][0].toLocaleUpperCase(words.locale) : "";
    if (initial) setText(this.#avatar, initial);
    else if (!this.#avatar.firstElementChild) this.#avatar.replaceChildren(icon(CHAT_ICON));
    this.#queue.hidden = owner !== "waiting";
    const position = queuePosition ? words.number(queuePosition) : null;
    setText(
      this.#queueText,
      position ? words.text("widget.queue_position", { position }) : words.text("widget.queue"),
    );
    setText(this.#leave, words.text("widget.leave_queue"));
    this.#leave.disabled = !connected;
    this.#offline.hidden = !offline;
    setText(this.#offline, offline ? words.text("widget.offline") : "");
  }

  #renderTyping(typing, words) {
    this.#typing.hidden = !typing;
    if (typing) {
      const name = nameOf({ author: typing.who, name: typing.name }, words);
      setText(this.#typing.firstChild, words.text("widget.typing", { name }));
    }
  }

  #showJump() {
    this.#jump.hidden = this.thread.following;
  }

  #keyDown(event, close) {
    if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      close();
    }
    if (event.key === "Tab" && this.#fullScreen.matches) this.#keepFocus(event);
  }

  /** Full screen covers the shop's page, so Tab must not wander off into it. */
  #keepFocus(event) {
    const stops = [...this.window.querySelectorAll("button, textarea, a, .log")].filter(
      (stop) => !stop.disabled && stop.checkVisibility?.() !== false && !stop.closest("[hidden]"),
    );
    const active = this.root.getRootNode().activeElement;
    const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
    if (active !== from && active !== this.window) return;
    event.preventDefault();
    to.focus();
  }

  /** On a phone the keyboard shrinks the visual viewport only; the panel follows it. */
  #fitKeyboard() {
    const covers = this.#fullScreen.matches && this.isOpen;
    setAttribute(this.window, "aria-modal", covers ? "true" : null);
    const { height, offsetTop } = window.visualViewport ?? {};
    this.window.style.setProperty("--visible-height", covers && height ? `${height}px` : "");
    this.window.style.setProperty("--visible-top", covers && offsetTop ? `${offsetTop}px` : "");
    if (this.isOpen && this.thread.following) this.thread.scrollToEnd();
  }
}
