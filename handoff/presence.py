"""Who is here right now: customers whose widget is open, agents at their console or at the API.

A process knows its own people and tells the others over the bus: changes at once, everybody with every
beat. It keeps what it was told in memory, so that looking waits for nothing and can't fail: while the bus
reaches nobody, each process shows its own people. A process that has fallen silent is forgotten, and its
people with it.
"""

from __future__ import annotations

import asyncio
import enum
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from handoff.bus import RESYNC, Bus, Payload, Subscription

TOPIC = "presence"
# Everybody is told again this often: whoever missed a change knows better then.
BEAT_S = 10.0
# Three beats missed in a row: the process is dead or cut off.
SILENT_FOR_S = 30.0
# Somebody who goes from one page of the shop to the next is not gone in between.
LINGER_S = 3.0
# How long an agent who asked the API for something counts as being here.
NOTED_FOR_S = 60.0
CLOSE_WITHIN_S = 1.0


class Kind(enum.StrEnum):
    CUSTOMER = "customer"
    """Known by the conversation."""
    AGENT = "agent"
    """Known by the account."""


class Presence:
    """Who is here, at this process and at all others that the bus reaches."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._process = uuid.uuid4().hex
        self._open: Counter[str] = Counter()
        """How many sockets and pages each person has at this process."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        """Who counts as being here for a while yet."""
        self._own: set[str] = set()
        self._elsewhere: dict[str, set[str]] = {}
        """The people of every other process, as it told last."""
        self._silences: dict[str, asyncio.TimerHandle] = {}
        self._here: set[str] = set()
        """Everybody: the sum of all that."""
        self._subscriptions: set[Subscription] = set()
        self._is_changed = asyncio.Event()
        self._beat_at = 0.0
        self._asks = True
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to tell the other processes of this one's people, and to hear of theirs."""
        self._tasks = [
            asyncio.create_task(self._listen(), name="presence: listen"),
            asyncio.create_task(self._tell(), name="presence: tell"),
        ]

    async def close(self) -> None:
        """Tell the other processes that nobody is here any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in (*self._timers.values(), *self._silences.values()):
            timer.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._publish(here=[])

    @asynccontextmanager
    async def here(self, kind: Kind, person_id: uuid.UUID) -> AsyncIterator[None]:
        """Count somebody as being here for as long as the block lasts, and a moment longer."""
        person = _name(kind, person_id)
        self._open[person] += 1
        self._check(person)
        try:
            yield
        finally:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]
            self._keep(person, LINGER_S)

    def note(self, kind: Kind, person_id: uuid.UUID) -> None:
        """Count somebody as being here for a minute: they have just done something."""
        self._keep(_name(kind, person_id), NOTED_FOR_S)

    def forget(self, kind: Kind, person_id: uuid.UUID) -> None:
        """Take back what `note` said; who has a page open stays."""
        person = _name(kind, person_id)
        if person in self._timers:
            self._timers[person].cancel()
            self._lapse(person)

    def is_here(self, kind: Kind, person_id: uuid.UUID) -> bool:
        return _name(kind, person_id) in self._here

    def list_here(self, kind: Kind) -> set[uuid.UUID]:
        """Return everybody of a kind who is here."""
        start = _name(kind, "")
        return {uuid.UUID(name.removeprefix(start)) for name in self._here if name.startswith(start)}

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        """Hear of everybody who comes or goes, at this process or elsewhere.

        Payloads: `kind`, `id`, `present`; or the bus's `RESYNC` when some were dropped.
        """
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def _keep(self, person: str, for_s: float) -> None:
        loop = asyncio.get_running_loop()
        timer = self._timers.get(person)
        if timer is not None:
            if timer.when() >= loop.time() + for_s:
                return
            timer.cancel()
        self._timers[person] = loop.call_later(for_s, self._lapse, person)
        self._check(person)

    def _lapse(self, person: str) -> None:
        del self._timers[person]
        self._check(person)

    def _check(self, person: str) -> None:
        """Find out whether somebody is here, and tell whoever must know if that has changed."""
        is_own = person in self._open or person in self._timers
        if is_own != (person in self._own):
            self._own ^= {person}
            self._is_changed.set()
        is_here = is_own or any(person in people for people in self._elsewhere.values())
        if is_here != (person in self._here):
            self._here ^= {person}
            kind, _, person_id = person.partition(":")
            for subscription in self._subscriptions:
                subscription.put({"type": "presence", "kind": kind, "id": person_id, "present": is_here})

    # Between processes

    async def _publish(self, **what: object) -> None:
        await self._bus.publish(TOPIC, {"type": "people", "process": self._process, **what})

    async def _tell(self) -> None:
        """Tell the other processes of this one's people, one message at a time.

        Here and nowhere else is the bus waited for: it may be slow when it is in trouble.
        """
        told: set[str] = set()
        now = asyncio.get_running_loop().time
        while True:
            self._is_changed.clear()
            own = set(self._own)
            if now() >= self._beat_at:
                self._beat_at = now() + BEAT_S
                asks, self._asks = self._asks, False
                await self._publish(here=sorted(own), asks=asks)
            else:
                await self._publish(came=sorted(own - told), left=sorted(told - own))
            told = own
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat_at - now()):
                    await self._is_changed.wait()

    def _beat(self, *, asks: bool = False) -> None:
        """Tell everything as soon as possible; `asks` has the others do the same."""
        self._beat_at = 0.0
        self._asks = self._asks or asks
        self._is_changed.set()

    async def _listen(self) -> None:
        async with self._bus.subscribe(TOPIC) as subscription:
            async for payload in subscription:
                if payload == RESYNC:
                    self._beat(asks=True)
                elif payload["process"] != self._process:
                    self._hear(payload)

    def _hear(self, payload: Payload) -> None:
        """Note what another process tells of its people."""
        process = payload["process"]
        if payload.get("asks"):
            self._beat()
        known = self._elsewhere.get(process, set())
        people = set(payload["here"]) if "here" in payload else known.difference(payload["left"])
        self._replace(process, people.union(payload.get("came", ())))
        if process in self._silences:
            self._silences[process].cancel()
        self._silences[process] = asyncio.get_running_loop().call_later(
            SILENT_FOR_S, self._forget_process, process
        )

    def _forget_process(self, process: str) -> None:
        del self._silences[process]
        self._replace(process, set())
        del self._elsewhere[process]

    def _replace(self, process: str, people: set[str]) -> None:
        before = self._elsewhere.get(process, set())
        self._elsewhere[process] = people
        for person in before ^ people:
            self._check(person)


def _name(kind: Kind, person_id: uuid.UUID | str) -> str:
    return f"{kind.value}:{person_id}"
