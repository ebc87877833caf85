"""Accounts from the command line.

python -m handoff.agents first-admin     the first account; its password is made up here and shown once
python -m handoff.agents add EMAIL NAME [--role agent] [--language it] [--serves it,en]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys

from handoff.agents import repository, service
from handoff.agents.models import Role
from handoff.bus import InProcessBus
from handoff.database import Database
from handoff.errors import DragomanError
from handoff.settings import get_settings


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m handoff.agents", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("first-admin")
    first.add_argument("--email", default="admin@example.com")
    first.add_argument("--name", default="Anna")
    add = commands.add_parser("add")
    add.add_argument("email")
    add.add_argument("name")
    add.add_argument("--role", choices=[role.value for role in Role], default=Role.AGENT.value)
    add.add_argument("--language", default="en")
    add.add_argument("--serves", default="", help="languages, comma-separated")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> int:
    database = Database(get_settings().database_url, InProcessBus())
    password = secrets.token_urlsafe(12)
    try:
        async with database.transaction() as session:
            if arguments.command == "first-admin":
                if await repository.count_agents(session):
                    sys.stdout.write(json.dumps({"created": False}) + "\n")
                    return 0
                role, language, serves = Role.ADMIN, "en", []
            else:
                role, language = Role(arguments.role), arguments.language
                serves = [tag for tag in arguments.serves.split(",") if tag]
            agent = await service.create_agent(
                session,
                email=arguments.email,
                name=arguments.name,
                password=password,
                role=role,
                language=language,
                languages=serves,
            )
        sys.stdout.write(json.dumps({"created": True, "email": agent.email, "password": password}) + "\n")
        return 0
    except DragomanError as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n")
        return 1
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(_parse())))
