"""/buy, /sell, #buy, #sell, #SYM add: a ticket, a click, an order."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from bot.actions._one import unpinned
from bot.buttons import advice
from engine.domain.errors import UserError
from engine.domain.instrument import stock
from engine.domain.order import OrderState, Purpose
from engine.domain.trade import TradeState
from engine.flows.trades import manage
from tests.discord.kit import AAPL, NAMED, SPY, Desk, desk, plain
from tests.rig import ADMIN

TSLA = stock("TSLA")
ROOMY = {
    "cooldown": {"after_exit_min": 0},
    "trades_per_day": {"max_trades": 500, "max_per_symbol": 500},
    "correlation": {"max_correlation": 1},
    "entry_window": {"stock": None, "option": None, "future": None, "crypto": None},
}


@pytest.fixture
async def it(tmp_path: Any, monkeypatch: Any) -> AsyncIterator[Desk]:
    async with desk(tmp_path, monkeypatch, risk=ROOMY) as made:
        made.price(AAPL, "189.99", "190.01")
        made.price(TSLA, "239.98", "240.02")
        made.price(SPY, "2.14", "2.16")
        yield made


async def bought(it: Desk, text: str, label: str) -> Any:
    """The trade that a #buy leads to."""
    before = set(it.book.trades)
    (ticket,) = await it.told(it.act(text))
    assert label in ticket.labels, plain(ticket)
    await it.user("tom").click(ticket, label).acked()
    trade_id = await it.until(lambda: next(iter(set(it.book.trades) - before), None))
    await it.until(lambda: (t := it.book.trades.get(trade_id)) and t.state is TradeState.OPEN)
    await it.until(
        lambda: any(
            o.purpose is Purpose.STOP and o.state is OrderState.ACCEPTED
            for o in it.book.orders_of(trade_id)
        )
    )
    return it.book.trades[trade_id]


async def test_a_ticket_shows_cost_risk_stop_and_checks_then_one_click_buys(it: Desk) -> None:
    (ticket,) = await it.told(it.act("#buy AAPL 20 stop 186 target 199"))
    words = plain(ticket)
    assert "Buy 20 shares AAPL" in words
    assert "at risk (1R)" in words
    assert "186.00" in words
    assert "199.00" in words
    assert "as you named it" in words
    assert "checks passed" in words
    assert "main via paper" in words
    assert not it.book.orders
    await it.user("tom").click(ticket, "Buy AAPL").acked()
    trade = await it.until(
        lambda: next((t for t in it.book.open_trades() if t.symbol == "AAPL"), None)
    )
    assert (trade.source, trade.author_id) == ("manual", it.user("tom").user.id)
    await it.until(lambda: it.book.trades[trade.trade_id].qty_open == 20)
    await it.until(lambda: len(it.book.orders_of(trade.trade_id)) == 2)
    (entry, stop) = it.book.orders_of(trade.trade_id)
    assert (stop.stop, stop.qty) == (Decimal("186.00"), 20)
    intent = it.book.intents[entry.intent_id]
    assert intent.requested_by == it.user("tom").user.id
    assert intent.verdicts
    await it.see("trade-alerts", "BUY 20 AAPL")
    await it.until(lambda: "Buy" not in ticket.labels)


async def test_without_a_stop_the_house_names_one_and_limits_cut_the_size(it: Desk) -> None:
    (ticket,) = await it.told(it.act("#buy AAPL 500"))
    words = plain(ticket)
    assert "the house's 2 % of the price" in words
    assert "of 500" in words
    assert "at most 10 %" in words
    (dollars,) = await it.told(it.act("#buy TSLA $5000"))
    assert "Buy 20 shares TSLA" in plain(dollars)


async def test_a_ticket_that_a_check_denies_has_no_button(it: Desk) -> None:
    for text, why in (
        ("#buy AAPL 10 stop 120", "the stop is"),
        ("#buy AAPL 10 stop 195", "not below"),
        ("#buy AAPL 10 stop 186 target 191", "the targets win"),
        ("#buy NVDA 10", "no fresh quote"),
        ("#buy ES 1", "write /ES or $ES"),
        ("#buy SPY 603C 2", "Which expiry"),
        ("#sell AAPL 10", "short entries are off"),
        ("#buy AAPL 0.5", "whole number"),
    ):
        (said,) = await it.told(it.act(text))
        assert why in plain(said), (text, plain(said))
        assert not said.labels, text
    assert not it.book.orders


