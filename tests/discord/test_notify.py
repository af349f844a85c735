"""/notify: rules that fire once, reach people by every way, and are seen or put to sleep."""

import asyncio
import socket
from datetime import timedelta
from decimal import Decimal

import pytest
from aiohttp import web

from bot.notify import rules
from bot.notify._compare import comparison
from bot.told import KIND, told
from engine.domain.desk import Document, Who
from engine.domain.errors import NotAllowed, StoreUnavailable, UserError
from engine.portfolio.closes import Closes
from tests.discord.kit import AAPL, NAMED, desk, plain

TOM = Who(user_id=7, name="Tom", may_trade=True)


async def heard(it):
    return [told(d) for d in await it.app.desk.store.find(Document, where={"kind": KIND})]


async def until_heard(it, n):
    for _ in range(1500):
        found = await heard(it)
        if len(found) >= n:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(found)} of {n} were told")


async def test_a_price_is_told_once_with_buttons_and_quietened(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.price(AAPL, "189.90", "190.00")
        made = await it.slash(
            "tom", "orders", "notify rule-add", type="price", condition="> 190", symbol="aapl"
        )
        assert "AAPL > 190" in plain(made.reply).replace("\\", "")
        await it.app.notifier.look()
        assert await heard(it) == []
        it.price(AAPL, "190.40", "190.60")
        (first,) = await until_heard(it, 1)
        assert first.text == "AAPL is at 190.5, > 190"
        for _ in range(3):
            await it.app.notifier.look()
        assert len(await heard(it)) == 1
        card = await it.see("activity", "AAPL is at 190.5")
        assert "Noted" in await it.press("tom", card, "Seen")
        await it.until(lambda: not card.labels)
        assert "seen by" in plain(card)
        it.price(AAPL, "180.00", "180.10")
        await it.until(lambda: not rules(it.app)[0].is_on)
        it.price(AAPL, "191.00", "191.10")
        await it.app.notifier.look()
        assert len(await heard(it)) == 1, "it is told at most once in a quarter of an hour"


async def test_stale_quotes_and_strangers_tell_nothing(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        viewer = Who(user_id=8, name="Vic")
        with pytest.raises(NotAllowed):
            await it.app.notifier.add(viewer, kind="price", symbol="SPY", condition="> 1")
        await it.app.notifier.add(TOM, kind="price", symbol="SPY", condition="> 1")
        it.it.quote(AAPL, "10", "11")
        await it.app.notifier.look()
        assert await heard(it) == []


async def test_what_cannot_be_read_is_named_and_makes_no_rule(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        for kind, symbol, condition, field in (
            ("price", "SPY", "190", "condition"),
            ("price", "SPY", "> lots", "condition"),
            ("price", "", "> 190", "symbol"),
            ("price", "?!", "> 190", "no symbol that I can read"),
            ("pnl", "", "week < 5", "condition"),
            ("risk", "", "lost today > 5", "condition"),
            ("quality", "SPY", "below F", "condition"),
            ("alert", "", "sometimes", "condition"),
            ("health", "", "down", "condition: must be `any` or one of discord"),
            ("health", "", "attic", "paper"),
            ("indicator", "SPY", "rsi > 101", "condition"),
            ("indicator", "SPY", "rsi > sma20", "condition"),
            ("indicator", "SPY", "price > 600", "condition"),
            ("indicator", "SPY", "sma1 > sma20", "condition"),
            ("indicator", "", "rsi > 70", "symbol"),
            ("indicator", "/MES", "rsi > 70", "no daily closes"),
            ("weather", "", "any", "type"),
        ):
            with pytest.raises(UserError, match=field):
                await it.app.notifier.add(TOM, kind=kind, symbol=symbol, condition=condition)
        with pytest.raises(UserError, match="channels: there is no pager"):
            await it.app.notifier.add(
                TOM, kind="health", symbol="", condition="any", channels=("pager",)
            )
        assert rules(it.app) == []


async def test_a_condition_may_name_its_symbol(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        for kind, condition, symbol, kept in (
            ("price", "SPY > 190", "SPY", "> 190"),
            ("price", "$spy>190", "SPY", ">190"),
            ("price", f"{NAMED} > 4", NAMED, "> 4"),
            ("quality", "aapl below C", "AAPL", "below C"),
            ("indicator", "BTC/USD rsi < 30", "BTC/USD", "rsi < 30"),
            ("indicator", "SPY price > sma 50", "SPY", "price > sma 50"),
            ("health", "Gateway", "", "Gateway"),
            ("health", "task quotes", "", "task quotes"),
        ):
            made = await it.app.notifier.add(TOM, kind=kind, symbol="", condition=condition)
            assert (made.symbol, made.condition) == (symbol, kept)
        typed = await it.slash(
            "tom", "orders", "notify rule-add", type="price", condition="QQQ > 190"
        )
        assert "price QQQ > 190" in plain(typed.reply).replace("\\", "").replace("*", "")


async def test_indicators_of_daily_closes_are_told_with_their_figure(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        closes = [100.0 + n for n in range(60)]
        first = it.app.clock.now().date() - timedelta(days=60)
        days = tuple(first + timedelta(days=n) for n in range(60))
        it.app.desk.closes.put(Closes(symbol="AAPL", days=days, prices=tuple(closes)))
        it.price(AAPL, "170.00", "170.10")
        for condition in ("rsi > 70", "rsi < 30", "price > sma50", "price < ema20", "sma5 > sma50"):
            await it.app.notifier.add(TOM, kind="indicator", symbol="AAPL", condition=condition)
        words = " | ".join(t.text for t in await until_heard(it, 3))
        told_by = {r.condition for r in rules(it.app) if r.is_on}
        assert told_by == {"rsi > 70", "price > sma50", "sma5 > sma50"}
        assert "AAPL: rsi > 70 (rsi 100.00)" in words
        mean = (sum(closes[-49:]) + 170.05) / 50
        assert f"price > sma50 (price 170.05, sma50 {mean:.2f})" in words
        assert "AAPL" in it.app.desk.closes.also, "they are learned every day from now on"


async def test_a_role_is_pinged_by_the_card_in_the_room_and_nobody_else(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        guild = it.app.bot.get_guild(it.app.config.discord.guild_id)
        open_roles = [r for r in guild.roles if r.mentionable]
        shut = next(r for r in guild.roles if not r.mentionable and not r.is_default())
        (role, *_) = open_roles
        offered = await it.user("tom").autocomplete(
            "orders", "notify rule-add", "channels", channels=f"dm, {role.name[:3]}"
        )
        assert {"name": f"dm, @{role.name}", "value": f"dm, role:{role.id}"} in offered.choices
        for refused in (shut, guild.default_role):
            no = await it.slash(
                *("tom", "orders", "notify rule-add"),
                type="health",
                condition="feed",
                channels=f"<@&{refused.id}>",
            )
            assert "everybody may mention" in no.text
        made = await it.slash(
            *("tom", "orders", "notify rule-add"),
            type="health",
            condition="feed",
            channels=f"<@&{role.id}>",
        )
        assert f"<@&{role.id}>" in plain(made.reply)
        it.app.desk.health["feed"] = "down for <@&1> @everyone"
        card = await it.see("activity", "feed: down")
        assert card.mention_roles == [role.id]
        assert card.text.startswith(f"<@&{role.id}>\n")
        assert not card.mention_everyone
        del it.app.desk.health["feed"]


def test_comparisons_are_read_exactly():
    found = comparison("day < -$1,500.50", ("day",), "x")
    assert (found.sign, str(found.number), found.is_percent) == ("<", "-1500.50", False)
    assert comparison(">= 80 %", ("",), "x").is_percent
    assert comparison("> 190", ("",), "x").holds(found.number) is False
    assert comparison("> 1,234,567.5", ("",), "x").number == Decimal("1234567.5")


@pytest.mark.parametrize("typed", ["> 600,5", "> 1,5", "> 5,", "> 1,00", "> ٥٠٠", "> 1e3", "> 5."])
def test_a_number_that_may_mean_two_things_is_refused(typed):
    """``> 600,5`` was in force as > 6005: nobody was ever told."""
    with pytest.raises(UserError, match="write it like"):
        comparison(typed, ("",), "x")


async def test_the_day_limits_health_and_alerts_are_watched(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        add = it.app.notifier.add
        await add(TOM, kind="pnl", symbol="", condition="day < 1")
        await add(TOM, kind="risk", symbol="", condition="entries > 5%")
        await add(TOM, kind="health", symbol="", condition="gateway", severity="critical")
        await add(TOM, kind="alert", symbol="SPY", condition="any")
        await it.held()
        it.app.desk.health["gateway"] = "the line is down"
        await it.app.notifier.look()
        found = await until_heard(it, 4)
        words = " | ".join(t.text for t in found)
        assert "the day's result is" in words
        assert "entries is at" in words
        assert "gateway: the line is down" in words
        assert "alert SPY" in words
        ping = await it.see("activity", "the line is down")
        assert ping.text.startswith("<@&")
        del it.app.desk.health["gateway"]


async def test_a_look_that_breaks_off_loses_no_alert(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        add, real = it.app.notifier.add, it.app.desk.commit
        for condition in ("any", "held"):
            await add(TOM, kind="alert", symbol="SPY", condition=condition)
        is_away = True

        async def commit(event, *more, **how):
            if is_away and event.kind == "notify.fired":
                raise StoreUnavailable("the disk is full")
            return await real(event, *more, **how)

        monkeypatch.setattr(it.app.desk, "commit", commit)
        await it.held()
        with pytest.raises(StoreUnavailable):
            await it.app.notifier.look()
        assert await heard(it) == []
        is_away = False
        await asyncio.gather(*(it.app.notifier.look() for _ in range(3)))
        (anything,) = [t for t in await until_heard(it, 1) if "filled" in t.text]
        assert "SPY" in anything.text


@pytest.fixture
async def hook():
    """A webhook on loopback that keeps what it gets; refuses while ``is_down``."""
    got, state = [], {"is_down": False}

    async def take(request):
        if state["is_down"]:
            return web.Response(status=500)
        got.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/{tail:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield port, got, state
    await runner.cleanup()


async def test_a_webhook_is_reached_and_a_failure_is_told(tmp_path, monkeypatch, hook):
    port, got, state = hook
    monkeypatch.setenv("TS_NOTIFY_HOOK", f"json://127.0.0.1:{port}/here")
    monkeypatch.setattr("bot.notifier._PAUSES_S", (0.01, 0.01))
    async with desk(tmp_path, monkeypatch) as it:
        shown = await it.slash("tom", "orders", "notify test", channel="hook")
        assert "✓ hook: sent" in shown.text
        names = plain((await it.slash("ada", "admin", "notify channels")).reply)
        assert "hook" in names
        assert str(port) not in names
        it.app.desk.health["feed"] = "down"
        rule = await it.app.notifier.add(
            TOM, kind="health", symbol="", condition="feed", channels=("hook", "discord")
        )
        await it.until(lambda: len(got) == 2)
        assert got[1]["message"] == "info: feed: down"
        state["is_down"] = True
        await it.app.notifier.edit(TOM, rule.rule_id, condition="any")
        monkeypatch.setattr("bot.notifier.DEDUPE", timedelta(0))
        assert await it.see("admin", "was not delivered", "hook")
        failed = [t for t in await heard(it) if t.delivered.get("hook", "").startswith("failed")]
        assert len(failed) == 1
        history = plain((await it.slash("tom", "orders", "notify history")).reply)
        assert "hook: failed" in history
        it.app.desk.health.clear()


async def test_what_was_cut_off_is_delivered_after_the_start(tmp_path, monkeypatch, hook):
    port, got, _ = hook
    monkeypatch.setenv("TS_NOTIFY_HOOK", f"json://127.0.0.1:{port}/here")
    async with desk(tmp_path, monkeypatch) as it:
        with monkeypatch.context() as cut:
            cut.setattr(it.app.notifier, "_deliver_later", lambda fresh: None)
            it.app.desk.health["feed"] = "down"
            await it.app.notifier.add(
                TOM, kind="health", symbol="", condition="feed", channels=("hook",)
            )
            await until_heard(it, 1)
        assert got == []
        await it.app.notifier.begin()
        await it.until(lambda: got)
        it.app.desk.health.clear()


async def test_direct_messages_follow_the_persons_preferences(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        tom = Who(user_id=it.user("tom").user.id, name="Tom", may_trade=True)
        it.app.desk.health["feed"] = "down"
        await it.app.notifier.add(tom, kind="health", symbol="", condition="feed", channels=("dm",))
        await it.app.notifier.add(
            tom, kind="health", symbol="", condition="any", channels=("dm",), severity="critical"
        )
        await until_heard(it, 2)
        await it.until(lambda: it.sandbox.dm("tom").messages)
        (sent,) = it.sandbox.dm("tom").messages
        assert "feed: down" in sent.text
        for _ in range(1500):
            ways = sorted(t.delivered.get("dm", "") for t in await heard(it))
            if all(ways):
                break
            await asyncio.sleep(0.02)
        assert ways == ["held back (preferences)", "sent"]
        it.app.desk.health.clear()


async def test_an_action_makes_a_rule_and_only_its_owner_removes_it(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.price(AAPL, "100", "100.10")
        it.act("#alert AAPL > 190")
        await it.until(lambda: rules(it.app))
        (rule,) = rules(it.app)
        assert (rule.symbol, rule.condition, rule.channels) == ("AAPL", "> 190", ("discord", "dm"))
        with pytest.raises(NotAllowed):
            await it.app.notifier.remove(TOM, rule.rule_id)
        asked = await it.slash("tom", "orders", "notify rule-remove", id=rule.rule_id)
        await it.user("tom").click(asked.reply, "Remove").acked()
        await it.until(lambda: not rules(it.app))


async def test_a_rule_removed_while_another_is_told_does_not_come_back(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        notifier = it.app.notifier
        await notifier.add(TOM, kind="price", symbol="AAPL", condition="> 190")
        second = await notifier.add(TOM, kind="price", symbol="AAPL", condition="> 180")
        real, removed = it.app.desk.commit, asyncio.Event()

        async def commit(*events):
            if events[0].kind == "notify.fired" and not removed.is_set():
                removed.set()
                await notifier.remove(TOM, second.rule_id)
            await real(*events)

        monkeypatch.setattr(it.app.desk, "commit", commit)
        it.price(AAPL, "200.40", "200.60")
        await asyncio.wait_for(removed.wait(), 20)
        await notifier.look()
        assert second.rule_id not in {rule.rule_id for rule in rules(it.app)}
