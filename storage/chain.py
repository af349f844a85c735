"""The journal's seal: an HMAC-SHA256 over each row and the row before it, and a sealed head.

An edited, deleted, inserted or moved row breaks the chain at that row. The head (last place and
its seal) is kept apart from the rows, so that a deleted tail is found too (X-09). Whoever lacks
the key can break the chain, but not mend it.
"""

import hmac
from collections.abc import Iterable
from typing import NamedTuple

from engine.store import ChainReport
from storage.codec import Entry

GENESIS = "0" * 64
"""What the first row follows on."""


class Sealed(NamedTuple):
    """A journal row as it lies in the table."""

    seq: int
    at: str
    kind: str
    ref: str
    actor: str
    data: str
    puts: str
    prev: str
    mac: str


class Head(NamedTuple):
    """Where the journal ends. ``seal`` proves that we wrote it."""

    seq: int
    mac: str
    seal: str


class Sealer:
    """Holds the audit key and seals rows and heads with it."""

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("the audit key is empty")
        self._keyed = hmac.new(key, digestmod="sha256")

    def row(self, seq: int, entry: Entry, prev: str) -> Sealed:
        """Seal an event as row ``seq`` after the row whose mac is ``prev``."""
        at, kind, ref, actor, data, puts, _ = entry
        mac = self.mac(seq, at, kind, ref, actor, data, puts, prev)
        return Sealed(seq, at, kind, ref, actor, data, puts, prev, mac)

    def mac(self, seq: int, *texts: str) -> str:
        """Seal of a row: the lengths of its texts first, so that none can flow into the next."""
        sizes = " ".join([str(len(text)) for text in texts])
        return self._sign(f"row {seq} {sizes}:{''.join(texts)}")

    def head(self, seq: int, mac: str) -> Head:
        """Seal the end of the journal."""
        return Head(seq, mac, self._sign(f"head {seq} {mac}"))

    def _sign(self, text: str) -> str:
        keyed = self._keyed.copy()  # the key's own two blocks are hashed once, not each time
        keyed.update(text.encode())
        return keyed.hexdigest()

    def is_ours(self, head: Head) -> bool:
        """Whether we sealed this head."""
        return hmac.compare_digest(self.head(head.seq, head.mac).seal, head.seal)


class Walk:
    """Follows the chain row by row and remembers the first break."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._prev = GENESIS
        self.seq = 0
        self.n_rows = 0
        self.bad_seq: int | None = None
        self.reason = ""

    def feed(self, rows: Iterable[Sealed]) -> bool:
        """Take the next rows in order; False as soon as one is wrong."""
        for row in rows:
            self.n_rows += 1
            if self.bad_seq is not None:
                continue
            expected = self.seq + 1
            if row.seq != expected:
                self._bad(expected, f"row {expected} is missing: {row.seq} follows {self.seq}")
            elif row.mac != self._sealer.mac(row.seq, *row[1:8]):
                self._bad(row.seq, f"row {row.seq} is not as it was written")
            elif row.prev != self._prev:
                self._bad(row.seq, f"row {row.seq} does not follow on row {self.seq}")
            else:
                self.seq, self._prev = row.seq, row.mac
        return self.bad_seq is None

    def end(self, head: Head | None) -> ChainReport:
        """Compare the end of the rows with the sealed head."""
        if self.bad_seq is None:
            if head is None:
                self._bad(self.seq + 1, "the sealed head is missing")
            elif not self._sealer.is_ours(head):
                self._bad(self.seq + 1, "the head's seal is not ours (edited, or another key)")
            elif head.seq > self.seq:
                self._bad(self.seq + 1, f"rows {self.seq + 1} to {head.seq} are missing at the end")
            elif head.seq < self.seq or head.mac != self._prev:
                self._bad(head.seq + 1, f"the head was sealed at row {head.seq}, not {self.seq}")
        return ChainReport(n_events=self.n_rows, first_bad_seq=self.bad_seq, reason=self.reason)

    def _bad(self, seq: int, reason: str) -> None:
        self.bad_seq = seq
        self.reason = reason
