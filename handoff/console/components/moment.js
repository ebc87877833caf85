// A moment as the browser's clock and the page's language write it. One timer serves all that tick.

const ticking = new Set();
setInterval(() => ticking.forEach((tick) => tick()), 1000);

const language = () => document.documentElement.lang || undefined;

function clock(at) {
  const isToday = at.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(language(), { ...day, hour: "2-digit", minute: "2-digit" }).format(at);
}

function since(at) {
  const seconds = Math.max(0, Math.floor((Date.now() - at) / 1000));
  const days = Math.floor(seconds / 86400);
  if (days) {
    return new Intl.NumberFormat(language(), { style: "unit", unit: "day", unitDisplay: "long" }).format(days);
  }
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

function until(at) {
  const minutes = Math.round((at - Date.now()) / 60000);
  const format = new Intl.RelativeTimeFormat(language(), { numeric: "auto" });
  return Math.abs(minutes) < 90 ? format.format(minutes, "minute") : format.format(Math.round(minutes / 60), "hour");
}

export default {
  template: `<time :datetime="at" :title="full">{{ shown }}</time>`,
  props: { at: String, kind: String },
  data: () => ({ shown: "" }),
  computed: {
    full() {
      return new Intl.DateTimeFormat(language(), { dateStyle: "full", timeStyle: "medium" }).format(new Date(this.at));
    },
  },
  methods: {
    tick() {
      this.shown = { clock, since, until }[this.kind](new Date(this.at));
    },
  },
  watch: {
    at() {
      this.tick();
    },
  },
  created() {
    this.tick();
    this.tick_ = () => this.tick();
    ticking.add(this.tick_);
  },
  unmounted() {
    ticking.delete(this.tick_);
  },
};