async def test_selling_what_is_held_reduces_it_and_never_flips_it(it: Desk) -> None:
    trade = await bought(it, "#buy AAPL 20 stop 186", "Buy AAPL")
    (question,) = await it.told(it.act("#sell AAPL 50"))
    assert "20 of" in plain(question)
    await it.user("tom").click(question, "Cancel").acked()
    (priced,) = await it.told(it.act("#sell AAPL 5 @ 195"))
    assert "set a target" in plain(priced)
    (question,) = await it.told(it.act("#sell AAPL 5"))
    await it.user("tom").click(question, "Close 5 of AAPL").acked()
    await it.until(lambda: it.book.trades[trade.trade_id].qty_open == 15)
    asked = await it.slash("tom", "orders", "sell", symbol="AAPL", quantity="100")
    await it.user("tom").click(asked.reply, "Close 15 of AAPL").acked()
    over = await it.over(trade.trade_id)
    assert over.qty_open == 0
    assert not it.book.open_trades()


async def test_adding_goes_through_the_checks_and_the_stop_covers_all(it: Desk) -> None:
    trade = await bought(it, "#buy AAPL 10 stop 186 target 199", "Buy AAPL")
    (ticket,) = await it.told(it.act("#AAPL add 5"))
    assert "the stop of the trade" in plain(ticket)
    await it.user("tom").click(ticket, "Add AAPL").acked()
    now = await it.until(lambda: (t := it.book.trades[trade.trade_id]) and t.qty_open == 15 and t)
    assert now.qty_opened == 15
    assert [t.qty for t in now.targets] == [15]

    def stops() -> list[Any]:
        live = [o for o in it.book.orders_of(trade.trade_id) if not o.state.is_terminal]
        return [o for o in live if o.purpose is Purpose.STOP and o.state is OrderState.ACCEPTED]

    stop = await it.until(lambda: next((o for o in stops() if o.leaves == 15), None))
    assert stop.stop == Decimal("186.00")
    (much,) = await it.told(it.act("#AAPL add 500"))
    assert not much.labels
    assert "in one position, the limit is" in plain(much)


async def test_an_option_is_bought_by_command_at_a_limit_that_waits_all_day(it: Desk) -> None:
    asked = await it.slash(
        "tom", "orders", "buy", symbol=NAMED, quantity="2", type="limit", limit="1.90"
    )
    words = plain(asked.reply)
    assert "Buy to open 2 contracts" in words
    assert "limit 1.90" in words
    assert "works all day" in words
    assert asked.ephemeral
    await it.user("tom").click(asked.reply, f"Buy {SPY.label}").acked()
    order = await it.until(lambda: next(iter(it.book.orders.values()), None))
    assert order.limit == Decimal("1.90")
    await it.until(lambda: it.book.orders[order.order_id].state is OrderState.ACCEPTED)
    (cancel,) = await it.told(it.act(f"#order-{order.order_id[:6]} cancel"))
    await it.user("tom").click(cancel, "Cancel SPY").acked()
    await it.until(lambda: order.order_id not in it.book.orders)


async def test_a_large_order_of_ones_own_needs_a_second_person(
    tmp_path: Any, monkeypatch: Any
) -> None:
    two = {"two_person_above_usd": 1000}
    async with desk(tmp_path, monkeypatch, risk=ROOMY, discord=two) as it:
        it.price(AAPL, "189.99", "190.01")
        (ticket,) = await it.told(it.act("#buy AAPL 20 stop 186"))
        assert "a second person approves it" in plain(ticket)
        await it.user("tom").click(ticket, "Buy AAPL").acked()
        approval = await it.until(lambda: next(iter(it.book.approvals.values()), None))
        assert approval.proposer_id == it.user("tom").user.id
        (own,) = await it.told(it.act(f"#approve {approval.approval_id}"))
        assert "a second person must approve" in plain(own)
        (other,) = await it.told(it.act(f"#approve {approval.approval_id}", who="ann"))
        assert "approved by Ann" in plain(other)
        await it.until(it.book.open_trades)


