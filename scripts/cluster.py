"""Dragoman on many machines, played on one: two of each process behind nginx, on PostgreSQL and Redis.

For tests and measurements (`make cluster-test`, `make soak`); everything is on loopback and ends with the
block. `deploy/` has the real thing.
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.processes import SECRETS, Installation, Processes, free_port, free_ports, prepare
from scripts.train import ensure_model
from tests.servers import Nginx, Postgres, Redis, running_nginx, running_postgres, running_redis

KINDS = ("service", "bot", "actions")

# What `deploy/nginx.conf` does, less TLS and limits: sockets are upgraded and stay open; a call of the bot or
# of an action goes to the other replica when one is gone, because both may be repeated.
NGINX = """
worker_processes 1;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp;
  scgi_temp_path temp;
  client_max_body_size 16m;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_connect_timeout 1s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
{servers}
}}
"""

SERVER = """
  upstream {kind} {{
    {replicas}
    keepalive 64;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://{kind};
      {options}
    }}
  }}
"""

OPTIONS = {
    "service": """
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 90s;
      add_header X-Served-By $upstream_addr always;
""",
    "bot": """
      proxy_set_header Connection '';
      proxy_read_timeout 15s;
      proxy_next_upstream error timeout http_502 http_503 non_idempotent;
      proxy_next_upstream_tries 2;
""",
    "actions": """
      proxy_set_header Connection '';
      proxy_read_timeout 15s;
      proxy_next_upstream error non_idempotent;
      proxy_next_upstream_tries 2;
""",
}


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
        self.nginx: Nginx

    @property
    def origin(self) -> str:
        """Where customers and agents reach it: nginx."""
        return f"http://127.0.0.1:{self._ports['service']}"

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
        self.nginx = self._stack.enter_context(
            running_nginx(self._folder, self._nginx_config(), self._ports["service"])
        )
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
            # Each installation would make up its own.
            **{name: os.environ.get(name, secrets.token_urlsafe(48)) for name in SECRETS},
            **self._settings,
        }

    def database_url(self, database: str) -> str:
        """Return the URL of one of its databases (dragoman, bot, shop) for asyncpg."""
        return self.postgres.url(database, "postgresql+asyncpg")

    def _nginx_config(self) -> str:
        (self._folder / "temp").mkdir(exist_ok=True)
        servers = [
            SERVER.format(
                kind=kind,
                port=self._ports[kind],
                options=OPTIONS[kind],
                # One refused connection puts a replica aside for a second.
                replicas="\n    ".join(
                    f"server 127.0.0.1:{getattr(ports, kind)} max_fails=1 fail_timeout=1s;"
                    for ports in self._replica_ports
                ),
            )
            for kind in KINDS
        ]
        return NGINX.format(servers="".join(servers))
