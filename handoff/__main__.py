"""Run the service: `python -m handoff [--host 127.0.0.1] [--port 8000]`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from contextlib import suppress

import aiohttp
import uvicorn
from pydantic import ValidationError
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from handoff.app import create_app
from handoff.connections import make_server_config
from handoff.errors import StorageUnavailableError
from handoff.settings import get_settings
from telemetry import logs, traces

# What went wrong on the way to another machine: these texts name hosts, files and SQL, no values.
TELLABLE = (OSError, aiohttp.ClientConnectionError, OperationalError, RedisError, StorageUnavailableError)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m handoff", description=__doc__)
    parser.add_argument("--host", default=os.environ.get("DRAGOMAN_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("DRAGOMAN_PORT", "8000")))
    arguments = parser.parse_args()
    try:
        logs.configure("service", harmless=TELLABLE)
        traces.configure("service")
        settings = get_settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "DRAGOMAN_" + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"{name}: {problem['msg']} (docs/settings.md)\n")
        return 2
    except logs.LogSettingsError as error:
        sys.stderr.write(f"{error} (docs/settings.md)\n")
        return 2
    server = uvicorn.Server(
        make_server_config(
            create_app(settings), host=arguments.host, port=arguments.port, timeout_graceful_shutdown=5
        )
    )
    # What is there now stays: the collector need not walk through it in the middle of answers.
    gc.collect()
    gc.freeze()
    with suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
