"""The two stages of training: sentences find their translations and what the teacher makes of them, then
messages find those of their label.

Every step draws its batch and its noise from the seed and its own number, so a run that is broken off goes on
from its last checkpoint exactly as if it had not been.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from bot.encoder.corpora import Pair
from bot.encoder.model import SentenceEncoder
from bot.encoder.noise import Splits, cut_pieces, find_splits, spoil
from bot.encoder.vocabulary import LONGEST_MESSAGE, PADDING_ID
from bot.training_data import TrainingMessage

# Pairs a step; each is told from all the others, so more is better but slower.
PAIRS_A_STEP = 128
# Our own messages among them, which have no translation but a teacher.
_MESSAGES_A_STEP = 128
# Tokens kept of a text of the first stage: most are shorter, and the long ones would cost the most.
_LONGEST_PAIR = 40
# Messages of each label a step.
_MESSAGES_PER_LABEL = 5
# Texts of about one length that are run at once: fewer leave a processor idle, more are slower as well.
_TEXTS_AT_ONCE = 64
# Nothing holds these messages together, so they are pushed away from every label but not towards each other.
_LOOSE_LABELS = {"out_of_scope"}
# Smaller: only the nearest neighbours count.
_TRANSLATION_TEMPERATURE = 0.05
_LABEL_TEMPERATURE = 0.1
# Weight of the teacher against the translations.
_TEACHER_WEIGHT = 5.0
_TRANSLATION_RATE = 4e-4
LABEL_RATE = 6e-4
# The vectors of the labels start from nothing, or from the middle of so many messages, with this length:
# about what they grow to.
_PROXY_RATE = 3e-3
_PROXY_MESSAGES = 60
_PROXY_LENGTH = 0.6
_WARM_UP = 0.06
_WEIGHT_DECAY = 0.01
_LARGEST_GRADIENT = 1.0
# Share of a step's messages that are spoilt, and share of their pieces that are cut in two.
_SPOILT = 0.5
_CUT = 0.1
# What the right label is asked for at most, so that few messages are not learned by heart.
_LABEL_SMOOTHING = 0.1
_STEPS_BETWEEN_CHECKPOINTS = 50
# What a processor needs for sums in 16 bits to be faster: with the second a step takes half the time.
_SUMS_IN_16_BITS = ("amx_bf16", "avx512_bf16")

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Lessons:
    """What the first stage learns: pairs, messages, and where the teacher puts English texts and messages."""

    pairs: list[Pair]
    messages: list[str]
    places: dict[str, torch.Tensor]


def pick_device() -> torch.device:
    """Return the accelerator of this machine, or its processor."""
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


def half_precision(device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which the large sums are done in 16 bits, where the device is made for it."""
    able = device.type != "cpu" or any(map(torch.cpu.get_capabilities().get, _SUMS_IN_16_BITS))
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return the ids of the pieces of each text."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]


def make_batch(rows: Sequence[list[int]], device: torch.device, longest: int = LONGEST_MESSAGE) -> Batch:
    """Return the ids, cut or padded to one length, and which of them are real."""
    width = max(1, *(min(len(row), longest) for row in rows))
    ids = torch.full((len(rows), width), PADDING_ID)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        kept = row[:width]
        ids[number, : len(kept)] = torch.tensor(kept, dtype=torch.long)
        mask[number, : len(kept)] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def embed_rows(
    model: torch.nn.Module, rows: Sequence[list[int]], device: torch.device, longest: int = LONGEST_MESSAGE
) -> torch.Tensor:
    """Return the embeddings of texts given as pieces (texts x width), run with others of their length."""
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]))
    parts = []
    for start in range(0, len(order), _TEXTS_AT_ONCE):
        chosen = [rows[number] for number in order[start : start + _TEXTS_AT_ONCE]]
        with half_precision(device):
            embeddings = model(**make_batch(chosen, device, longest))[1]
        parts.append(embeddings.float())
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[back.to(device)]


