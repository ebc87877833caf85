// Where the customer writes: grows with the text, Enter sends, Shift+Enter starts a new line.
import { icon, make, setAttribute, setText } from "./dom.js";
import { hasVisibleText } from "./text.js";

const LONGEST_MESSAGE = 4000; // characters; the service refuses more
const SEND_ICON = "M4 12h14m-6-6l6 6-6 6";

export class Composer {
  #handlers;
  #label = make("label", { class: "unseen", for: "text" });
  #send = make("button", { type: "submit", class: "send" }, icon(SEND_ICON));

  /** @param {{send: (text: string) => void, typing: () => void}} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    this.textarea = make("textarea", {
      id: "text",
      rows: "1",
      dir: "auto",
      maxlength: LONGEST_MESSAGE,
      autocomplete: "off",
      enterkeyhint: "send",
      oninput: () => this.#changed(),
      onkeydown: (event) => this.#keyDown(event),
    });
    this.node = make(
      "form",
      {
        class: "composer",
        onsubmit: (event) => {
          event.preventDefault();
          this.#submit();
        },
      },
      this.#label,
      this.textarea,
      this.#send,
    );
    this.#changed();
  }

  render(conversation, words) {
    const closed = conversation.owner === "closed";
    setText(this.#label, words.text("widget.write"));
    setAttribute(
      this.textarea,
      "placeholder",
      words.text(closed ? "widget.placeholder_closed" : "widget.placeholder"),
    );
    setAttribute(this.#send, "aria-label", words.text("widget.send"));
    setAttribute(this.#send, "title", words.text("widget.send"));
  }

  /** Fits the height to the text; the style sheet sets the most. */
  fit() {
    this.textarea.style.height = "auto";
    const { scrollHeight } = this.textarea; // 0 while the panel is hidden
    if (scrollHeight) this.textarea.style.height = `${scrollHeight}px`;
  }

  #changed() {
    const empty = !hasVisibleText(this.textarea.value);
    setAttribute(this.#send, "aria-disabled", empty ? "true" : null);
    this.fit();
    if (!empty) this.#handlers.typing();
  }

  #keyDown(event) {
    // While an input method composes (Japanese, Chinese, Vietnamese), Enter picks a word; 229 is how Safari
    // says so.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.textarea.value.trim();
    if (!hasVisibleText(text)) return;
    this.textarea.value = "";
    this.#changed();
    this.#handlers.send(text);
  }
}
