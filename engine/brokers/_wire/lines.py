"""What an adapter keeps of its orders: a file that grows by a line for each thing learnt of one.

To write all of it anew for each fill or move would hold the desk up the longer, the more it trades.
"""

import asyncio
import json
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from engine.store import Tokens

_SPARE = 200
"""More lines than there are things to know by so many, and the file is written anew at a start."""


class Lines:
    """One register of one connection; a row is a JSON object, the newest of a key counts."""

    def __init__(self, name: str, tokens: Tokens) -> None:
        self.name, self._tokens = name, tokens
        self._unwritten: dict[Hashable, Any] = {}
        """What the file does not say yet; whoever writes next writes all of it."""
        self._lock = asyncio.Lock()
        self._n_lines = 0

    async def load(self) -> list[Any]:
        """All rows, the oldest first; one that a crash cut was never acted on.

        Raises:
            ValueError: a line cannot be read that is not merely cut.
        """
        text = await self._tokens.load(self.name) or ""
        lines = [line for line in text.split("\n") if line]
        self._unwritten, self._n_lines = {}, len(lines)
        return [row for line in lines for row in _read(line)]

    async def tidy(self, rows: Iterable[Any]) -> None:
        """Write these anew in place of all, when most of the file says nothing any more."""
        kept = list(rows)
        if self._n_lines > len(kept) + _SPARE:
            with suppress(OSError):  # it is as true as before; what is held there must be seen
                await self._tokens.save(self.name, "".join(map(_line, kept)))

    def note(self, key: Hashable, row: Any) -> None:
        """To be written with whatever is kept next."""
        self._unwritten[key] = row

    def forget(self, key: Hashable) -> None:
        """It need not be written."""
        self._unwritten.pop(key, None)

    async def keep(self) -> None:
        """Have all that was noted on disk; several who come at once share one write.

        Raises:
            OSError: it is not; the next one tries again.
        """
        async with self._lock:
            if not self._unwritten:
                return  # whoever was here before took it along
            taken, self._unwritten = self._unwritten, {}
            try:
                await self._tokens.append(self.name, "".join(map(_line, taken.values())))
            except BaseException:
                self._unwritten = taken | self._unwritten
                raise


def _line(row: Any) -> str:
    """Begun by a new line: what a crash cut before it spoils nothing."""
    return "\n" + json.dumps(row)


def _read(line: str) -> Iterator[Any]:
    """Its row; none of one that ends before its object does."""
    try:
        yield json.loads(line)
    except json.JSONDecodeError as error:
        if line.endswith(("}", "]")) and error.pos < len(line):
            raise
