"""The note after a restart: how the last run ended, and whether every position is protected."""

from bot.cards import recovery
from engine.domain.order import OrderState, Purpose
from engine.domain.trade import StopPlan
from tests.unit.reports.examples import D, order, trade

STOP = order(
    order_id="S", purpose=Purpose.STOP, state=OrderState.ACCEPTED, stop=D("2.10"), leg_filled=()
)


def said(*trades, orders=(), was_killed=True, found="1 open · paper: books agree") -> str:
    return recovery.words(
        found, trades, lambda _: orders, was_killed=was_killed, badges="PAPER · SYNTHETIC MARKET"
    ).replace("\u00a0", " ")


def test_it_tells_a_crash_from_an_orderly_end():
    assert said().startswith("♻ **Back after a crash** · 1 open")
    assert said(was_killed=False).startswith("♻ **Started again**")
    assert said().endswith("-# PAPER · SYNTHETIC MARKET")


def test_each_position_says_where_its_stop_is():
    held = trade(stop=StopPlan(price=D("2.10")))
    assert "🔒 2 × SPY 603C 1/31 · stop 2.10 at the broker" in said(held, orders=(STOP,))
    assert "🔒 2 × SPY 603C 1/31 · stop 2.10 watched by the desk" in said(held)
    assert "🔓 2 × SPY 603C 1/31 · **no stop**" in said(trade(stop=None))


def test_foreign_words_neither_format_nor_ping_and_long_lists_end():
    assert "@everyone" not in said(found="**x** @everyone")
    text = said(*[trade(trade_id=f"T-{n}", stop=None) for n in range(40)])
    assert "and 28 more" in text
    assert len(text) < 2000
