"""Turns messages into vectors: close together where the messages mean the same, whatever the language."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.written_form import text_to_read
from bot.encoder_folder import (
    CONFIG_FILE,
    MODEL_FILE,
    PROJECT_FOLDER,
    TOKENIZER_FILES,
    find_files,
    fingerprint_files,
    make_encodable,
)

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer as PieceTokenizer

ENCODER = "encoder"
SEQUENCE = "sequence"
BATCH_SIZE = "batch_size"
WHEN_ASKED = "when_asked"
TRAIN_ON_EVERY = "train_on_every"

# A function without arguments that returns a message's vectors (`Encoded`, of one text).
ENCODING = "encoding"

# transformers writes 10³⁰ for a tokeniser that reads texts of any length.
_NO_LIMIT = 1_000_000

_ENCODER_FILES = (CONFIG_FILE, *TOKENIZER_FILES, MODEL_FILE)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class EncoderFeaturizer(DenseFeaturizer, GraphComponent):
    """Adds the sentence encoder's features to the text of a message, on ONNX Runtime.

    A customer's message also gets `encoding`, a function that returns its vectors (`Encoded`).
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before this one in the pipeline."""
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's default config."""
        return {
            **DenseFeaturizer.get_default_config(),
            # Folder of the encoder, from the project's root.
            ENCODER: "models/encoder",
            # Also add a vector for each token, for components that read the message word by word.
            SEQUENCE: False,
            # Encode a customer's message only when `encoding` is called, and add no features to it: for most
            # messages n-grams are sure alone. Not for pipelines with a component that reads the features.
            WHEN_ASKED: False,
            # 1: every training message gets features, 2: every other one. They take their time, and what
            # learns from vectors may need fewer messages than what learns from n-grams.
            TRAIN_ON_EVERY: 1,
            # Messages encoded at once in training. The graph scales its 8-bit numbers by the largest in the
            # batch, so a message's vector turns a little from the one it has alone (cosine 0.998).
            BATCH_SIZE: 32,
        }

    @staticmethod
    def required_packages() -> list[str]:
        """Return the packages that must be importable."""
        return ["onnxruntime", "tokenizers"]

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Check the config.

        Raises:
            InvalidConfigException: A number is no positive one, or vectors for each token are wanted that
                nothing would be added to.
        """
        for key in (BATCH_SIZE, TRAIN_ON_EVERY):
            if not isinstance(config[key], int) or config[key] < 1:
                raise InvalidConfigException(f"{key} must be 1 or more, not {config[key]!r}")
        if config[WHEN_ASKED] and config[SEQUENCE]:
            raise InvalidConfigException(f"{SEQUENCE} needs {WHEN_ASKED}: false, which adds the features")

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EncoderFeaturizer:
        """Create the component with its encoder loaded.

        Raises:
            EncoderFilesError: A file of the encoder is missing.
        """
        return cls(execution_context.node_name, config, load_encoder(config[ENCODER]))

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Return a hash of the encoder's files, so that Rasa trains anew when they have changed."""
        return fingerprint_files(find_files(config[ENCODER], _ENCODER_FILES))

    def __init__(self, name: str, config: dict[str, Any], encoder: Encoder) -> None:
        """Take the node's name, the config and the loaded encoder."""
        super().__init__(name, config)
        self._encoder = encoder

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add features to the training messages with a text, or to every so-manieth (`train_on_every`)."""
        with_text = [message for message in training_data.training_examples if message.get(TEXT)]
        messages = with_text[:: self._config[TRAIN_ON_EVERY]]
        # Of one length, as padding costs as much as text; in threads, as ONNX Runtime lets the others run.
        messages.sort(key=lambda message: len(message.get(TEXT)))
        size = self._config[BATCH_SIZE]
        batches = [messages[start : start + size] for start in range(0, len(messages), size)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            # Listed, so that what went wrong in a thread is raised here.
            list(pool.map(self._add_features, batches))
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Prepare the vectors of every message that has a text, be it an empty one."""
        for message in messages:
            if isinstance(message.get(TEXT), str):
                texts = [text_to_read(message)]
                encoding = cache(partial(self._encoder.encode, texts, tokens=self._config[SEQUENCE]))
                message.set(ENCODING, encoding)
                if not self._config[WHEN_ASKED]:
                    self._set_features([message], encoding())
        return messages

    def _add_features(self, messages: Sequence[Message]) -> None:
        texts = [text_to_read(message) for message in messages]
        self._set_features(messages, self._encoder.encode(texts, tokens=self._config[SEQUENCE]))

    def _set_features(self, messages: Sequence[Message], encoded: Encoded) -> None:
        for row, message in enumerate(messages):
            sequence = None
            if self._config[SEQUENCE]:
                tokens = message.get(TOKENS_NAMES[TEXT])
                sequence = _align(encoded.pieces[row], encoded.offsets[row], tokens)
            self.add_features_to_message(sequence, encoded.sentences[row : row + 1], TEXT, message)


