"""Dragoman on many machines, played on one: two of each process, PostgreSQL, Redis and deploy/'s own nginx.

For tests and measurements (`make cluster-test`, `make soak`); everything is on loopback and ends with
the block.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from scripts.check_deploy.proxy import render
from scripts.environment import ROOT
from scripts.processes import SECRETS, Installation, Processes, free_port, free_ports, prepare
from scripts.train import ensure_model
from tests.servers import Postgres, Redis, running_nginx, running_postgres, running_redis

KINDS = ("service", "bot", "actions")


class Cluster:
    """Runs as a context manager; `replicas` are numbered from 0."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, replicas: int = 2) -> None:
        self._folder = folder
        self._settings = settings or {}
        self._stack = ExitStack()
        self._ports = {kind: free_port() for kind in KINDS}
        self._replica_ports = [free_ports() for _ in range(replicas)]
        self.replicas: list[Processes] = []
        self.account: dict[str, object] = {}
        """The first agent: {"created", "email", "password"}."""
        self.postgres: Postgres
        self.redis: Redis

    @property
    def origin(self) -> str:
        """Where customers and agents reach it: nginx."""
        return f"http://127.0.0.1:{self._ports['service']}"

    @property
    def public_log(self) -> Path:
        """What the nginx before the services has logged."""
        return self._folder / "nginx-public" / "nginx.log"

    def __enter__(self) -> Self:
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.postgres = self._stack.enter_context(running_postgres(self._folder))
        self.redis = self._stack.enter_context(running_redis(self._folder))
        for database in ("dragoman", "bot", "shop"):
            self.postgres.create_database(database)
        settings = self._common_settings()
        installations = [
            Installation(self._folder / f"replica-{number}", ports, settings)
            for number, ports in enumerate(self._replica_ports)
        ]
        self.account = prepare(installations[0])
        model = ensure_model(installations[0].environment())
        listen = {kind: f"127.0.0.1:{port}" for kind, port in self._ports.items()}
        inside = {
            "BOT_PORT": listen["bot"],
            "BOT_SERVERS": self._servers("bot"),
            "ACTIONS_PORT": listen["actions"],
            "ACTIONS_SERVERS": self._servers("actions"),
        }
        public = {
            "PUBLIC_HOST": "127.0.0.1",
            "SCHEME": "plain",
            "HTTP_PORT": listen["service"],
            "SERVICE_SERVERS": self._servers("service"),
            # All the customers of a test have the same address.
            "CONNECTIONS_PER_ADDRESS": "10000",
            "REQUESTS_PER_SECOND": "10000",
            # For the scheme that is not served here.
            "HTTPS_PORT": "none",
            "TLS_FOLDER": "none",
        }
        self._start_nginx("inside", self._ports["bot"], inside)
        self._start_nginx("public", self._ports["service"], public)
        self.replicas = [Processes(installation, model) for installation in installations]
        for replica in self.replicas:
            self._stack.callback(replica.stop)
            replica.start()
        for replica in self.replicas:
            replica.wait_until_ready(timeout_s=180)

    def _common_settings(self) -> dict[str, str]:
        return {
            "DRAGOMAN_DATABASE_URL": self.database_url("dragoman"),
            "DRAGOMAN_SHOP_DATABASE": self.database_url("shop"),
            "DRAGOMAN_BOT_DATABASE": self.postgres.url("bot"),
            "DRAGOMAN_BUS_URL": self.redis.url(0),
            "DRAGOMAN_BOT_LOCKS": self.redis.url(1),
            "DRAGOMAN_BOT_URL": f"http://127.0.0.1:{self._ports['bot']}",
            "DRAGOMAN_ACTIONS_URL": f"http://127.0.0.1:{self._ports['actions']}/webhook",
            "DRAGOMAN_PUBLIC_ORIGIN": self.origin,
            "DRAGOMAN_TRUST_PROXY": "true",
            # What customers hear must not depend on the time of day.
            "DRAGOMAN_TELL_SUPPORT_HOURS": "false",
            # Each installation would make up its own.
            **{name: os.environ.get(name, secrets.token_urlsafe(48)) for name in SECRETS},
            **self._settings,
        }

    def database_url(self, database: str) -> str:
        """Return the URL of one of its databases (dragoman, bot, shop) for asyncpg."""
        return self.postgres.url(database, "postgresql+asyncpg")

    def _start_nginx(self, part: str, listening: int, values: dict[str, str]) -> None:
        folder = self._folder / f"nginx-{part}"
        folder.mkdir()
        config = render(ROOT / "deploy" / "nginx" / part, {"RESOLVER": "127.0.0.1", **values}, folder)
        self._stack.enter_context(running_nginx(folder, config.read_text(encoding="utf-8"), listening))

    def _servers(self, kind: str) -> str:
        container = "proxy" if kind == "service" else "balancer"
        compose = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text(encoding="utf-8"))
        line: str = compose["services"][container]["environment"][f"{kind.upper()}_SERVERS"]
        # There a name stands for all replicas.
        addresses = [f"127.0.0.1:{getattr(ports, kind)}" for ports in self._replica_ports]
        return " ".join(re.sub(r"server \S+ resolve", f"server {address}", line) for address in addresses)
