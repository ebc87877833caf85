// What was said and what happened. All texts come ready from transcript.py and are shown as text; `put` adds a line or
// takes the place of the one with the same id.
export default {
  template: `
    <div class="transcript">
      <slot></slot>
      <template v-for="line in shown" :key="line.id">
        <p v-if="line.change" class="change">
          <span>{{ line.change }}</span>
          <time :datetime="line.at" :title="moments.full(line.at)">{{ moments.clock(line.at) }}</time>
        </p>
        <article v-else class="message" :class="['by-' + line.author, {continues: line.continues}]">
          <header>
            <span class="author" dir="auto">{{ line.name }}</span>
            <time :datetime="line.at" :title="moments.full(line.at)">{{ moments.clock(line.at) }}</time>
          </header>
          <p class="text" :dir="line.dir" :lang="line.lang">{{ line.text }}</p>
          <ul v-if="line.buttons.length" class="offered" :aria-label="words.buttons">
            <li v-for="title in line.buttons" dir="auto">{{ title }}</li>
          </ul>
          <footer>
            <span v-if="line.lang" class="language" :title="line.language">{{ line.lang }}</span>
            <span v-if="line.understood" class="understood">{{ line.understood }}</span>
            <span v-if="line.delivery" class="delivery" :class="{failed: line.failed}">{{ line.delivery }}</span>
          </footer>
        </article>
      </template>
    </div>`,
  props: { lines: Array, words: Object },
  data() {
    return { shown: [...this.lines] };
  },
  computed: {
    moments: () => globalThis.moments,
  },
  methods: {
    put(line) {
      const index = this.shown.findIndex((other) => other.id === line.id);
      if (index < 0) this.shown.push(line);
      else this.shown[index] = line;
    },
  },
};
