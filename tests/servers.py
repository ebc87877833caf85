"""Real PostgreSQL, Redis and nginx for tests: on loopback, on free ports, gone when the test is over.

Standard library alone, because the bot's tests (Python 3.10, no current drivers) use it too.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.processes import free_port

START_TIMEOUT_S = 30.0


class ServerError(Exception):
    """A server is not installed, did not start, or ended by itself; the text says which and why."""


def find_binary(name: str, package: str) -> str:
    """Return the path of a server's program; Debian keeps PostgreSQL's off the PATH.

    Raises:
        ServerError: It is not installed; names the Debian package.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = (
        shutil.which(name) or shutil.which(name, path="/usr/sbin") or (str(debian[-1]) if debian else None)
    )
    if not found:
        raise ServerError(f"{name} is missing (Debian: apt-get install {package})")
    return found


class Server:
    """One server process; it can be stopped, killed and started again on the same port and data."""

    def __init__(self, name: str, command: list[str], port: int, log: Path, user: str | None = None) -> None:
        self.name = name
        self.port = port
        self._command = command
        self._log = log
        self._user = user
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when it answers.

        Raises:
            ServerError: It ended, or does not answer within START_TIMEOUT_S.
        """
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                # Ctrl-C reaches the tests alone, which then end their servers in order.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise ServerError(f"{self.name} did not start:\n{tail}")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Tell whether its port accepts connections."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM, grace_s: float = 10) -> None:
        """End it and return when it is gone; one that has ended already is fine."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Redis(Server):
    """Redis without persistence: what it holds is gone after a restart, as after a crash."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        binary = find_binary("redis-server", "redis-server")
        options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        super().__init__("redis", [binary, *options, "--dir", str(folder)], port, folder / "redis.log")

    def answers(self) -> bool:
        """Tell whether it answers PING (it accepts connections a little earlier)."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 1) as connection,
        ):
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False

    def url(self, database: int = 0) -> str:
        """Return the URL of one of its numbered databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"


class Postgres(Server):
    """PostgreSQL with a cluster of its own; anyone on loopback may come in as `postgres`.

    It refuses to run as root, so a root's tests run it as the system's user `postgres`, with its data in a
    folder directly under the temporary one: pytest's own folders are closed to other users.
    """

    def __init__(self, folder: Path) -> None:
        port = free_port()
        user = "postgres" if os.geteuid() == 0 else None
        self.data = Path(tempfile.mkdtemp(prefix="dragoman-postgres-"))
        if user:
            account = pwd.getpwnam(user)
            os.chown(self.data, account.pw_uid, account.pw_gid)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",
            # Survives its own crash and restart, not the machine's: enough for tests, and many times faster.
            "fsync": "off",
            "full_page_writes": "off",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [find_binary("postgres", "postgresql"), "-D", str(self.data), *settings]
        super().__init__("postgres", command, port, folder / "postgres.log", user)
        self._initialise()

    def _initialise(self) -> None:
        binary = find_binary("initdb", "postgresql")
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]
        done = subprocess.run(
            [binary, "-D", str(self.data), *options],
            capture_output=True,
            text=True,
            check=False,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
        )
        if done.returncode:
            self.remove()
            raise ServerError(f"initdb failed:\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}")

    def answers(self) -> bool:
        """Tell whether it takes connections (not while it recovers)."""
        command = [find_binary("pg_isready", "postgresql"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT, grace_s: float = 10) -> None:
        """End it: SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (then it recovers)."""
        super().stop(how, grace_s)

    def remove(self) -> None:
        """Delete its data."""
        shutil.rmtree(self.data)

    def create_database(self, name: str) -> None:
        """Raises ServerError when PostgreSQL refuses, e.g. because it exists."""
        binary = find_binary("createdb", "postgresql")
        command = [binary, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerError(done.stderr.strip())

    def url(self, database: str = "postgres", scheme: str = "postgresql") -> str:
        """Return a database's URL; `scheme` names the driver too, e.g. postgresql+asyncpg."""
        return f"{scheme}://postgres@127.0.0.1:{self.port}/{database}"


class Nginx(Server):
    """nginx with a whole configuration of the caller's, less `daemon`, `pid` and `user`.

    Relative paths in the configuration are taken from `folder`; `port` is one that it listens on.
    """

    def __init__(self, folder: Path, config: str, port: int) -> None:
        file = folder / "nginx.conf"
        file.write_text(config, encoding="utf-8")
        # Under root its workers would become `nobody`, to whom pytest's folders are closed.
        user = " user root;" if os.geteuid() == 0 else ""
        directives = f"daemon off; pid {folder / 'nginx.pid'};{user}"
        binary = find_binary("nginx", "nginx")
        command = [binary, "-p", str(folder), "-e", "stderr", "-c", str(file), "-g", directives]
        super().__init__("nginx", command, port, folder / "nginx.log")


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[Redis]:
    """A Redis that ends with the block; its log goes to `folder`."""
    server = Redis(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """A PostgreSQL that ends with the block, its data with it; its log goes to `folder`."""
    server = Postgres(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.remove()


@contextlib.contextmanager
def running_nginx(folder: Path, config: str, port: int) -> Iterator[Nginx]:
    """An nginx that ends with the block; its configuration and log go to `folder`."""
    server = Nginx(folder, config, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
