// Trying again, politely: 0.5 s, 1 s, 2 s … 15 s, spread so that a shop's visitors do not all come back in
// the same second, and at once when the network returns or the customer looks at the page again.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;

export class Retry {
  #task;
  #failures = 0;
  #timer = null;
  #notBefore = 0;
  #wake = (event) => {
    if (event.type === "online" || document.visibilityState === "visible") this.now();
  };

  constructor(task) {
    this.#task = task;
    window.addEventListener("online", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
  }

  /** Runs the task after the next delay, or later where the service asked for more. */
  later(atLeastMs = 0) {
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures);
    const delay = Math.max(atLeastMs, ceiling * (0.5 + Math.random() / 2));
    this.#failures += 1;
    this.#notBefore = Date.now() + atLeastMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), delay);
  }

  /** Runs the task without waiting on, if it is waiting and the service did not ask to wait. */
  now() {
    if (this.#timer !== null && Date.now() >= this.#notBefore) this.#run();
  }

  /** Forgets earlier failures: the next delay is the first one again. */
  reset() {
    this.#failures = 0;
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Cancels and stops listening; the object is of no use afterwards. */
  dispose() {
    this.cancel();
    window.removeEventListener("online", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
  }

  #run() {
    this.cancel();
    this.#task();
  }
}
