"""The prop firm's rules: maximum loss limit, flat by the afternoon, contract caps (R-04, R-05)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import prop as rules
from engine.domain.instrument import future
from engine.domain.quote import Leg
from engine.market import CME
from engine.prop import CHICAGO, PropFirm, PropState
from tests.unit.risk.facts import NOW, TOPSTEP, code, facts, micro, prop, shares

D = Decimal
ES = (Leg(instrument=future("ES", date(2025, 3, 1))),)


def at(text: str) -> datetime:
    """Chicago wall time."""
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO)


def floor_after(*balances: str, firm: PropFirm = TOPSTEP) -> Decimal:
    state = rules.first_state(firm, NOW)
    for n, balance in enumerate(balances, 1):
        state = rules.ended(state, D(balance), NOW.date() + timedelta(days=n))
    return rules.floor(firm, state)


# -- the floor --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balances", "floor"),
    [
        ((), 48_000),
        (("50500",), 48_500),
        (("52500",), 50_000),
        (("52500", "48000"), 50_000),
        (("50500", "49000"), 48_500),
        (("49000",), 48_000),
        (("60000",), 50_000),
        (("51000", "50200", "51500"), 49_500),
    ],
)
def test_the_floor_trails_ends_of_days_never_falls_and_locks_at_the_start(
    balances: tuple[str, ...], floor: int
) -> None:
    """R-04: balance 50,500 -> floor 48,500; 52,500 -> 50,000 for good."""
    assert floor_after(*balances) == floor


def test_an_account_with_a_past_starts_at_the_floor_that_the_firm_names() -> None:
    known = TOPSTEP.model_copy(update={"floor_usd": D(49_200)})
    assert floor_after(firm=known) == 49_200
    assert floor_after("50000", firm=known) == 49_200
    assert floor_after("51500", firm=known) == 49_500


@given(st.lists(st.decimals(0, 200_000, places=2), max_size=20))
def test_whatever_happens_the_floor_never_falls_and_never_passes_the_start(
    balances: list[Decimal],
) -> None:
    """I-23."""
    state, last = rules.first_state(TOPSTEP, NOW), D(48_000)
    for n, balance in enumerate(balances, 1):
        state = rules.ended(state, balance, NOW.date() + timedelta(days=n))
        now = rules.floor(TOPSTEP, state)
        assert last <= now <= TOPSTEP.start_balance_usd
        last = now
        assert rules.state_of(state.text()) == state


UNKNOWN_PEAK = '{"peak_usd": "NaN", "day_on": "2025-01-29", "closed_on": null}'


@pytest.mark.parametrize("text", ["", "{}", "null", UNKNOWN_PEAK, "[1]"])
def test_a_state_that_cannot_be_read_is_none_and_nothing_is_made_up(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        rules.state_of(text)


# -- entries near the floor -------------------------------------------------------------------


def loss(entry: Any = None, **more: Any) -> str:
    return code("prop_loss_limit", entry or micro(), facts(prop=prop(**more)))


def test_an_account_of_no_prop_firm_is_none_of_its_business() -> None:
    for name in ("prop_loss_limit", "prop_flat_by", "prop_contracts"):
        assert code(name, shares(), facts(prop=None)) == ""


def test_an_entry_with_room_for_its_stop_passes() -> None:
    assert loss() == ""


def test_open_loss_counts_towards_the_floor() -> None:
    assert loss(equity_usd=D("48150.01"), at_stops_usd=D("49000")) == ""
    assert loss(equity_usd=D("48150.00"), at_stops_usd=D("49000")) == "prop_loss_limit.reached"


def test_an_entry_may_not_lose_more_than_the_room_above_the_floor() -> None:
    """The micro risks 50 dollars; 150 must be left."""
    assert loss(at_stops_usd=D("48200")) == ""
    assert loss(at_stops_usd=D("48199.99")) == "prop_loss_limit.room"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"state": None}, "unknown"),
        ({"equity_usd": None}, "unknown"),
        ({"equity_usd": D("NaN")}, "unknown"),
        ({"at_stops_usd": None}, "risk"),
        ({"at_stops_usd": D("NaN")}, "risk"),
    ],
)
def test_what_is_not_known_is_denied(more: dict[str, Any], said: str) -> None:
    assert loss(**more) == f"prop_loss_limit.{said}"


def test_an_entry_of_unknown_risk_is_denied() -> None:
    assert loss(replace(micro(), risk_usd=None)) == "prop_loss_limit.risk"


def test_after_the_account_was_closed_there_is_no_entry_until_the_next_day() -> None:
    state = PropState(peak_usd=D(50_000), day_on=NOW.date(), closed_on=NOW.date())
    assert loss(state=state) == "prop_loss_limit.closed"
    yesterday = replace(state, closed_on=NOW.date() - timedelta(days=1))
    assert loss(state=yesterday) == ""


def test_a_day_that_is_not_counted_yet_lets_nothing_in() -> None:
    old = PropState(peak_usd=D(50_000), day_on=NOW.date() - timedelta(days=1))
    assert loss(state=old) == "prop_loss_limit.unsettled"
    assert loss(state=old, equity_usd=D(48_100)) == "prop_loss_limit.reached"


# -- flat by ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-11-18T08:30", ""),
        ("2026-11-18T14:49", ""),
        ("2026-11-18T14:50", "late"),
        ("2026-11-18T15:10", "late"),
        ("2026-11-18T16:30", "late"),
        ("2026-11-18T16:59", "late"),
        ("2026-11-18T17:00", ""),
        ("2026-11-20T16:59", "late"),  # a Friday
        ("2026-11-20T17:00", ""),
        ("2026-11-22T17:30", ""),  # a Sunday: Monday's session
        ("2026-11-27T11:39", ""),  # the day after Thanksgiving closes at 12:15
        ("2026-11-27T11:40", "late"),
        ("2026-12-24T11:40", "late"),
        ("2026-03-09T14:49", ""),  # the Monday after the clocks went forward
        ("2026-03-09T14:50", "late"),
        ("2026-11-02T14:49", ""),  # and back
        ("2026-11-02T14:50", "late"),
    ],
)
def test_entries_end_before_the_firms_afternoon(now: str, said: str) -> None:
    """R-05, on ordinary and half days and over both DST nights."""
    seen = facts(now=at(now), prop=prop())
    assert code("prop_flat_by", micro(), seen) == (said and f"prop_flat_by.{said}")


@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001 - hypothesis wants it so
def test_at_any_minute_of_three_years_the_account_is_flat_before_the_firm_looks(
    naive: datetime,
) -> None:
    now = naive.replace(tzinfo=CHICAGO)
    on = rules.day_of(TOPSTEP, now)
    flat = rules.flat_at(TOPSTEP, on)
    session = CME.session(on)
    assert session is not None
    assert session.opens_at < flat < session.closes_at
    assert flat.astimezone(CHICAGO).time() <= TOPSTEP.flat_by
    if now.time() >= TOPSTEP.day_starts:
        assert on > now.date()


# -- contracts --------------------------------------------------------------------------------


def contracts(entry: Any, held: str, **settings: Any) -> str:
    return code("prop_contracts", entry, facts(prop=prop(contracts=D(held))), **settings)


def test_ten_micros_are_one_contract() -> None:
    assert contracts(micro(qty=D(50)), "0") == ""
    assert contracts(micro(qty=D(51)), "0") == "prop_contracts.reached"
    assert contracts(micro(qty=D(10)), "4") == ""
    assert contracts(micro(qty=D(10)), "4.1") == "prop_contracts.reached"


def test_full_contracts_count_as_one() -> None:
    assert contracts(micro(legs=ES, symbol="ES", qty=D(5)), "0") == ""
    assert contracts(micro(legs=ES, symbol="ES", qty=D(1)), "5") == "prop_contracts.reached"


def test_a_share_of_the_firms_figure_may_be_asked_for() -> None:
    assert contracts(micro(qty=D(25)), "0", max_pct=50) == ""
    assert contracts(micro(qty=D(26)), "0", max_pct=50) == "prop_contracts.reached"


def test_shares_are_not_traded_at_a_prop_firm() -> None:
    assert contracts(shares(), "0") == "prop_contracts.kind"


@pytest.mark.parametrize("held", [None, D("NaN")])
def test_how_many_are_held_must_be_known(held: Any) -> None:
    seen = facts(prop=prop(contracts=held))
    assert code("prop_contracts", micro(), seen) == "prop_contracts.unknown"
