// One socket to the service that stays up: opens it with the conversation's credentials, watches that it
// lives, opens it again when it dies. Knows nothing of messages.
import { Retry } from "./retry.js";

const PING_EVERY_MS = 25_000;
const PONG_WITHIN_MS = 10_000;
const CLOSED_UNAUTHORIZED = 4401;
const CLOSED_TOO_MANY = 4429; // other tabs show the same conversation
const TOO_MANY_PAUSE_MS = 30_000;

export class Connection {
  #url;
  #hello;
  #handlers;
  #socket = null;
  #attempt = 0;
  #running = false;
  #pingTimer = null;
  #pongTimer = null;
  #retry = new Retry(() => this.#connect());
  #lost = () => {
    this.reconnect();
    this.#handlers.changed(); // also where there was no socket to lose: the customer is told
  };
  #seen = () => {
    if (document.visibilityState === "visible") this.#ping(); // after a sleep the socket may be long dead
  };

  /** Whether the service has greeted back on the present socket. */
  ready = false;

  /**
   * @param {string} origin of the service
   * @param {() => Promise<object>} hello makes the first frame; may have to ask the service for a
   *   conversation first. An error it throws may carry `retryAfterMs`.
   * @param {{frame: (object) => void, changed: () => void}} handlers
   */
  constructor(origin, hello, handlers) {
    this.#url = `${origin.replace(/^http/, "ws")}/api/v1/web/socket`;
    this.#hello = hello;
    this.#handlers = handlers;
    window.addEventListener("offline", this.#lost);
    document.addEventListener("visibilitychange", this.#seen);
  }

  get running() {
    return this.#running;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#connect();
  }

  stop() {
    this.#running = false;
    this.#retry.cancel();
    this.#drop();
  }

  /** Leaves the present socket, if any, and opens another one now. */
  restart() {
    this.stop();
    this.start();
  }

  /** Leaves the present socket and opens another one after the next delay, or later if the service asks for it. */
  reconnect(atLeastMs = 0) {
    if (!this.#socket) return;
    this.#drop();
    if (this.#running) this.#retry.later(atLeastMs);
    this.#handlers.changed();
  }

  dispose() {
    this.stop();
    this.#retry.dispose();
    window.removeEventListener("offline", this.#lost);
    document.removeEventListener("visibilitychange", this.#seen);
  }

  /** Sends a frame; false when there is no greeted socket to send it on. */
  send(frame) {
    if (!this.ready) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #connect() {
    this.#retry.cancel();
    this.#attempt += 1;
    const attempt = this.#attempt;
    let frame;
    try {
      frame = await this.#hello();
    } catch (error) {
      if (attempt !== this.#attempt || !this.#running) return;
      console.warn("Dragoman:", error.message);
      this.#retry.later(error.retryAfterMs);
      this.#handlers.changed();
      return;
    }
    if (attempt !== this.#attempt || !this.#running || !frame) return;
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify(frame));
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      if (event.code === CLOSED_UNAUTHORIZED) this.#handlers.frame({ type: "error", code: "unauthorized" });
      this.reconnect(event.code === CLOSED_TOO_MANY ? TOO_MANY_PAUSE_MS : 0);
    };
    // A server that takes the connection and never greets must not hold it for good.
    this.#pongTimer = setTimeout(() => this.reconnect(), PONG_WITHIN_MS);
  }

  #receive(frame) {
    if (frame.type === "ready") {
      this.ready = true;
      this.#retry.reset();
      clearTimeout(this.#pongTimer);
      this.#pingTimer = setInterval(() => this.#ping(), PING_EVERY_MS);
    }
    if (frame.type === "pong") clearTimeout(this.#pongTimer);
    else this.#handlers.frame(frame);
  }

  #ping() {
    if (!this.send({ type: "ping" })) return;
    clearTimeout(this.#pongTimer);
    this.#pongTimer = setTimeout(() => this.reconnect(), PONG_WITHIN_MS);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#attempt += 1;
    this.ready = false;
    clearInterval(this.#pingTimer);
    clearTimeout(this.#pongTimer);
    socket?.close();
  }
}
