"""`python -m actions.commerce.demo load`: fill the demo shop's database from data/demo/."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime

from sqlalchemy.engine.url import make_url
from sqlalchemy.exc import SQLAlchemyError

from actions.commerce.demo.backend import database_url
from actions.commerce.demo.loading import DemoDataError, LoadedCounts, load

# How long the driver's thread has to end after a connection that failed.
_THREAD_END_S = 0.1


async def _load(url: str) -> LoadedCounts:
    try:
        return await load(url, datetime.now(UTC))
    except SQLAlchemyError:
        # aiosqlite ends the thread of a connection that failed without waiting for it, and that thread
        # complains on stderr if the event loop is gone by then.
        await asyncio.sleep(_THREAD_END_S)
        raise


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m actions.commerce.demo", description=__doc__)
    parser.add_argument("command", choices=["load"])
    parser.add_argument("--database", default=database_url(), help="SQLAlchemy URL ($DRAGOMAN_SHOP_DATABASE)")
    options = parser.parse_args(arguments)
    try:
        counts = asyncio.run(_load(options.database))
    except (DemoDataError, SQLAlchemyError) as error:
        sys.stderr.write(f"The demo shop could not be loaded: {error}\n")
        return 1
    sys.stdout.write(
        f"{counts.orders} orders of {counts.customers} customers and {counts.products} products loaded into "
        f"{make_url(options.database).render_as_string(hide_password=True)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
