"""The demo's commentary: what happens and why it matters, line by line, in the terminal."""

import textwrap
from dataclasses import dataclass
from datetime import datetime

from engine.clock import Clock

_WIDTH = 96
_INDENT = " " * 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the commentary, kept for the transcript."""

    at: datetime
    after_s: float
    text: str
    is_crash: bool = False
    """The bot was killed here."""


class Telling:
    """Prints as it goes, and remembers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.monotonic()
        self.lines: list[Line] = []

    @property
    def after_s(self) -> float:
        """Seconds since the start."""
        return self._clock.monotonic() - self._start

    def say(self, text: str, *, is_crash: bool = False) -> None:
        """One thing that happened."""
        line = Line(at=self._clock.now(), after_s=self.after_s, text=text, is_crash=is_crash)
        self.lines.append(line)
        shown = textwrap.wrap(
            text, _WIDTH, initial_indent=f"{line.after_s:5.1f} s  ", subsequent_indent=_INDENT
        )
        print("\n".join(shown), flush=True)

    def plain(self, text: str = "") -> None:
        """A line that belongs to no moment."""
        print(text, flush=True)
