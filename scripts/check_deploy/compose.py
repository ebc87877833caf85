"""deploy/compose.yml: Compose's schema, and what it can't say: nothing unpinned, unhealthy or unexplained.

compose.schema.json is the Compose Specification's, as docker-compose 1.29.2 carries it (Apache License 2.0).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from scripts.check_deploy import images, sources

SCHEMA = Path(__file__).with_name("compose.schema.json")
PUBLIC = "proxy"

# ${NAME}, ${NAME:-default}, ${NAME:?what to do}; `$$` is a dollar sign.
_PLACEHOLDER = re.compile(r"(?<!\$)\$(?:\{(\w+)(:[-?][^}]*)?\}|(\w+))")
# Each network, and who may be on it.
NETWORKS = {
    "edge": {"proxy", "service"},
    "inside": {"service", "migrate", "balancer", "bot", "actions", "postgres", "redis"},
    "outside": {"actions"},
}


def check(deploy: Path, root: Path = sources.ROOT) -> Iterator[str]:
    """Yield every problem of the Compose file."""
    text = (deploy / "compose.yml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    validator = jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for error in validator.iter_errors(document):
        yield f"compose.yml: {'.'.join(map(str, error.path))}: {error.message[:200]}"
    example = (deploy / "example.env").read_text(encoding="utf-8")
    offered = set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from _check_placeholders(line, offered)
    for value in re.findall(r"^\w*(?:SECRET|TOKEN|PASSWORD)=(.+)$", example, re.MULTILINE):
        yield f"example.env: a secret has a value ({value[:3]}…)"
    for name, service in document["services"].items():
        yield from (f"compose.yml: {name}: {problem}" for problem in _check_service(name, service, document))
        yield from (f"compose.yml: {name}: {problem}" for problem in _check_paths(service, deploy))
    for process in sources.PROCESSES:
        environment = document["services"][process]["environment"]
        yield from (
            f"compose.yml: {process}: {problem}" for problem in check_variables(process, environment, root)
        )
        yield from (
            f"compose.yml: {process}: {problem}" for problem in _check_process(process, document, root)
        )


def _check_placeholders(line: str, offered: set[str]) -> Iterator[str]:
    for name, rest, bare in _PLACEHOLDER.findall(line):
        if bare or not rest:
            yield f"compose.yml: ${name or bare} has neither a default nor a sentence that says what to do"
        elif rest.startswith(":?"):
            if len(rest) < 10:
                yield f"compose.yml: ${{{name}:?…}} does not say what to do"
            if name not in offered:
                yield f"example.env: {name} is missing"


def _check_service(name: str, service: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    image = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", service.get("image", ""))
    if not images.is_pinned(image):
        yield f"image {image!r} names no version"
    if "ports" in service and name != PUBLIC:
        yield "publishes a port; only the proxy may"
    if service.get("privileged") or "network_mode" in service:
        yield "leaves its container"
    health = service.get("healthcheck", {})
    is_done_when_ended = service.get("restart") == "no"
    if not health.get("test") and not is_done_when_ended:
        yield "has no healthcheck"
    if not service.get("restart"):
        yield "has no restart policy"
    if not {"cpus", "memory"} <= service.get("deploy", {}).get("resources", {}).get("limits", {}).keys():
        yield "has no limits of CPU and memory"
    if "stop_grace_period" not in service and name != "redis":
        yield "has no stop_grace_period"
    networks = service.get("networks", [])
    if not networks:
        yield "is on the default network; name one"
    for network in networks:
        if name not in NETWORKS.get(network, set()):
            yield f"must not be on the network {network}"
        if network not in document["networks"]:
            yield f"there is no network {network}"
    for other, how in service.get("depends_on", {}).items():
        expected = (
            "service_completed_successfully"
            if document["services"].get(other, {}).get("restart") == "no"
            else "service_healthy"
        )
        if other not in document["services"]:
            yield f"depends on {other}, which there is not"
        elif how.get("condition") != expected:
            yield f"depends on {other} with {how.get('condition')} in place of {expected}"


def _check_paths(service: dict[str, Any], deploy: Path) -> Iterator[str]:
    build = service.get("build")
    if build and not (deploy / build["context"] / build["dockerfile"]).resolve().is_file():
        yield f"there is no {build['dockerfile']} to build from"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./") and not (deploy / source).exists():
            yield f"mounts {source}, which there is not"


def check_variables(process: str, environment: dict[str, Any], root: Path = sources.ROOT) -> Iterator[str]:
    """Yield variables that the process does not read, and those that it needs and has not."""
    known = sources.list_variables(process, root)
    for name in environment:
        if name not in known:
            yield f"{name} is set, but nothing reads it"
    for name in sorted(sources.list_required_variables(process) - environment.keys()):
        yield f"{name} is not set"


def _check_process(process: str, document: dict[str, Any], root: Path) -> Iterator[str]:
    service = document["services"][process]
    if service["deploy"].get("replicas", 1) < 2:
        yield "runs once only"
    if service["deploy"].get("update_config", {}).get("order") != "start-first":
        yield "an update would end the old before the new is there"
    if not service.get("read_only") or service.get("cap_drop") != ["ALL"]:
        yield "may change its own files, or has capabilities"
    port, path = service["healthcheck"]["test"][-2:]
    if int(port) != sources.PORTS[process] or path not in sources.list_paths(process, root):
        yield f"its healthcheck asks for {path} on port {port}, where it does not answer"