@dataclass(frozen=True)
class Encoded:
    """The vectors of some texts.

    `sentences` and `questions` are texts x width: what a text means among the labels, and what it says. For
    each text, `pieces` is pieces x width and `offsets` says where in it they are; both are empty where only
    sentences were asked for.
    """

    sentences: np.ndarray
    questions: np.ndarray
    pieces: list[np.ndarray]
    offsets: list[list[tuple[int, int]]]


class Encoder:
    """A tokeniser and an ONNX graph that ends in a vector of length one for each text."""

    def __init__(self, tokenizer: PieceTokenizer, session: InferenceSession) -> None:
        """Take both, loaded; the tokeniser cuts what is too long and pads the rest."""
        self._tokenizer = tokenizer
        self._session = session
        outputs = session.get_outputs()
        self._width: int = outputs[1].shape[-1]
        # Others' encoders have one vector for both.
        self._question_output = outputs[-1].name if len(outputs) > 2 else outputs[1].name

    def encode(self, texts: Sequence[str], tokens: bool = False) -> Encoded:
        """Return the vectors of the texts; a text of no pieces (empty, spaces) is all zeros.

        A text longer than the encoder reads (`model_max_length` of its tokeniser, in pieces) is cut.
        """
        plain = [make_encodable(text) for text in texts]
        # The batch's threads are of use in training only.
        batch = self._tokenizer.encode_batch(plain) if len(plain) > 1 else [self._tokenizer.encode(plain[0])]
        mask = np.array([encoding.attention_mask for encoding in batch], dtype=np.int64)
        sentences, questions = np.zeros((2, len(texts), self._width), dtype=np.float32)
        full = mask.any(axis=1) if mask.size else np.zeros(len(texts), dtype=bool)
        vectors = np.zeros((len(texts), 0, self._width), dtype=np.float32)
        if full.any():
            ids = np.array([encoding.ids for encoding in batch], dtype=np.int64)
            feed = {"input_ids": ids, "attention_mask": mask}
            names = ["sentence_embedding", self._question_output, *(["token_embeddings"] if tokens else [])]
            found = self._session.run(names, feed)
            sentences[full] = found[0][full]
            questions[full] = found[1][full]
            vectors = found[2] if tokens else vectors
        if not tokens:
            return Encoded(sentences, questions, [], [])
        counts = mask.sum(axis=1) if mask.size else np.zeros(len(texts), dtype=np.int64)
        return Encoded(
            sentences,
            questions,
            [vectors[row, :count] for row, count in enumerate(counts)],
            [encoding.offsets[:count] for encoding, count in zip(batch, counts, strict=True)],
        )


def vector_cache_file(folder: str) -> Path:
    """Return where vectors of texts by the encoder of a folder are kept (`bot.question_index`)."""
    made_by = fingerprint_files(find_files(folder, _ENCODER_FILES))[:16]
    return PROJECT_FOLDER / "var" / "question-vectors" / f"{made_by}.npz"


@lru_cache(maxsize=2)
def load_encoder(folder: str) -> Encoder:
    """Return the encoder of a folder, loaded once: messages and articles share it, in any thread.

    Raises:
        EncoderFilesError: One of its files is missing.
    """
    from onnxruntime import InferenceSession, SessionOptions

    path = find_files(folder, _ENCODER_FILES)[-1]
    options = SessionOptions()
    # One message is too little work to share, and waiting threads would slow the other turns down.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Encoder(_load_tokenizer(path.parent), session)


def _load_tokenizer(folder: Path) -> PieceTokenizer:
    """Return the tokeniser as transformers would set it up: that library takes ten times as long."""
    from tokenizers import Tokenizer as PieceTokenizer

    config = json.loads((folder / TOKENIZER_FILES[1]).read_text(encoding="utf-8"))
    tokenizer = PieceTokenizer.from_file(str(folder / TOKENIZER_FILES[0]))
    # Otherwise "<pad>", typed by a customer, would be the padding and no text.
    tokenizer.encode_special_tokens = bool(config.get("split_special_tokens"))
    longest = config.get("model_max_length")
    if longest and longest < _NO_LIMIT:
        tokenizer.enable_truncation(max_length=longest)
    padding = config.get("pad_token")
    name = padding["content"] if isinstance(padding, dict) else padding
    if name:
        tokenizer.enable_padding(pad_id=tokenizer.token_to_id(name), pad_token=name)
    return tokenizer


def _align(pieces: np.ndarray, offsets: list[tuple[int, int]], tokens: list[Token]) -> np.ndarray:
    """Return a vector for each token: the mean of the pieces in it, or zeros where there are none."""
    vectors = np.zeros((len(tokens), pieces.shape[-1]), dtype=np.float32)
    for row, token in enumerate(tokens):
        inside = [i for i, (start, end) in enumerate(offsets) if start < token.end and token.start < end]
        if inside:
            vectors[row] = pieces[inside].mean(axis=0)
    return vectors
