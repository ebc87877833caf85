// A list of conversations. All texts come ready from lists.py and are shown as text.
export default {
  template: `
    <ul class="plain">
      <li v-for="line in lines" :key="line.id">
        <a class="line" :class="{'is-open': line.id === opened, 'is-new': line.new, 'is-unread': line.unread}"
          :href="line.address" :aria-current="line.id === opened ? 'true' : null" @click="follow($event, line)">
          <div class="line-top">
            <b class="customer" dir="auto">{{ line.customer }}</b>
            <span v-if="line.presence" class="presence" :class="{'is-here': line.here}">{{ line.presence }}</span>
            <time :datetime="line.since" :title="moments.full(line.since)">{{ moments.since(line.since, now) }}</time>
          </div>
          <p v-if="line.last" class="last" dir="auto">{{ line.last }}</p>
          <div class="tags">
            <span v-if="line.priority" class="priority" :class="'priority-' + line.level">{{ line.priority }}</span>
            <span v-if="line.reason">{{ line.reason }}</span>
            <span class="language">{{ line.language }}</span>
            <span v-if="line.agent" class="quiet" dir="auto">{{ line.agent }}</span>
            <span v-if="line.unread" class="unread">{{ line.unread }}</span>
          </div>
        </a>
      </li>
    </ul>`,
  props: { lines: Array, opened: String },
  emits: ["open"],
  data: () => ({ now: Date.now() }),
  computed: {
    moments: () => globalThis.moments,
  },
  mounted() {
    this.timer = setInterval(() => (this.now = Date.now()), 1000);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  methods: {
    follow(event, line) {
      // In place, unless it is to be opened elsewhere.
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
      event.preventDefault();
      this.$emit("open", line.id);
    },
  },
};
