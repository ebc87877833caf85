"""deploy/ is right as it is; what is broken in images and nginx's configuration is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.check_deploy import compose, images, kubernetes, proxy
from scripts.check_deploy.sources import ROOT
from tests.unit.deploy.conftest import change


@pytest.mark.parametrize(
    "check",
    [
        lambda: images.check(ROOT),
        lambda: compose.check(ROOT / "deploy"),
        lambda: kubernetes.check(ROOT / "deploy" / "kubernetes"),
        lambda: proxy.check(ROOT / "deploy"),
    ],
    ids=["images", "compose", "kubernetes", "nginx"],
)
def test_the_set_up_has_no_problem(check: Callable[[], Iterator[str]]) -> None:
    assert list(check()) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("app.Dockerfile", "COPY telemetry telemetry\n", "", "imports telemetry, which is not copied"),
        ("app.Dockerfile", "COPY data/demo data/demo", "COPY data/shop data/demo", "there is no such file"),
        ("app.Dockerfile", "COPY data/demo data/demo", "COPY README.md ./", ".dockerignore leaves it out"),
        ("app.Dockerfile", "USER 10001:10001\n", "", "a user with a number other than 0"),
        ("app.Dockerfile", "USER 10001:10001", "USER root", "a user with a number other than 0"),
        ("app.Dockerfile", "FROM python:3.11-slim-bookworm\n", "FROM python\n", "python names no version"),
        (
            "app.Dockerfile",
            "WORKDIR /app",
            "ENV DRAGOMAN_SESSION_SECRET=x\nWORKDIR /app",
            "readable in the image",
        ),
        ("app.Dockerfile", "WORKDIR /app", "ARG INDEX_TOKEN\nWORKDIR /app", "readable in the image"),
        ("bot.Dockerfile", "HEALTHCHECK", "LABEL x=y\n# HEALTHCHECK", "HEALTHCHECK is missing"),
    ],
)
def test_a_broken_dockerfile_is_noticed(deploy: Path, file: str, old: str, new: str, problem: str) -> None:
    change(deploy / file, old, new)
    assert any(problem in found for found in images.check_dockerfile(deploy / file, ROOT))


def test_a_lock_that_differs_from_the_tested_one_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "app.txt").write_text(
        "httpx==1.0 \\\n    --hash=sha256:a\n", encoding="ascii"
    )
    (tmp_path / "requirements" / "app-run.txt").write_text("httpx==1.1\nanyio==4.0\n", encoding="ascii")
    assert [problem.split(":")[1].split(",")[0] for problem in images.check_lock(tmp_path, "app")] == [
        " httpx 1.1",
        " anyio 4.0",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("public/nginx.conf.template", "server_tokens off;", "server_token off;", "server_token"),
        ("public/tls.conf.template", "privkey.pem", "key.pem", "key.pem"),
        (
            "public/service.conf.template",
            "proxy_pass http://service;",
            "proxy_pass http://servise;",
            "servise",
        ),
        (
            "inside/nginx.conf.template",
            "listen ${BOT_PORT};",
            "listen ${RASA_PORT};",
            "no value for RASA_PORT",
        ),
    ],
)
def test_a_broken_nginx_configuration_is_noticed(
    deploy: Path, file: str, old: str, new: str, problem: str
) -> None:
    change(deploy / "nginx" / file, old, new)
    assert any(problem in found for found in proxy.check(deploy))
