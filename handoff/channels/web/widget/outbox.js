// The customer's messages that the service has not confirmed yet, kept on the device so that neither a lost
// network nor a reload loses one. All tabs of the shop share the list; sending twice is harmless, the service
// knows each by its id.

export class Outbox {
  #storage;
  #key;

  constructor(storage, key) {
    this.#storage = storage;
    this.#key = key;
  }

  /** Items `{id, text, payload, at, failed}` in the order in which they were written. */
  list() {
    return this.#storage.read(this.#key) ?? [];
  }

  add(item) {
    this.#write([...this.list(), item]);
  }

  remove(id) {
    this.#write(this.list().filter((item) => item.id !== id));
  }

  /** Marks an item as refused (kept, not sent again until the customer asks) or as to be sent again. */
  setFailed(id, failed) {
    this.#write(this.list().map((item) => (item.id === id ? { ...item, failed } : item)));
  }

  clear() {
    this.#storage.remove(this.#key);
  }

  #write(items) {
    if (items.length) this.#storage.write(this.#key, items);
    else this.clear();
  }
}
