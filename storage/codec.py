"""Records and events as JSON text, exactly: Decimal as text, UTC only, no float, no NaN (I-07).

Encoding refuses what could not be read back the same. Both stores and the backup use this one
file, so they agree on what can be kept and on what a search compares.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from json.encoder import encode_basestring as quote
from json.encoder import encode_basestring_ascii as ascii_quote
from types import NoneType, UnionType
from typing import Any, Generic, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from engine.domain import copying
from engine.domain.errors import InvariantError
from engine.domain.record import Event, R, Record
from engine.domain.trade import Execution, LedgerEntry
from engine.store import RECORDS
from storage.encoding import ZERO, Encode, blame, encoder, iso_text

Cell = str | int | bool | None
"""What a promoted column holds: UTC moments as ISO text of fixed width, Decimals as exact text."""
CellKind = Literal["text", "int", "bool", "decimal", "utc"]

APPEND_ONLY: frozenset[type[Record]] = frozenset({Execution, LedgerEntry})
"""Facts: written once, never changed; a bust is a new entry (faults.md, order states)."""

_PUTS_PER_EVENT = 1 << 16


class Put(NamedTuple):
    """A record made ready to be written."""

    shape: "Shape[Any]"
    key: str
    version: int
    doc: str
    cells: tuple[Cell, ...]
    record: Record


class Entry(NamedTuple):
    """An event made ready to be written; all text, so that its bytes can be sealed."""

    at: str
    kind: str
    ref: str
    actor: str
    data: str
    puts_json: str
    puts: tuple[Put, ...]


class Shape(Generic[R]):
    """How one kind of record lies in its table: key, promoted columns, document."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind
        self.table = kind.TABLE
        self.columns: tuple[str, ...] = kind.COLUMNS
        self.kinds: tuple[CellKind, ...] = tuple(_cell_kind(kind, name) for name in kind.COLUMNS)
        self._cell_kinds = dict(zip(self.columns, self.kinds, strict=True))

    @cached_property
    def _adapter(self) -> TypeAdapter[R]:
        return TypeAdapter(self.kind)

    @cached_property
    def _encode(self) -> Encode:
        kind: type = self.kind
        return encoder(kind)

    @cached_property
    def _cells(self) -> Callable[[R], tuple[Cell, ...]]:
        return _cells_writer(self._cell_kinds)

    def warm(self) -> None:
        """Make reader, writers and copier now rather than at first use."""
        _ = self._adapter, self._encode, self._cells
        copying.warm(self.kind)

    def encode(self, record: R) -> str:
        """The whole record as JSON text.

        Raises:
            InvariantError: a float, NaN, naive or non-UTC moment, or text that is not Unicode.
        """
        try:
            doc = self._encode(record)
            if not doc.isascii():
                doc.encode()
        except Exception as error:
            name = self.kind.__name__
            raise InvariantError(f"{name} cannot be kept: {blame(self.kind, record)}") from error
        return doc

    def decode(self, doc: str | bytes) -> R:
        """The record that was encoded.

        Raises:
            ValueError: the document is not one of this kind.
        """
        return self._adapter.validate_json(doc)

    def cells(self, record: R) -> tuple[Cell, ...]:
        """Values of the promoted columns, in their order."""
        return self._cells(record)

    def cell(self, column: str, value: Any) -> Cell:
        """One searched-for value as its column holds it.

        Raises:
            ValueError: the column is not promoted.
        """
        try:
            return _TO_CELL[self._cell_kinds[column]](value)
        except KeyError:
            raise ValueError(f"{self.table} has no column {column!r} to search by") from None

    def wanted(self, column: str, value: Any) -> tuple[Cell, ...]:
        """The cells that a search accepts: of one value, or of any in a tuple, list or set.

        Text that no row can hold (with NUL, half a surrogate pair) is not among them.
        """
        values = value if isinstance(value, tuple | list | set | frozenset) else (value,)
        return tuple(
            self.cell(column, one) for one in values if not isinstance(one, str) or is_plain(one)
        )

    def put(self, record: R) -> Put:
        """Make ready to be written.

        Raises:
            InvariantError: it cannot be kept, or changes what may never change.
        """
        version = record.version
        if version < 1 or (version > 1 and self.kind in APPEND_ONLY):
            raise InvariantError(
                f"{self.table} {record.key}: version {version} is not allowed"
                + (" (written once, never changed)" if version > 1 else "")
            )
        doc = self.encode(record)
        return Put(self, plain_text(record.key), version, doc, self._cells(record), record)


