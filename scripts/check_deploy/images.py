"""The Dockerfiles: what they copy is there, nothing runs as root, no secret is built in, the locks fit."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path

OURS = ("actions", "bot", "handoff", "locales", "telemetry", "scripts", "tests")
# Programs that an image starts, by the top-level package they are.
PROGRAMS = {"app.Dockerfile": ("handoff", "actions"), "bot.Dockerfile": ("bot",)}
# Copied without what only trains the encoder (.dockerignore).
NOT_COPIED = ("bot/encoder",)

_LOCKED = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
_SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|_KEY\b", re.IGNORECASE)
_PINNED = re.compile(r"^[a-z0-9./-]+:\d[\w.-]*$")


def parse(text: str) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions, each with its arguments on one line."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.strip() for line in joined.splitlines() if line.strip()]
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1]) for line in lines]


def is_pinned(image: str) -> bool:
    """Tell whether an image is named with a version."""
    return bool(_PINNED.match(image))


def _is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore leaves a path out of the build's context; the last pattern that fits decides."""
    ignored = False
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        parts = path.split("/")
        parents = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        name = bare.removeprefix("**/")
        if any(fnmatch.fnmatch(parent, bare) for parent in parents) or (
            name != bare and any(fnmatch.fnmatch(part, name) for part in parts)
        ):
            ignored = not pattern.startswith("!")
    return ignored


def list_imports(folder: Path, root: Path, skipped: tuple[str, ...] = ()) -> set[str]:
    """Return the packages of ours that the Python files of a folder import."""
    found: set[str] = set()
    for file in sorted(folder.rglob("*.py")):
        if file.relative_to(root).as_posix().startswith(skipped):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found & set(OURS)


def check_dockerfile(file: Path, root: Path) -> Iterator[str]:
    """Yield what is wrong with one Dockerfile."""
    where = file.name
    instructions = parse(file.read_text(encoding="utf-8"))
    ignore = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in ignore if line and not line.startswith("#")]
    stages = {words.split()[-1] for name, words in instructions if name == "FROM" and " AS " in words}
    last = max(index for index, (name, _) in enumerate(instructions) if name == "FROM")
    final = instructions[last:]
    for name, words in instructions:
        if name == "FROM" and words.split()[0] not in stages and not is_pinned(words.split()[0]):
            yield f"{where}: {words.split()[0]} names no version"
        if name in {"ENV", "ARG"} and _SECRET.search(words):
            yield f"{where}: {name} {words.split('=')[0]} would be readable in the image"
        if name == "ADD":
            yield f"{where}: ADD fetches and unpacks; use COPY"
        if name == "COPY" and "--from" not in words:
            for source in words.split()[:-1]:
                if not (root / source).exists():
                    yield f"{where}: COPY {source}: there is no such file"
                elif _is_ignored(source, patterns):
                    yield f"{where}: COPY {source}: .dockerignore leaves it out"
    users = [words for name, words in final if name == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        yield f"{where}: the image has to run as a user with a number other than 0"
    for needed in ("HEALTHCHECK", "CMD"):
        if needed not in {name for name, _ in final}:
            yield f"{where}: {needed} is missing"
    copied = {words.split()[-1].split("/")[0] for name, words in final if name == "COPY"}
    for program in sorted(copied & set(OURS) | set(PROGRAMS[where])):
        missing = list_imports(root / program, root, NOT_COPIED) - copied
        # The Dockerfiles of both images name what they need; an import of a test helper is a mistake too.
        yield from (f"{where}: {program} imports {name}, which is not copied" for name in sorted(missing))


def check_lock(root: Path, name: str) -> Iterator[str]:
    """Yield where an image's lock is not a part of the whole one, which is what has been tested."""
    whole = _read_lock(root / "requirements" / f"{name}.txt")
    for package, version in _read_lock(root / "requirements" / f"{name}-run.txt").items():
        if whole.get(package) != version:
            yield (
                f"requirements/{name}-run.txt: {package} {version}, but {name}.txt has {whole.get(package)}: "
                "make lock"
            )


def _read_lock(file: Path) -> dict[str, str]:
    return dict(_LOCKED.findall(file.read_text(encoding="utf-8")))


def check(root: Path) -> Iterator[str]:
    """Yield every problem of the images."""
    for name in PROGRAMS:
        yield from check_dockerfile(root / "deploy" / name, root)
    yield from check_lock(root, "app")
    yield from check_lock(root, "bot")
    ignore = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in ignore if line and not line.startswith("#")]
    for private in (
        "var/secrets.env",
        "deploy/.env",
        ".git/config",
        "models/rasa/x.tar.gz",
        ".venv/bin/python",
    ):
        if not _is_ignored(private, patterns):
            yield f".dockerignore: {private} would become part of the build"
