"""Where the sentence encoder lies and whether it is whole: shared by the components that read it."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
SENTENCEPIECE_FILE = "sentencepiece.model"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
CONFIG_FILE = "config.json"
MODEL_FILE = "model.onnx"

# Half of a character beyond the 16-bit range; JSON may carry one alone, UTF-8 cannot.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


# Where encoders of others are kept in our form, and what makes them so.
_ADOPTED_FOLDER = PROJECT_FOLDER / "var" / "encoders"
_TORCH_PYTHON = PROJECT_FOLDER / ".venv-encoder" / "bin" / "python"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class EncoderFilesError(FileNotFoundError):
    """A file of the encoder is not where `config.yml` says, or another's encoder cannot be taken over."""


def find_files(folder: str, names: Iterable[str]) -> list[Path]:
    """Return the paths of an encoder's files.

    Args:
        folder: As `config.yml` names the encoder (`find_encoder`).
        names: Of the files.

    Raises:
        EncoderFilesError: One of them is missing.
    """
    place = find_encoder(folder)
    paths = [place / name for name in names]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise EncoderFilesError(
            f"the encoder {folder!r} named in config.yml lacks {', '.join(missing)}: "
            "the folder is shipped with the project and rebuilt by `make encoder`"
        )
    return paths


def find_encoder(name: str) -> Path:
    """Return the folder of an encoder in our form; another's is brought into it at first use.

    Args:
        name: A folder with our files or those of a Hugging Face model, from the project's root; or a name of
            the hub, such as "intfloat/multilingual-e5-small".

    Raises:
        EncoderFilesError: Another's encoder cannot be downloaded, or there is no torch to export it with.
    """
    folder = PROJECT_FOLDER / name
    weights = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json")
    is_foreign = folder.is_dir() and any((folder / file).exists() for file in weights)
    if (folder / MODEL_FILE).exists() or (folder.exists() and not is_foreign):
        return folder
    if not is_foreign and not _HUB_NAME.fullmatch(name):
        return folder
    source = str(folder) if is_foreign else name
    digest = hashlib.sha256(source.encode()).hexdigest()[:8]
    adopted = _ADOPTED_FOLDER / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name).strip('-')[-60:]}-{digest}"
    if not (adopted / MODEL_FILE).exists():
        if not _TORCH_PYTHON.exists():
            raise EncoderFilesError(
                # A folder that is missing looks like a name of the hub.
                f"the encoder {name!r} named in config.yml is no folder of ours; to take it over from "
                f"Hugging Face run `make adopt ENCODER={name}` once (it installs torch)"
            )
        run = subprocess.run(  # noqa: S603  our own module, and a name of the hub's form or a folder
            [str(_TORCH_PYTHON), "-m", "bot.encoder.adopt", source, "--out", str(adopted)],
            cwd=PROJECT_FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise EncoderFilesError(
                f"the encoder {name!r} cannot be taken over: {run.stderr.strip()[-2000:]}"
            )
    return adopted


def fingerprint_files(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over the names and contents of the files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def make_encodable(text: str) -> str:
    """Return the text, as long as before, with what UTF-8 cannot carry replaced by U+FFFD."""
    return _LONE_SURROGATE.sub("\ufffd", text)
