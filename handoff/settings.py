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
    metrics_token: SecretStr | None = None
    """Who shows it may read /metrics; without one, nobody may."""

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
    bot_delayed_after_s: float = 3.5
    """How long a customer waits for the bot before hearing that it takes longer; looked at twice a second."""
    bot_patience_s: float = 30.0
    """How long a customer waits before a person takes over, with reason `bot_unavailable`."""
    tell_support_hours: bool = True
    """Tell a customer who is handed over outside support's hours (data/shop.yml) when the team is back."""
    lease_s: float = 10.0
    """How long the right to answer a conversation outlives the process that had it (many processes only)."""
    turn_concurrency: int = 32
    max_body_bytes: int = 256 * 1024
    max_text_characters: int = 4000
    messages_per_minute: int = 60
    """Messages a conversation may send in a minute before it is asked to slow down."""
    conversations_per_minute: int = 30
    """New widget conversations an address, or a signed-in customer, may open in a minute."""
    address_messages_per_minute: int = Field(default=600, ge=0)
    """Messages from one address, all its conversations together; 0 for no limit, as everywhere below."""
    frames_per_minute: int = Field(default=300, ge=0)
    """Frames of a conversation that are no messages: receipts, typing, pings."""
    sockets_per_address: int = Field(default=100, ge=0)
    """Open widget and console sockets."""
    sockets_per_conversation: int = Field(default=10, ge=0)
    sign_ins_per_minute: int = Field(default=20, ge=0)
    """Attempts to sign in from one address."""
    agent_calls_per_minute: int = Field(default=600, ge=0)
    """What one agent may do: changing calls of the API, actions and pages of the console."""
    max_pending_turns: int = Field(default=2000, ge=0)
    """Customers' messages that may wait for an answer before new ones are told to come back later."""
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

    @field_validator("metrics_token")
    @classmethod
    def _check_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and 0 < len(value.get_secret_value()) < 16:
            raise ValueError("has to have at least 16 characters")
        # Set but empty is how compose files say "not set".
        return value if value and value.get_secret_value() else None

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
