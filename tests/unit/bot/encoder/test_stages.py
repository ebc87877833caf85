"""Needs torch, so it runs in the encoder's own environment only (`make encoder`)."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bot.encoder.corpora import Pair  # noqa: E402
from bot.encoder.export import ExportError, check_graph, write_graph  # noqa: E402
from bot.encoder.measure import measure_labels, measure_translations, probe, vote  # noqa: E402
from bot.encoder.model import SentenceEncoder, Size, start_from  # noqa: E402
from bot.encoder.pretrained import Pretrained  # noqa: E402
from bot.encoder.stages import (  # noqa: E402
    Lessons,
    embed,
    encode_texts,
    label_loss,
    make_batch,
    train_on_labels,
    train_on_translations,
    translation_loss,
)
from bot.encoder.vocabulary import (  # noqa: E402
    VocabularyError,
    build_tokenizer,
    check_same_pieces,
    prune_sentencepiece,
    write_vocabulary,
)
from bot.training_data import TrainingMessage  # noqa: E402

WORDS = {
    "track_order": ("where is my parcel", "dov'è il mio pacco", "waar is mijn pakket"),
    "greet": ("hello there", "ciao a tutti", "hallo allemaal"),
    "thank": ("thanks a lot", "grazie mille", "heel erg bedankt"),
    "out_of_scope": ("what a lovely sky", "che tempo fa", "wie won de wedstrijd"),
}
MESSAGES = [
    TrainingMessage(f"{text} {n}", (), label, language, f"{language}-{1 + n % 2}")
    for label, texts in WORDS.items()
    for language, text in zip(("en", "it", "nl"), texts, strict=True)
    for n in range(12)
]
PAIRS = [
    Pair(f"{english} {n}", language, f"{text} {n}", "test")
    for english, *others in WORDS.values()
    for language, text in zip(("it", "nl"), others, strict=True)
    for n in range(60)
]
SIZE = Size(layers=1, width=32, heads=2, pieces=400, translation_steps=40, label_steps=40)


def known_pieces(texts: list[str]) -> dict[str, float]:
    """A larger vocabulary, as a pretrained encoder has one: words, their beginnings, letters."""
    counts: Counter[str] = Counter()
    for text in texts:
        for word in text.split():
            counts.update({f"▁{word}": 9, f"▁{word[:2]}": 3, word[1:]: 1, **dict.fromkeys(word, 1)})
    total = sum(counts.values())
    return {piece: math.log(count / total) for piece, count in counts.items() if piece}


def make_vocabulary(texts: list[str], pieces: int) -> bytes:
    return prune_sentencepiece(known_pieces(texts), dict.fromkeys(texts, 1.0), pieces)


@pytest.fixture(scope="module")
def vocabulary() -> bytes:
    return make_vocabulary([message.text for message in MESSAGES], SIZE.pieces)


@pytest.fixture(scope="module")
def tokenizer(vocabulary):
    return build_tokenizer(vocabulary)


def fresh_model():
    torch.manual_seed(1)
    # Fewer pieces than asked for may do for a few words.
    return SentenceEncoder(replace(SIZE, pieces=500)).eval()


def lessons() -> Lessons:
    generator = torch.Generator().manual_seed(3)
    texts = {pair.english for pair in PAIRS} | {message.text for message in MESSAGES}
    places = {
        text: torch.nn.functional.normalize(torch.randn(SIZE.width, generator=generator), dim=0)
        for text in sorted(texts)
    }
    return Lessons(PAIRS, [message.text for message in MESSAGES], places)


def weights_of(model):
    return torch.cat([weights.detach().flatten() for weights in model.parameters()])


def test_the_same_texts_and_seed_give_the_same_vocabulary(vocabulary):
    assert make_vocabulary([message.text for message in MESSAGES], SIZE.pieces) == vocabulary


def test_the_most_used_pieces_are_kept_and_digits_stay_single():
    texts = ["where is parcel 48213", "where is my parcel 48213"]
    known = {**known_pieces(texts), "▁unused": -1.0, "48213": -1.0, "▁48": -1.0}
    tokenizer = build_tokenizer(prune_sentencepiece(known, dict.fromkeys(texts, 1.0), 332))
    pieces = tokenizer.get_vocab()
    assert "▁parcel" in pieces
    assert not {"▁unused", "48213", "▁48"} & set(pieces)
    assert tokenizer.encode("parcel 482").tokens == ["▁parcel", "▁", "4", "8", "2"]
    assert all(token.startswith("<0x") for token in tokenizer.encode("𓀀").tokens[1:])


def test_an_encoder_starts_with_what_is_known_of_its_pieces(tokenizer):
    count = tokenizer.get_vocab_size()
    size = replace(SIZE, pieces=count)
    whole = SentenceEncoder(replace(size, layers=2, pieces=3)).bert.state_dict()
    weights = {name: values.numpy() for name, values in whole.items()}
    pretrained = Pretrained(32, 2, 2, ("<pad>", "▁where", "▁is"), np.zeros(3), weights)
    model = start_from(pretrained, size, tokenizer)
    own = model.bert.embeddings.word_embeddings.weight
    known = torch.from_numpy(weights["embeddings.word_embeddings.weight"])
    assert torch.equal(own[tokenizer.token_to_id("▁where")], known[1])
    assert torch.allclose(own[tokenizer.token_to_id("<0x41>")], known.mean(dim=0))
    layer = "encoder.layer.0.output.dense.weight"
    assert torch.equal(model.bert.state_dict()[layer], torch.from_numpy(weights[layer]))
    with pytest.raises(ValueError, match="cannot start"):
        start_from(pretrained, replace(size, layers=3), tokenizer)


def test_a_vocabulary_that_does_not_belong_to_its_tokenizer_is_refused(tmp_path, vocabulary):
    write_vocabulary(vocabulary, tmp_path)
    assert check_same_pieces(tmp_path, ["where is my parcel", "<pad> 𓀀"]) == 2
    other = make_vocabulary([message.text[::-1] for message in MESSAGES], 390)
    (tmp_path / "sentencepiece.model").write_bytes(other)
    with pytest.raises(VocabularyError, match="where is my parcel"):
        check_same_pieces(tmp_path, ["where is my parcel"])


def test_a_perfect_translation_costs_nothing_and_an_equal_text_is_no_mistake():
    vectors = torch.eye(4)
    same = torch.eye(4, dtype=torch.bool)
    assert translation_loss(vectors, vectors, same).item() < 1e-6
    doubled = vectors[[0, 0, 2, 3]]
    same[0, 1] = same[1, 0] = True
    assert translation_loss(doubled, doubled, same).item() < 1e-6
    assert translation_loss(vectors, vectors[[1, 0, 2, 3]], torch.eye(4, dtype=torch.bool)).item() > 1


def test_labels_in_one_place_cost_less_than_mixed_ones():
    vectors = torch.eye(2)[[0, 0, 1, 1]]
    none_loose = torch.zeros(4, dtype=torch.bool)
    tidy = label_loss(vectors, torch.tensor([0, 0, 1, 1]), none_loose)
    mixed = label_loss(vectors, torch.tensor([0, 1, 0, 1]), none_loose)
    assert tidy.item() == pytest.approx(0, abs=1e-3)
    assert mixed > 5
    loose = torch.tensor([False, False, True, True])
    assert label_loss(vectors[[0, 0, 1, 0]], torch.tensor([0, 0, 1, 1]), loose) < mixed


def test_padding_does_not_change_a_text(tokenizer):
    model = fresh_model()
    texts = ["ciao", "where is my parcel 3 where is my parcel 3"]
    alone = [embed(model, tokenizer, [text]) for text in texts]
    assert torch.allclose(torch.cat(alone), embed(model, tokenizer, texts), atol=1e-5)
    batch = make_batch(encode_texts(tokenizer, texts), torch.device("cpu"), longest=5)
    assert batch["input_ids"].shape[1] == 5


@pytest.mark.parametrize("stage", [train_on_translations, train_on_labels])
def test_a_run_broken_off_ends_like_one_that_was_not(tmp_path, tokenizer, monkeypatch, stage):
    monkeypatch.setattr("bot.encoder.stages._STEPS_BETWEEN_CHECKPOINTS", 3)
    material = lessons() if stage is train_on_translations else MESSAGES

    whole = fresh_model()
    stage(whole, tokenizer, material, 8, 1, tmp_path / "whole.pt")

    def power_cut(path: Path, step: int, parts) -> None:
        save(path, step, parts)
        if step == 6:
            raise KeyboardInterrupt

    from bot.encoder import stages

    save = stages._save_checkpoint
    monkeypatch.setattr(stages, "_save_checkpoint", power_cut)
    broken = fresh_model()
    with pytest.raises(KeyboardInterrupt):
        stage(broken, tokenizer, material, 8, 1, tmp_path / "broken.pt")
    monkeypatch.setattr(stages, "_save_checkpoint", save)
    resumed = fresh_model()
    stage(resumed, tokenizer, material, 8, 1, tmp_path / "broken.pt")
    assert torch.equal(weights_of(resumed), weights_of(whole))
    assert not torch.equal(weights_of(resumed), weights_of(broken))


def test_training_brings_labels_and_translations_together(tmp_path, tokenizer):
    torch.set_num_threads(1)
    model = fresh_model()
    pairs = {"it": [pair for pair in PAIRS if pair.language == "it"][::60]}
    train_on_translations(model, tokenizer, lessons(), 60, 1, tmp_path / "translations.pt")
    assert measure_translations(model, tokenizer, pairs)["it"] > 0.7
    train_on_labels(model, tokenizer, MESSAGES, 40, 1, tmp_path / "labels.pt")
    known = [message for message in MESSAGES if message.author.endswith("1")]
    asked = [message for message in MESSAGES if message.author.endswith("2")]
    for language, (by_probe, by_vote, count) in measure_labels(model, tokenizer, known, asked).items():
        assert count == len(asked) // 3, language
        assert min(by_probe, by_vote) > 0.9, language


def test_probe_and_vote_find_what_is_plain():
    vectors = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1], [1, -0.1], [0.1, 1], [-0.1, 1]]), dim=1)
    labels = torch.tensor([0, 0, 1, 1])
    asked = torch.eye(2)
    assert probe(vectors, labels, asked, 2).tolist() == [0, 1]
    assert vote(vectors, labels, asked, 2).tolist() == [0, 1]


def test_the_graph_answers_as_the_model_does(tmp_path, tokenizer):
    model = fresh_model()
    write_graph(model, tmp_path / "model.onnx")
    texts = [message.text for message in MESSAGES[::10]]
    likeness = check_graph(tmp_path / "model.onnx", model, tokenizer, texts)
    assert likeness.worst <= likeness.mean <= 1.001
    full_weights = sum(weights.numel() for weights in model.parameters()) * 4
    assert (tmp_path / "model.onnx").stat().st_size < full_weights


def answer_with(monkeypatch, cosines):
    """Let the graph answer as far from the model as told, a text each."""
    cosines = torch.tensor(cosines)
    shipped = torch.stack([cosines, (1 - cosines**2).sqrt()], dim=1).numpy()
    monkeypatch.setattr("bot.encoder.export.run_graph", lambda *_: shipped)
    monkeypatch.setattr("bot.encoder.export.embed", lambda *_: torch.tensor([[1.0, 0.0]] * len(cosines)))


@pytest.mark.parametrize(
    ("cosines", "refused"),
    [
        ([0.99] * 1_000 + [0.985] * 1_000, "0.9875 on average"),
        ([0.975] * 20 + [1.0] * 1_980, "0.9750 in all but 0.1%"),
        ([0.94] + [1.0] * 1_999, "0.9400 at worst"),
    ],
)
def test_a_graph_that_answers_otherwise_is_refused(monkeypatch, cosines, refused):
    answer_with(monkeypatch, cosines)
    with pytest.raises(ExportError, match=refused):
        check_graph(Path("model.onnx"), None, None, [])


def test_one_text_of_thousands_may_differ_more(monkeypatch):
    answer_with(monkeypatch, [0.956] + [1.0] * 1_999)
    assert check_graph(Path("model.onnx"), None, None, []).worst == pytest.approx(0.956)
