"""Which replica nginx has sent calls to."""

from __future__ import annotations

import asyncio
import json

from scripts.cluster import Cluster


async def list_upstreams(cluster: Cluster, path: str, at_least: set[str], timeout_s: float = 5) -> set[str]:
    """Wait until calls of a path went to all these addresses; nginx writes a line when a call is over.

    Raises:
        TimeoutError: They did not.
    """
    async with asyncio.timeout(timeout_s):
        while True:
            lines = cluster.public_log.read_text(encoding="utf-8").splitlines()
            calls = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
            found = {call["upstream"] for call in calls if call["path"] == path}
            if found >= at_least:
                return found
            await asyncio.sleep(0.05)