async def test_a_working_entry_gets_another_price_and_quantity_under_the_same_trade(
    it: Desk,
) -> None:
    (ticket,) = await it.told(it.act("#buy AAPL 10 @ 185 stop 182"))
    await it.user("tom").click(ticket, "Buy AAPL").acked()
    order = await it.until(lambda: next(iter(it.book.orders.values()), None))
    await it.until(lambda: it.book.orders[order.order_id].state is OrderState.ACCEPTED)
    for text, why in (
        (f"#order-{order.order_id} modify price 185", "how it is already"),
        (f"#order-{order.order_id} modify price 190.001", "steps of 0.01"),
        (f"#order-{order.order_id} modify qty 900", "at work with this entry"),
        (f"#order-{order.order_id} modify price 189", "is allowed"),
    ):
        (no,) = await it.told(it.act(text))
        assert why in plain(no), plain(no)
        assert "Nothing was changed" in plain(no)
    asked = await it.slash(
        "tom", "orders", "order modify", id=order.order_id, price="186", quantity="8"
    )
    words = plain(asked.reply)
    assert "185.00 → 186.00" in words
    assert "10 → 8" in words
    await it.user("tom").click(asked.reply, "Change AAPL").acked()
    new = await it.until(
        lambda: next((o for o in it.book.orders.values() if o.replaces == order.order_id), None)
    )
    await it.until(lambda: it.book.orders[new.order_id].state is OrderState.ACCEPTED)
    assert (new.limit, new.qty, new.trade_id) == (Decimal(186), 8, order.trade_id)
    assert it.book.trades[order.trade_id].qty_wanted == 8
    it.price(AAPL, "185.80", "185.90")
    held = await it.until(
        lambda: (t := it.book.trades[order.trade_id]) and t.state is TradeState.OPEN and t
    )
    assert held.qty_open == 8


async def test_set_stops_and_take_profits_show_a_table_and_ask_once(it: Desk) -> None:
    aapl = await bought(it, "#buy AAPL 10 stop 185", "Buy AAPL")
    tsla = await bought(it, "#buy TSLA 5 stop 236", "Buy TSLA")
    (asked,) = await it.told(it.act("#set-stops 2%"))
    assert "1 stop trails by 2 %" in plain(asked)  # Tesla's is tighter
    assert "186.19" in plain(asked)
    await it.user("tom").click(asked, "Set stops").acked()
    await it.until(lambda: it.book.trades[aapl.trade_id].stop.kind == "trailing")
    assert it.book.trades[tsla.trade_id].stop.kind == "fixed"
    (none,) = await it.told(it.act("#take-profits"))
    assert "Nothing is in profit" in plain(none)
    it.price(TSLA, "244.00", "244.04")
    (asked,) = await it.told(it.act("#take-profits"))
    assert "TSLA" in plain(asked)
    assert "AAPL" not in plain(asked)
    await it.user("tom").click(asked, "Take profits").acked()
    await it.over(tsla.trade_id)
    assert aapl.trade_id in it.book.trades


async def test_a_looser_stop_asks_and_stays_inside_what_a_trade_may_risk(it: Desk) -> None:
    trade = await bought(it, "#buy AAPL 10 stop 188", "Buy AAPL")
    (asked,) = await it.told(it.act("#AAPL stop 186"))
    assert "188.00 → 186.00" in plain(asked)
    assert it.book.trades[trade.trade_id].stop.price == 188
    await it.user("tom").click(asked, "Loosen to 186").acked()
    await it.until(lambda: it.book.trades[trade.trade_id].stop.price == 186)
    (no,) = await it.told(it.act("#AAPL stop 150"))
    assert "stays where it is" in plain(no)
    assert not no.labels


async def test_stops_are_taken_back_only_by_a_button_of_their_own(it: Desk) -> None:
    trade = await bought(it, "#buy AAPL 10 stop 186", "Buy AAPL")
    said = await it.told(it.act("#cancel-all"), 2)
    assert "No entry is working" in plain(said[0])
    pressed = it.user("tom").click(said[1], "Also protective stops…")
    await pressed.acked()
    question = await it.until(
        lambda: next((m for m in pressed.followups if "Take stops back" in m.labels), None)
    )
    assert "without any stop" in plain(question)
    await it.user("tom").click(question, "Take stops back").acked()
    await it.until(lambda: it.book.trades[trade.trade_id].stop is None)
    await it.until(
        lambda: all(
            o.state.is_terminal
            for o in it.book.orders_of(trade.trade_id)
            if o.purpose is Purpose.STOP
        )
    )
    (back,) = await it.told(it.act("#AAPL stop 186"))
    assert "n/a → 186" in plain(back)


