"""Which language is a message in? Script first, then two character models, then langdetect for doubt."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.context import Context, parse_context
from bot.fingerprint import LEARNT_WITH, fingerprint
from bot.general_language_model import GeneralLanguageModel
from bot.learning.general_words import read_general_words
from bot.learning.language_model import LanguageModel, train_language_model
from bot.learning.linear_model import fit_temperature, softmax
from bot.learning.text import alphabet_of, evidence_words, letters_of, normalise
from bot.learning.training_messages import author_group, hold_out, language_of
from bot.second_opinion import SecondOpinion
from bot.shop_names import language_of_names, read_shop_names
from locales.languages import find_language, get_language

LANGUAGE = "language"
UNKNOWN = "unknown"

ORDER = "order"
NEUTRAL_WORDS = "neutral_words"
CONVERSATION_PRIOR = "conversation_prior"
HINT_PRIOR = "hint_prior"
SCRIPT_SHARE = "script_share"
DOUBT = "doubt"
SECOND_OPINION_WEIGHT = "second_opinion_weight"
FEW_WORDS = "few_words"
GENERAL_WEIGHT = "general_weight"
GENERAL_WEIGHT_FEW = "general_weight_few"
SURE_MARGIN = "sure_margin"
STRANGE_SHARE = "strange_share"
FOREIGN_SHARE = "foreign_share"
LENGTH_SLACK = "length_slack"
FOREIGN_WORDS = "foreign_words"
FOREIGN_MARGIN_FEW = "foreign_margin_few"
INVERTED_MARK = "inverted_mark"

# A sign of these is as much as so many letters of an alphabet.
_LETTERS_IN = {"CJK": 3, "HANGUL": 3}
# Language, group of the author, words.
_Spoken = tuple[str, int, list[str]]
_NEUTRAL_WORDS = "ok okay oké oke okey okie k email e-mail mail id n nr no ord"
_INVERTED_MARK = re.compile("[¿¡]")


class UntrainedLanguageIdentifierError(RuntimeError):
    """There is no model, or not one training message that says its language."""


@dataclass(frozen=True)
class Calibration:
    """Worked out on messages of authors that the model was not trained on.

    `temperature` turns the scores of a text into probabilities, `temperature_few` those of one with few
    words; a text whose foreignness (`_score`) is above `foreign_from` is in none of the languages.
    """

    temperature: float
    temperature_few: float
    foreign_from: float


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LanguageIdentifier(GraphComponent):
    """Sets `language` on a message: `{"detected", "confidence", "words", "script", "foreign", "ranking"}`.

    `detected` is a tag of locales/languages.yml or "unknown". `words` counts what spoke for it: with none,
    the context's languages alone decided. `script` tells that the letters alone did, `foreign` that it is
    surely none of the shop's languages. `ranking` holds a `{"language", "confidence"}` each.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            # Longest character n-gram: five and six gain 0.1 % on held-out authors and double the model.
            ORDER: 4,
            # Words in use in every language, beside the names of carriers and ways to pay, which come from
            # data/shop.yml.
            NEUTRAL_WORDS: _NEUTRAL_WORDS.split(),
            # How likely the next message is in the language of the conversation so far …
            CONVERSATION_PRIOR: 0.9,
            # … and, where there is none yet, in the one that the widget or the phone number hints at.
            HINT_PRIOR: 0.5,
            # Share of letters in a script that one language has to itself: enough to decide, product names
            # aside.
            SCRIPT_SHARE: 0.3,
            # Under this probability langdetect is asked as well (a millisecond, against 0.1 for the model) …
            DOUBT: 0.8,
            # … and its log probabilities count so much of the model's own. More makes the shop's own
            # customers' messages worse (its profiles come from Wikipedia), none makes sentences on other
            # matters worse.
            SECOND_OPINION_WEIGHT: 0.2,
            # How much the model of general text counts beside our own of what the shop's customers write: of
            # sentences on anything 99.6 % are right instead of 98.7 %, and the shop's own lose nothing …
            GENERAL_WEIGHT: 4.0,
            # … and in texts of fewer than so many words, where ours knows better what a customer says.
            FEW_WORDS: 3,
            GENERAL_WEIGHT_FEW: 1.0,
            # It is not asked about words that ours finds so much likelier in one language than in any other
            # (natural logarithm), as long as ours has seen all but this share of them; nor about few words
            # that ours has seen all of.
            SURE_MARGIN: 12.0,
            STRANGE_SHARE: 0.2,
            # Share of the shop's own customers that may be taken for speakers of an unknown language: of
            # sentences in Turkish, Polish, Indonesian, Swedish, Czech and Romanian 95 % are found then …
            FOREIGN_SHARE: 0.005,
            # … and how much more foreign a few words have to look.
            FOREIGN_MARGIN_FEW: 2.0,
            # What "¿" and "¡" add to the log likelihood of Spanish, which alone of the languages has them.
            INVERTED_MARK: 40.0,
            # Short texts scatter more: how much less likely a text may be, times the root of its characters.
            LENGTH_SLACK: 4.4,
            # Unknown words, in a script of the shop's, that make a message foreign: one may be a name.
            FOREIGN_WORDS: 2,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: LanguageModel | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model
        self._calibration = calibration
        self._names = read_shop_names()
        self._neutral = {normalise(word) for word in config[NEUTRAL_WORDS]} | self._names.keys()
        self._general: GeneralLanguageModel | None = None
        self._second_opinion: SecondOpinion | None = None
        self._languages_of_alphabet: dict[str, list[str]] = {}
        self._spanish: int | None = None
        if model:
            self._prepare(model)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LanguageIdentifier:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LanguageIdentifier:
        """Load what `train` wrote. Raises ValueError or OSError where that is damaged."""
        with model_storage.read_from(resource) as folder:
            model = LanguageModel.load(folder)
            calibration = Calibration(**json.loads((folder / "calibration.json").read_text(encoding="utf-8")))
        return cls(config, model_storage, resource, model, calibration)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Return a hash of the code that it learns with, so that Rasa trains anew when that has changed."""
        return fingerprint(names=LEARNT_WITH)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the languages from the messages' metadata.

        Raises:
            UntrainedLanguageIdentifierError: No message says its language.
        """
        spoken = [
            (language, author_group(message), words)
            for message in training_data.intent_examples
            if (language := language_of(message))
            and (words := evidence_words(message.get(TEXT), self._neutral))
        ]
        if not spoken:
            raise UntrainedLanguageIdentifierError(
                "no training message names its language (metadata: {language: …})"
            )
        languages = sorted({language for language, _, _ in spoken})
        general = read_general_words(languages)
        self._calibration = self._calibrate(spoken, languages, general)
        pairs = [(language, words) for language, _, words in spoken]
        model, vocabulary = train_language_model(pairs, languages, self._config[ORDER], general)
        self._prepare(model)
        with self._model_storage.write_to(self._resource) as folder:
            model.save(folder, vocabulary)
            (folder / "calibration.json").write_text(json.dumps(self._calibration.__dict__), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            context = parse_context(message.get("metadata"))
            message.set(LANGUAGE, self.identify(message.get(TEXT) or "", context), add_to_output=True)
        return messages

    def identify(self, text: str, context: Context) -> dict[str, Any]:
        """Return the language of a text (see the class for the form).

        Raises:
            UntrainedLanguageIdentifierError: There is no model.
        """
        if self._model is None or self._calibration is None:
            raise UntrainedLanguageIdentifierError("train or load the model first")
        prior = self._prior(context)
        # A pressed button has our text, not the customer's.
        words = [] if context.pressed else evidence_words(text, self._neutral)
        if not words:
            told = bool(context.pressed) or np.ptp(prior) > 0
            named = None if told else language_of_names(self._names, evidence_words(text))
            if named:
                prior = self._prior(Context(language_hint=named))
            # Where nobody has told, all are as likely.
            return self._result(prior if np.ptp(prior) else np.zeros_like(prior), 1 if named else 0)
        speakers = self._speakers_of_script(words)
        if speakers is not None:
            columns = [self._model.languages.index(tag) for tag in speakers]
            if not columns:
                return self._unknown(len(words), 1.0, script=True)
            only = np.full(len(prior), -np.inf)
            only[columns] = 0.0
            if len(columns) == 1:
                # No word could change that.
                return self._result(np.exp(only), len(words), script=True)
        else:
            only = np.zeros(len(prior))
        scores, foreignness = self._score(self._model, words, is_latin=speakers is None)
        is_few = len(words) < self._config[FEW_WORDS]
        if speakers is None:
            gap = foreignness - self._calibration.foreign_from
            gap -= self._config[FOREIGN_MARGIN_FEW] if is_few else 0
            if gap > 0 and not _may_be_romanised(context):
                return self._unknown(len(words), 1 - 0.5 * math.exp(-gap * sum(map(len, words)) ** 0.5))
        if self._spanish is not None and _INVERTED_MARK.search(text):
            scores[self._spanish] += self._config[INVERTED_MARK]
        sharpness = self._calibration.temperature_few if is_few else self._calibration.temperature
        evidence = scores * sharpness + only
        probabilities = softmax(evidence + np.log(prior))
        if probabilities.max() < self._config[DOUBT] and self._second_opinion and len(words) > 1:
            opinion = self._second_opinion.log_probabilities(text)
            if opinion is not None:
                probabilities = softmax(
                    evidence + self._config[SECOND_OPINION_WEIGHT] * opinion + np.log(prior)
                )
        return self._result(probabilities, len(words), script=speakers is not None)

    def _prepare(self, model: LanguageModel) -> None:
        self._model = model
        known = [language for language in map(find_language, model.languages) if language]
        self._languages_of_alphabet = {}
        for language in known:
            for alphabet in letters_of(language.script):
                self._languages_of_alphabet.setdefault(alphabet, []).append(language.tag)
        self._general = GeneralLanguageModel(model.languages)
        self._spanish = model.languages.index("es") if "es" in model.languages else None
        self._second_opinion = SecondOpinion([(tag, get_language(tag).langdetect) for tag in model.languages])

    def _score(self, model: LanguageModel, words: list[str], *, is_latin: bool) -> tuple[np.ndarray, float]:
        """Return the log likelihoods by both models, and how little the words look like any of the languages.

        Foreignness adds up how unlikely our own model finds a character, and what the general one says. The
        general one isn't asked where our own is sure and knows the words.
        """
        own, length, strange = model.score(words)
        foreignness = -own.max() / length - self._config[LENGTH_SLACK] / math.sqrt(length)
        is_few = len(words) < self._config[FEW_WORDS]
        if len(words) == 2:
            # More are told without, and so is one alone: what it begins or ends says too much (decision 12).
            own = model.score_as_message(words)
        second, best = np.partition([*own, -math.inf], -2)[-2:]
        is_known = strange <= len(words) * self._config[STRANGE_SHARE]
        if is_known and (is_few or best - second > self._config[SURE_MARGIN]):
            return own, float(foreignness)
        self._general = self._general or GeneralLanguageModel(model.languages)
        general, general_foreignness = self._general.score(words, is_latin=is_latin)
        weight = self._config[GENERAL_WEIGHT_FEW if is_few else GENERAL_WEIGHT]
        return own + weight * general, float(foreignness + general_foreignness)

    def _prior(self, context: Context) -> np.ndarray:
        assert self._model is not None
        languages = self._model.languages
        so_far = find_language(context.language_asked) or find_language(context.language)
        hint = find_language(context.language_hint)
        share, tag = 0.0, ""
        if so_far:
            share, tag = self._config[CONVERSATION_PRIOR], so_far.tag
        elif hint:
            share, tag = self._config[HINT_PRIOR], hint.tag
        if tag not in languages:
            return np.full(len(languages), 1 / len(languages))
        prior = np.full(len(languages), (1 - share) / max(1, len(languages) - 1))
        prior[languages.index(tag)] = share
        return prior

    def _speakers_of_script(self, words: list[str]) -> list[str] | None:
        """Return the languages that write the words' script, or None where the script decides nothing.

        The Latin script is written everywhere: names and romanised words in it say little.
        """
        counts: dict[str, int] = {}
        for char, times in Counter("".join(words)).items():
            alphabet = alphabet_of(char)
            if alphabet:
                counts[alphabet] = counts.get(alphabet, 0) + times * _LETTERS_IN.get(alphabet, 1)
        total = sum(counts.values())
        if not total:
            return None
        others = {alphabet: count for alphabet, count in counts.items() if alphabet != "LATIN"}
        if sum(others.values()) < self._config[SCRIPT_SHARE] * total:
            return None
        # Kana beside Chinese characters is Japanese: every alphabet present must belong to the language.
        sets = [set(self._languages_of_alphabet.get(alphabet, ())) for alphabet in others]
        return sorted(set.intersection(*sets))

    def _result(self, probabilities: np.ndarray, words: int, *, script: bool = False) -> dict[str, Any]:
        assert self._model is not None
        if not probabilities.any():
            return self._unknown(words, 0.0)
        confidences = probabilities.tolist()
        ranking = [
            {"language": self._model.languages[column], "confidence": round(confidences[column], 4)}
            for column in np.argsort(-probabilities, kind="stable").tolist()
        ]
        return {
            "detected": ranking[0]["language"],
            "confidence": ranking[0]["confidence"],
            "words": words,
            "script": script,
            "foreign": False,
            "ranking": ranking,
        }

    def _unknown(self, words: int, confidence: float, *, script: bool = False) -> dict[str, Any]:
        return {
            "detected": UNKNOWN,
            "confidence": round(confidence, 4),
            "words": words,
            "script": script,
            "foreign": script or words >= self._config[FOREIGN_WORDS],
            "ranking": [],
        }

    def _calibrate(
        self, spoken: list[_Spoken], languages: list[str], general: list[dict[str, float]]
    ) -> Calibration:
        scored: dict[bool, list[tuple[np.ndarray, int]]] = {True: [], False: []}
        foreignness = []
        held_out = hold_out([group for _, group, _ in spoken])
        rest = [
            (language, words) for (language, _, words), out in zip(spoken, held_out, strict=True) if not out
        ]
        model, _ = train_language_model(rest, languages, self._config[ORDER], general)
        for (language, _, words), out in zip(spoken, held_out, strict=True):
            if out:
                is_latin = self._speakers_of_script(words) is None
                scores, found = self._score(model, words, is_latin=is_latin)
                scored[len(words) < self._config[FEW_WORDS]].append((scores, languages.index(language)))
                foreignness.append(found)
        quantile = float(np.quantile(foreignness, 1 - self._config[FOREIGN_SHARE]))
        return Calibration(_fit(scored[False]), _fit(scored[True]), quantile)


def _fit(scored: list[tuple[np.ndarray, int]]) -> float:
    """Return the factor that makes probabilities of scores, from scores and the true language's column."""
    if not scored:
        return 1.0
    scores, truths = zip(*scored, strict=True)
    return fit_temperature(np.array(scores), np.array(truths), least=0.02, most=1.0)


def _may_be_romanised(context: Context) -> bool:
    """Return whether Latin letters may be the conversation's language all the same ("eifo ha hazmana")."""
    spoken = find_language(context.language_asked) or find_language(context.language)
    spoken = spoken or find_language(context.language_hint)
    return spoken is not None and spoken.script != "Latn"