def translation_loss(english: torch.Tensor, other: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
    """Return how badly each text finds its translation among those of the step, in both directions.

    Args:
        english: Embeddings of the English texts.
        other: Embeddings of their translations, in the same order.
        same: Where two pairs have the same English text; those do not count as wrong.
    """
    scores = english @ other.T / _TRANSLATION_TEMPERATURE
    scores = scores.masked_fill(same & ~torch.eye(len(scores), dtype=torch.bool, device=scores.device), -1e4)
    right = torch.arange(len(scores), device=scores.device)
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2


def label_loss(embeddings: torch.Tensor, labels: torch.Tensor, loose: torch.Tensor) -> torch.Tensor:
    """Return how badly messages find those of their own label (supervised contrastive, Khosla et al. 2020).

    Args:
        embeddings: Embeddings of the messages.
        labels: A number for each message's label.
        loose: Which messages are not drawn towards those of their label.
    """
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    scores = (embeddings @ embeddings.T / _LABEL_TEMPERATURE).masked_fill(itself, -1e4)
    shares = scores - scores.logsumexp(dim=1, keepdim=True)
    alike = (labels[:, None] == labels[None, :]) & ~itself & ~loose[:, None]
    drawn = alike.any(dim=1)
    return -((shares * alike).sum(dim=1)[drawn] / alike.sum(dim=1)[drawn]).mean()


class _Draws:
    """Draws so many of a list a step, each once before any comes again."""

    def __init__(self, count: int, size: int, seed: str) -> None:
        self._count = count
        self._size = min(size, count)
        self._seed = seed
        self._epoch = -1
        self._order: list[int] = []

    def draw(self, step: int) -> list[int]:
        steps = self._count // self._size
        epoch, position = divmod(step, steps)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = list(range(self._count))
            random.Random(f"{self._seed}/{epoch}").shuffle(self._order)
        return self._order[position * self._size : (position + 1) * self._size]


class _Messages:
    """Draws the messages of a step: as many of each label, of any language, half of them spoilt."""

    def __init__(self, messages: list[TrainingMessage], tokenizer: Tokenizer, seed: int) -> None:
        self._seed = seed
        self._tokenizer = tokenizer
        self._splits: Splits = find_splits(tokenizer.get_vocab())
        self._by_label: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for message in messages:
            self._by_label[message.label][message.language or ""].append(message.text)
        self.labels = sorted(self._by_label)

    def draw(self, step: int) -> tuple[list[list[int]], list[int]]:
        """Return the pieces of the step's messages, and the number of each one's label."""
        generator = random.Random(f"{self._seed}/messages/{step}")
        texts, labels = [], []
        for number, label in enumerate(self.labels):
            languages = self._by_label[label]
            names = sorted(languages)
            # Different languages first, so that a label is one place and not one a language.
            chosen = (generator.sample(names, len(names)) * _MESSAGES_PER_LABEL)[:_MESSAGES_PER_LABEL]
            for language in chosen:
                text = generator.choice(languages[language])
                texts.append(spoil(text, generator) if generator.random() < _SPOILT else text)
                labels.append(number)
        rows = encode_texts(self._tokenizer, texts)
        return [cut_pieces(row, self._splits, generator, _CUT) for row in rows], labels


def _rate(step: int, steps: int) -> float:
    """Return the share of the learning rate at a step: a linear rise, then half a cosine down to nothing."""
    warm_up = max(1, int(_WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _seed_for(seed: int, stage: str, step: int) -> int:
    return random.Random(f"{seed}/{stage}/{step}").getrandbits(48)


def _run_stage(
    stage: str,
    modules: torch.nn.ModuleDict,
    groups: list[dict[str, Any]],
    loss_of: Callable[[int], torch.Tensor],
    steps: int,
    seed: int,
    checkpoint: Path,
) -> None:
    """Train the modules for that many steps, from the checkpoint on where there is one."""
    optimiser = torch.optim.AdamW(groups, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    parts = {"modules": modules, "optimiser": optimiser, "schedule": schedule}
    first = 0
    if checkpoint.exists():
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        first = state["step"]
    modules.train()
    with tqdm(total=steps, initial=first, desc=stage, unit="step", mininterval=1.0) as bar:
        for step in range(first, steps):
            torch.manual_seed(_seed_for(seed, stage, step))
            loss = loss_of(step)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(modules.parameters(), _LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            bar.update()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
            if (step + 1) % _STEPS_BETWEEN_CHECKPOINTS == 0 or step + 1 == steps:
                _save_checkpoint(checkpoint, step + 1, parts)
    modules.eval()


def _save_checkpoint(path: Path, step: int, parts: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"step": step, **{name: part.state_dict() for name, part in parts.items()}}
    unfinished = path.with_suffix(".unfinished")
    torch.save(state, unfinished)
    # In one move: a run killed while it writes leaves the former checkpoint whole.
    unfinished.replace(path)


def train_on_translations(
    model: SentenceEncoder,
    tokenizer: Tokenizer,
    lessons: Lessons,
    steps: int,
    seed: int,
    checkpoint: Path,
) -> None:
    """Teach the model that a sentence and its translation lie in one place, and where (first stage)."""
    device = next(model.parameters()).device
    pairs = _Draws(len(lessons.pairs), PAIRS_A_STEP, f"{seed}/pairs")
    messages = _Draws(len(lessons.messages), _MESSAGES_A_STEP, f"{seed}/messages")

    def loss_of(step: int) -> torch.Tensor:
        drawn = [lessons.pairs[number] for number in pairs.draw(step)]
        own = [lessons.messages[number] for number in messages.draw(step)]
        english = [pair.english for pair in drawn]
        texts = english + [pair.text for pair in drawn] + own
        embeddings = embed_rows(model, encode_texts(tokenizer, texts), device, _LONGEST_PAIR)
        # A translation is to lie where the teacher puts the English: it knows that best.
        places = torch.stack([lessons.places[text] for text in english + english + own]).to(device)
        numbers: dict[str, int] = {}
        numbered = torch.tensor([numbers.setdefault(text, len(numbers)) for text in english])
        same = (numbered[:, None] == numbered[None, :]).to(device)
        found = translation_loss(embeddings[: len(drawn)], embeddings[len(drawn) : 2 * len(drawn)], same)
        return found + _TEACHER_WEIGHT * (1 - (embeddings * places).sum(dim=1)).mean()

    groups = [{"params": model.parameters(), "lr": _TRANSLATION_RATE}]
    modules = torch.nn.ModuleDict({"encoder": model})
    _run_stage("translations", modules, groups, loss_of, steps, seed, checkpoint)


def train_on_labels(
    model: SentenceEncoder,
    tokenizer: Tokenizer,
    messages: list[TrainingMessage],
    steps: int,
    seed: int,
    checkpoint: Path,
    rate: float = LABEL_RATE,
    known_labels: bool = False,
) -> None:
    """Teach the model that messages of one label lie in one place, whatever the language (second stage).

    Messages are drawn to each other and to a vector of their label, learned beside them and then dropped.

    Args:
        rate: Largest learning rate of the encoder.
        known_labels: Whether the model has been through this already: then the labels' vectors start in the
            middle of their messages, as others would undo what it has learned.
    """
    device = next(model.parameters()).device
    source = _Messages(messages, tokenizer, seed)
    torch.manual_seed(_seed_for(seed, "proxies", 0))
    proxies = torch.nn.Linear(model.config.hidden_size, len(source.labels)).to(device)
    if known_labels and not checkpoint.exists():
        with torch.no_grad():
            proxies.weight.copy_(_PROXY_LENGTH * _centres(model, tokenizer, messages, source.labels, seed))
            proxies.bias.zero_()
    loose = torch.tensor([label in _LOOSE_LABELS for label in source.labels], device=device)

    def loss_of(step: int) -> torch.Tensor:
        rows, numbers = source.draw(step)
        embeddings = embed_rows(model, rows, device)
        labels = torch.tensor(numbers, device=device)
        # Scaled up, as no component of a vector of length one is large enough to be sure of anything.
        scores = proxies(embeddings * model.config.hidden_size**0.5)
        by_proxy = torch.nn.functional.cross_entropy(scores, labels, label_smoothing=_LABEL_SMOOTHING)
        return label_loss(embeddings, labels, loose[labels]) + by_proxy

    groups = [
        {"params": [weight for weight in model.parameters() if weight.requires_grad], "lr": rate},
        {"params": proxies.parameters(), "lr": _PROXY_RATE},
    ]
    modules = torch.nn.ModuleDict({"encoder": model, "proxies": proxies})
    _run_stage("labels", modules, groups, loss_of, steps, seed, checkpoint)


def _centres(
    model: SentenceEncoder,
    tokenizer: Tokenizer,
    messages: list[TrainingMessage],
    labels: list[str],
    seed: int,
) -> torch.Tensor:
    """Return the direction in which the messages of each label lie (labels x width)."""
    generator = random.Random(f"{seed}/centres")
    texts: dict[str, list[str]] = defaultdict(list)
    for message in messages:
        texts[message.label].append(message.text)
    chosen = [generator.sample(texts[name], min(_PROXY_MESSAGES, len(texts[name]))) for name in labels]
    means = torch.stack([embed(model, tokenizer, of_label).mean(dim=0) for of_label in chosen])
    return torch.nn.functional.normalize(means, dim=-1)


def embed(model: SentenceEncoder, tokenizer: Tokenizer, texts: Sequence[str]) -> torch.Tensor:
    """Return the embeddings of the texts (texts x width), on the processor."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        return embed_rows(model, encode_texts(tokenizer, texts), device).cpu()