def is_plain(value: str) -> bool:
    """Whether a database could hold this text at all."""
    try:
        plain_text(value)
    except InvariantError:
        return False
    return True


def plain_text(value: str) -> str:
    """Text that every database keeps as it is.

    Raises:
        InvariantError: it holds NUL or half a surrogate pair.
    """
    if "\x00" in value:
        raise InvariantError(f"{value[:80]!r} holds a NUL character and cannot be a key or column")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvariantError(f"{value[:80]!r} is not Unicode text") from None
    return str.__str__(value)


def utc_text(moment: datetime) -> str:
    """A moment as ISO text of fixed width, so that text order is time order.

    Raises:
        InvariantError: naive or not UTC.
    """
    if moment.tzinfo is not UTC and moment.utcoffset() != ZERO:
        raise InvariantError(f"{moment!r} is not an aware UTC moment")
    text = iso_text(moment)
    return f"{text}Z" if len(text) == 26 else f"{text}.000000Z"


def utc_moment(text: str) -> datetime:
    """The moment that :func:`utc_text` wrote."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _text_cell(value: str | None) -> Cell:
    return None if value is None else plain_text(value)  # the text of a StrEnum is its value


def _int_cell(value: int | None) -> Cell:
    if value is not None and not -(1 << 63) <= value < 1 << 63:
        raise InvariantError(f"{value} is no whole number of 64 bits")
    return value


def _bool_cell(value: bool | None) -> Cell:
    return None if value is None else bool(value)


def _decimal_cell(value: Decimal | None) -> Cell:
    return None if value is None else str(value)


def _utc_cell(value: datetime | None) -> Cell:
    return None if value is None else utc_text(value)


_TO_CELL: dict[CellKind, Callable[[Any], Cell]] = {
    "text": _text_cell,
    "int": _int_cell,
    "bool": _bool_cell,
    "decimal": _decimal_cell,
    "utc": _utc_cell,
}


def _cells_writer(kinds: Mapping[str, CellKind]) -> Callable[[Any], tuple[Cell, ...]]:
    """What makes a record's columns: one expression, for it runs for each record written.

    Plain text, of which most are, is let through without a call.
    """
    is_plain = '(t := record.{}).__class__ is str and t.isascii() and "\\x00" not in t'
    values = [
        f"t if {is_plain.format(name)} else text_cell(t)"
        if kind == "text"
        else f"{kind}_cell(record.{name})"
        for name, kind in kinds.items()
    ]
    code = f"def cells(record):\n    return ({''.join(f'{value}, ' for value in values)})"
    names: dict[str, Any] = {f"{kind}_cell": to_cell for kind, to_cell in _TO_CELL.items()}
    exec(code, names)  # noqa: S102 - names of our own fields
    made: Callable[[Any], tuple[Cell, ...]] = names["cells"]
    return made


_CELL_OF: tuple[tuple[type, CellKind], ...] = (
    (bool, "bool"),
    (int, "int"),
    (Decimal, "decimal"),
    (datetime, "utc"),
    (str, "text"),
)


def _cell_kind(kind: type[Record], column: str) -> CellKind:
    """Which kind of column an attribute needs, from its annotation (field or property)."""
    hints = get_type_hints(kind)
    hint = hints.get(column)
    if hint is None:
        hint = get_type_hints(getattr(kind, column).fget)["return"]
    options = [option for option in _options(hint) if option is not NoneType]
    first = options[0]
    if get_origin(first) is Literal:
        first = type(get_args(first)[0])
    for base, cell in _CELL_OF:
        if isinstance(first, type) and issubclass(first, base):
            return cell
    raise TypeError(f"{kind.__name__}.{column}: {hint} cannot be a column")


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


SHAPES: dict[type[Record], Shape[Any]] = {kind: Shape(kind) for kind in RECORDS}
BY_TABLE: dict[str, Shape[Any]] = {shape.table: shape for shape in SHAPES.values()}


def shape_of(kind: type[R]) -> Shape[R]:
    """The shape of a kind of record.

    Raises:
        InvariantError: it is not listed in ``engine.store.RECORDS``.
    """
    try:
        return SHAPES[kind]
    except KeyError:
        raise InvariantError(f"{kind.__name__} is not listed in engine.store.RECORDS") from None


def warm() -> None:
    """Make every reader, writer and copier now, so that no commit has to wait for it."""
    for shape in SHAPES.values():
        shape.warm()


# --- events


def entry_of(event: Event) -> Entry:
    """Make an event ready to be written.

    Raises:
        InvariantError: something in it cannot be kept.
    """
    if len(event.puts) >= _PUTS_PER_EVENT:
        raise InvariantError(f"{event.kind}: {len(event.puts)} records in one event are too many")
    puts = tuple([shape_of(record.__class__).put(record) for record in event.puts])
    return Entry(
        utc_text(event.at),
        plain_text(event.kind),
        plain_text(event.ref),
        plain_text(event.actor),
        data_text(event.data),
        puts_text(puts),
        puts,
    )


def puts_text(puts: Iterable[Put]) -> str:
    """The records of an event as one JSON list of ``[table, key, version, length, document]``.

    The length lets a reader take the document out byte for byte, without parsing it.
    """
    parts = [
        f'["{put.shape.table}",{quote(put.key)},{put.version},{len(put.doc)},{put.doc}]'
        for put in puts
    ]
    return f"[{','.join(parts)}]"


class Told(NamedTuple):
    """A record as the journal holds it."""

    table: str
    key: str
    version: int
    doc: str


def puts_of(text: str) -> list[Told]:
    """The records of an event, documents as they were written.

    Raises:
        ValueError: not what :func:`puts_text` writes.
    """
    found: list[Told] = []
    at = 1
    while (head := _PUT.match(text, at)) is not None:
        table, key, version, size = head.groups()
        end = head.end() + int(size)
        found.append(Told(table, json.loads(key), int(version), text[head.end() : end]))
        at = end + 2
    if text != "[]" and (text[:1] != "[" or text[at - 2 :] != "]]" or not found):
        raise ValueError("the list of records is not as it was written")
    return found


def records_of(text: str) -> tuple[Record, ...]:
    """The records of an event, read back."""
    return tuple(BY_TABLE[told.table].decode(told.doc) for told in puts_of(text))


_PUT = re.compile(r'\["(\w+)",("(?:[^"\\]|\\.)*"),(\d+),(\d+),')


def data_text(data: Mapping[str, Any]) -> str:
    """Small JSON for people; Decimals, moments and enums as text."""
    try:
        if _TEXT.issuperset(map(type, data.values())):  # as mostly; nothing has to be looked into
            return f"{{{','.join([f'{ascii_quote(k)}:{ascii_quote(data[k])}' for k in data])}}}"
        return _DATA.encode(dict(data))
    except (TypeError, ValueError) as error:
        raise InvariantError(f"event data cannot be kept: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_TEXT = frozenset({str})
_DATA = json.JSONEncoder(default=_plain, allow_nan=False, separators=(",", ":"))


def event_of(at: str, kind: str, ref: str, actor: str, data: str, puts: str) -> Event:
    """The event that was written."""
    return Event(
        kind=kind,
        ref=ref,
        at=utc_moment(at),
        actor=actor,
        data=json.loads(data),
        puts=records_of(puts),
    )


def born_at(seq: int, nth: int) -> int:
    """Place of birth: event, then position among its records. Sorts in order of creation."""
    return seq * _PUTS_PER_EVENT + nth
