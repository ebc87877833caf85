"""deploy/kubernetes: Kubernetes' schemas, and what they can't say: that it all fits together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate  # type: ignore[import-untyped]

from scripts.check_deploy import network, sources
from scripts.check_deploy.compose import check_variables
from scripts.check_deploy.images import is_pinned
from scripts.check_deploy.manifests import (
    COMPONENT,
    Manifest,
    Manifests,
    labels_of,
    list_forgotten,
    pod_of,
    ports_of,
    read_manifests,
    selects,
)

# The oldest that is still in use somewhere, and the newest whose schemas are at hand.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
# What a process of ours needs to end in order once it is told to (docs/deploy.md), in seconds.
SHUTDOWN_S = {"service": 10, "bot": 10, "actions": 10}


def check(folder: Path, root: Path = sources.ROOT) -> Iterator[str]:
    """Yield every problem of the manifests."""
    manifests = read_manifests(folder)
    problems = list(check_schemas(manifests))
    # The rest takes the documents' shape for granted.
    yield from problems or check_fit(folder, manifests, root)


def check_schemas(manifests: Manifests) -> Iterator[str]:
    """Yield where a document is none that Kubernetes takes."""
    for where, document in manifests.documents:
        for problem in _check_schema(document):
            yield f"kubernetes/{where}: {document.get('kind')}: {problem}"


def check_fit(folder: Path, manifests: Manifests, root: Path = sources.ROOT) -> Iterator[str]:
    """Yield where valid documents do not fit each other, the code, or what a rolling update needs."""
    yield from (f"kubernetes/{name}: no kustomization names it" for name in list_forgotten(folder))
    for where, document in manifests.documents:
        name = f"kubernetes/{where}: {document['kind']} {document['metadata']['name']}"
        yield from (f"{name}: {problem}" for problem in _check_document(document, manifests, root))
    yield from (f"kubernetes: {problem}" for problem in network.check(manifests))


def _check_schema(document: Manifest) -> Iterator[str]:
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{'.'.join(map(str, error.path))}: {error.message[:200]} (Kubernetes {version})"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{error.message}"


def _check_document(document: Manifest, manifests: Manifests, root: Path) -> Iterator[str]:
    kind, spec = document["kind"], document.get("spec", {})
    if kind in {"Deployment", "StatefulSet", "Job"}:
        yield from _check_workload(document, manifests)
        process = document["metadata"]["name"]
        if kind == "Deployment":
            yield from _check_rolling(document, manifests)
            yield from _check_process(process, document, manifests, root)
    elif kind == "Service":
        targets = [found for found in manifests.list_workloads() if _fits(spec["selector"], found)]
        if not targets:
            yield "selects no pods"
        for port in spec["ports"]:
            if any(
                port["targetPort"] not in {*ports_of(found), *ports_of(found).values()} for found in targets
            ):
                yield f"port {port['targetPort']} is none of its pods'"
    elif kind == "PodDisruptionBudget":
        if not any(selects(spec["selector"], labels_of(found)) for found in manifests.list_workloads()):
            yield "selects no pods"
    elif kind == "HorizontalPodAutoscaler":
        target = spec["scaleTargetRef"]
        if manifests.find(target["kind"], target["name"]) is None:
            yield f"there is no {target['kind']} {target['name']}"
    elif kind == "Ingress":
        hosts = {host for entry in spec.get("tls", []) for host in entry["hosts"]}
        for rule in spec["rules"]:
            if rule["host"] not in hosts:
                yield f"{rule['host']} has no TLS"
            for path in rule["http"]["paths"]:
                yield from _check_backend(path["backend"]["service"], manifests)


def _fits(selector: dict[str, str], workload: Manifest) -> bool:
    return selects({"matchLabels": selector}, labels_of(workload))


def _check_backend(backend: Manifest, manifests: Manifests) -> Iterator[str]:
    service = manifests.find("Service", backend["name"])
    ports = {port["name"] for port in service["spec"]["ports"]} if service else set()
    if backend["port"]["name"] not in ports:
        yield f"there is no Service {backend['name']} with a port {backend['port']['name']}"


def _check_workload(workload: Manifest, manifests: Manifests) -> Iterator[str]:
    spec = pod_of(workload)["spec"]
    selector = workload["spec"].get("selector")
    if selector and not selects(selector, labels_of(workload)):
        yield "its selector does not fit its own pods' labels"
    security = spec.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        yield "may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "has a token for the cluster, which it does not need"
    if spec.get("enableServiceLinks") is not False:
        yield "gets variables of Services, which may hide ours"
    for container in spec["containers"]:
        yield from (
            f"{container['name']}: {found}" for found in _check_container(container, workload, manifests)
        )


def _check_container(container: Manifest, workload: Manifest, manifests: Manifests) -> Iterator[str]:
    if not is_pinned(container["image"]):
        yield f"image {container['image']} names no version"
    security = container.get("securityContext", {})
    if (
        security.get("allowPrivilegeEscalation") is not False
        or security.get("readOnlyRootFilesystem") is not True
        or security.get("capabilities", {}).get("drop") != ["ALL"]
    ):
        yield "has privileges that it does not need, or may change its own files"
    for amount in ("requests", "limits"):
        if not {"cpu", "memory"} <= container.get("resources", {}).get(amount, {}).keys():
            yield f"has no {amount} of CPU and memory"
    if workload["kind"] != "Job":
        yield from (f"has no {probe}" for probe in PROBES if probe not in container)
    mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
    volumes = {volume["name"] for volume in pod_of(workload)["spec"].get("volumes", [])}
    claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    yield from (f"mounts {name}, which there is not" for name in sorted(mounted - volumes - claims))
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        # The trial databases have a secret of their own (docs/deploy.md).
        if reference and reference["name"] == "dragoman" and reference["key"] not in manifests.secret_keys:
            yield f"{variable['name']}: secrets.example.yaml has no {reference['key']}"
    for reference in container.get("envFrom", []):
        if manifests.find("ConfigMap", reference["configMapRef"]["name"]) is None:
            yield f"there is no ConfigMap {reference['configMapRef']['name']}"


def _check_rolling(deployment: Manifest, manifests: Manifests) -> Iterator[str]:
    """A rolling update loses no turn: the new is there before the old goes, and the old ends in order."""
    spec, name = deployment["spec"], deployment["metadata"]["name"]
    if spec.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0:
        yield "an update would end the old before the new is there"
    scalers = [
        found["spec"]
        for found in manifests.list_kind("HorizontalPodAutoscaler")
        if found["spec"]["scaleTargetRef"]["name"] == name
    ]
    if scalers and "replicas" in spec:
        yield "applying it would undo what its autoscaler has set: leave replicas out"
    if (scalers[0]["minReplicas"] if scalers else spec.get("replicas", 1)) < 2:
        yield "runs once only"
    budgets = manifests.list_kind("PodDisruptionBudget")
    if not any(selects(found["spec"]["selector"], labels_of(deployment)) for found in budgets):
        yield "has no PodDisruptionBudget"
    pod = pod_of(deployment)["spec"]
    spreads = pod.get("topologySpreadConstraints", [])
    if not any(selects(spread["labelSelector"], labels_of(deployment)) for spread in spreads):
        yield "its pods may all land on one machine"
    commands = [
        container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
        for container in pod["containers"]
    ]
    wait_s = max(int(command[-1]) if command[0] == "sleep" else 0 for command in commands)
    if wait_s < 3:
        yield "ends before everybody knows that it leaves: no preStop"
    if pod.get("terminationGracePeriodSeconds", 30) < wait_s + SHUTDOWN_S.get(name, 0) + 5:
        yield "is killed before what it has begun is finished: terminationGracePeriodSeconds"


def _check_process(process: str, deployment: Manifest, manifests: Manifests, root: Path) -> Iterator[str]:
    if process not in sources.PROCESSES or labels_of(deployment)[COMPONENT] != process:
        yield "is none of our processes"
        return
    container = pod_of(deployment)["spec"]["containers"][0]
    ports = ports_of(deployment)
    if list(ports.values()) != [sources.PORTS[process]]:
        yield f"listens on {sources.PORTS[process]}, not on {list(ports.values())}"
    for probe in PROBES:
        request = container.get(probe, {}).get("httpGet", {})
        if request.get("port") not in ports:
            yield f"{probe}: {request.get('port')} is no port of it"
        if request.get("path") not in sources.list_paths(process, root):
            yield f"{probe}: it does not answer {request.get('path')}"
    environment: dict[str, Any] = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
    for reference in container.get("envFrom", []):
        found = manifests.find("ConfigMap", reference["configMapRef"]["name"])
        environment.update(found["data"] if found else {})
    yield from check_variables(process, environment, root)
    for name, value in environment.items():
        if value and name.endswith("_URL"):
            address = urlsplit(value)
            service = manifests.find("Service", address.hostname or "")
            if not service or address.port not in {port["port"] for port in service["spec"]["ports"]}:
                yield f"{name}: there is no Service {address.netloc}"
