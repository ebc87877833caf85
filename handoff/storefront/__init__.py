"""The demo shop's pages at /demo: what a shop that uses the widget looks like."""

from __future__ import annotations

from handoff.storefront.endpoints import router

__all__ = ["router"]
