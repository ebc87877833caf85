"""Building blocks of the console: plain HTML elements, set as text, never parsed as HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from nicegui.element import Element

# Vue components: what would be too many elements, or has to know what the browser knows.
COMPONENTS = Path(__file__).parent / "components"


class Tag(Element):
    """An HTML element. Its text and attributes reach the browser as data.

    Attributes are written as Python names (`aria_label`); one that is None is left out.
    """

    def __init__(self, tag: str, /, classes: str = "", text: str | None = None, **attributes: Any) -> None:
        super().__init__(tag)
        self._text = text
        if classes:
            self.classes(classes)
        for key, value in attributes.items():
            if value is not None:
                self.props[key.replace("_", "-")] = value

    @property
    def text(self) -> str | None:
        return self._text

    @text.setter
    def text(self, text: str | None) -> None:
        if text != self._text:
            self._text = text
            self.update()

    def put(self, attribute: str, value: Any) -> None:
        """Set an attribute; None takes it away."""
        if self.props.get(attribute) == value:
            return
        if value is None:
            del self.props[attribute]
        else:
            self.props[attribute] = value

    def show(self, is_shown: bool) -> None:
        self.put("hidden", None if is_shown else True)

    def set_class(self, name: str, is_set: bool) -> None:
        self.classes(add=name) if is_set else self.classes(remove=name)


class Moment(Element, component=COMPONENTS / "moment.js"):
    """A moment in the browser's time zone and the page's language.

    `clock`: when it was; `until`: how long until then.
    """

    def __init__(self, at: str, kind: Literal["clock", "until"] = "clock") -> None:
        super().__init__()
        self.props["at"] = at
        self.props["kind"] = kind


def web_address(address: Any) -> str | None:
    """Return an address that a link may lead to, or None: carriers' pages come from the shop's data."""
    text = str(address or "")
    return text if urlsplit(text).scheme in ("https", "http") else None
