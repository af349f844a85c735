"""kill -9 at every outside broker; ``make chaos BROKER=alpaca`` runs one with 200 kills.

CHAOS_KILLS says how many, CHAOS_SEED chooses the chances.
"""

import os
from decimal import Decimal
from types import SimpleNamespace

import pytest

from engine.domain.instrument import stock
from engine.domain.order import Purpose
from engine.domain.quote import Leg
from tests.chaos.abroad import Abroad
from tests.chaos.abroad_audit import NAKED_S, Bare
from tests.chaos.test_kill import kills, percentiles

NAMES = ("alpaca", "etrade", "schwab", "tastytrade", "topstepx", "webull")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
async def test_kill_campaign_at(name, tmp_path, capsys):
    if os.environ.get("BROKER") not in (None, "", name):
        pytest.skip(f"only {os.environ['BROKER']} was asked for")
    abroad = Abroad(name, tmp_path)
    said = await abroad.run(kills(), int(os.environ.get("CHAOS_SEED", "7")))
    assert abroad.tally.kills == kills()
    assert abroad.bare.longest_s <= NAKED_S
    with capsys.disabled():
        print(  # noqa: T201 - the campaign's result
            f"\n{name}: {said}\n  crash to ready to trade {percentiles(abroad.tally.trading_s)} "
            f"(n={len(abroad.tally.trading_s)}); forked {percentiles(abroad.forked_s)}"
        )


def test_the_audit_counts_what_is_bare_and_holds_the_clock_while_it_is_excused():
    bare, first, second = Bare(), ("A", "1"), ("A", "2")
    bare.look({first}, set(), 0.0, "")
    bare.look({first}, set(), 2.0, "12:00:02")
    assert (bare.longest_s, bare.worst) == (2.0, "A 1 until 12:00:02")
    bare.look({first}, {"A"}, 8.0, "")
    bare.look({first}, set(), 9.0, "")
    assert bare.longest_s == 3.0
    bare.look({second}, set(), 10.0, "")
    bare.look({second}, set(), 12.0, "")
    bare.forget()
    bare.look({second}, set(), 20.0, "")
    assert bare.longest_s == 3.0


def test_what_was_closed_there_and_not_heard_of_is_not_bare():
    key = stock("AMD").key
    legs = (Leg(instrument=stock("AMD")),)

    def order(number: str, trade_id: str, purpose: Purpose, filled: int) -> SimpleNamespace:
        return SimpleNamespace(
            order_id=number[2:], broker_id=number, trade_id=trade_id, purpose=purpose, filled=filled
        )

    disk = SimpleNamespace(
        fresh_orders=lambda _: [
            order("P-1", "closed", Purpose.ENTRY, 5),
            order("P-2", "closed", Purpose.CLOSE, 0),
            order("P-3", "held", Purpose.ENTRY, 7),
        ],
        trades=lambda: [
            SimpleNamespace(trade_id="closed", legs=legs, qty_open=Decimal(5)),
            SimpleNamespace(trade_id="held", legs=legs, qty_open=Decimal(7)),
        ],
    )
    filled = [("P-1", key, Decimal(5)), ("P-2", key, Decimal(-5)), ("P-3", key, Decimal(7))]
    books = SimpleNamespace(held={key: Decimal(7)}, working=[], filled=filled)
    assert Abroad.uncovered(SimpleNamespace(disk=disk), books) == {(key, "P-3")}
