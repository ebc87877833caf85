"""What a component needs of Rasa to be trained, stored and loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.language_identifier import LanguageIdentifier
from bot.learning.importer import LabelImporter
from bot.training_data import NLU_FOLDER


class Workshop:
    """Makes components as Rasa's graph does; what one has stored, the next one loads."""

    def __init__(self, folder: Path) -> None:
        self._storage = LocalModelStorage(folder)
        self._context = ExecutionContext(GraphSchema({}), node_name="component")

    def create(self, component: type[GraphComponent], **config: Any) -> Any:
        return self._make(component, component.create, config)

    def load(self, component: type[GraphComponent], **config: Any) -> Any:
        return self._make(component, component.load, config)

    def _make(self, component: type[GraphComponent], make: Callable[..., Any], config: dict[str, Any]) -> Any:
        whole = {**component.get_default_config(), **config}
        return make(whole, self._storage, Resource(component.__name__), self._context)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def shops_messages() -> TrainingData:
    """Return the shop's own training messages, in every language."""
    return LabelImporter(training_data_paths=[str(NLU_FOLDER)]).get_nlu_data()


@pytest.fixture(scope="session")
def shops_identifier(
    tmp_path_factory: pytest.TempPathFactory, shops_messages: TrainingData
) -> LanguageIdentifier:
    """Return a language identifier trained on the shop's own messages."""
    trained: LanguageIdentifier = Workshop(tmp_path_factory.mktemp("language")).create(LanguageIdentifier)
    trained.train(shops_messages)
    return trained


def training_message(text: str, label: str, language: str | None, author: str) -> Message:
    metadata = {"label": label, "language": language, "author": author}
    return Message({"text": text, "intent": label.partition("/")[0], "metadata": metadata})


def customers_message(text: str, **metadata: Any) -> Message:
    return Message({"text": text, "metadata": metadata})
