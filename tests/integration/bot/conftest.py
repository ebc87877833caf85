"""A small bot, trained on nlu/ with the shop's own rules and domain, behind its real channel."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import rasa
from rasa.core.agent import Agent
from rasa.core.channels.channel import register
from rasa.core.tracker_store import TrackerStore
from rasa.utils.endpoints import EndpointConfig
from sanic import Sanic
from sanic_testing_free import ask

from bot.conversation_store import ConversationStore
from bot.service_channel import ServiceChannel
