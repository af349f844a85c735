"""What the store keeps: versioned records, and the journal events that carry their changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from engine.domain.copying import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A row of the desk's state. ``version`` 1 is new; each change counts up by one.

    ``TABLE`` is its table's name. ``COLUMNS`` are the attributes kept as columns of their own,
    so that a store can search by them; the whole record is kept as one JSON document.
    """

    TABLE: ClassVar[str]
    COLUMNS: ClassVar[tuple[str, ...]] = ()

    version: int = 1

    @property
    def key(self) -> str:
        """Primary key within the table."""
        raise TypeError(f"{type(self).__name__} does not name its key")


R = TypeVar("R", bound=Record)


def changed(record: R, **changes: Any) -> R:
    """The next version of a record; the store refuses it when somebody was faster."""
    return replace(record, version=record.version + 1, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of the journal: what happened, to which story, by whom, and what it changed.

    ``ref`` is the correlation id of the story (the alert's id, or the command's); ``data`` is
    small JSON for people; ``puts`` are the records as they are after the event. The journal
    alone rebuilds every table.
    """

    kind: str
    ref: str
    at: datetime
    actor: str = "desk"
    data: Mapping[str, Any] = field(default_factory=dict)
    puts: tuple[Record, ...] = ()
