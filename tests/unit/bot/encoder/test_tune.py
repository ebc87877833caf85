"""Going on from the shipped graph. Needs torch, so it runs in the encoder's own environment only."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bot.encoder.export import ExportError, Likeness, read_weights, run_graph, write_graph  # noqa: E402
from bot.encoder.model import SentenceEncoder  # noqa: E402
from bot.encoder.stages import embed, train_on_labels  # noqa: E402
from bot.encoder.tune import describe_tuning, open_encoder, tune  # noqa: E402
from bot.encoder.vocabulary import build_tokenizer, write_vocabulary  # noqa: E402
from tests.unit.bot.encoder.test_stages import MESSAGES, SIZE, make_vocabulary  # noqa: E402

CARD = """# Sentence encoder

1. Sentences find their translations.
2. Messages find others of their label.

## Data and licences

8-bit graph against the trained encoder on the training messages: cosine 0.9990 on average, 0.9846 at worst.
"""
TEXTS = [message.text for message in MESSAGES]


@pytest.fixture
def shipped(tmp_path: Path) -> tuple[Path, SentenceEncoder]:
    """An encoder's folder, and the model that its graph was written of."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    vocabulary = make_vocabulary(TEXTS, SIZE.pieces)
    write_vocabulary(vocabulary, folder)
    tokenizer = build_tokenizer(vocabulary)
    torch.manual_seed(1)
    model = SentenceEncoder(SIZE)
    train_on_labels(model, tokenizer, MESSAGES, 20, 1, tmp_path / "first.pt")
    model.config.save_pretrained(folder)
    write_graph(model, folder / "model.onnx")
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    return folder, model


def test_the_weights_of_a_graph_are_those_it_was_written_of(shipped: tuple[Path, SentenceEncoder]) -> None:
    folder, written = shipped
    model, tokenizer = open_encoder(folder)
    for name, weights in written.state_dict().items():
        step = weights.abs().max() / 60  # seven bits
        assert torch.allclose(model.state_dict()[name], weights, atol=float(step)), name
    alike = (embed(model, tokenizer, TEXTS) * embed(written, tokenizer, TEXTS)).sum(dim=1)
    assert alike.min() > 0.98


def test_labels_lie_closer_together_after_tuning(
    shipped: tuple[Path, SentenceEncoder], tmp_path: Path
) -> None:
    folder, _ = shipped
    _, tokenizer = open_encoder(folder)

    def apart() -> float:
        vectors = run_graph(folder / "model.onnx", tokenizer, TEXTS)
        labels = np.array([message.label for message in MESSAGES])
        same = labels[:, None] == labels[None, :]
        cosines = vectors @ vectors.T
        return float(cosines[same].mean() - cosines[~same].mean())

    before = apart()
    tune(MESSAGES, 30, 1, folder, tmp_path / "runs")
    assert apart() > before
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert (
        f"for 30 steps more, upper half (`python -m bot.encoder.tune`, seed 1), drawn from {len(MESSAGES)}"
        in card
    )


def test_tuning_leaves_what_finds_articles_as_it_was(
    shipped: tuple[Path, SentenceEncoder], tmp_path: Path
) -> None:
    folder, _ = shipped
    before, _ = open_encoder(folder)
    tune(MESSAGES, 10, 1, folder, tmp_path / "runs")
    after, _ = open_encoder(folder)
    for earlier, later in zip(before.lower_half(), after.lower_half(), strict=True):
        for (name, weights), tuned in zip(earlier.named_parameters(), later.parameters(), strict=True):
            # Written in 8 bits once more, which changes nothing that was in 8 bits.
            assert torch.allclose(weights, tuned, atol=float(weights.abs().max() / 1_000)), name
    last = before.bert.encoder.layer[-1].output.dense.weight
    assert not torch.allclose(last, after.bert.encoder.layer[-1].output.dense.weight, atol=1e-4)


def test_the_card_names_each_tuning_and_the_last_figures() -> None:
    once = describe_tuning(CARD, 1_234, 800, 1, Likeness(0.9977, 0.9712))
    twice = describe_tuning(once, 5_678, 500, 2, Likeness(0.9966, 0.9755))
    assert "\n3. 20" in once
    assert "\n4. 20" in twice
    assert twice.index("800 steps more") < twice.index("500 steps more") < twice.index("## Data")
    assert "drawn from 5,678 messages" in twice
    assert twice.count("cosine ") == 1
    assert "cosine 0.9966 on average, 0.9755 at worst" in twice


def test_a_graph_of_another_kind_is_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    bias = numpy_helper.from_array(np.zeros(2, dtype=np.float32), "dense.bias")
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Add", ["y", "dense.bias"], ["z"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])],
        [bias],
    )
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    with pytest.raises(ExportError, match=r"dense\.bias is added to a Relu"):
        read_weights(tmp_path / "model.onnx")
