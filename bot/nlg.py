"""Everything that the bot says: the catalogue's text or an article, in the conversation's language.

The domain's `responses` are language-free: `text` names a key of the catalogue `bot`, a button gives only its
payload, and `custom` says what is no text: `handoff` (why a person is needed), `tasks` (what may be offered
beside topics) or `choose` (which of the choosers below picks the response). Actions pass raw values, which
are formatted here for the customer's locale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.buttons import render_payload
from bot.failures import FAILURES_BEFORE_HANDOFF, asked_what_else, denied_topics, next_step
from bot.live_knowledge import live_knowledge
from bot.telling import COUNT, DOMAIN, OFFER, Telling, title_of
from locales import catalogue
from locales.knowledge import KnowledgeBase, is_topic
from locales.languages import display_name, get_language, list_languages

CLARIFY_OFFERS = 3
REQUEST_HUMAN = "request_human"
# Probability from which on a message may have meant a label, where another was likelier.
LIKELY_FROM = 0.01


class UnknownResponseError(LookupError):
    """The domain has no response of that name."""


class CatalogueGenerator(NaturalLanguageGenerator):
    """Rasa's NLG for this bot, named in endpoints.yml (`nlg: type:`)."""

    def __init__(self, endpoint_config: EndpointConfig | None, domain: Domain) -> None:
        """Read the knowledge base.

        Args:
            endpoint_config: Not used.
            domain: Rasa makes its NLG before it loads the model, so this one is empty when serving; `use`
                follows.

        Raises:
            KnowledgeError: An article is wrong.
        """
        self._responses = domain.responses
        live_knowledge()
        self._choosers: dict[str, Callable[[Telling], dict[str, Any]]] = {
            "article": self._choose_article,
            "second_article": self._choose_second_article,
            "denied": self._choose_denied,
            "unsure": self._choose_unsure,
            "language": self._choose_language,
        }

    @property
    def _knowledge(self) -> KnowledgeBase:
        return live_knowledge().base

    def use(self, domain: Domain) -> None:
        """Take the responses of the model's domain."""
        self._responses = domain.responses

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any]:
        """Return text, buttons and custom data of a response.

        Args:
            utter_action: Name of a response of the domain.
            tracker: Its latest message tells language and market.
            output_channel: Not used; what a channel cannot show is degraded by the service.
            kwargs: Raw values for the text's placeholders (`bot.telling`).

        Raises:
            UnknownResponseError: The domain has no such response.
            MissingTextError: The catalogue has no such text.
        """
        return self._render(utter_action, Telling.of(tracker, kwargs))

    def _render(self, name: str, telling: Telling) -> dict[str, Any]:
        response = self._response(name)
        custom = response.get("custom") or {}
        if "choose" in custom:
            return self._choosers[custom["choose"]](telling)
        message: dict[str, Any] = {}
        if "text" in response:
            message["text"] = self._text(response["text"], telling)
        payloads = [render_payload("label", label) for label in telling.values.get(OFFER, ())]
        payloads += [button["payload"] for button in response.get("buttons") or ()]
        if payloads:
            message["buttons"] = [self._button(payload, telling) for payload in payloads]
        if "handoff" in custom:
            message["custom"] = {"handoff": dict(custom["handoff"])}
        return message

    def _response(self, name: str) -> dict[str, Any]:
        variations = self._responses.get(name)
        if not variations:
            raise UnknownResponseError(f"the domain has no response {name!r}")
        return dict(variations[0])

    def _text(self, key: str, telling: Telling) -> str:
        values = telling.formatted()
        count = telling.values.get(COUNT)
        if isinstance(count, int):
            return catalogue.plural(DOMAIN, key, telling.language, count, **values)
        return catalogue.text(DOMAIN, key, telling.language, **values)

    def _button(self, payload: str, telling: Telling) -> dict[str, str]:
        kind, _, value = payload.partition(":")
        if kind == "language":
            return {"title": get_language(value).endonym, "payload": payload}
        return {"title": title_of(value, telling.language, self._knowledge), "payload": payload}

    # Choosers: one for each `choose:` of the domain.

    def _choose_article(self, telling: Telling) -> dict[str, Any]:
        return self._tell_article(telling.label, telling)

    def _choose_second_article(self, telling: Telling) -> dict[str, Any]:
        return self._tell_article(telling.understanding["also"][0], telling)

    def _tell_article(self, topic: str, telling: Telling) -> dict[str, Any]:
        answer = self._knowledge.get_answer(topic, telling.language, telling.context.market)
        text = answer.text
        if answer.language != telling.language:
            notice = catalogue.text(
                DOMAIN,
                "utter_article_in_english",
                telling.language,
                language=display_name(answer.language, telling.language),
            )
            text = f"{notice}\n\n{text}"
        buttons = [
            self._button(render_payload("label", label), telling) for label in self._known(answer.related)
        ]
        if not telling.tracker.active_loop_name:
            # In the middle of a task a "no" would end the task.
            buttons.append(
                {
                    "title": catalogue.text(DOMAIN, "button.not_helped", telling.language),
                    "payload": render_payload("feedback", "not_helped"),
                }
            )
        return {"text": text, "buttons": buttons, "topic": answer.topic}

    def _known(self, labels: Iterable[str]) -> list[str]:
        """Return the labels without topics whose articles are gone."""
        return [label for label in labels if not is_topic(label) or self._knowledge.find_topic(label)]

    def _choose_denied(self, telling: Telling) -> dict[str, Any]:
        events = telling.tracker.applied_events()
        denied, times = denied_topics(events)
        if not denied:
            # "Is there anything else?" "No."
            name = "utter_goodbye" if asked_what_else(events) else "utter_how_can_i_help"
            return self._render(name, telling)
        offers = [label for label in self._next_best(denied, telling) if label not in denied]
        if times >= FAILURES_BEFORE_HANDOFF or not offers:
            return self._render("utter_handoff_low_confidence", telling)
        return self._render("utter_not_helped", telling.with_values({OFFER: offers[:CLARIFY_OFFERS]}))

    def _next_best(self, denied: Sequence[str], telling: Telling) -> list[str]:
        """Return what the message that an article answered wrongly may have meant instead, the best first.

        An article that helped others comes before one that did not (`LiveKnowledge.score_of`). What goes
        together with the article comes before what the message hardly means: below a sure answer the rest of
        the ranking is chance.
        """
        asked = [event for event in telling.tracker.applied_events() if isinstance(event, UserUttered)][-2]
        ranking = (asked.parse_data.get("understanding") or {}).get("ranking") or ()
        tasks = self._response("utter_clarify")["custom"]["tasks"]
        shares = {
            entry["label"]: entry["confidence"]
            for entry in ranking
            if self._knowledge.find_topic(entry["label"]) or entry["label"] in tasks
        }
        likeliest = sorted(
            shares, key=lambda label: -shares[label] * live_knowledge().score_of(label, telling.language)
        )
        topic = self._knowledge.find_topic(denied[0])
        related = self._known(topic.related if topic else ())
        meant = [label for label in likeliest if shares[label] >= LIKELY_FROM]
        # The button for a person stands below in any case.
        return [label for label in dict.fromkeys([*meant, *related, *likeliest]) if label != REQUEST_HUMAN]

    def _choose_unsure(self, telling: Telling) -> dict[str, Any]:
        step = next_step(telling.tracker.applied_events())
        if step == "handoff":
            return self._render("utter_handoff_low_confidence", telling)
        if telling.is_foreign:
            message = self._ask_for_language("utter_language_ask", telling)
            message["buttons"].append(self._button(render_payload("label", REQUEST_HUMAN), telling))
            return message
        if step == "clarify":
            tasks = self._response("utter_clarify")["custom"]["tasks"]
            offers = [
                label for label in telling.ranking if self._knowledge.find_topic(label) or label in tasks
            ][:CLARIFY_OFFERS]
            if offers:
                return self._render("utter_clarify", telling.with_values({OFFER: offers}))
        if telling.tracker.active_loop_name:
            # The form asks its question again below this.
            return self._render("utter_task_unclear", telling)
        return self._render("utter_fallback", telling)

    def _choose_language(self, telling: Telling) -> dict[str, Any]:
        unsupported = telling.parsed_language.get("unsupported")
        if not unsupported and (
            telling.parsed_language.get("asked_now") or telling.language != telling.context.language
        ):
            return self._render("utter_language_changed", telling)
        if unsupported:
            named = telling.with_values({"language": display_name(unsupported, telling.language)})
            return self._ask_for_language("utter_language_unsupported", named)
        return self._ask_for_language("utter_language_ask", telling)

    def _ask_for_language(self, name: str, telling: Telling) -> dict[str, Any]:
        languages = list_languages()
        endonyms = {"list": [language.endonym for language in languages]}
        message = self._render(name, telling.with_values({"languages": endonyms}))
        message["buttons"] = [
            self._button(render_payload("language", language.tag), telling) for language in languages
        ]
        return message
