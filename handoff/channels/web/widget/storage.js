// What the widget keeps on the customer's device: no cookies, only localStorage (and sessionStorage for
// whether the panel is open in this tab). Both may be blocked or full: then the same values live in memory,
// for this page only.

/** The named storage area of the window, or null where the browser forbids it. */
function findArea(name) {
  try {
    const area = window[name];
    const probe = "dragoman:probe";
    area.setItem(probe, "1");
    area.removeItem(probe);
    return area;
  } catch {
    // Reading the property itself throws when the customer blocks site data; writing throws when the area is
    // full.
    return null;
  }
}

/** JSON values by key, kept in the browser's area where that is allowed and in memory where it is not. */
export class Storage {
  #area;
  #memory = new Map();

  constructor(areaName) {
    this.#area = findArea(areaName);
  }

  /** The stored value, or null where there is none (or something that is not ours and not JSON). */
  read(key) {
    const text = this.#memory.get(key) ?? this.#area?.getItem(key);
    return Storage.parse(text);
  }

  write(key, value) {
    const text = JSON.stringify(value);
    try {
      if (!this.#area) throw new Error("no storage area");
      this.#area.setItem(key, text);
      this.#memory.delete(key);
    } catch {
      // Blocked or over quota: the conversation goes on, it only isn't there after a reload.
      this.#memory.set(key, text);
    }
  }

  remove(key) {
    this.#memory.delete(key);
    this.#area?.removeItem(key);
  }

  static parse(text) {
    if (!text) return null;
    try {
      return JSON.parse(text);
    } catch {
      // Another script on the shop's page wrote over our key: the same as nothing stored.
      return null;
    }
  }
}
