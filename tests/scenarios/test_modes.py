"""Paper and live, brokers in and out of use: entries obey, exits never wait (O-24, I-22)."""

import asyncio
from dataclasses import replace

import pytest

from bot.cards import mode as card
from engine.domain.desk import AlertState
from engine.domain.errors import NotAllowed, StoreUnavailable, UserError
from engine.domain.order import OrderState, Purpose
from engine.domain.trade import TradeState
from engine.flows.common import broker_switch, mode
from engine.flows.orders import send
from engine.flows.trades import manage
from tests import rig as desks
from tests.rig import ADMIN, OTHER, TRADER, spy

SECOND = replace(ADMIN, user_id=99, name="eve")
ALERT = "BTO 2 SPY 603C 1/31 @ 2.15"


class Real:
    """The paper broker under a name and with caps of one that trades real money."""

    def __init__(self, inner):
        self.inner = inner
        self.caps = replace(inner.caps, is_paper=False)

    def __getattr__(self, name):
        return getattr(self.inner, name)


async def real_money(**more):
    rig = await desks.start(wrap=Real, **({"mode": "live"} | more))
    rig.quote(spy(), "2.14", "2.16")
    return rig


async def go_live(rig):
    await mode.to_live(rig.desk, ADMIN, "first week is over")
    await mode.to_live(rig.desk, SECOND, "agreed")


async def close(rig, trade):
    await manage.close(rig.desk, trade.trade_id, TRADER)
    for _ in range(2):  # its stop is cancelled first
        await rig.fill(spy(), "2.30", "2.32")


async def test_a_live_configuration_alone_trades_no_real_money():
    rig = await real_money()
    alert = await rig.say(ALERT)
    assert alert.state is AlertState.RISK_REJECTED
    assert "paper" in alert.reason
    assert mode.of(rig.desk) == "paper"
    await rig.close()


async def test_two_admins_switch_to_live_and_entries_pass():
    rig = await real_money()
    said = await mode.to_live(rig.desk, ADMIN, "ready")
    assert "second admin" in said
    assert mode.of(rig.desk) == "paper"
    with_one = mode.report(rig.desk)
    assert with_one.asked_by == "ada"
    await mode.to_live(rig.desk, SECOND, "agreed")
    assert mode.of(rig.desk) == "live"
    alert = await rig.say(ALERT)
    assert alert.state is AlertState.ORDERED
    assert any("confirmed by eve" in note for note in rig.notes())
    await rig.close()


async def test_real_money_is_sized_from_what_was_set_aside_and_the_mode_says_how_much():
    """Row A37: an account of 100,000 that goes live traded all of it from the first minute."""
    aside = {"allocation": {"live_max_usd": 30_000}}
    for live_max, qty in ((None, 9), (aside, 2)):  # 1 % at risk, 108 dollars a contract
        rig = await real_money(risk=live_max or {})
        await go_live(rig)
        alert = await rig.say("BTO SPY 603C 1/31 @ 2.15")
        (order,) = rig.desk.book.orders.values()
        assert alert.state is AlertState.ORDERED
        assert order.qty == qty
        report = mode.report(rig.desk)
        assert report.capital_usd == (30_000 if live_max else None)
        assert ("at most $30,000.00 at work" in (card.show(report).description or "")) is bool(
            live_max
        )
        await rig.close()


async def test_who_confirms_twice_at_one_moment_asks_for_nothing_anew():
    rig = await real_money()
    await mode.to_live(rig.desk, ADMIN, "ready")
    said = await asyncio.gather(
        *(mode.to_live(rig.desk, SECOND, "agreed") for _ in range(2)), return_exceptions=True
    )
    assert "LIVE" in str(said[0])
    assert isinstance(said[1], UserError)
    assert mode.report(rig.desk).asked_by == ""
    assert not [note for note in rig.notes() if "eve asks for LIVE" in note]
    await rig.close()


async def test_one_admin_asking_twice_is_still_one():
    rig = await real_money()
    for _ in range(3):
        await mode.to_live(rig.desk, ADMIN, "ready")
    assert mode.of(rig.desk) == "paper"
    await rig.close()


async def test_the_books_are_backed_up_before_the_switch_and_without_a_copy_it_stays_paper():
    rig = await real_money()
    seen: list[str] = []

    async def copied():
        seen.append(mode.of(rig.desk))

    async def lost():
        raise StoreUnavailable("no room on the disk")

    await mode.to_live(rig.desk, ADMIN, "ready", before=copied)
    assert seen == [], "asking switches nothing"
    with pytest.raises(UserError, match=r"not backed up: no room on the disk\. It stays paper"):
        await mode.to_live(rig.desk, SECOND, "agreed", before=lost)
    assert mode.of(rig.desk) == "paper"
    await mode.to_live(rig.desk, SECOND, "agreed", before=copied)
    assert (seen, mode.of(rig.desk)) == (["paper"], "live")
    await rig.close()


async def test_a_first_word_for_live_is_over_once_an_admin_says_paper():  # O-24
    rig = await real_money()
    await mode.to_live(rig.desk, ADMIN, "ready")
    await mode.to_paper(rig.desk, SECOND, "not yet")
    await mode.to_live(rig.desk, SECOND, "agreed")
    assert mode.of(rig.desk) == "paper"
    await rig.close()


