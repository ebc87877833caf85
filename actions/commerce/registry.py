"""Which backend answers for the shop. Nothing else imports a backend."""

from __future__ import annotations

import importlib
import os
from functools import lru_cache

from actions.commerce.base import Commerce, UnknownBackendError

# A backend's module has a function `create_commerce() -> Commerce` that reads the backend's own settings.
# They are named rather than imported: a shop needs the libraries of its own backend only.
_BACKENDS = {"demo": "actions.commerce.demo.backend"}


def create_commerce(name: str) -> Commerce:
    """Return a new backend, not opened yet.

    Raises:
        UnknownBackendError: No backend has that name.
    """
    module = _BACKENDS.get(name)
    if module is None:
        raise UnknownBackendError(f"DRAGOMAN_COMMERCE is {name!r}, which is none of: {', '.join(_BACKENDS)}")
    commerce: Commerce = importlib.import_module(module).create_commerce()
    return commerce


@lru_cache(maxsize=1)
def get_commerce() -> Commerce:
    """Return the process's backend, named by `DRAGOMAN_COMMERCE` (default: demo); the server opens it.

    Raises:
        UnknownBackendError: No backend has that name.
    """
    return create_commerce(os.environ.get("DRAGOMAN_COMMERCE", "demo"))
