// Where the agent writes. The text stays until the service has taken it, and over reloads of the page: a draft is kept
// per agent and conversation together with the id that it was sent under, so that sending it again can't say it twice.

const TYPING_EVERY_MS = 2500;
const RESEND_EVERY_MS = 8000;
// Far beyond what the service takes and says so of, yet within one frame of its sockets.
const LONGEST = 15000;
const KEY = "dragoman-draft:";

export default {
  template: `
    <form class="composer" @submit.prevent="send">
      <p v-if="problem" class="problem" role="alert">{{ problem }}</p>
      <div class="composer-row">
        <textarea ref="field" v-model="draft.text" :dir="draft.text && 'auto'" rows="2" :maxlength="longest"
          :aria-label="words.label" :placeholder="words.placeholder" @keydown.enter="onEnter"
          @input="onInput"></textarea>
        <button class="button primary" type="submit" :disabled="!!sending || !draft.text.trim()">
          {{ words.send }}
        </button>
      </div>
    </form>`,
  props: { place: String, words: Object },
  emits: ["send", "typing"],
  data: () => ({ draft: { text: "", id: null }, sending: null, resending: null, problem: "", typedAt: 0 }),
  mounted() {
    const kept = sessionStorage.getItem(KEY + this.place);
    if (kept) this.draft = JSON.parse(kept);
    this.$refs.field.focus({ preventScroll: true });
  },
  unmounted() {
    clearInterval(this.resending);
  },
  computed: {
    longest: () => LONGEST,
  },
  methods: {
    keep() {
      if (this.draft.text) sessionStorage.setItem(KEY + this.place, JSON.stringify(this.draft));
      else sessionStorage.removeItem(KEY + this.place);
    },
    onInput() {
      // Another text is another message.
      this.draft.id = null;
      this.keep();
      if (this.draft.text && Date.now() - this.typedAt > TYPING_EVERY_MS) {
        this.typedAt = Date.now();
        this.$emit("typing");
      }
    },
    onEnter(event) {
      // While an input method composes (Vietnamese, Japanese …) Enter only accepts a suggestion.
      if (event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.send();
    },
    send() {
      if (this.sending || !this.draft.text.trim()) return;
      this.draft.id ??= crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
      this.keep();
      this.sending = { ...this.draft };
      this.problem = "";
      this.$emit("send", this.sending);
      // The connection may have swallowed it; its id makes saying it again harmless.
      this.resending = setInterval(() => this.$emit("send", this.sending), RESEND_EVERY_MS);
    },
    settle() {
      clearInterval(this.resending);
      this.sending = null;
    },
    accepted() {
      if (!this.sending) return;
      // What was typed while the message was under way is the beginning of the next one.
      const { text } = this.draft;
      const rest = text.startsWith(this.sending.text) ? text.slice(this.sending.text.length).trimStart() : text;
      this.draft = { text: rest, id: null };
      this.settle();
      this.typedAt = 0;
      this.keep();
      this.$refs.field.focus();
    },
    refused(reason) {
      if (!this.sending) return;
      this.settle();
      this.problem = reason;
      this.$refs.field.focus();
    },
  },
};
