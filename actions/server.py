"""The action server: `python -m actions.server`.

Serves the actions of this package to Rasa on 127.0.0.1:$DRAGOMAN_ACTIONS_PORT (5055), to callers who know
$DRAGOMAN_INTERNAL_SECRET. The protocol is rasa-sdk's, and so is what finds and runs the actions. The HTTP
side is our own: rasa-sdk's has no authentication, binds every address, answers an error with the whole
request in it and loads OpenTelemetry's exporters and gRPC whether or not anything is traced.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection
from sanic import HTTPResponse, Request, Sanic, json, raw
from sanic.exceptions import SanicException

from actions.commerce.base import Commerce, CommerceError
from actions.commerce.registry import get_commerce
from actions.metrics import ACTION_SECONDS
from telemetry import logs, metrics, traces

MIN_SECRET_CHARACTERS = 32
DEFAULT_PORT = 5055
# A call carries the conversation's whole tracker.
MAX_BODY_BYTES = 16 * 1024 * 1024
# How long an ending server waits for calls that it has begun. Sanic asks each connection only once whether it
# is idle; one that has just answered is not yet, and would hold the process for as long as this.
END_S = 5.0
STOP_AGAIN_S = 0.05

logger = logging.getLogger("actions.server")


class SettingsError(ValueError):
    """The environment does not allow to start; the message says what to do."""


@dataclass(frozen=True)
class ServerSettings:
    """Where to listen and what callers have to know."""

    secret: str
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT

    @classmethod
    def of_environment(cls) -> ServerSettings:
        """Read `DRAGOMAN_INTERNAL_SECRET`, `DRAGOMAN_ACTIONS_HOST` and `DRAGOMAN_ACTIONS_PORT`.

        Raises:
            SettingsError: The secret is missing or too short, or the port is none.
        """
        secret = os.environ.get("DRAGOMAN_INTERNAL_SECRET", "")
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise SettingsError(
                f"DRAGOMAN_INTERNAL_SECRET has to be set to at least {MIN_SECRET_CHARACTERS} characters, "
                "the same for the service, Rasa and the action server."
            )
        port = os.environ.get("DRAGOMAN_ACTIONS_PORT", str(DEFAULT_PORT))
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingsError(f"DRAGOMAN_ACTIONS_PORT is {port!r}, which is no port.")
        return cls(secret, os.environ.get("DRAGOMAN_ACTIONS_HOST", "127.0.0.1"), int(port))


def create_app(secret: str, executor: ActionExecutor, commerce: Commerce) -> Sanic[Any, Any]:
    """Return the server for actions that are registered already.

    Args:
        secret: What callers send as `Authorization: Bearer …`; `/health` asks for none.
        executor: Has the actions.
        commerce: Opened before the first call and closed after the last.
    """
    app: Sanic[Any, Any] = Sanic("dragoman_actions", configure_logging=False)
    app.config.REQUEST_MAX_SIZE = MAX_BODY_BYTES
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = END_S

    @app.before_server_start
    async def open_commerce(_app: Sanic[Any, Any]) -> None:
        await commerce.open()

    @app.after_server_start
    async def obey_signals(_app: Sanic[Any, Any]) -> None:
        # Sanic's own handlers come with a moment in which the signal is ignored, and one in which it is
        # forgotten: between listening and serving. Who waits for /health must not meet either.
        for number in (signal.SIGTERM, signal.SIGINT):
            app.loop.add_signal_handler(number, _stop, app)
        app.ctx.can_be_stopped = True

    @app.after_server_stop
    async def close_commerce(_app: Sanic[Any, Any]) -> None:
        await commerce.close()
        traces.shutdown()

    @app.on_request
    async def check_secret(request: Request) -> HTTPResponse | None:
        if request.path == "/health":
            return None
        is_known = metrics.has_token(request.headers.get("authorization"), secret)
        return None if is_known else json({"error": "unauthorized"}, status=401)

    @app.get("/health")
    async def health(_request: Request) -> HTTPResponse:
        is_ready = getattr(app.ctx, "can_be_stopped", False)
        return json({"status": "ok" if is_ready else "starting"}, status=200 if is_ready else 503)

    @app.get("/metrics")
    async def scrape(_request: Request) -> HTTPResponse:
        return raw(metrics.render(), content_type=metrics.CONTENT_TYPE)

    @app.get("/actions")
    async def actions(_request: Request) -> HTTPResponse:
        return json([{"name": name} for name in sorted(executor.actions)])

    @app.post("/webhook")
    async def webhook(request: Request) -> HTTPResponse:
        return await _run_action(executor, request.json, request.headers)

    @app.exception(Exception)
    async def answer_error(_request: Request, error: Exception) -> HTTPResponse:
        if isinstance(error, SanicException):
            # 400 would mean to Rasa that the action was rejected and the conversation goes on without it.
            status = 422 if error.status_code == 400 else error.status_code
            return json({"error": type(error).__name__}, status=status)
        # The answer stays silent about what went wrong: it may be about somebody's order.
        logger.error("an action failed: %s", type(error).__name__, exc_info=error)
        return json({"error": "the action failed"}, status=500)

    return app


async def _run_action(executor: ActionExecutor, call: Any, headers: Mapping[str, str]) -> HTTPResponse:
    name = call.get("next_action") if isinstance(call, dict) else None
    if not isinstance(name, str) or not name or not isinstance(call.get("tracker"), dict):
        return json({"error": "a call names its next_action and has a tracker"}, status=422)
    # No action of ours reads the domain; without it rasa-sdk would ask for one, which Rasa 3.6 does not
    # understand.
    call.setdefault("domain", {})
    if name not in executor.actions:
        return json({"error": "there is no such action", "action_name": name}, status=404)
    ids = _ids_of(call["tracker"])
    with logs.bound(**ids), traces.span(f"action {name}", kind="server", headers=headers, **ids):
        started = time.perf_counter()
        outcome = "failed"
        try:
            result = await executor.run(call)
            outcome = "done"
        except ActionExecutionRejection as error:
            outcome = "rejected"
            return json({"error": error.message, "action_name": error.action_name}, status=400)
        finally:
            took_s = time.perf_counter() - started
            ACTION_SECONDS.labels(name, outcome).observe(took_s)
            logger.info("%s %s in %.1f ms", name, outcome, took_s * 1000)
        return json(result.model_dump())


def _ids_of(tracker: dict[str, Any]) -> dict[str, str]:
    """Return the ids of the conversation and of the message that is answered, as the service knows them."""
    # Rasa knows a conversation as `<id>.<bot session>` (docs/decisions/0006).
    ids = {"conversation_id": str(tracker.get("sender_id", "")).partition(".")[0]}
    for event in reversed(tracker.get("events") or []):
        if isinstance(event, dict) and event.get("event") == "user" and event.get("message_id"):
            return {**ids, "message_id": str(event["message_id"])}
    return ids


def _stop(app: Sanic[Any, Any]) -> None:
    """End the server; one that listens but does not serve yet, as soon as it does."""
    if app.state.is_running:
        app.stop(terminate=False)
    else:
        app.loop.call_later(STOP_AGAIN_S, _stop, app)


def _end_at_once(_number: int, _frame: object) -> None:
    # Not an exception: Sanic would log it as a failed start.
    os._exit(0)


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the process's exit status."""
    # Seen to by `obey_signals` once the server listens; until then there is nothing to finish.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_at_once)
    try:
        logs.configure("actions")
        traces.configure("actions")
        settings = ServerSettings.of_environment()
        commerce = get_commerce()
    except (SettingsError, CommerceError, logs.LogSettingsError) as error:
        sys.stderr.write(f"The action server cannot start: {error}\n")
        return 2
    executor = ActionExecutor()
    executor.register_package("actions")
    app = create_app(settings.secret, executor, commerce)
    logger.info("serving %d actions on http://%s:%d", len(executor.actions), settings.host, settings.port)
    # One process: an action waits for the shop most of its time, and a second worker would double the memory.
    app.run(
        host=settings.host,
        port=settings.port,
        single_process=True,
        register_sys_signals=False,
        motd=False,
        access_log=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
