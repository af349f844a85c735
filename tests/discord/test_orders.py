"""/order, /close, /trades open and closed, and the #actions about orders and approvals."""

from decimal import Decimal

from engine.brokers import BrokerOrder, Seen, Unclear
from engine.domain.errors import OrderStateUnknown
from engine.domain.order import OrderState, OrderType, Purpose, Side
from engine.domain.trade import TradeState
from tests.discord.kit import NAMED, OTHER, QQQ, SPY, desk, plain


async def resting(it):
    """An open trade and the stop that protects it."""
    trade, _ = await it.held()
    stop = next(o for o in it.book.orders_of(trade.trade_id) if o.purpose is Purpose.STOP)
    return trade, stop


async def test_orders_are_listed_shown_and_traced(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        empty = await it.slash("tom", "orders", "order list")
        assert "none" in plain(empty.reply)
        trade, stop = await resting(it)
        listed = plain((await it.slash("tom", "orders", "order list")).reply)
        assert "Working orders · 1 open" in listed
        assert "stop" in listed
        it.act("#SPY stop 1.50")
        moved = await it.until(
            lambda: next(
                (o for o in it.book.orders_of(trade.trade_id) if o.stop == Decimal("1.50")), None
            )
        )
        await it.until(lambda: it.book.orders[stop.order_id].state.is_terminal)
        listed = plain((await it.slash("tom", "orders", "order list")).reply)
        assert "Working orders · 1 open" in listed
        assert moved.order_id in listed or "1.50" in listed
        assert "replaced" not in listed
        assert "cancelled" not in listed
        offered = await it.user("tom").autocomplete("orders", "order status", "id", id="")
        assert offered.choices[0]["value"] == moved.order_id
        everything = plain((await it.slash("tom", "orders", "order list", status="all")).reply)
        assert "filled" in everything
        one = plain((await it.slash("tom", "orders", "order status", id=moved.order_id)).reply)
        assert "working" in one
        assert moved.order_id in one
        for typed in (moved.order_id.lower(), moved.order_id[:9], moved.order_id[2:9].lower()):
            same = await it.slash("tom", "orders", "order status", id=typed)
            assert moved.order_id in plain(same.reply), "as #order- takes it"
        story = plain((await it.slash("tom", "orders", "order history", id=stop.order_id)).reply)
        assert "Trace" in story
        unknown = await it.slash("tom", "orders", "order status", id="TSNONE")
        assert "There is no order" in unknown.text
        assert unknown.ephemeral
        for few in (" ", "TS", moved.order_id[:3]):
            told = await it.slash("tom", "orders", "order status", id=few)
            assert "There is no order" in told.text, "too little to mean the only one"
        found = await it.user("tom").autocomplete("orders", "order status", "id", id="spy")
        assert stop.order_id in [c["value"] for c in found.choices]


async def test_what_protects_a_trade_is_not_just_cancelled(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        _, stop = await resting(it)
        refused = await it.slash("tom", "orders", "order cancel", id=stop.order_id)
        assert "never just cancelled" in refused.text
        (told,) = await it.told(it.act(f"#order-{stop.order_id} cancel"))
        assert "never just cancelled" in plain(told)
        assert it.book.orders[stop.order_id].state is OrderState.ACCEPTED
        (none,) = await it.told(it.act("#cancel-all"))
        assert "No entry is working" in plain(none)


async def test_a_position_is_closed_by_command_after_one_question(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        both = await it.slash("tom", "orders", "close", symbol="SPY", quantity="1", percent=50)
        assert "not both" in both.text
        other = await it.slash("tom", "orders", "close", symbol="QQQ")
        assert "QQQ is not held" in other.text
        bad = await it.slash("tom", "orders", "close", symbol="SPY", quantity="1,5")
        assert "not a number I can read safely" in bad.text
        asked = await it.slash("tom", "orders", "close", symbol="spy")
        await it.user("tom").click(asked.reply, "Close all of SPY").acked()
        await it.until(lambda: trade.trade_id not in it.book.trades)
        closed = await it.app.desk.trade(trade.trade_id)
        assert closed.state is TradeState.CLOSED
        shown = plain((await it.slash("tom", "orders", "trades closed")).reply)
        assert "Closed trades · 1 trade" in shown
        rest = plain((await it.slash("tom", "orders", "trades open")).reply)
        assert "no trades yet" in rest


async def test_what_one_alert_opened_in_two_accounts_is_closed_by_one_command(
    tmp_path, monkeypatch
):
    both = {n: {"broker": "paper", "start_cash_usd": 50_000} for n in ("main", "far")}
    to_all = [{"assets": ["option"], "accounts": list(both), "to": "all"}]
    async with desk(tmp_path, monkeypatch, accounts=both, routing=to_all) as it:
        for what, named in ((SPY, NAMED), (QQQ, OTHER)):
            it.price(what, "2.14", "2.16")
            it.user("rhea").say("options-room", f"BTO {named} @ 2.15")
            await it.until(lambda: len(it.book.approvals) == 2)
            keys = list(it.book.approvals)
            cards = [await it.until(lambda k=k: it.card(f"approval:{k}")) for k in keys]
            if what is SPY:
                for card in cards:
                    await it.press("tom", card, "Approve")
            else:
                pressed = it.user("tom").click(cards[0], "Approve all…")
                question = await it.until(lambda p=pressed: next(iter(p.followups), None))
                await it.user("tom").click(question, "Approve 2").acked()
                await it.until(lambda q=question: "2 of 2 approved" in plain(q))
            held = await it.until(lambda: len(t := it.book.open_trades()) == 2 and t)
            if what is SPY:
                some = await it.slash("tom", "orders", "close", symbol="SPY", quantity="1")
                assert "held more than once" in some.text, "one of which?"
                asked = (await it.slash("tom", "orders", "close", symbol="SPY")).reply
            else:
                (asked,) = await it.told(it.act("#QQQ close"))
            words = plain(asked)
            assert "2 open trades" in words
            assert words.count(" in main · ") == words.count(" in far · ") == 1, words
            await it.user("tom").click(asked, f"Close all of {what.symbol}").acked()
            for trade in held:
                await it.over(trade.trade_id)
            await it.until(lambda: "closing 2 of 2" in plain(asked))  # noqa: B023
            assert "long in far" in plain(it.card(f"trade:{held[1].trade_id}"))


async def test_an_approval_that_never_was_is_not_said_to_be_decided(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        (told,) = await it.told(it.act("#approve P-XXXX"))
        assert "There is no approval" in plain(told)
        for command in ("approvals approve", "approvals reject", "approvals show"):
            used = await it.slash("tom", "orders", command, id="P-XXXX")
            assert "There is no approval" in used.text


async def test_approvals_are_decided_by_action_too(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        approval, _ = await it.asked()
        (refused,) = await it.told(it.act(f"#approve {approval.approval_id}", who="vic"))
        assert plain(refused).startswith("⛔")
        (done,) = await it.told(it.act(f"#reject {approval.approval_id.lower()}"))
        assert "rejected" in plain(done)
        assert approval.approval_id not in it.book.approvals
        (late,) = await it.told(it.act(f"#approve {approval.approval_id}"))
        assert "already decided" in plain(late)
        assert not it.book.open_trades()


async def test_a_working_entry_is_taken_back_by_command_or_action(tmp_path, monkeypatch):
    slow = {"paper": {"latency_ms": 1_000, "slippage_ticks": 0}}
    async with desk(tmp_path, monkeypatch, brokers=slow) as it:
        for way in ("command", "action"):
            for instrument in (SPY, QQQ):
                it.price(instrument, "2.14", "2.16")
            approval, card = await it.asked(f"BTO {NAMED if way == 'command' else OTHER} @ 2.15")
            await it.press("tom", card, "Approve")
            for instrument in (SPY, QQQ):
                it.price(instrument, "3.00", "3.02")  # away from its limit, before it works
            order = it.book.orders[approval.order_id]
            if way == "command":
                asked = await it.slash("tom", "orders", "order cancel", id=order.order_id)
                question = asked.reply
            else:
                (question,) = await it.told(it.act("#cancel-all"))
            label = next(name for name in question.labels if name.startswith("Cancel "))
            await it.user("tom").click(question, label).acked()
            after = await it.until(lambda o=order: o.order_id not in it.book.orders or None)
            assert after
            ended = await it.app.desk.order(order.order_id)
            assert ended.state is OrderState.CANCELED
            asked_for = [e for e in await it.events("order.cancel") if e.ref == order.alert_id]
            assert "cancelled by tom" in asked_for[0].data["why"].lower()
            assert ended.filled == 0
        assert not it.book.open_trades()


async def test_an_order_without_an_answer_is_decided_by_an_admin(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        paper = it.app.desk.brokers["paper"]
        approval, card = await it.asked()

        async def silent(request):
            raise OrderStateUnknown("no answer")

        async def cannot_tell(account, order_id):
            return Unclear()

        monkeypatch.setattr(paper, "submit", silent)
        monkeypatch.setattr(paper, "find", cannot_tell)
        await it.press("tom", card, "Approve")
        key = approval.order_id
        await it.until(lambda: it.book.orders[key].state is OrderState.UNKNOWN)
        refused = await it.slash("tom", "orders", "order resolve", id=key, reason="looked")
        assert refused.text.startswith("⛔")
        wrong = await it.slash("ada", "admin", "order resolve", id="TSNONE", reason="looked")
        assert "No order “" in wrong.text
        at = it.app.desk.clock.now()
        queued = BrokerOrder(
            client_order_id=key,
            broker_id="9001",
            account="main",
            state="unknown",
            raw_state="Queued_9",
            side=Side.BUY,
            legs=it.book.orders[key].legs,
            qty=Decimal(2),
            filled=Decimal(0),
            type=OrderType.LIMIT,
            updated_at=at,
        )

        async def has_it(account, order_id):
            return Seen(order=queued)

        monkeypatch.setattr(paper, "find", has_it)
        asked = await it.slash("ada", "admin", "order resolve", id=key, reason="not in the app")
        assert "paper says just now:" in plain(asked.reply)
        for shown in ("9001: buy 2 SPY", "Queued_9, 0 filled", f"<t:{int(at.timestamp())}:T>"):
            assert shown in plain(asked.reply), shown
        await it.user("ada").click(asked.reply, "It never arrived").acked()
        await it.until(lambda: "counts as never sent" in plain(asked.reply))
        ended = await it.app.desk.order(key)
        assert ended.state is OrderState.REJECTED
        assert "not in the app" in ended.reason
