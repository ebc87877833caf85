// The customer's conversation with the shop: gets one from the service, follows it over the socket, sends
// what the customer writes until the service has it, and remembers what was read. Knows nothing of how it
// looks.
import { Connection } from "./connection.js";
import { newId } from "./dom.js";
import { Outbox } from "./outbox.js";
import { Transcript } from "./transcript.js";

const TYPING_EVERY_MS = 3_000;
const TYPING_SHOWN_MS = 6_000;
const ACCEPTED_WITHIN_MS = 15_000;
const ANSWERED_WITHIN_MS = 15_000;
const ACKNOWLEDGE_AFTER_MS = 100;
const PROBLEM_SHOWN_MS = 5_000;
const HISTORY_SETTLES_MS = 1_000;

/** The service did not give us a conversation; `retryAfterMs` is its wish when to ask again. */
class RefusedError extends Error {
  constructor(status, retryAfterS) {
    super(`the service answered ${status} when asked for a conversation`);
    this.status = status;
    this.retryAfterMs = Number(retryAfterS) * 1000 || 0;
  }
}

export class Conversation {
  transcript = new Transcript();
  owner = "bot";
  agent = null;
  queuePosition = null;
  language = null;
  /** `{who, name}` while bot or agent types, else null. */
  typing = null;
  /** The service's last complaint, as text for the customer, else null. */
  problem = null;
  /** True until the history of an earlier page view has been shown: nothing in it is news. */
  settling = true;

  #options;
  #handlers;
  #key;
  #outbox;
  #record;
  #begun = false;
  #watched = false;
  #historySeq = 0;
  #snapshotSeq = 0;
  #deliveredSeq = 0;
  #readSeq = 0;
  #inFlight = null;
  #typingSentAt = 0;
  #timers = {};
  #connection;
  #stored = (event) => this.#followOtherTab(event);

