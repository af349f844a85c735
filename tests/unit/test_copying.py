"""The quick copy of a value is the copy that dataclasses make."""

import dataclasses
from datetime import UTC, datetime

import pytest

from engine.domain.copying import replace
from engine.domain.desk import Notice
from engine.domain.quote import Leg
from tests.rig import AAPL

NOTICE = Notice(
    notice_id="alert:A-1",
    kind="alert",
    subject_id="A-1",
    channel="trade_alerts",
    created_at=datetime(2025, 1, 29, tzinfo=UTC),
)


def test_a_copy_has_the_changes_and_all_the_rest() -> None:
    copy = replace(NOTICE, version=2, text="sent")
    assert copy == dataclasses.replace(NOTICE, version=2, text="sent")
    assert (NOTICE.version, NOTICE.text) == (1, "")


def test_a_copy_is_as_frozen_as_what_it_was_made_of() -> None:
    copy = replace(NOTICE, version=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.version = 3  # type: ignore[misc]


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="Leg has no field 'size'"):
        replace(Leg(instrument=AAPL), size=2)  # type: ignore[call-arg]


def test_a_value_that_works_something_out_is_not_copied_field_by_field() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Box:
        width: int
        area: int = dataclasses.field(init=False, default=0)

    with pytest.raises(TypeError, match="Box is not copied"):
        replace(Box(width=1), width=2)
