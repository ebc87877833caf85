"""What is broken in the Kubernetes manifests is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.check_deploy import kubernetes
from scripts.check_deploy.manifests import read_manifests
from tests.unit.deploy.conftest import change

SERVICE, BOT, ACTIONS = "service.yaml", "bot.yaml", "actions.yaml"
POLICIES, SETTINGS = "network-policies.yaml", "settings.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            SERVICE,
            "      labels: *labels",
            "      labels: {app.kubernetes.io/component: x}",
            "its own pods' labels",
        ),
        (
            SERVICE,
            "port: 8000, targetPort: http",
            "port: 8000, targetPort: web",
            "port web is none of its pods'",
        ),
        (SERVICE, "path: /health", "path: /healthy", "does not answer /healthy"),
        (SERVICE, "dragoman-app:0.1.0", "dragoman-app:latest", "names no version"),
        (SERVICE, "dragoman-app:0.1.0", "dragoman-app", "names no version"),
        (SERVICE, "maxUnavailable: 0", "maxUnavailable: 1", "end the old before the new"),
        (SERVICE, "minReplicas: 2", "minReplicas: 1", "runs once only"),
        (SERVICE, "  revisionHistoryLimit: 5", "  replicas: 2", "leave replicas out"),
        (SERVICE, "GracePeriodSeconds: 30", "GracePeriodSeconds: 15", "is killed before"),
        (SERVICE, 'command: [sleep, "5"]', "command: [echo, bye]", "no preStop"),
        (SERVICE, "key: bus-url", "key: buss-url", "secrets.example.yaml has no buss-url"),
        (SERVICE, "name: service-settings", "name: settings", "there is no ConfigMap settings"),
        (SERVICE, "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
        (SERVICE, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "its own files"),
        (SERVICE, "enableServiceLinks: false", "enableServiceLinks: true", "variables of Services"),
        (
            SERVICE,
            "requests: {cpu: 500m, memory: 320Mi}",
            "requests: {cpu: 500m}",
            "no requests of CPU and memory",
        ),
        (SERVICE, "- {name: tmp, mountPath: /tmp}", "- {name: temp, mountPath: /tmp}", "mounts temp"),
        (SERVICE, "kind: Deployment, name: service", "kind: Deployment, name: serv", "no Deployment serv"),
        (BOT, "containerPort: 5005", "containerPort: 5006", "listens on 5005"),
        (BOT, "name: DRAGOMAN_BOT_LOCKS", "name: DRAGOMAN_BOT_LOCK", "DRAGOMAN_BOT_LOCK is set, but nothing"),
        (BOT, "name: DRAGOMAN_BOT_LOCKS", "name: DRAGOMAN_LOG_LEVEL", "DRAGOMAN_BOT_LOCKS is not set"),
        (ACTIONS, "replicas: 2", "replicas: 1", "runs once only"),
        (SETTINGS, "http://bot:5005", "http://rasa:5005", "no Service rasa:5005"),
        (SETTINGS, "http://bot:5005", "http://bot:5006", "no Service bot:5006"),
        (
            SETTINGS,
            "  DRAGOMAN_TRUST_PROXY: ",
            "  DRAGOMAN_TRUSTS_PROXY: ",
            "DRAGOMAN_TRUSTS_PROXY is set, but",
        ),
        ("ingress.yaml", "port: {name: http}", "port: {name: web}", "no Service service with a port web"),
        ("ingress.yaml", "- hosts: [chat.example.com]", "- hosts: [www.example.com]", "has no TLS"),
        ("kustomization.yaml", "- ingress.yaml\n", "", "ingress.yaml: no kustomization names it"),
        (
            POLICIES,
            "  podSelector: {}\n  policyTypes: [Ingress, Egress]",
            "  podSelector: {}\n  policyTypes: [Ingress]",
            "no NetworkPolicy refuses",
        ),
        (POLICIES, "port: 5005}\n  egress", "port: 5006}\n  egress", "does not let service reach bot"),
        (
            POLICIES,
            "    - podSelector: {matchLabels: {app.kubernetes.io/component: bot}}\n    ports:\n    "
            "- {protocol: TCP, port: 5055}",
            "    ports:\n    - {protocol: TCP, port: 5055}",
            "lets other namespaces reach actions",
        ),
        (
            "data/network-policies.yaml",
            "values: [service, bot]",
            "values: [service]",
            "not let bot reach redis",
        ),
        ("data/postgres.yaml", "postgres:15-bookworm", "postgres:latest", "names no version"),
        ("migrate/job.yaml", "drop: [ALL]", "drop: []", "privileges"),
    ],
)
def test_a_manifest_that_does_not_fit_is_noticed(
    deploy: Path, file: str, old: str, new: str, problem: str
) -> None:
    change(deploy / "kubernetes" / file, old, new)
    folder = deploy / "kubernetes"
    assert any(problem in found for found in kubernetes.check_fit(folder, read_manifests(folder)))


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("service.yaml", "containerPort: 8000", 'containerPort: "8000"', "is not of type 'integer'"),
        ("service.yaml", "  strategy:", "  strategi:", "strategi"),
        ("bot.yaml", "        livenessProbe:", "        livenessProbes:", "livenessProbes"),
    ],
)
def test_a_document_that_kubernetes_would_refuse_is_noticed(
    deploy: Path, file: str, old: str, new: str, problem: str
) -> None:
    change(deploy / "kubernetes" / file, old, new)
    manifests = read_manifests(deploy / "kubernetes")
    # One file only: each document takes a while.
    broken = replace(manifests, documents=tuple(item for item in manifests.documents if item[0] == file))
    found = list(kubernetes.check_schemas(broken))
    assert found
    assert all(problem in line for line in found)
