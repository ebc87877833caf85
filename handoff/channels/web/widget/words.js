// The widget's own words, in the language of the conversation; the service has them in its catalogues.

const LAST_RESORT = "en";

/** The words of one language, with its direction and the locale for dates and numbers. */
export class Words {
  #words;
  #numbers;
  #times;
  #relative;

  constructor({ language, direction, locale, words }) {
    this.language = language;
    this.direction = direction;
    this.locale = locale;
    this.#words = words;
    this.#numbers = new Intl.NumberFormat(locale);
    this.#times = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  }

  /** The text of a key such as `widget.send`, its `{placeholders}` filled; a missing key shows as itself. */
  text(key, values = {}) {
    const text = this.#words[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
  }

  number(value) {
    return this.#numbers.format(value);
  }

  /** Time of day in the customer's own time zone. */
  time(date) {
    return this.#times.format(date);
  }

  /** The day as a person names it: today, yesterday, a weekday, a date. */
  day(date, now = new Date()) {
    const startOf = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
    const daysAgo = Math.round((startOf(now) - startOf(date)) / 86_400_000);
    if (daysAgo === 0 || daysAgo === 1) return this.#relative.format(-daysAgo, "day");
    const format = { weekday: "long", day: "numeric", month: "long" };
    if (date.getFullYear() !== now.getFullYear()) format.year = "numeric";
    return new Intl.DateTimeFormat(this.locale, format).format(date);
  }
}

/**
 * Fetches the words of a language, of the language without its region where the service knows only that, or
 * English. Throws when the service cannot be reached or answers with an error.
 */
export async function loadWords(origin, language) {
  const candidates = [language, language.split("-")[0], LAST_RESORT];
  for (const tag of new Set(candidates.filter(Boolean))) {
    const response = await fetch(`${origin}/api/v1/web/words/${encodeURIComponent(tag)}`, {
      credentials: "omit",
    });
    if (response.ok) return new Words(await response.json());
    if (response.status !== 404) throw new Error(`Dragoman: words answered ${response.status}`);
  }
  throw new Error(`Dragoman: no words for ${language}`);
}
