"""The console's own style sheet and scripts, under an address that changes when they do."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ASSETS_FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"


def _hash_assets() -> str:
    content = hashlib.sha256()
    for file in sorted(ASSETS_FOLDER.iterdir()):
        content.update(file.name.encode() + file.read_bytes())
    return content.hexdigest()[:12]


ASSETS_PATH = f"/console/assets/{_hash_assets()}"


class AssetFiles(StaticFiles):
    """Static files that browsers may keep: the address holds a hash of them."""

    def __init__(self) -> None:
        super().__init__(directory=ASSETS_FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_EVER
        return response
