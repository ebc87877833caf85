"""Rasa, the action server and the service as three processes on loopback; acceptance tests start them too."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts.environment import ROOT, SetupError, base_environment, python_of

SECRETS = ("DRAGOMAN_INTERNAL_SECRET", "DRAGOMAN_IDENTITY_SECRET", "DRAGOMAN_SESSION_SECRET")


@dataclass
class Ports:
    service: int = 8000
    bot: int = 5005
    actions: int = 5055


@dataclass
class Installation:
    """One running Dragoman: where its data is, its ports, its secrets."""

    folder: Path
    ports: Ports = field(default_factory=Ports)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.ports.service}"

    def environment(self) -> dict[str, str]:
        """Return the environment variables of all three processes."""
        data = self.folder.resolve()
        return {
            **base_environment(),
            "DRAGOMAN_DATABASE_URL": f"sqlite+aiosqlite:///{data / 'dragoman.db'}",
            "DRAGOMAN_SHOP_DATABASE": f"sqlite+aiosqlite:///{data / 'shop.db'}",
            "DRAGOMAN_BOT_DATABASE": f"sqlite:///{data / 'bot.db'}",
            "DRAGOMAN_BOT_URL": f"http://127.0.0.1:{self.ports.bot}",
            "DRAGOMAN_SERVICE_URL": self.origin,
            "DRAGOMAN_ACTIONS_URL": f"http://127.0.0.1:{self.ports.actions}/webhook",
            "DRAGOMAN_ACTIONS_PORT": str(self.ports.actions),
            "DRAGOMAN_PORT": str(self.ports.service),
            "DRAGOMAN_PUBLIC_ORIGIN": self.origin,
            "DRAGOMAN_DEMO": "true",
            **read_secrets(self.folder),
            **self.settings,
        }


def read_secrets(folder: Path) -> dict[str, str]:
    """Return the installation's secrets; made up and written (for its owner only) the first time."""
    file = folder / "secrets.env"
    known: dict[str, str] = {}
    if file.exists():
        lines = file.read_text(encoding="ascii").splitlines()
        known = dict(line.split("=", 1) for line in lines if "=" in line)
    missing = [name for name in SECRETS if name not in known]
    if missing:
        known.update({name: secrets.token_urlsafe(48) for name in missing})
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write("".join(f"{name}={value}\n" for name, value in known.items()))
    # A secret that the caller's environment names goes before the made-up one.
    return {name: os.environ.get(name, value) for name, value in known.items()}


def check_ports(ports: Ports) -> None:
    """Raises SetupError when one of the ports is in use."""
    for variable, port in (("PORT", ports.service), ("BOT_PORT", ports.bot), ("ACTIONS_PORT", ports.actions)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise SetupError(
                    f"port {port} is in use. End what uses it, or choose another: "
                    f"make run {variable}={port + 1}"
                ) from None


# Systems hand out ports from 32768 (Linux) or 49152 (others) on to outgoing connections: one from there may
# be gone when a process that was ended wants its port back.
FREE_PORTS = range(15000, 32000)


def free_port() -> int:
    """Return a loopback port that nobody uses right now, nor will by chance."""
    while True:
        port = secrets.choice(FREE_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports() -> Ports:
    """Return three ports that nobody uses right now."""
    ports: set[int] = set()
    while len(ports) < 3:
        ports.add(free_port())
    return Ports(*ports)


def run_step(folder: str, arguments: list[str], environment: dict[str, str]) -> str:
    """Run one Python command to its end; return what it printed.

    Raises:
        SetupError: It failed; carries the end of its output.
    """
    done = subprocess.run(
        [python_of(folder), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        output = done.stdout.strip()[-3000:]
        raise SetupError(f"{' '.join(arguments)} failed\n{output}")
    return done.stdout


def prepare(installation: Installation) -> dict[str, object]:
    """Compile catalogues, migrate the database, load the demo shop, open the first account.

    Returns what `handoff.agents first-admin` says: {"created", "email", "password"}.
    """
    environment = installation.environment()
    run_step(".venv", ["-m", "locales.catalogue"], environment)
    run_step(".venv", ["-m", "alembic", "upgrade", "head"], environment)
    run_step(".venv", ["-m", "actions.commerce.demo", "load"], environment)
    printed = run_step(".venv", ["-m", "handoff.agents", "first-admin"], environment)
    account: dict[str, object] = json.loads(printed.strip().splitlines()[-1])
    return account


class Processes:
    """The three processes of an installation."""

    def __init__(self, installation: Installation, model: Path) -> None:
        self.installation = installation
        self.logs = installation.folder / "log"
        self._model = model
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start the processes named, or all three."""
        for name in names or ("bot", "actions", "service"):
            self._start(name)

    def _start(self, name: str) -> None:
        ports = self.installation.ports
        commands = {
            "bot": [
                python_of(".venv-bot"), "-W", "ignore", "-m", "rasa", "run", "--model", str(self._model),
                "--endpoints", "bot/endpoints.yml", "--credentials", "bot/credentials.yml",
                "--interface", "127.0.0.1", "--port", str(ports.bot),
            ],
            "actions": [python_of(".venv"), "-m", "actions.server"],
            "service": [python_of(".venv"), "-m", "handoff"],
        }  # fmt: skip
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                commands[name],
                cwd=ROOT,
                env=self.installation.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the launcher alone, which then ends all three in order.
                start_new_session=True,
            )

    def wait_until_ready(self, timeout_s: float = 120) -> None:
        """Return when all three answer.

        Raises:
            SetupError: One ended, or they take longer than `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        waiting = ["actions", "service", "bot"]
        while waiting:
            self.check_alive()
            waiting = [name for name in waiting if not self.is_ready(name)]
            if waiting and time.monotonic() > deadline:
                raise SetupError(
                    f"no answer from {', '.join(waiting)} within {timeout_s:.0f} s (logs: {self.logs})"
                )
            time.sleep(0.2)

    def is_ready(self, name: str) -> bool:
        """Tell whether one of the processes answers."""
        ports = self.installation.ports
        port, path = {
            "actions": (ports.actions, "/health"),
            "service": (ports.service, "/health"),
            "bot": (ports.bot, "/"),
        }[name]
        return _answers(port, path)

    def check_alive(self) -> None:
        """Raises SetupError when a process has ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
                raise SetupError(f"{name} ended with {process.returncode}. Its log ({log}) ends:\n{tail}")

    def stop(self, *names: str, kill: bool = False, grace_s: float = 15) -> None:
        """End the processes named, or all: the public one first, so that nothing new comes in."""
        for name in names or ("service", "bot", "actions"):
            process = self.running.pop(name, None)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                process.wait(timeout=grace_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
