"""Records come back as they went in, whatever is in them."""

import json
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from engine.domain import copying
from engine.domain.errors import InvariantError
from engine.domain.instrument import Instrument, crypto, future, option, stock
from engine.domain.record import Event, Record, changed
from engine.store import RECORDS
from storage.codec import (
    APPEND_ONLY,
    SHAPES,
    data_text,
    entry_of,
    event_of,
    puts_of,
    utc_moment,
    utc_text,
    warm,
)
from tests.unit.storage.kit import T0, execution, fact, trade

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_MONEY = st.decimals(allow_nan=False, allow_infinity=False)
_DAYS = st.dates(date(1970, 1, 1), date(2200, 1, 1))
_MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC, fold=0)
)
_INSTRUMENTS = st.one_of(
    st.sampled_from(
        [stock("AAPL"), stock("BRK.B"), crypto("BTC"), future("ES", date(2026, 12, 1))]
    ),
    st.builds(
        option,
        st.sampled_from(["SPY", "NVDA"]),
        _DAYS,
        st.decimals("0.5", 9999, places=3),
        st.sampled_from(["C", "P"]),
    ),
)
_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    Decimal: _MONEY,
    int: st.integers(-(1 << 63), (1 << 63) - 1),
    bool: st.booleans(),
    date: _DAYS,
    datetime: _MOMENTS,
    Instrument: _INSTRUMENTS,
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotation."""
    if hint in _LEAVES:
        return _LEAVES[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (Union, UnionType):
        return st.one_of(*(st.none() if part is NoneType else values(part) for part in parts))
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(values(parts[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, parts))
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert is_dataclass(hint)
    hints = get_type_hints(hint)
    return st.builds(hint, **{f.name: values(hints[f.name]) for f in fields(hint)})


def records(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Any record of a kind that may be stored."""
    version = st.just(1) if kind in APPEND_ONLY else st.integers(1, 1 << 40)
    return st.builds(lambda r, v: replace(r, version=v), values(kind), version)


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_every_record_comes_back_exactly(kind: type[Record], data: st.DataObject) -> None:
    record = data.draw(records(kind))
    shape = SHAPES[kind]

    put = shape.put(record)
    back = shape.decode(put.doc)

    assert back == record
    assert type(back) is kind
    assert repr(back).replace("TzInfo(0)", "datetime.timezone.utc") == repr(record)
    assert shape.put(back).doc == put.doc
    assert shape.cells(back) == put.cells
    assert json.loads(put.doc) == json.loads(TypeAdapter(kind).dump_json(record))


@settings(deadline=None, max_examples=40)
@given(
    puts=st.lists(st.sampled_from(RECORDS).flatmap(records), max_size=3).map(tuple),
    kind=_TEXT,
    ref=_TEXT,
    actor=_TEXT,
    at=_MOMENTS,
    data=st.dictionaries(_TEXT, st.one_of(_TEXT, st.integers(), st.booleans(), st.none())),
)
def test_every_event_comes_back_exactly(puts: Any, data: Any, **words: Any) -> None:
    event = Event(puts=puts, data=data, **words)

    entry = entry_of(event)
    back = event_of(*entry[:6])

    assert back == event
    told = puts_of(entry.puts_json)
    assert [one.doc for one in told] == [put.doc for put in entry.puts]
    assert [(one.table, one.key, one.version) for one in told] == [
        (put.shape.table, put.key, put.version) for put in entry.puts
    ]
    assert [row[4] for row in json.loads(entry.puts_json)] == [
        json.loads(p.doc) for p in entry.puts
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"realised_usd": Decimal("NaN")}, "realised_usd: Decimal\\('NaN'\\) is not a finite"),
        ({"realised_usd": Decimal("sNaN")}, "realised_usd"),
        ({"realised_usd": Decimal("Infinity")}, "realised_usd"),
        ({"realised_usd": 1.5}, "realised_usd: 1.5 is not a finite Decimal"),
        ({"realised_usd": 1}, "realised_usd"),
        ({"realised_usd": None}, "realised_usd"),
        ({"exit_seq": True}, "exit_seq"),
        ({"exit_seq": 1.0}, "exit_seq"),
        ({"symbol": None}, "symbol"),
        ({"legs": [1]}, "legs"),
        ({"created_at": T0.replace(tzinfo=None)}, "created_at: .* is not an aware UTC moment"),
        ({"created_at": T0.astimezone(ZoneInfo("America/New_York"))}, "created_at"),
        ({"created_at": date(2026, 1, 1)}, "created_at"),
        ({"close_reason": "half \ud83d"}, "close_reason|not Unicode"),
        ({"direction": 2}, "direction: 2 is not one of 1, -1"),
        ({"state": "LOST"}, "state"),
    ],
)
def test_names_the_field_that_cannot_be_kept(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvariantError, match=why):
        SHAPES[type(trade())].put(trade(**changes))


def test_facts_of_the_ledger_have_one_version() -> None:
    with pytest.raises(InvariantError, match="written once, never changed"):
        SHAPES[type(execution())].put(execution(version=2))


def test_whole_numbers_must_fit_their_column() -> None:
    from tests.unit.storage.kit import intake

    big = replace(intake().message, message_id=1 << 63)
    with pytest.raises(InvariantError):
        SHAPES[type(intake())].put(replace(intake(), message=big))


@given(_MOMENTS, _MOMENTS)
def test_moments_sort_as_text(one: datetime, other: datetime) -> None:
    assert (utc_text(one) < utc_text(other)) == (one < other)
    assert utc_moment(utc_text(one)) == one
    assert len(utc_text(one)) == 27


def test_once_warm_no_record_waits_for_what_copies_and_writes_it() -> None:
    copying._parts.cache_clear()
    warm()
    made = copying._parts.cache_info().misses
    entry_of(Event(kind="x", ref="r", at=T0, puts=(changed(trade()), changed(fact()))))
    assert copying._parts.cache_info().misses == made


def test_event_data_is_small_json_for_people() -> None:
    data = {"at": T0, "usd": Decimal("1.10"), "who": {3, 1}, "on": date(2026, 1, 2), "n": (1, 2)}
    assert json.loads(data_text(data)) == {
        "at": "2026-11-20T14:30:00+00:00",
        "usd": "1.10",
        "who": [1, 3],
        "on": "2026-01-02",
        "n": [1, 2],
    }
    for bad in (float("inf"), object(), timedelta(1)):
        with pytest.raises(InvariantError):
            data_text({"x": bad})


@pytest.mark.parametrize("text", ["", "[", "[]]", '["trades"]', "[1]", '[["facts","a",1,99,{}]]x'])
def test_a_torn_list_of_records_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not as it was written"):
        puts_of(text)


def test_what_is_not_listed_cannot_be_kept() -> None:
    class Foreign(Record):
        TABLE = "foreign"

    with pytest.raises(InvariantError, match="not listed"):
        entry_of(Event(kind="x", ref="x", at=T0, puts=(Foreign(),)))
    assert entry_of(Event(kind="x", ref="x", at=T0, puts=(fact(),))).puts[0].key == "halt"
