"""One turn of a conversation at a time, whichever Rasa it comes to.

Two copies of a message that arrive together wait for each other instead of both asking the shop. What makes
this right is the conversation store, which refuses the second of two turns; locks only save the work. So
without Redis Rasa goes on with the locks of its own process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any

import redis.asyncio
from rasa.core.lock_store import LockStore
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

LOCKS_VARIABLE = "DRAGOMAN_BOT_LOCKS"
MEMORY = "memory://"

# A lock is good for so long after it was taken or last renewed: how long a conversation waits for a Rasa that
# was killed …
LIFETIME_SECONDS = 3.0
# … so a living one says so every second.
RENEW_SECONDS = 1.0
# How often to look whether a lock is free.
POLL_SECONDS = 0.05
# Longest that a turn waits for an answer of Redis, and how long it is left alone when it gave none.
ANSWER_SECONDS = 0.3
PAUSE_SECONDS = 1.0

_LIFETIME_MS = int(LIFETIME_SECONDS * 1000)
_KEY = "dragoman:turn:"
_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end"
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"

logger = logging.getLogger(__name__)


class LockSettingsError(RasaException):
    """DRAGOMAN_BOT_LOCKS is no URL that locks can be kept at."""


class RedisAwayError(RuntimeError):
    """Redis gave no answer in time, or a wrong one."""


class ConversationLocks(LockStore):
    """Rasa's lock store, named in endpoints.yml: in the process, and in Redis where there is one."""

    def __init__(self, endpoint_config: EndpointConfig | None = None, url: str | None = None) -> None:
        """Take the URL, `memory://` or `redis://host:port/db`; DRAGOMAN_BOT_LOCKS unless given.

        Raises:
            LockSettingsError: It is of neither kind.
        """
        super().__init__()
        self._own: dict[str, tuple[asyncio.Lock, int]] = {}
        self._redis: Redis | None = None
        address = url or os.environ.get(LOCKS_VARIABLE) or MEMORY
        if address != MEMORY:
            self._redis = Redis(address)

    @asynccontextmanager
    async def lock(
        self, conversation_id: str, lock_lifetime: float = 0, wait_time_in_seconds: float = 0
    ) -> AsyncIterator[None]:
        """Hold the conversation's lock; wait for it as long as it takes: a turn has a limit of its own.

        Args:
            conversation_id: Rasa's sender id.
            lock_lifetime: Not used: the lock is renewed while it is held.
            wait_time_in_seconds: Not used.
        """
        async with self._own_lock(conversation_id):
            if self._redis is None:
                yield
                return
            async with self._redis.lock(_KEY + conversation_id):
                yield

    async def close(self) -> None:
        """Close the connections to Redis, if there are any."""
        if self._redis is not None:
            await self._redis.close()

    @asynccontextmanager
    async def _own_lock(self, conversation_id: str) -> AsyncIterator[None]:
        lock, users = self._own.get(conversation_id) or (asyncio.Lock(), 0)
        self._own[conversation_id] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            users = self._own[conversation_id][1] - 1
            if users:
                self._own[conversation_id] = lock, users
            else:
                del self._own[conversation_id]


class Redis:
    """Locks in Redis, as long as it answers."""

    def __init__(self, url: str) -> None:
        try:
            self._client: Any = redis.asyncio.Redis.from_url(
                url,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise LockSettingsError(f"{LOCKS_VARIABLE}: {error}") from error
        self._is_away = False
        self._left_alone_until = 0.0

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """Hold a lock; none, and no wait, while Redis is away."""
        token = uuid.uuid4().hex
        if not await self._acquire(key, token):
            yield
            return
        renewing = asyncio.create_task(self._renew(key, token))
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(RedisAwayError):
                # It runs out by itself then.
                await self._ask(self._client.eval(_RELEASE, 1, key, token))

    async def _acquire(self, key: str, token: str) -> bool:
        """Return True when the lock is taken, False when Redis is away."""
        if time.monotonic() < self._left_alone_until:
            return False
        try:
            while True:
                if await self._ask(self._client.set(key, token, nx=True, px=_LIFETIME_MS)):
                    return True
                await asyncio.sleep(POLL_SECONDS)
        except RedisAwayError:
            return False

    async def _renew(self, key: str, token: str) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(RedisAwayError):
                await self._ask(self._client.eval(_RENEW, 1, key, token, _LIFETIME_MS))

    async def _ask(self, command: Awaitable[Any]) -> Any:
        """Return Redis's answer; log when it goes away and when it is back, not every turn in between."""
        try:
            answer = await command
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            self._left_alone_until = time.monotonic() + PAUSE_SECONDS
            if not self._is_away:
                self._is_away = True
                logger.warning("Redis is away, locks are kept in this process alone: %r", error)
            raise RedisAwayError(str(error)) from error
        if self._is_away:
            self._is_away = False
            logger.warning("Redis is back")
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
