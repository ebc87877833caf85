// A moment: `clock` says when it was, `until` how long until then.
export default {
  template: `<time :datetime="at" :title="moments.full(at)">{{ shown }}</time>`,
  props: { at: String, kind: String },
  data: () => ({ now: Date.now() }),
  computed: {
    moments: () => globalThis.moments,
    shown() {
      return this.moments[this.kind](this.at, this.now);
    },
  },
  mounted() {
    this.timer = setInterval(() => (this.now = Date.now()), 20000);
  },
  unmounted() {
    clearInterval(this.timer);
  },
};
