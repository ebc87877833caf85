"""Order numbers that are a prefix and digits, as most shops have them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

# What may stand around a number that somebody typed.
_PADDING = " \t\n.,;:!?()\"'"


@dataclass(frozen=True)
class NumberFormat:
    """How a shop writes its order numbers: `NumberFormat("TM-", 4, 6)` is TM-48213."""

    prefix: str
    fewest_digits: int
    most_digits: int

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        letters = re.escape(self.prefix.rstrip("-"))
        return re.compile(
            rf"#?\s*(?:{letters}[\s\-‐‑‒–—־_.]*)?#?\s*(?P<digits>\d{{{self.fewest_digits},{self.most_digits}}})",
            re.IGNORECASE,
        )

    def parse(self, text: str) -> str | None:
        """Return the number as the shop writes it, or None where the text is no such number.

        The prefix may be left out or written in any case; digits may be full-width or of any script.
        """
        # NFKC makes full-width forms ASCII; Arabic or Devanagari digits keep their script, hence `decimal`.
        match = self._pattern.fullmatch(unicodedata.normalize("NFKC", text).strip(_PADDING))
        if match is None:
            return None
        return self.prefix + "".join(str(unicodedata.decimal(digit)) for digit in match["digits"])


# The demo shop's, and what shops in tests use.
TAMARIND_NUMBERS = NumberFormat(prefix="TM-", fewest_digits=4, most_digits=6)
