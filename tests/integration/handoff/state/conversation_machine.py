"""The steps that customer, bot, agents, time and trouble may take, in any order."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from handoff.conversations import repository, service
from handoff.conversations.models import Author, Owner
from handoff.conversations.transitions import Move
from handoff.queue.repository import list_handoffs_of
from tests.integration.handoff.state.bot import ANSWER, OUTCOMES, Manner
from tests.integration.handoff.state.story import LogReader, Story
from tests.integration.handoff.state.world import Widget, World

# Far from what a step takes on any machine; how much time goes by is up to the test.
DELAYED_AFTER_S = 100.0
PATIENCE_S = 1000.0
QUIET_WITHIN_S = 20.0

replica_numbers = st.integers(0, 1)
agent_numbers = st.integers(0, 1)
durations = st.sampled_from((60.0, 150.0, 150.0, 1100.0))
languages = st.sampled_from((None, None, "he", "it", "vi"))
manners = st.builds(
    Manner,
    outcome=st.sampled_from((ANSWER, *OUTCOMES)),
    fails=st.sampled_from((0, 0, 2)),
    holds=st.sampled_from((True, True, False)),
    language=languages,
)


Step = tuple[str, dict[str, Any]]
Method = TypeVar("Method", bound=Callable[..., None])
STEPS: list[st.SearchStrategy[Step]] = []


def step(**arguments: st.SearchStrategy[Any]) -> Callable[[Method], Method]:
    """Register a step. One rule draws from all: of many rules hypothesis leaves out most in each example."""

    def register(method: Method) -> Method:
        STEPS.append(st.tuples(st.just(method.__name__), st.fixed_dictionaries(arguments)))
        return method

    return register


class ConversationMachine(RuleBasedStateMachine):
    """One conversation from its beginning until everything has settled."""

    world: World
    loop: asyncio.AbstractEventLoop
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.widget: Widget
        self.story: Story
        self.written: dict[tuple[int, str], str] = {}
        """What agents were told is written: the message's id by agent and the agent's own id."""
        self.pending_since: dict[str, float] = {}
        self.is_broken = False

    def run(self, step: Coroutine[Any, Any, None]) -> None:
        """Take a step, wait until nothing moves any more, and check everything."""
        try:
            self.loop.run_until_complete(self._run(step))
        except BaseException as error:
            self.is_broken = True
            error.add_note(self._describe())
            raise

    async def _run(self, step: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(QUIET_WITHIN_S):
            await step
        async with asyncio.timeout(QUIET_WITHIN_S):
            while not await self._is_quiet():
                await asyncio.sleep(0.005)
        LogReader(self.story, self.world.bot.manners).check()
        self._check_widget()
        self._check_agents()
        self._check_patience()

    # What has happened

    async def _read_story(self) -> Story:
        conversation_id = uuid.UUID(self.widget.conversation_id)
        async with self.world.database.reading() as session:
            if not self.world.database.is_sqlite:
                # One moment, not four: SQLite reads so anyway.
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return Story(
                conversation=await repository.get_conversation(session, conversation_id),
                events=await service.list_rendered_events(session, conversation_id, 0),
                messages=await repository.list_messages(session, conversation_id),
                handoffs=await list_handoffs_of(session, conversation_id),
            )

    async def _is_quiet(self) -> bool:
        """Whether everybody has heard everything, and the bot's word is all that is waited for."""
        for replica in self.world.replicas:
            await replica.look()
        held = [message_id for message_id, _ in self.world.bot.held]
        refused = len(self.widget.refusals)
        if self._count_turns() != len(held) or len(self.widget.accepted) != len(self.widget.sent):
            return False
        # Read last: what is known of by now is in it.
        self.story = story = await self._read_story()
        is_heard = self.widget.seq >= max((event["seq"] for event in story.visible), default=0)
        is_answered = story.count_moves(Move.LEAVE_QUEUE) + refused == self.widget.left
        # One that hangs in the bot keeps the next waiting, also when an agent has settled it meanwhile.
        is_held = not story.pending or bool(held)
        return is_heard and is_answered and is_held and self._count_turns() == len(self.world.bot.held)

    def _count_turns(self) -> int:
        return sum(replica.count_turns() for replica in self.world.replicas)

    def _describe(self) -> str:
        """Return what is to be known of a failure that does not happen every time."""
        story, widget = self.story, self.widget
        lines = [
            f"pending {story.pending}, held {self.world.bot.held}, down {self.world.bot.down_s} s",
            f"turns {[replica.count_turns() for replica in self.world.replicas]}, "
            f"lease of {story.conversation.lease_holder} until {story.conversation.lease_until}",
            f"heard {widget.seq}, sent {list(widget.sent)}, accepted {widget.accepted}, "
            f"left {widget.left}, refusals {widget.refusals}",
            *(str(event) for event in story.events),
        ]
        return "\n".join(lines)

    def _check_widget(self) -> None:
        """Messages are kept once and in order; the widget has seen the whole log, once and in order."""
        kept = [message for message in self.story.messages if message.author is Author.CUSTOMER]
        assert [message.vendor_message_id for message in kept] == list(self.widget.sent)
        assert {message.vendor_message_id: (str(message.id), message.seq) for message in kept} == (
            self.widget.accepted
        )
        assert [_seen(event) for event in self.widget.events] == [
            _seen(event) for event in self.story.visible
        ]
        assert set(self.widget.refusals) <= {"wrong_owner"}

    def _check_agents(self) -> None:
        kept = [message for message in self.story.messages if message.author is Author.AGENT]
        assert sorted(str(message.id) for message in kept) == sorted(self.written.values())

    def _check_patience(self) -> None:
        """Nobody waits for the bot longer than they should without hearing of it."""
        now = self.world.clock()
        oldest = self.story.pending[:1]
        waited_s = now - self.pending_since.get(oldest[0], now) if oldest else 0.0
        if waited_s > DELAYED_AFTER_S:
            assert self.story.was_told_of_delay, "a delay is told"
        assert waited_s < PATIENCE_S, "a person takes over in time"
        self.pending_since = {message_id: self.pending_since.get(message_id, now) for message_id in oldest}

    @property
    def owner(self) -> Owner:
        return self.story.conversation.owner

    def holds(self, agent: int) -> bool:
        holder = self.story.conversation.agent
        return holder is not None and holder.name == self.world.agents[agent].name

    # Steps; what agents' calls are answered with is checked where nobody else acts at the same time

    @initialize(language=st.sampled_from((None, "en", "he", "nl")), replica=replica_numbers)
    def open(self, language: str | None, replica: int) -> None:
        async def open_widget() -> None:
            self.widget = await self.world.open_widget(language)
            await self.widget.join(self.world.url_of(replica))

        self.run(open_widget())

    async def _write(self, manner: Manner, is_button: bool = False) -> None:
        text = f"message {next(self.numbers)}"
        self.world.bot.manners[text] = manner
        await self.widget.write(text, "/label{}" if is_button else None)

    @step(burst=st.lists(manners, min_size=1, max_size=3), is_button=st.booleans())
    def customer_writes(self, burst: list[Manner], is_button: bool) -> None:
        async def write() -> None:
            for manner in burst:
                await self._write(manner, is_button)

        self.run(write())

    @step(manner=manners, replica=replica_numbers)
    def customer_writes_and_vanishes(self, manner: Manner, replica: int) -> None:
        async def write() -> None:
            await self._write(manner)
            await self.widget.join(self.world.url_of(replica))

        self.run(write())

    @step(number=st.integers(0, 5))
    def customer_repeats(self, number: int) -> None:
        async def repeat() -> None:
            for frame in list(self.widget.sent.values())[-1 - number :][:1]:
                await self.widget.send(**frame)

        self.run(repeat())

    @step(replica=replica_numbers)
    def customer_reconnects(self, replica: int) -> None:
        self.run(self.widget.join(self.world.url_of(replica)))

    @step()
    def customer_leaves_the_queue(self) -> None:
        was_waiting, refused = self.owner is Owner.WAITING, len(self.widget.refusals)
        self.run(self.widget.leave_queue())
        assert len(self.widget.refusals) - refused == (not was_waiting)

    @step(number=st.integers(0, 3))
    def bot_speaks(self, number: int) -> None:
        async def speak() -> None:
            self.world.bot.speak(number)

        self.run(speak())

    @step(seconds=durations, is_down=st.booleans())
    def time_goes_by(self, seconds: float, is_down: bool) -> None:
        async def skip() -> None:
            self.world.clock.skipped_s += seconds
            self.world.bot.down_s = PATIENCE_S if is_down else 0.0

        self.run(skip())

    async def _return_to_bot(self, replica: int) -> None:
        """Bring the conversation back to the bot by whichever way is open; writing reopens a closed one."""
        if self.owner is Owner.WAITING:
            await self.widget.leave_queue()
        for agent in (0, 1):
            if self.holds(agent):
                await self._expect(True, 204, self._call(agent, replica, "hand-back"))

    # Chance alone would leave the conversation with people most of the time: what comes next begins with the
    # bot thinking.

    @step(manner=manners, replica=replica_numbers)
    def bot_thinks(self, manner: Manner, replica: int) -> None:
        self.run(self._return_to_bot(replica))
        self.run(self._write(replace(manner, holds=True)))

    @step(manner=manners, replica=replica_numbers, seconds=durations, is_down=st.booleans())
    def bot_hangs(self, manner: Manner, replica: int, seconds: float, is_down: bool) -> None:
        self.bot_thinks(manner, replica)
        self.time_goes_by(seconds, is_down)

    @step(manner=manners, agent=agent_numbers, replica=replica_numbers, returns=st.booleans())
    def bot_is_late(self, manner: Manner, agent: int, replica: int, returns: bool) -> None:
        """It speaks when an agent has taken over, or has even handed the conversation back again."""
        self.bot_thinks(manner, replica)
        self.agent_takes(agent, replica)
        if returns:
            self.run(self._return_to_bot(replica))
        self.bot_speaks(-1)

    async def _call(self, agent: int, replica: int, what: str, **body: Any) -> int:
        path = f"/api/v1/conversations/{self.widget.conversation_id}/{what}"
        answer = await self.world.agents[agent].call(self.world.url_of(replica), path, **body)
        if what == "messages" and answer.status_code == 201:
            written = answer.json()["message_id"]
            assert self.written.setdefault((agent, body["id"]), written) == written
        else:
            assert answer.status_code in (204, 409), answer.text
        return answer.status_code

    async def _expect(self, is_fine: bool, fine: int, call: Coroutine[Any, Any, int]) -> None:
        assert await call == (fine if is_fine else 409)

    @step(agent=agent_numbers, replica=replica_numbers)
    def agent_takes(self, agent: int, replica: int) -> None:
        is_free = self.owner in (Owner.BOT, Owner.WAITING)
        self.run(self._expect(is_free or self.holds(agent), 204, self._call(agent, replica, "take")))

    @step(replica=replica_numbers)
    def both_agents_take(self, replica: int) -> None:
        is_free = self.owner in (Owner.BOT, Owner.WAITING)
        winners = [agent for agent in (0, 1) if self.holds(agent)]

        async def take() -> None:
            calls = (self._call(0, replica, "take"), self._call(1, 1 - replica, "take"))
            answers = await asyncio.gather(*calls)
            if is_free:
                assert sorted(answers) == [204, 409], "one agent has it"
            else:
                assert [agent for agent in (0, 1) if answers[agent] == 204] == winners

        self.run(take())

    @step(agent=agent_numbers, replica=replica_numbers, is_repeat=st.booleans())
    def agent_writes(self, agent: int, replica: int, is_repeat: bool) -> None:
        known = [own_id for writer, own_id in self.written if writer == agent]
        own_id = known[-1] if is_repeat and known else str(next(self.numbers))
        call = self._call(agent, replica, "messages", id=own_id, text=f"agent's {own_id}")
        self.run(self._expect(self.holds(agent) or own_id in known, 201, call))

    @step(agent=agent_numbers, replica=replica_numbers)
    def agent_reads(self, agent: int, replica: int) -> None:
        self.run(self._expect(True, 204, self._call(agent, replica, "read")))

    @step(agent=agent_numbers, replica=replica_numbers)
    def agent_hands_back(self, agent: int, replica: int) -> None:
        self.run(self._expect(self.holds(agent), 204, self._call(agent, replica, "hand-back")))

    @step(agent=agent_numbers, replica=replica_numbers)
    def agent_resolves(self, agent: int, replica: int) -> None:
        call = self._call(agent, replica, "resolve", reason="solved")
        self.run(self._expect(self.holds(agent), 204, call))

    @step(
        manner=manners,
        agent=agent_numbers,
        replica=replica_numbers,
        is_with_bot=st.booleans(),
        what=st.sets(
            st.sampled_from(("write", "leave", "speak", "take", "say", "back", "lapse")), min_size=2
        ),
    )
    def all_at_once(
        self, manner: Manner, agent: int, replica: int, is_with_bot: bool, what: set[str]
    ) -> None:
        if is_with_bot:
            self.bot_thinks(manner, replica)

        async def speak() -> None:
            self.world.bot.speak()

        async def act() -> None:
            own_id = str(next(self.numbers))
            steps = {
                "write": lambda: self._write(manner),
                "leave": self.widget.leave_queue,
                "speak": speak,
                "take": lambda: self._call(agent, replica, "take"),
                "say": lambda: self._call(agent, replica, "messages", id=own_id, text="at once"),
                "back": lambda: self._call(1 - agent, 1 - replica, "hand-back"),
                "lapse": self.world.let_leases_run_out,
            }
            await asyncio.gather(*(steps[name]() for name in sorted(what)))

        self.run(act())

    @step()
    def leases_run_out(self) -> None:
        self.run(self.world.let_leases_run_out())

    @step(number=replica_numbers, kill=st.booleans(), others_look=st.booleans(), manner=manners)
    def replica_restarts(self, number: int, kill: bool, others_look: bool, manner: Manner) -> None:
        """With a message on its way to it or not; the widget then goes to whichever is first."""

        async def restart() -> None:
            await self._write(manner)
            await self.world.restart(number, kill=kill, others_look=others_look)
            await self.widget.join(self.world.url_of(number + 1))

        # Whoever was told of its start waits anew there.
        self.pending_since = {}
        self.run(restart())

    @rule(taken=st.one_of(STEPS))
    def take(self, taken: Step) -> None:
        name, arguments = taken
        getattr(self, name)(**arguments)

    def teardown(self) -> None:
        async def settle() -> None:
            while not await self._is_quiet() or self.world.bot.held:
                self.world.bot.speak_of_all()
                await asyncio.sleep(0.005)

        try:
            if self.is_broken:
                self.loop.run_until_complete(asyncio.wait_for(settle(), QUIET_WITHIN_S))
            else:
                self.run(settle())
                assert not self.story.pending, "in the end everything is answered or with people"
        finally:
            self.world.bot.down_s = 0.0
            self.loop.run_until_complete(self.widget.vanish())


def _seen(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event less what is found out about a message only after it was shown."""
    if event["kind"] == "message" and event["message"]["author"] == Author.CUSTOMER.value:
        message = {**event["message"], "language": None, "direction": None}
        return {**event, "message": message}
    return event
