"""How near the limits are: gauges of the real checks on real facts, and what is not known."""

from datetime import date
from decimal import Decimal

import pytest

from bot.cards import limits as limits_card
from engine.reports import limits
from engine.risk.load import load_checks
from tests.unit.reports.examples import frame
from tests.unit.risk.facts import account, facts, held, trade

D = Decimal


def report(seen):
    checks = load_checks({})
    gauges = [g for _, check in checks for g in check.gauges(seen)]
    said = [check.warning(seen) for _, check in checks]
    return limits.build(frame(), accounts=[limits.of_account(seen.account, gauges, said)])


def by_name(found):
    return {g.name: g for g in found.accounts[0].gauges}


def test_what_is_used_of_each_limit():
    seen = facts(
        account=account(realised_today_usd=D(-1500), n_trades_today=4, peak_equity_usd=D(102_000)),
        equity_usd=D(98_500),
        **held(trade("T-1"), trade("T-2"), usd="10000"),
    )
    found = by_name(report(seen))
    assert (found["lost today"].now, found["lost today"].limit) == (1500, 3000)
    assert found["positions"].now == 2
    assert (found["entries"].now, found["entries"].limit) == (4, 10)
    assert found["below peak"].now == pytest.approx(D("3.431"), abs=D("0.001"))
    assert found["at work"].now == pytest.approx(D("20.30"), abs=D("0.01"))


def test_a_gain_uses_nothing_of_a_loss_limit():
    found = by_name(
        report(facts(account=account(realised_today_usd=D(800)), equity_usd=D(100_800)))
    )
    assert found["lost today"].now == 0
    assert found["below peak"].now == 0


def test_what_is_not_known_comes_first_and_is_never_zero():
    found = report(facts(equity_usd=None, open_pnl_usd=None))
    first = found.accounts[0].gauges[0]
    assert first.now is None
    assert limits.used_pct(first) is None
    shown = limits_card.show(found)
    assert "n/a" in shown.description
    assert "All limits have room" not in shown.title or shown.colour.value != 0x23A55A


def test_a_tripped_account_says_that_entries_are_off():
    today = facts().account.session_on
    found = report(facts(account=account(tripped_on=today)))
    assert not found.may_enter
    assert "tripped today" in limits_card.show(found).description
    old = report(facts(account=account(tripped_on=date(2020, 1, 2))))
    assert old.may_enter


def test_the_breaker_shows_what_halts_by_itself():
    only = limits_card.breaker(report(facts()))
    assert {g.name for g in only.accounts[0].gauges} == {"lost today", "below peak"}


def test_a_limit_of_zero_is_used_up():
    from engine.domain.refusal import Gauge

    assert limits.used_pct(Gauge(name="x", now=D(0), limit=D(0), unit="n")) == 100