@pytest.mark.parametrize("minutes", [16, -1])
async def test_a_first_word_that_is_too_old_or_from_the_future_does_not_count(minutes):
    rig = await real_money()
    await mode.to_live(rig.desk, ADMIN, "ready")
    rig.clock.advance(minutes * 60)
    await mode.to_live(rig.desk, SECOND, "agreed")
    assert mode.of(rig.desk) == "paper"
    await rig.close()


async def test_who_is_no_admin_changes_nothing():
    rig = await real_money()
    for work in (mode.to_live, mode.to_paper):
        with pytest.raises(NotAllowed, match="stays as it is"):
            await work(rig.desk, TRADER, "please")
    with pytest.raises(NotAllowed, match="Nothing was changed"):
        await broker_switch.disable(rig.desk, "paper", OTHER, "")
    await rig.close()


async def test_what_is_missing_is_named_and_it_stays_paper():
    rig = await real_money()
    rig.desk.gates["paper"] = "its stream is down"
    with pytest.raises(UserError, match=r"not compared: paper.*stays paper"):
        await mode.to_live(rig.desk, ADMIN, "ready")
    assert not mode.report(rig.desk).is_ready
    await rig.close()


async def test_a_paper_configuration_never_goes_live():
    rig = await real_money(mode="paper")
    with pytest.raises(UserError, match="configuration: mode: paper"):
        await go_live(rig)
    assert mode.of(rig.desk) == "paper"
    await rig.close()


async def test_one_admin_switches_back_at_once_and_exits_still_work():
    rig = await real_money()
    await go_live(rig)
    await rig.say(ALERT)
    await rig.fill(spy(), "2.14", "2.16")
    (trade,) = rig.desk.book.open_trades()
    said = await mode.to_paper(rig.desk, ADMIN, "enough for today")
    assert "No new entry" in said
    alert = await rig.say("BTO 1 SPY 603C 1/31 @ 2.16")
    assert alert.state is AlertState.RISK_REJECTED
    await close(rig, trade)
    closed = await rig.desk.trade(trade.trade_id)
    assert closed.state is TradeState.CLOSED
    await rig.close()


async def test_a_switched_off_broker_takes_exits_but_no_entries():
    rig = await desks.start()
    rig.quote(spy(), "2.14", "2.16")
    await rig.say(ALERT)
    await rig.fill(spy(), "2.14", "2.16")
    (trade,) = rig.desk.book.open_trades()
    await broker_switch.disable(rig.desk, "paper", ADMIN, "maintenance")
    with pytest.raises(UserError, match="already"):
        await broker_switch.disable(rig.desk, "paper", ADMIN, "again")
    alert = await rig.say("BTO 1 SPY 605C 1/31 @ 1.15")
    rig.quote(spy("605"), "1.14", "1.16")
    assert alert.state is not AlertState.ORDERED
    held = await rig.say("BTO 1 SPY 605C 1/31 @ 1.16")
    assert held.state is AlertState.RISK_REJECTED
    assert "maintenance" in held.reason
    await close(rig, trade)
    assert (await rig.desk.trade(trade.trade_id)).state is TradeState.CLOSED
    await broker_switch.enable(rig.desk, "paper", ADMIN)
    assert broker_switch.off(rig.desk, "paper") == ""
    with pytest.raises(UserError, match="there are: paper"):
        await broker_switch.enable(rig.desk, "papper", ADMIN)
    await rig.close()


async def test_live_and_switched_off_survive_a_restart():
    rig = await real_money()
    await go_live(rig)
    await broker_switch.disable(rig.desk, "paper", ADMIN, "maintenance")
    from engine.flows.brokers import load

    rig.desk.book.facts.clear()
    await load.load(rig.desk)
    assert mode.of(rig.desk) == "live"
    assert "maintenance" in broker_switch.off(rig.desk, "paper")
    await rig.close()


async def working(rig):
    """An entry that rests at the broker, away from the market."""
    await rig.say(ALERT)
    rig.quote(spy(), "3.00", "3.02")
    (order,) = (o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY)
    assert order.state is OrderState.ACCEPTED
    return order


@pytest.mark.parametrize("how", ["paper", "off"])
async def test_working_entries_end_when_the_desk_goes_to_paper_or_their_broker_is_off(how):
    rig = await real_money()
    await go_live(rig)
    order = await working(rig)
    if how == "paper":
        await mode.to_paper(rig.desk, ADMIN, "enough")
    else:
        await broker_switch.disable(rig.desk, "paper", ADMIN, "updates")
    await rig.pass_time(3)
    ended = await rig.desk.order(order.order_id)
    assert ended.state is OrderState.CANCELED
    assert ended.filled == 0
    assert not rig.desk.book.open_trades()
    await rig.close()


@pytest.mark.parametrize("how", ["paper", "off"])
async def test_an_entry_that_is_durable_but_not_sent_yet_does_not_leave_any_more(how, monkeypatch):
    rig = await real_money()
    await go_live(rig)
    held, submit = [], send.submit

    async def later(desk, order, **more):
        held.append(order)
        return order

    monkeypatch.setattr(send, "submit", later)
    await rig.say(ALERT)
    monkeypatch.setattr(send, "submit", submit)
    (order,) = held
    assert order.state is OrderState.SUBMITTING
    if how == "paper":
        await mode.to_paper(rig.desk, ADMIN, "now")
    else:
        await broker_switch.disable(rig.desk, "paper", ADMIN, "now")
    after = await send.submit(rig.desk, order)
    assert after.state is OrderState.REJECTED
    assert "not sent" in after.reason
    assert await rig.broker.open_orders("main") == []
    await rig.close()
