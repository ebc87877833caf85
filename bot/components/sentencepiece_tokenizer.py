"""Cuts messages into the pieces that the sentence encoder knows: one tokeniser for every language."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.training_data.message import Message

from bot.components.written_form import text_to_read
from bot.encoder_folder import SENTENCEPIECE_FILE, find_files, fingerprint_files

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

MODEL = "model"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class SentencePieceTokenizer(Tokenizer):
    """A tokeniser for text without spaces between words as well as with them, and for words never seen.

    A token's `text`, `start` and `end` are those of the message as it was typed; its `lemma` is the piece or
    pieces of the vocabulary (normalised, "▁" where a word begins). Characters outside the vocabulary are one
    token each, with their bytes as lemma.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's default config."""
        return {
            # Folder of the encoder, from the project's root; its `sentencepiece.model` is read.
            MODEL: "models/encoder",
            # The rest is Rasa's, for names of intents: they stay whole.
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
        }

    @staticmethod
    def required_packages() -> list[str]:
        """Return the packages that must be importable."""
        return ["sentencepiece"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentencePieceTokenizer:
        """Create the component with its vocabulary loaded.

        Raises:
            EncoderFilesError: There is no `sentencepiece.model` in the folder.
        """
        return cls(config, load_vocabulary(config[MODEL]))

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Return a hash of the vocabulary, so that Rasa trains anew when it has changed."""
        return fingerprint_files(find_files(config[MODEL], [SENTENCEPIECE_FILE]))

    def __init__(self, config: dict[str, Any], processor: SentencePieceProcessor) -> None:
        """Take the config and the loaded vocabulary."""
        super().__init__(config)
        self._processor = processor

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Return the tokens of an attribute of the message; a text of no pieces (spaces) is one as it is."""
        text = message.get(attribute)
        tokens = self._cut(text, text_to_read(message, attribute)) or [Token(text, 0)]
        return self._apply_token_pattern(tokens)

    def _cut(self, text: str, read: str) -> list[Token]:
        encoded = self._processor.encode(read, return_type="offset_mapping")
        tokens = []
        lemma = ""
        # Pieces come without text of their own (the space put before a first word, all bytes but one of a
        # character, the parts of "½" but one): they wait for the piece that has it.
        for piece, (start, end) in zip(encoded["pieces"], encoded["offsets"], strict=True):
            lemma += piece
            start, end = _trim(text, start, end)
            if start < end:
                tokens.append(Token(text[start:end], start, end, lemma=lemma))
                lemma = ""
        return tokens


def load_vocabulary(folder: str) -> SentencePieceProcessor:
    """Return the SentencePiece model of an encoder's folder, loaded.

    Raises:
        EncoderFilesError: There is none.
    """
    from sentencepiece import SentencePieceProcessor

    (path,) = find_files(folder, [SENTENCEPIECE_FILE])
    return SentencePieceProcessor(model_file=str(path))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range without the spaces and invisible characters that a piece takes in at its ends."""
    while start < end and _is_blank(text[start]):
        start += 1
    while start < end and _is_blank(text[end - 1]):
        end -= 1
    return start, end


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"
