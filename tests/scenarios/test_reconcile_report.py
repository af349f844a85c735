"""Comparing on demand: what was read, what differs, said as one report; nothing is ever sent."""

from dataclasses import replace

import pytest

from bot.cards import reconcile as card
from engine.flows.brokers import recover
from tests import rig as desks
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import d, spy, told_fill

BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


@pytest.fixture
async def rig():
    faults = Faults()
    made = await desks.start(wrap=lambda p: FaultyBroker(p, faults))
    made.faults = faults
    made.quote(spy(), "2.14", "2.16")
    yield made
    await made.close()


async def test_books_that_agree_are_shown_with_what_was_read(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await rig.pass_time(2)
    report = await recover.on_demand(rig.desk)
    assert report.is_clean
    (books,) = report.accounts
    assert books.compared.is_full
    assert (books.compared.n_fills, books.compared.n_positions) == (1, 1)
    assert report.cash_usd == rig.desk.book.accounts["main"].cash_usd
    shown = card.show(report)
    assert shown.title == "Books agree"
    assert "1 fill, 1 position" in shown.description
    await recover.reconcile(rig.desk)
    (books,) = recover.report(rig.desk).accounts
    assert not books.compared.is_full, "between the full ones only what is new is read"


async def test_a_difference_is_named_and_nothing_is_sent_because_of_it(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await rig.pass_time(2)
    key = rig.trade().trade_id
    position = next(p for p in rig.desk.book.positions.values() if p.trade_id == key)
    lot = replace(position.lots[0], qty=d(5))
    rig.desk.book.positions[position.key] = replace(position, lots=(lot,))
    n_before = len(await rig.broker.orders_since("main", desks.START))
    report = await recover.on_demand(rig.desk)
    assert not report.is_clean
    assert report.n_differences >= 1
    shown = card.show(report)
    assert "we hold 5, the broker 2" in shown.description
    assert len(await rig.broker.orders_since("main", desks.START)) == n_before
    assert any("we hold 5, the broker 2" in note for note in rig.notes())


async def test_a_broker_that_cannot_be_read_is_said_and_nothing_is_concluded(rig):
    rig.faults.fail_reads = 100
    report = await recover.on_demand(rig.desk)
    assert not report.is_clean
    assert report.accounts[0].gate
    assert "504 on a list" in card.show(report).description


async def test_money_put_in_is_taken_over_and_said_so_and_nothing_is_left_open(rig):
    account = rig.desk.book.accounts["main"]
    rig.desk.book.accounts["main"] = replace(account, cash_usd=account.cash_usd - d("1234.50"))
    report = await recover.on_demand(rig.desk)
    assert report.is_clean, "what was booked differs no more"
    shown = card.show(report)
    assert shown.title == "Books agree, 1 difference taken over"
    assert "cash: $98,765.50 with us, $100,000.00 there" in shown.description
    assert "reconcile main" not in rig.desk.health
    assert any("Taken over: the books agree" in note for note in rig.notes())


async def test_money_that_moves_while_it_is_compared_is_looked_at_again_in_a_moment(rig):
    """A dollar that came in two halves stood as a difference until the next minute."""
    real, looks = rig.broker.balance, []

    async def in_parts(account):
        looks.append(account)
        found = await real(account)
        return replace(found, cash_usd=found.cash_usd - d("0.50") * min(len(looks), 2))

    rig.broker.balance = in_parts
    await recover.on_demand(rig.desk)
    assert "cash main" in rig.desk.health
    assert "reconcile main" not in rig.desk.health, "all that is held agrees"
    await rig.pass_time(4)
    assert not rig.desk.health
    assert rig.desk.book.accounts["main"].cash_usd == 99_999
    assert len(looks) == 4, "twice in each comparison"


async def test_money_that_never_stands_still_is_not_asked_for_all_the_time(rig):
    real, looks = rig.broker.balance, []

    async def moving(account):
        looks.append(account)
        found = await real(account)
        return replace(found, cash_usd=found.cash_usd - len(looks))

    rig.broker.balance = moving
    await recover.on_demand(rig.desk)
    await rig.pass_time(60)
    assert len(looks) == 4
    assert "cash main" in rig.desk.health


async def test_why_a_broker_could_not_be_read_is_said_and_not_since_when(rig):
    rig.desk.gates["paper"] = "being compared since 10:00:00.123456"
    rig.desk.health["broker paper"] = "no connection"
    said = card.show(recover.report(rig.desk)).description
    assert "no connection" in said
    assert "being compared" not in said


async def test_outside_trades_are_adopted_by_the_same_step(rig):
    fill = told_fill(rig, "OUT-1", broker_id="77")
    real = rig.broker.fills_since

    async def with_one_more(account, since):
        return [*await real(account, since), fill]

    rig.broker.fills_since = with_one_more
    await recover.on_demand(rig.desk)
    await rig.rest()
    assert [t.source for t in rig.trades()] == ["external"]
