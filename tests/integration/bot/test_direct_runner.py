"""Our graph runner gives what Rasa's own gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.core.agent import Agent
from rasa.core.channels.channel import UserMessage
from rasa.engine.constants import PLACEHOLDER_MESSAGE, PLACEHOLDER_TRACKER
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.components.recent_rule_policy import RecentRulePolicy
from bot.direct_runner import DirectRunner
from bot.turn import parse_text
from tests.unit.bot.components.test_recent_rule_policy import conversation


@pytest.mark.parametrize("text", ["quanto costa la spedizione", "#48213", "blorp wibble", ""])
def test_messages_are_read_the_same(model: Path, text: str) -> None:
    processor = Agent.load(str(model)).processor
    assert processor is not None
    assert isinstance(processor.graph_runner, DaskGraphRunner)
    by_dask = parse_text(processor, text, {"language": "it"})
    processor.graph_runner = DirectRunner(processor.graph_runner)
    directly = parse_text(processor, text, {"language": "it"})
    assert directly == by_dask


def test_both_targets_are_run_and_nothing_else(model: Path) -> None:
    processor = Agent.load(str(model)).processor
    assert processor is not None
    runner = DirectRunner(processor.graph_runner)
    tracker = DialogueStateTracker.from_events("c1", [])
    metadata = processor.model_metadata
    inputs = {PLACEHOLDER_MESSAGE: [UserMessage("hello")], PLACEHOLDER_TRACKER: tracker}
    results = runner.run(inputs, [metadata.nlu_target, str(metadata.core_target)])
    assert set(results) == {metadata.nlu_target, metadata.core_target}
    assert results[metadata.nlu_target][0].get("text") == "hello"


def test_remembered_predictions_are_rasas_own(model: Path) -> None:
    processor = Agent.load(str(model)).processor
    assert processor is not None
    runner = DirectRunner(processor.graph_runner)
    (policy,) = (
        node._component
        for node in runner._nodes.values()
        if isinstance(getattr(node, "_component", None), RecentRulePolicy)
    )
    domain = processor.domain
    for seed in range(6):
        tracker = DialogueStateTracker.from_events("c1.1", [], domain.slots)
        for event in conversation(seed, turns=6).events:
            tracker.update(event)
            if not isinstance(event, (ActionExecuted, UserUttered)):
                continue
            plain, _ = policy._predict(tracker, domain)
            for _ in range(2):
                remembered = policy.predict_action_probabilities(tracker, domain)
                assert remembered.probabilities == plain.probabilities
                assert remembered.hide_rule_turn == plain.hide_rule_turn
                assert remembered.is_no_user_prediction == plain.is_no_user_prediction
                assert [type(event) for event in remembered.events] == [type(event) for event in plain.events]
