// The messages of a conversation as the customer sees them: each once, in the service's order, what is still
// on its way at the end. Pure bookkeeping, no network and no page.

const PROGRESS = ["sending", "sent", "delivered", "read"];

/**
 * A message: `{key, id, clientId, author, name, text, buttons, language, at, seq, state}`. `key` stays the
 * same from writing to delivery; `seq` is null until the service has it; `state` is for the customer's own
 * messages only.
 */
export class Transcript {
  messages = [];
  lastSeq = 0;

  /** Shows a message that the service has not confirmed. Does nothing if it is there already. */
  addPending({ id, text, at, failed }) {
    if (this.#find(id)) return;
    this.messages.push({
      key: id,
      id: null,
      clientId: id,
      author: "customer",
      name: null,
      text,
      buttons: [],
      language: null,
      at: new Date(at),
      seq: null,
      state: failed ? "failed" : "sending",
    });
  }

  /** The service has committed a message: it takes its place in the order. */
  accept({ id, message_id: messageId, seq }) {
    const message = this.#find(id);
    if (!message) return;
    message.id = messageId;
    message.seq = seq;
    this.#advance(message, "sent");
    this.#sort();
  }

  setState(key, state) {
    const message = this.#find(key);
    if (message) message.state = state;
  }

  /**
   * Takes an event. Returns whether it was new; each `seq` counts once, whatever its kind, known or not.
   */
  apply(event) {
    if (event.seq <= this.lastSeq) return false;
    this.lastSeq = event.seq;
    if (event.kind === "message") this.#put(event);
    if (event.kind === "delivery") {
      const message = this.messages.find((candidate) => candidate.id === event.message_id);
      if (message) this.#advance(message, event.state);
    }
    return true;
  }

  /** Drops what the service confirmed (the conversation is gone) and keeps what was never sent. */
  reset() {
    this.messages = this.messages.filter((message) => message.seq === null);
    this.lastSeq = 0;
  }

  remove(key) {
    this.messages = this.messages.filter((message) => message.key !== key);
  }

  /** The newest `seq` of a message that someone else wrote, 0 if there is none. */
  get lastIncomingSeq() {
    return this.messages.reduce(
      (last, message) => (message.author !== "customer" && message.seq > last ? message.seq : last),
      0,
    );
  }

  /** How many messages of bot and agents came after a `seq`. */
  countUnread(readSeq) {
    const speaks = (message) => message.author === "bot" || message.author === "agent";
    return this.messages.filter((message) => speaks(message) && message.seq > readSeq).length;
  }

  /** The buttons that may still be pressed: those of the last thing said, if the bot said it. */
  get openReplies() {
    const last = this.messages.findLast((message) => message.author !== "notice" || message.buttons.length);
    return last && last.author !== "customer" && last.author !== "agent" ? last.buttons : [];
  }

  #find(key) {
    return this.messages.find((message) => message.key === key);
  }

  #put({ seq, at, message }) {
    const known = this.messages.find(
      (candidate) =>
        candidate.id === message.id || (message.client_id && candidate.clientId === message.client_id),
    );
    const target = known ?? { key: message.client_id ?? message.id, state: null };
    Object.assign(target, {
      id: message.id,
      clientId: message.client_id,
      author: message.author,
      name: message.name,
      text: message.text,
      buttons: message.buttons ?? [],
      language: message.language,
      at: new Date(at),
      seq,
    });
    if (message.author === "customer") this.#advance(target, "sent");
    if (!known) this.messages.push(target);
    this.#sort();
  }

  /** Delivery only goes forward (events may overtake each other); a failure always counts. */
  #advance(message, state) {
    if (state === "failed" || PROGRESS.indexOf(state) > PROGRESS.indexOf(message.state))
      message.state = state;
  }

  #sort() {
    const place = (message) => message.seq ?? Number.MAX_SAFE_INTEGER;
    this.messages.sort((one, other) => place(one) - place(other));
  }
}
