"""Makes any Hugging Face sentence encoder usable: `python -m bot.encoder.adopt NAME --out DIR`.

NAME is one of the hub (`intfloat/multilingual-e5-small`) or a folder. What is written has the files of
`models/encoder`, so that the same component serves it. Needs torch: it runs in the encoder's environment.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer

from bot.encoder.export import ExportError, run_graph, write_graph
from bot.encoder_folder import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILES

# How sentence-transformers says what a sentence's vector is; without the file it is the mean over tokens.
_POOLING_FILE = "1_Pooling/config.json"
_CHECKED = ("Where is my parcel?", "Dov'è il mio pacco?", "החבילה שלי לא הגיעה", "返品したいです")
# More than the encoder made here: others have outliers among their weights, which eight bits round coarsely.
_WORST_BOUND = 0.95


class AdoptedEncoder(torch.nn.Module):
    """A model of the hub with the outputs of ours: vectors of tokens, and one of length one for the text."""

    def __init__(self, name: str) -> None:
        super().__init__()
        config = AutoConfig.from_pretrained(name)
        self.model = AutoModel.from_pretrained(name, attn_implementation="eager", dtype=torch.float32).eval()
        self.config = config
        self.takes_first_token = _pooling_of(name) == "cls"

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the embeddings of the tokens (texts x tokens x width) and of the texts (texts x width)."""
        tokens = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.takes_first_token:
            pooled = tokens[:, 0]
        else:
            mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
            pooled = (tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        return tokens, torch.nn.functional.normalize(pooled, dim=-1)


def _pooling_of(name: str) -> str:
    file = _find_file(name, _POOLING_FILE)
    if file is None:
        return "mean"
    pooling = json.loads(file.read_text(encoding="utf-8"))
    if pooling.get("pooling_mode_cls_token"):
        return "cls"
    if pooling.get("pooling_mode_mean_tokens"):
        return "mean"
    raise ExportError(f"{name}: {_POOLING_FILE} asks for neither the first token nor the mean over tokens")


def _find_file(name: str, file: str) -> Path | None:
    if Path(name).is_dir():
        path = Path(name) / file
        return path if path.exists() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(name, file))
    except EntryNotFoundError:
        return None


def adopt(name: str, out: Path) -> None:
    """Write the encoder's files into a folder.

    Raises:
        OSError: There is no such model, or it cannot be downloaded.
        ExportError: It has no fast tokeniser, or its 8-bit graph answers otherwise than the model.
    """
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(name)
    if not tokenizer.is_fast:
        raise ExportError(f"{name}: only encoders whose tokeniser can be a tokenizer.json are served")
    tokenizer.save_pretrained(out)
    _drop_padding(out)
    model = AdoptedEncoder(name)
    longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 512))
    _set_longest(out, longest)
    model.config.save_pretrained(out)
    unfinished = out / f"{MODEL_FILE}.unfinished"
    write_graph(model, unfinished)
    _check(unfinished, model, out)
    # Last of all: a folder with a graph is a whole one.
    unfinished.replace(out / MODEL_FILE)


def _drop_padding(folder: Path) -> None:
    # Some come with every text filled up to 128 tokens: the component pads as it needs.
    file = str(folder / TOKENIZER_FILES[0])
    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_padding()
    tokenizer.save(file)


def _set_longest(folder: Path, longest: int) -> None:
    file = folder / TOKENIZER_FILES[1]
    config = json.loads(file.read_text(encoding="utf-8"))
    config["model_max_length"] = longest
    file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _check(graph: Path, model: AdoptedEncoder, folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILES[0]))
    shipped = run_graph(graph, tokenizer, _CHECKED)
    rows = []
    with torch.inference_mode():
        for text in _CHECKED:
            ids = torch.tensor([tokenizer.encode(text).ids])
            rows.append(model(ids, torch.ones_like(ids))[1])
    worst = float((shipped * torch.cat(rows).numpy()).sum(axis=1).min())
    if worst < _WORST_BOUND:
        raise ExportError(
            f"cosine between the 8-bit graph and the model: {worst:.4f} (at least {_WORST_BOUND})"
        )


def main() -> int:
    """Read the command line and adopt."""
    parser = argparse.ArgumentParser(prog="python -m bot.encoder.adopt", description=__doc__)
    parser.add_argument("name", help="of the Hugging Face hub, or a folder")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        adopt(arguments.name, arguments.out)
    except (OSError, ExportError) as error:
        sys.stderr.write(f"{arguments.name}: {error}\n")
        return 1
    sys.stderr.write(f"{arguments.out / CONFIG_FILE}: written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
