"""Run the service: `python -m handoff [--host 127.0.0.1] [--port 8000]`."""

from __future__ import annotations

import argparse
import logging
import os
import sys

import uvicorn
from pydantic import ValidationError

from handoff.app import create_app
from handoff.settings import get_settings

# A frame of the widget holds one message; the largest text takes 16 KB in UTF-8.
MAX_FRAME_BYTES = 64 * 1024


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m handoff", description=__doc__)
    parser.add_argument("--host", default=os.environ.get("DRAGOMAN_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("DRAGOMAN_PORT", "8000")))
    arguments = parser.parse_args()
    logging.basicConfig(
        level=os.environ.get("DRAGOMAN_LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    # httpx logs every call of the bot at info level.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = get_settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "DRAGOMAN_" + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"{name}: {problem['msg']} (docs/settings.md)\n")
        return 2
    uvicorn.run(
        create_app(settings),
        host=arguments.host,
        port=arguments.port,
        ws_max_size=MAX_FRAME_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