async def test_action_suggests_every_word_and_actions_offers_what_is_possible(it: Desk) -> None:
    trade_id = (await bought(it, "#buy AAPL 10 stop 186", "Buy AAPL")).trade_id

    async def lines(typed: str, who: str = "tom") -> list[str]:
        shown = await it.user(who).autocomplete("orders", "action", "text", text=typed).acked()
        return [c["value"] for c in shown.choices]

    assert "AAPL" in await lines("")
    assert {"AAPL close", "AAPL stop", "AAPL add"} <= set(await lines("AAPL "))
    assert "aapl close 50%" in await lines("aapl close")
    assert "AAPL stop 186" in await lines("AAPL stop 1")
    assert "buy TSLA" in await lines("buy TS")
    assert "emergency-stop" in await lines("em")
    assert await lines("AAPL ", who="vic") == []
    asked = await it.slash("tom", "orders", "action", text="AAPL close 50%")
    assert asked.ephemeral
    assert "5 of 10" in plain(asked.reply)
    menu = await it.slash("tom", "orders", "actions")
    assert {"Close everything", "Emergency stop"} <= set(menu.reply.labels)
    chosen = it.user("tom").choose(menu.reply, f"@{trade_id} AAPL close")
    question = await it.until(lambda: next((m for m in chosen.followups), None))
    await it.user("tom").click(question, "Close all of AAPL").acked()
    await it.until(lambda: not it.book.open_trades())
    empty = await it.slash("tom", "orders", "actions")
    assert "Nothing is open" in plain(empty.reply)


async def test_what_an_old_button_was_about_is_never_another_trade(it: Desk) -> None:
    """Advice and menus name a symbol; weeks later the same symbol may be held again."""
    first = await bought(it, "#buy AAPL 10 stop 186", "Buy AAPL")
    menu = await it.slash("tom", "orders", "actions")
    rows = [("#AAPL stop 187", "Stop of AAPL to entry"), ("#AAPL", "Show AAPL")]
    made = advice.view(it.app, [*rows, ("#AAPL close 50%", "Close 50 % of AAPL")])
    assert made is not None
    ids = [str(b.item.custom_id) for b in made.children]
    pin = f"ts:act:@{first.trade_id} "
    assert ids == [f"{pin}AAPL stop 187", "ts:act:AAPL", f"{pin}AAPL close 50%"]
    await manage.close(it.app.desk, first.trade_id, ADMIN)
    await it.until(lambda: not it.book.open_trades())
    used = it.user("tom").choose(menu.reply, f"@{first.trade_id} AAPL close")
    gone = await it.until(lambda: next(iter(used.followups), None))
    assert "not open any more" in plain(gone)
    second = await bought(it, "#buy AAPL 10 stop 186", "Buy AAPL")
    for kept in (f"@{first.trade_id} AAPL stop 187", "AAPL stop 187"):
        with pytest.raises(UserError, match=r"Nothing was done"):
            unpinned(it.app, kept)
    kept = f"@{second.trade_id} AAPL stop 187"
    assert unpinned(it.app, kept) == "AAPL stop 187"
    assert unpinned(it.app, "AAPL") == "AAPL"


async def test_what_was_typed_and_how_it_was_read_stays_in_the_journal(it: Desk) -> None:
    message = it.act("#TSLA close 50%")
    await it.told(message)
    kept = await it.until(lambda: it.app.usage._counted)
    assert any(name == "#close" for _, name, _ in kept)
    await it.app.desk.drain()
    (event,) = await it.events("action.asked")
    assert event.ref == f"ask-{message.id}"
    assert event.actor == f"user:{it.user('tom').user.id}"
    assert event.data["text"] == "#TSLA close 50%"
    assert event.data["read"] == "HELD=TSLA, PCT=50"
    assert "not held" in event.data["outcome"]


async def test_resume_is_typed_in_the_admin_room_and_asks_for_a_word(it: Desk) -> None:
    await it.told(it.act("#emergency-stop"))
    assert it.app.desk.halted
    (no,) = await it.told(it.act("#resume", who="ada"))
    assert plain(no).startswith("⛔")
    (offer,) = await it.told(it.user("ada").say("admin", "#resume"))
    await it.until(lambda: it.app.desk.is_reconciled and not it.app.desk.unsound)
    opened = await it.fill_in("ada", offer, "Resume trading…", word="RESUME", reason="looked")
    assert "stays halted" not in await it.answer(opened)
    await it.until(lambda: not it.app.desk.halted)
