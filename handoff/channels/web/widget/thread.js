// The list of messages. Nodes are made once and then kept up to date in place, so that a screen reader, which
// listens to what is added, hears each message once and no repeat when a tick changes.
import { icon, make, setAttribute, setText } from "./dom.js";
import { splitLinks } from "./text.js";

const GROUP_WITHIN_MS = 5 * 60_000;
const NEAR_BOTTOM_PX = 80;
const STATE_ICONS = {
  sending: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  sent: "M5 12.5l4.5 4.5L19 7.5",
  read: ["M2 12.5l4.5 4.5L16 7.5", "M11.5 16l1 1L22 7.5"],
  failed: "M12 7v6m0 4v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
};
const STATE_WORDS = {
  sending: "widget.sending",
  sent: "widget.sent",
  delivered: "widget.sent",
  read: "widget.read",
  failed: "widget.failed",
};

export class Thread {
  #handlers;
  #rows = new Map();
  #days = new Map();
  #replies = make("div", { class: "replies", role: "group" });
  #repliesOf = null;
  #empty = make("div", { class: "empty" }, make("p", { class: "empty-title" }), make("p"));
  #following = true;

  /** @param {{retry: (message) => void, press: (button) => void, scrolled: () => void}} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    this.node = make("div", {
      class: "log",
      role: "log",
      tabindex: "0",
      "aria-live": "polite",
      "aria-relevant": "additions",
      onscroll: () => this.#scrolled(),
    });
  }

  /** Whether the newest message is in sight (or will be brought there when it comes). */
  get following() {
    return this.#following;
  }

  render(conversation, words) {
    const { messages } = conversation.transcript;
    setAttribute(this.node, "aria-label", words.text("widget.messages"));
    setAttribute(this.node, "aria-busy", conversation.settling && messages.length ? "true" : null);
    const last = messages.at(-1);
    const ownIsNew = last && last.author === "customer" && !this.#rows.has(last.key);
    this.#place([...this.#layOut(messages, words), ...this.#layOutReplies(conversation, words)]);
    if (this.#following || ownIsNew) this.scrollToEnd();
  }

  scrollToEnd() {
    this.#following = true;
    this.node.scrollTop = this.node.scrollHeight;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.node;
    if (!clientHeight) return; // closed: nobody scrolled
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    this.#handlers.scrolled();
  }

  /** The nodes in order, day separators between them. */
  #layOut(messages, words) {
    if (!messages.length) {
      setText(this.#empty.firstChild, words.text("widget.empty_title"));
      setText(this.#empty.lastChild, words.text("widget.empty_text"));
      return [this.#empty];
    }
    const nodes = [];
    let day = null;
    const lastOwn = messages.findLast((message) => message.author === "customer");
    messages.forEach((message, index) => {
      const dayOfMessage = message.at.toDateString();
      const before = dayOfMessage === day ? messages[index - 1] : null;
      const after = messages[index + 1];
      if (dayOfMessage !== day) nodes.push(this.#dayNode(dayOfMessage, words.day(message.at)));
      day = dayOfMessage;
      nodes.push(
        this.#row(message, words, {
          first: !before || !together(before, message),
          last: !after || after.at.toDateString() !== day || !together(message, after),
          shown: message === lastOwn || message.state === "sending" || message.state === "failed",
        }),
      );
    });
    return nodes;
  }

  #dayNode(key, text) {
    if (!this.#days.has(key)) this.#days.set(key, make("div", { class: "day" }, make("span")));
    const node = this.#days.get(key);
    setText(node.firstChild, text);
    return node;
  }

  #row(message, words, { first, last, shown }) {
    const row = this.#rows.get(message.key) ?? this.#makeRow(message);
    const { node, name, time, state, tick, stateText, retry } = row;
    setText(name, nameOf(message, words));
    name.classList.toggle("unseen", !first || message.author === "customer");
    node.classList.toggle("first", first);
    node.classList.toggle("last", last);
    setText(time, words.time(message.at));
    setAttribute(time, "datetime", message.at.toISOString());
    const word = STATE_WORDS[message.state];
    time.hidden = !last;
    state.hidden = !shown || !word;
    if (!state.hidden && row.drawn !== message.state) {
      row.drawn = message.state;
      tick.replaceChildren(icon(STATE_ICONS[message.state] ?? STATE_ICONS.sent, "tick"));
    }
    if (word) setText(stateText, words.text(word));
    state.classList.toggle("alarming", message.state === "failed");
    retry.hidden = message.state !== "failed";
    setText(retry, words.text("widget.retry"));
    return node;
  }

  #makeRow(message) {
    const bubble = make("div", { class: "bubble", dir: "auto", lang: message.language });
    for (const { text, href } of splitLinks(message.text)) {
      bubble.append(
        href ? make("a", { href, target: "_blank", rel: "noopener noreferrer", dir: "ltr" }, text) : text,
      );
    }
    const name = make("bdi", { class: "name" });
    const time = make("time");
    const tick = make("span", { "aria-hidden": "true" });
    const stateText = make("span");
    const state = make("span", { class: "state" }, tick, stateText);
    const retry = make("button", {
      type: "button",
      class: "retry",
      onclick: () => this.#handlers.retry(message),
    });
    const meta = make("div", { class: "meta" }, time, state, retry);
    const node = make("div", { class: `message ${message.author}` }, name, bubble, meta);
    const row = { node, name, time, state, tick, stateText, retry, drawn: null };
    this.#rows.set(message.key, row);
    return row;
  }

  #layOutReplies({ transcript }, words) {
    const buttons = transcript.openReplies;
    if (!buttons.length) return [];
    setAttribute(this.#replies, "aria-label", words.text("widget.replies"));
    const key = transcript.messages.findLast((message) => message.buttons === buttons).key;
    if (this.#repliesOf !== key) {
      this.#repliesOf = key;
      this.#replies.replaceChildren(
        ...buttons.map((button) =>
          make(
            "button",
            { type: "button", dir: "auto", onclick: () => this.#handlers.press(button) },
            button.title,
          ),
        ),
      );
    }
    return [this.#replies];
  }

  /** Makes these nodes, in this order, the children of the list; moves none that is in its place. */
  #place(nodes) {
    const wanted = new Set(nodes);
    for (const child of [...this.node.children]) if (!wanted.has(child)) child.remove();
    nodes.forEach((node, index) => {
      if (this.node.children[index] !== node) this.node.insertBefore(node, this.node.children[index] ?? null);
    });
  }
}

/** Whether two messages belong to one block: the same person within five minutes. */
function together(one, other) {
  return one.author === other.author && one.name === other.name && other.at - one.at < GROUP_WITHIN_MS;
}

/** Whose name stands over a message. */
export function nameOf({ author, name }, words) {
  if (author === "customer") return words.text("widget.you");
  if (author === "notice") return "";
  return name || words.text(author === "agent" ? "widget.agent" : "widget.assistant");
}
