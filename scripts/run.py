"""`make run`: from a bare checkout to a shop that answers, on this machine alone."""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from scripts.environment import ROOT, SetupError, ensure_environments, say
from scripts.processes import Installation, Ports, Processes, check_ports, prepare, run_step
from scripts.train import ensure_model


class _Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Stopped


def main() -> int:
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    ports = Ports(
        service=int(os.environ.get("PORT", "8000")),
        bot=int(os.environ.get("BOT_PORT", "5005")),
        actions=int(os.environ.get("ACTIONS_PORT", "5055")),
    )
    installation = Installation(Path(os.environ.get("DRAGOMAN_FOLDER", ROOT / "var")), ports)
    processes: Processes | None = None
    started = time.monotonic()
    try:
        check_ports(ports)
        say("1/4 environments")
        ensure_environments()
        say("2/4 the bot's model")
        model = ensure_model(installation.environment())
        processes = Processes(installation, model)
        say("3/4 starting Rasa, the action server and the service")
        processes.start("bot", "actions")
        account = prepare(installation)
        processes.start("service")
        processes.wait_until_ready()
        say("4/4 asking a first question")
        run_step(".venv", ["-m", "scripts.first_message", installation.origin], installation.environment())
        _greet(installation, account, time.monotonic() - started)
        while True:
            processes.check_alive()
            time.sleep(1)
    except _Stopped:
        say("\nending all three processes …")
        return 0
    except SetupError as error:
        sys.stderr.write(f"make run: {error}\n")
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if processes is not None:
            processes.stop()


def _greet(installation: Installation, account: dict[str, object], seconds: float) -> None:
    origin = installation.origin
    say(f"\nDragoman is ready ({seconds:.0f} s).\n")
    say(f"  demo shop with the chat   {origin}/demo")
    say(f"  agents' console           {origin}/console")
    if account["created"]:
        say(f"      sign in as            {account['email']}")
        say(f"      password              {account['password']}   (shown this once)")
    say(f"  API                       {origin}/api/docs")
    say(f"\n  data and logs: {installation.folder}; Ctrl-C ends everything.")


if __name__ == "__main__":
    sys.exit(main())
