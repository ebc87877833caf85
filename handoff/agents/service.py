"""Accounts and sign-in. Passwords are kept as argon2id, session tokens as SHA-256."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import uuid
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.agents import repository
from handoff.agents.errors import (
    AgentExistsError,
    CsrfError,
    SignInLockedError,
    WeakPasswordError,
    WrongCredentialsError,
)
from handoff.agents.models import Agent, AgentSession, Role
from handoff.clock import Clock, utc_now
from handoff.database import Database
from handoff.errors import UnauthorizedError
from locales.languages import get_language

MIN_PASSWORD_CHARACTERS = 10
# After this many wrong passwords in a row the account waits, twice as long each further time.
FREE_ATTEMPTS = 5
FIRST_LOCK_S = 30
LONGEST_LOCK_S = 3600

# Addresses without an account whose wrong passwords are remembered; the longest quiet goes first.
MAX_STRANGERS = 10_000

_hasher = PasswordHasher()
# argon2 takes 64 MB a password: so many at the same time, the others wait.
_hashing = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
# Verified when there is no such account, so that the answer takes as long as for a real one.
_NOBODY_HASH = _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class SignedIn:
    """A signed-in agent. `token` is known only right after signing in."""

    agent: Agent
    csrf_token: str
    token: str = ""


class Strangers:
    """Wrong passwords for e-mail addresses that have no account, kept in this process.

    They lock as accounts do: else the lock would tell which addresses have one.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, datetime | None]] = OrderedDict()

    def find_lock(self, email: str) -> datetime | None:
        return self._failures.get(email.strip().lower(), (0, None))[1]

    def note_failure(self, email: str, now: datetime) -> None:
        key = email.strip().lower()
        failures = self._failures.pop(key, (0, None))[0] + 1
        self._failures[key] = (failures, _lock_after(failures, now))
        if len(self._failures) > MAX_STRANGERS:
            self._failures.popitem(last=False)


def _lock_after(failures: int, now: datetime) -> datetime | None:
    over = failures - FREE_ATTEMPTS
    if over < 0:
        return None
    return now + timedelta(seconds=min(FIRST_LOCK_S * 2 ** min(over, 10), LONGEST_LOCK_S))


_strangers = Strangers()


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def create_agent(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    password: str,
    role: Role = Role.AGENT,
    language: str = "en",
    languages: list[str] | None = None,
) -> Agent:
    """Open an account.

    Raises:
        WeakPasswordError: The password is shorter than 10 characters.
        AgentExistsError: The e-mail address is taken.
    """
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise WeakPasswordError(min_characters=MIN_PASSWORD_CHARACTERS)
    if await repository.find_agent_by_email(session, email) is not None:
        raise AgentExistsError(email)
    agent = Agent(
        id=uuid.uuid4(),
        email=email.strip().lower(),
        name=name.strip(),
        password_hash=await asyncio.to_thread(_hasher.hash, password),
        role=role,
        language=language,
        languages=languages or [],
    )
    session.add(agent)
    await session.flush()
    return agent


async def change_language(session: AsyncSession, agent_id: uuid.UUID, language: str) -> None:
    """Set the language in which an agent's console speaks.

    Raises:
        locales.languages.UnknownLanguageError: The shop has no such language.
    """
    agent = await repository.get_agent(session, agent_id)
    agent.language = get_language(language).tag


async def sign_in(
    database: Database, email: str, password: str, *, session_hours: int, clock: Clock = utc_now
) -> SignedIn:
    """Check a password and open a session.

    Opens its own transactions: a failed attempt has to be remembered although the call fails.

    Raises:
        WrongCredentialsError: E-mail or password is wrong, or the account is closed.
        SignInLockedError: Too many wrong passwords in a row.
    """
    now = clock()
    async with database.reading() as session:
        known = await repository.find_agent_by_email(session, email)
    locked_until = known.locked_until if known else _strangers.find_lock(email)
    if locked_until and locked_until > now:
        raise SignInLockedError(retry_after_s=int((locked_until - now).total_seconds()) + 1)
    # Outside any transaction and off the event loop: argon2 takes tens of milliseconds on purpose.
    password_hash = known.password_hash if known else _NOBODY_HASH
    is_right = await asyncio.get_running_loop().run_in_executor(_hashing, _verify, password_hash, password)
    if known is None:
        _strangers.note_failure(email, now)
        raise WrongCredentialsError()
    async with database.transaction() as session:
        agent = await repository.find_agent_by_email(session, email, lock=True)
        if agent is not None and not is_right:
            agent.failed_sign_ins += 1
            agent.locked_until = _lock_after(agent.failed_sign_ins, now)
        elif agent is not None and agent.is_active:
            agent.failed_sign_ins = 0
            agent.locked_until = None
            await repository.delete_expired_sessions(session, now)
            token, csrf_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
            session.add(
                AgentSession(
                    token_hash=hash_token(token),
                    agent_id=agent.id,
                    csrf_token=csrf_token,
                    expires_at=now + timedelta(hours=session_hours),
                )
            )
            return SignedIn(agent=agent, csrf_token=csrf_token, token=token)
    raise WrongCredentialsError()


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerificationError:
        return False


async def get_signed_in(session: AsyncSession, token: str | None, clock: Clock = utc_now) -> SignedIn:
    """Return who a session token belongs to.

    Raises:
        UnauthorizedError: There is none, or it has run out.
    """
    found = await repository.find_session(session, hash_token(token), clock()) if token else None
    if found is None or not found.agent.is_active:
        raise UnauthorizedError()
    return SignedIn(agent=found.agent, csrf_token=found.csrf_token)


def check_csrf(signed_in: SignedIn, token: str | None) -> None:
    """Raises CsrfError unless the token is the session's own."""
    if not hmac.compare_digest(signed_in.csrf_token.encode(), (token or "").encode()):
        raise CsrfError()


async def sign_out(session: AsyncSession, token: str) -> None:
    await repository.delete_session(session, hash_token(token))
