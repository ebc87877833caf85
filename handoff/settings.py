"""Settings, from environment variables `DRAGOMAN_*`. Secrets have no default."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).parents[1]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DRAGOMAN_", extra="ignore")

    # Secrets: `make run` generates them into var/secrets.env at its first start.
    internal_secret: Annotated[SecretStr, Field(min_length=32)]
    """Shared by service, Rasa and actions; each refuses a call without it."""
    identity_secret: Annotated[SecretStr, Field(min_length=32)]
    """Signs who a signed-in widget user is (HMAC-SHA256); known to the shop's own server too."""
    session_secret: Annotated[SecretStr, Field(min_length=32)]
    """Signs the token of the console's sign-in form."""

    database_url: str = f"sqlite+aiosqlite:///{ROOT / 'var' / 'dragoman.db'}"
    """SQLAlchemy URL: sqlite+aiosqlite:///… (embedded) or postgresql+asyncpg://…"""
    bus_url: str = "memory://"
    """memory:// for one service process, redis://host:port for many."""
    bot_url: str = "http://127.0.0.1:5005"
    public_origin: str = "http://127.0.0.1:8000"
    """Where browsers reach the service: scheme://host[:port]."""
    widget_origins: Annotated[list[str], NoDecode] = ["*"]
    """Origins whose pages may use the widget, comma-separated; "*" for any page."""
    demo: bool = False
    """Serve the demo storefront at /demo; `make run` turns it on."""

    bot_timeout_s: float = 8.0
    """How long one call of the bot may take."""
    bot_attempts: int = 3
    """Calls before a conversation is handed to a person with reason `bot_unavailable`."""
    lease_s: float = 40.0
    """How long a process holds a conversation's turn before another may take it over; longer than
    all attempts together."""
    turn_concurrency: int = 32
    max_body_bytes: int = 256 * 1024
    max_text_characters: int = 4000
    messages_per_minute: int = 60
    """Messages a conversation may send in a minute before it is asked to slow down."""
    conversations_per_minute: int = 30
    """New widget conversations an address may open in a minute."""
    session_hours: int = 12
    """How long an agent stays signed in."""
    trust_proxy: bool = False
    """Read the client's address from X-Forwarded-For (only behind a proxy that sets it)."""

    @field_validator("widget_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("public_origin")
    @classmethod
    def _strip_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the embedded one (a file, one service process)."""
        return self.database_url.startswith("sqlite")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the process's settings.

    Raises:
        pydantic.ValidationError: A secret is missing or a value is wrong; names the variable.
    """
    return Settings()  # type: ignore[call-arg]