  /**
   * @param {{origin: string, storage: Storage, identity: ?object, language: () => ?string,
   *   market: () => ?string}} options
   * @param {{changed: Function, message: Function, owner: Function, language: Function}} handlers
   */
  constructor(options, handlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#useKey(options.identity?.id);
    this.#connection = new Connection(options.origin, () => this.#hello(), {
      frame: (frame) => this.#receive(frame),
      changed: () => handlers.changed(),
    });
    window.addEventListener("storage", this.#stored);
  }

  /**
   * Goes on with the conversation of an earlier page view, if there is one. Asks the service for nothing new.
   */
  resume() {
    if (!this.#record) return;
    this.language = this.#record.language ?? null;
    this.#connection.start();
  }

  /** The customer wants to talk: goes on with the stored conversation or gets a new one. */
  begin() {
    this.#begun = true;
    this.#connection.start();
    this.#handlers.changed();
  }

  dispose() {
    this.#connection.dispose();
    window.removeEventListener("storage", this.#stored);
    Object.values(this.#timers).forEach(clearTimeout);
  }

  /** Removes all trace of this customer from the device. */
  forget() {
    this.#options.storage.remove(this.#key);
    this.#outbox.clear();
  }

  /** Whether there should be a connection: the customer is, or was, talking to the shop. */
  get wanted() {
    return this.#connection.running;
  }

  get connected() {
    return this.#connection.ready;
  }

  get unread() {
    return this.transcript.countUnread(this.#record?.read ?? 0);
  }

  /** Tells whether the customer is looking at the messages right now. */
  set watched(watched) {
    this.#watched = watched;
    this.#acknowledgeSoon();
  }

  /** Sends a message, now or as soon as there is a connection. */
  say(text, payload) {
    const item = { id: newId(), text, at: new Date().toISOString() };
    if (payload) item.payload = payload;
    this.#outbox.add(item);
    this.transcript.addPending(item);
    this.begin();
    this.#flush();
  }

  /** Sends a failed message again. What the service had already taken needs a new id to count as new. */
  retry(message) {
    if (message.seq !== null) {
      this.transcript.setState(message.key, "retried");
      this.say(message.text);
      return;
    }
    this.#outbox.setFailed(message.key, false);
    this.transcript.setState(message.key, "sending");
    this.#flush();
    this.#handlers.changed();
  }

  /** The customer is typing; tells the service at most once in three seconds. */
  showTyping() {
    if (Date.now() - this.#typingSentAt < TYPING_EVERY_MS) return;
    if (this.#connection.send({ type: "typing" })) this.#typingSentAt = Date.now();
  }

  leaveQueue() {
    this.#connection.send({ type: "leave_queue" });
  }

  #useKey(userId) {
    this.#key = `dragoman:${this.#options.origin}:${userId ?? "guest"}`;
    this.#outbox = new Outbox(this.#options.storage, `${this.#key}:outbox`);
    this.#record = this.#options.storage.read(this.#key);
    this.#outbox.list().forEach((item) => this.transcript.addPending(item));
  }

  // ---- getting a conversation ----

  async #hello() {
    if (!this.#record && this.#begun) await this.#obtain();
    if (!this.#record) return null;
    const { conversation_id, token } = this.#record;
    return { type: "hello", conversation_id, token, after: this.transcript.lastSeq };
  }

  /** One tab at a time, so that two tabs opened together share one conversation. */
  async #obtain() {
    const ask = async () => {
      this.#record = this.#options.storage.read(this.#key);
      if (this.#record) return;
      const response = await this.#request();
      if (this.#options.identity && response.status === 401) {
        // The shop signs with the wrong key. The customer is helped all the same, as a guest.
        console.error("Dragoman: the service did not accept the signed identity; going on as a guest");
        this.#becomeGuest();
        await ask();
        return;
      }
      if (!response.ok) throw new RefusedError(response.status, response.headers.get("Retry-After"));
      const { conversation_id, token, language } = await response.json();
      this.settling = false; // there is no history: the greeting is news
      this.#save({ conversation_id, token, read: 0 });
      this.#setLanguage(language);
    };
    await (navigator.locks ? navigator.locks.request(this.#key, ask) : ask());
  }

  #request() {
    const { origin, identity, language, market } = this.#options;
    return fetch(`${origin}/api/v1/web/conversations`, {
      method: "POST",
      credentials: "omit",
      signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        language: language(),
        market: market(),
        page: location.origin + location.pathname, // a query may hold what is nobody's business
        identity,
      }),
    });
  }

  #becomeGuest() {
    const waiting = this.#outbox.list();
    this.#outbox.clear();
    this.#options.identity = null;
    this.#useKey(null);
    waiting.forEach((item) => this.#outbox.add(item));
  }

  #save(changes) {
    this.#record = { ...this.#record, ...changes };
    this.#options.storage.write(this.#key, this.#record);
  }

  /** The service no longer knows the conversation. What was never sent goes into the next one. */
  #loseRecord() {
    const stored = this.#options.storage.read(this.#key);
    const replaced = stored && stored.conversation_id !== this.#record?.conversation_id;
    if (!replaced) this.#options.storage.remove(this.#key);
    this.#adopt(replaced ? stored : null);
    if (this.#record || this.#begun) this.#connection.reconnect();
    else this.#connection.stop();
  }

  #adopt(record) {
    this.#record = record;
    this.transcript.reset();
    Object.assign(this, { owner: "bot", agent: null, queuePosition: null, typing: null, settling: true });
    this.#deliveredSeq = 0;
    this.#readSeq = 0;
  }

  #followOtherTab(event) {
    if (event.key !== this.#key || !event.newValue) return;
    const record = this.#options.storage.read(this.#key);
    if (!record) return;
    if (record.conversation_id === this.#record?.conversation_id) {
      this.#record = { ...record, read: Math.max(record.read, this.#record.read) };
    } else {
      this.#adopt(record);
      this.#connection.restart();
    }
    this.#handlers.changed();
  }

  // ---- frames from the service ----

  #receive(frame) {
    if (frame.type === "ready") this.#greet(frame);
    else if (frame.type === "event") this.#follow(frame);
    else if (frame.type === "accepted") this.#confirm(frame);
    else if (frame.type === "typing") this.#showTypist({ who: frame.who, name: frame.name });
    else if (frame.type === "queue") this.queuePosition = frame.position;
    else if (frame.type === "error") this.#complain(frame);
    this.#handlers.changed();
  }

  #greet({ seq, conversation }) {
    this.#snapshotSeq = seq;
    if (this.settling && this.transcript.lastSeq === 0) {
      this.#historySeq = seq;
      this.#later("settle", HISTORY_SETTLES_MS, () => (this.settling = false));
    }
    this.#setOwner(conversation.owner, conversation.agent);
    this.queuePosition = conversation.queue_position;
    this.#setLanguage(conversation.language);
    this.#inFlight = null;
    this.#outbox.list().forEach((item) => this.transcript.addPending(item));
    this.#flush();
    this.#acknowledgeSoon();
  }

  #follow(event) {
    if (!this.transcript.apply(event)) return;
    if (event.kind === "message") this.#take(event);
    // How things stand is known from the greeting; this is how they stood.
    if (event.seq <= this.#snapshotSeq) return;
    if (event.kind === "owner") this.#setOwner(event.owner, event.agent);
    if (event.kind === "language") this.#setLanguage(event.language);
  }

  #take({ seq, message }) {
    if (message.author === "customer") {
      this.#settle(message.client_id); // the event may come where the confirmation got lost
      return;
    }
    if (this.typing?.who === message.author) this.typing = null;
    this.#acknowledgeSoon();
    if (seq > this.#historySeq) this.#handlers.message(message);
  }

  #confirm(frame) {
    this.transcript.accept(frame);
    this.problem = null;
    this.#settle(frame.id);
  }

  /** The service has a message of ours: it need not be kept, and the next one may go. */
  #settle(id) {
    this.#outbox.remove(id);
    if (this.#inFlight === id) this.#inFlight = null;
    this.#flush();
  }

  #complain({ code, message, id, retry_after_s: retryAfterS }) {
    if (code === "unauthorized" || code === "not_found") {
      this.#loseRecord();
      return;
    }
    this.problem = message ?? null;
    if (!id) {
      this.#later("problem", PROBLEM_SHOWN_MS, () => (this.problem = null));
      return;
    }
    if (this.#inFlight === id) this.#inFlight = null;
    if (retryAfterS) {
      this.#inFlight = id; // nothing overtakes it while we wait
      this.#later("flush", retryAfterS * 1000, () => {
        this.#inFlight = null;
        this.problem = null;
        this.#flush();
      });
      return;
    }
    this.#outbox.setFailed(id, true);
    this.transcript.setState(id, "failed");
    this.#flush();
  }

  #setOwner(owner, agent) {
    const changed = owner !== this.owner || agent?.name !== this.agent?.name;
    this.owner = owner;
    this.agent = agent ?? null;
    if (owner !== "waiting") this.queuePosition = null;
    if (owner !== this.typing?.who) this.typing = null;
    if (changed) this.#handlers.owner({ owner, agent: this.agent });
  }

  #setLanguage(language) {
    if (!language || language === this.language) return;
    this.language = language;
    this.#save({ language });
    this.#handlers.language(language);
  }

  #showTypist(typist) {
    this.typing = typist;
    this.#later("typing", TYPING_SHOWN_MS, () => (this.typing = null));
  }

  // ---- frames to the service ----

  /**
   * Sends the oldest message that is not confirmed; the next one goes when this one is, so none overtakes
   * another.
   */
  #flush() {
    if (this.#inFlight || !this.#connection.ready) return;
    const item = this.#outbox.list().find((candidate) => !candidate.failed);
    if (!item) return;
    this.#inFlight = item.id;
    const { id, text, payload } = item;
    this.#connection.send({ type: "message", id, text, payload });
    this.#later("flush", ACCEPTED_WITHIN_MS, () => {
      if (this.#inFlight === id) this.#connection.reconnect();
    });
  }

  #acknowledgeSoon() {
    this.#later("acknowledge", ACKNOWLEDGE_AFTER_MS, () => this.#acknowledge());
  }

  #acknowledge() {
    if (!this.#record) return;
    const last = this.transcript.lastIncomingSeq;
    if (this.#watched && last > this.#record.read) this.#save({ read: last });
    if (last > this.#deliveredSeq && this.#connection.send({ type: "delivered", seq: last }))
      this.#deliveredSeq = last;
    const { read } = this.#record;
    if (read > this.#readSeq && this.#connection.send({ type: "read", seq: read })) this.#readSeq = read;
  }

  /**
   * Runs a task after a while and shows what it changed; a second one of the same name replaces the first.
   */
  #later(name, delayMs, task) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(() => {
      task();
      this.#handlers.changed();
    }, delayMs);
  }
}
