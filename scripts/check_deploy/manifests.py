"""The Kubernetes manifests as they are written: reading them, and finding what belongs together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

COMPONENT = "app.kubernetes.io/component"
# What has a kustomization of its own below deploy/kubernetes, and what is not applied.
FOLDERS = ("", "migrate", "data")
NOT_APPLIED = {"kustomization.yaml", "secrets.example.yaml"}


@dataclass(frozen=True)
class Manifests:
    """Every document, and where it stands."""

    documents: tuple[tuple[str, Manifest], ...]
    secret_keys: frozenset[str]

    def list_kind(self, *kinds: str) -> list[Manifest]:
        """Return the documents of some kinds."""
        return [document for _, document in self.documents if document["kind"] in kinds]

    def find(self, kind: str, name: str) -> Manifest | None:
        """Return the document of a kind and name, if there is one."""
        return next((found for found in self.list_kind(kind) if found["metadata"]["name"] == name), None)

    def list_workloads(self) -> list[Manifest]:
        """Return what makes pods."""
        return self.list_kind("Deployment", "StatefulSet", "Job")


def read_manifests(folder: Path) -> Manifests:
    """Read every file that the kustomizations name.

    Raises:
        OSError: One of them is not there.
        yaml.YAMLError: One of them is no YAML.
    """
    documents: list[tuple[str, Manifest]] = []
    for part in FOLDERS:
        (kustomization,) = _parse(folder / part / "kustomization.yaml")
        for name in kustomization["resources"]:
            file = folder / part / name
            documents += [(file.relative_to(folder).as_posix(), document) for document in _parse(file)]
    (example,) = _parse(folder / "secrets.example.yaml")
    return Manifests(tuple(documents), frozenset(example["stringData"]))


def _parse(file: Path) -> list[Manifest]:
    return _parse_text(file.read_text(encoding="utf-8"))


@cache
def _parse_text(text: str) -> list[Manifest]:
    # Tests break one file after the other: the rest is read once. Nobody changes what was read.
    return [document for document in yaml.safe_load_all(text) if document]


def list_forgotten(folder: Path) -> Iterator[str]:
    """Yield the files that no kustomization names."""
    for part in FOLDERS:
        (kustomization,) = _parse(folder / part / "kustomization.yaml")
        present = {file.name for file in (folder / part).glob("*.yaml")} - NOT_APPLIED
        yield from (str(Path(part) / name) for name in sorted(present - set(kustomization["resources"])))


def pod_of(workload: Manifest) -> Manifest:
    """Return a workload's pod: `metadata` with the labels, and `spec`."""
    pod: Manifest = workload["spec"]["template"]
    return pod


def labels_of(workload: Manifest) -> dict[str, str]:
    """Return the labels of a workload's pods."""
    labels: dict[str, str] = pod_of(workload)["metadata"]["labels"]
    return labels


def selects(selector: Manifest | None, labels: dict[str, str]) -> bool:
    """Tell whether a label selector fits; an empty one fits everything. (Operators: `In` alone.)"""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", "an operator that the check does not know"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def ports_of(workload: Manifest) -> dict[str, int]:
    """Return the container ports of a workload's pods by name."""
    return {
        port["name"]: port["containerPort"]
        for container in pod_of(workload)["spec"]["containers"]
        for port in container.get("ports", [])
    }
