"""/broker, /mode and /health as people use them."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

from bot import confirm, text
from tests.discord.kit import desk, plain


async def test_the_list_says_who_takes_entries_and_what_is_there(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        shown = plain((await it.slash("tom", "orders", "broker list")).reply)
        assert "All brokers take entries" in shown
        assert "paper" in shown
        assert "$100,000" in shown
        one = plain((await it.slash("tom", "orders", "broker status", broker="paper")).reply)
        assert "paper takes entries" in one
        assert "last error: none since the start" in one
        it.app.desk.health["watch paper"] = "no answer from **[here](https://evil.example)**"
        del it.app.desk.health["watch paper"]
        one = plain((await it.slash("tom", "orders", "broker status", broker="paper")).reply)
        assert f"last error {text.ago(it.app.clock.now())[:8]}" in one
        assert "https://" not in one, "no link of a broker's making"
        unknown = await it.slash("tom", "orders", "broker status", broker="robin")
        assert "there are: paper" in unknown.text
        assert unknown.ephemeral
        names = await it.user("tom").autocomplete("orders", "broker status", "broker", broker="pa")
        assert [c["value"] for c in names.choices] == ["paper"]


async def test_a_silent_broker_is_told_as_not_known_never_as_nothing(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        await it.app.desk.brokers["paper"].close()
        shown = plain((await it.slash("tom", "orders", "broker status", broker="paper")).reply)
        assert "n/a (paper is not connected)" in shown
        assert "$0" not in shown
        assert "takes entries" not in shown, "the card must not contradict itself"
        assert "⚠ paper" in shown
        listed = plain((await it.slash("tom", "orders", "broker list")).reply)
        assert "0 of 1 take entries" in listed


async def test_each_capability_is_tried_on_request(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        tried = plain((await it.slash("ada", "admin", "broker test", broker="paper")).reply)
        assert "all well" in tried
        await it.app.desk.brokers["paper"].close()
        failed = plain((await it.slash("ada", "admin", "broker test", broker="paper")).reply)
        assert "1 failed" in failed
        assert "not connected" in failed


async def test_a_broker_is_taken_out_of_use_and_back_by_one_confirmed_click(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        asked = await it.slash("ada", "admin", "broker disable", broker="paper", reason="updates")
        await it.user("ada").click(asked.reply, "Disable paper").acked()
        await it.until(lambda: "No new entry goes to paper" in plain(asked.reply))
        assert await it.see("admin", "switched off by", "updates")
        shown = plain((await it.slash("tom", "orders", "broker list")).reply)
        assert "0 of 1 take entries" in shown
        again = await it.slash("ada", "admin", "broker disable", broker="paper")
        assert "out of use already: switched off by Ada: updates. Nothing" in plain(again.reply)
        asked = await it.slash("ada", "admin", "broker enable", broker=" Paper")
        await it.user("ada").click(asked.reply, "Enable paper").acked()
        await it.until(lambda: "Entries may go to paper again" in plain(asked.reply))
        needless = await it.slash("ada", "admin", "broker enable", broker="paper")
        assert "not switched off. Nothing was changed" in plain(needless.reply)
        renewed = await it.slash("ada", "admin", "broker connect", broker="paper")
        assert "part of the desk. Nothing was changed" in plain(renewed.reply)


async def test_a_connection_that_takes_its_time_shows_where_it_has_got_to(tmp_path, monkeypatch):
    """It said that it was under way, for as long as a broker hung, and nothing else."""
    monkeypatch.setattr("bot.confirm._QUICK_S", 0.05)
    monkeypatch.setattr("bot.confirm._STEP_S", 0.05)
    ends = asyncio.Event()

    async def slow(app, name, who, step):
        step("a login is tried")
        await asyncio.sleep(0.3)
        step("the books are compared")
        await ends.wait()
        return "🔑 Renewed."

    monkeypatch.setattr("bot.reconnect.run", slow)
    monkeypatch.setattr("bot.reconnect.check", lambda name: None)
    async with desk(tmp_path, monkeypatch) as it:
        asked = await it.slash("ada", "admin", "broker connect", broker="paper")
        await it.user("ada").click(asked.reply, "Connect paper").acked()
        for shown in ("under way … (a login is tried)", "(the books are compared)"):
            await it.until(lambda shown=shown: shown in plain(asked.reply))
        ends.set()
        await it.until(lambda: "Renewed" in plain(asked.reply))
        assert "under way" not in plain(asked.reply), "only how it ended stays"


async def test_an_action_ends_with_the_press_that_began_it(monkeypatch):
    monkeypatch.setattr("bot.confirm._QUICK_S", 0.01)
    monkeypatch.setattr("bot.confirm._replace", lambda *_: asyncio.sleep(0))
    ended = []

    async def slow(press):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(press)

    asked = confirm.Question(title="", yes="", body=str, action=slow)
    run = asyncio.create_task(confirm._run("press", asked))
    await asyncio.sleep(0.05)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await asyncio.sleep(0)
    assert ended == ["press"]


async def test_a_step_that_cannot_be_shown_ends_no_action(monkeypatch):
    """An answer of Discord's that nobody could read called off what was being done, half done."""
    monkeypatch.setattr("bot.confirm._QUICK_S", 0.01)

    async def unreadable(press, said):
        raise ValueError(said)

    async def slow(press):
        await asyncio.sleep(0.05)
        return "Closed."

    monkeypatch.setattr("bot.confirm._put_in", unreadable)
    asked = confirm.Question(title="", yes="Close", body=str, action=slow)
    assert await confirm._run("press", asked) == "Closed."


async def test_where_the_question_is_gone_the_outcome_alone_is_said_elsewhere(monkeypatch):
    """Each step of a slow action was a message of its own."""
    monkeypatch.setattr("bot.confirm._QUICK_S", 0.01)
    monkeypatch.setattr("bot.confirm._STEP_S", 0.01)
    said, steps = [], iter(range(99))

    async def gone(**_):
        raise OSError("unknown message")

    async def say(_press, words):
        said.append(words)

    async def slow(_press):
        await asyncio.sleep(0.1)
        return "Closed."

    monkeypatch.setattr(confirm.reply, "say", say)
    monkeypatch.setattr(confirm.reply, "badged", lambda _app, words: words)
    press = SimpleNamespace(client=SimpleNamespace(app=None), edit_original_response=gone)
    asked = confirm.Question(
        title="", yes="Close", body=str, action=slow, step=lambda: f"step {next(steps)}"
    )
    outcome = await confirm._run(press, asked)
    assert next(steps) > 2
    assert not said
    await confirm._replace(press, outcome)
    assert said == ["Closed."]


async def test_real_money_needs_a_typed_word_and_says_what_is_missing(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        shown = plain((await it.slash("vic", "actions", "mode show")).reply)
        assert "PAPER: no entry of real money" in shown
        assert "✗ configuration · mode: paper" in shown
        assert "✗ books agree with it · there is none to compare with" in shown
        assert "real money has no cap of its own" in shown
        assert "Record so far" not in shown, "results are for traders"
        his = plain((await it.slash("tom", "orders", "mode show")).reply)
        assert "✗ closed trades · 0, at least 300" in his
        assert "✗ win rate · n/a (no closed trades yet), at least 60 %" in his
        opened = await it.user("ada").slash("admin", "mode live", reason="ready").acked()
        wrong = it.user("ada").submit(opened, {"word": "yes please"})
        assert "stays on paper" in await it.answer(wrong)
        again = await it.user("ada").slash("admin", "mode live", reason="ready").acked()
        refused = it.user("ada").submit(again, {"word": "LIVE"})
        assert "Not ready for real money" in await it.answer(refused)
        paper = await it.slash("ada", "admin", "mode paper", reason="just checking")
        await it.user("ada").click(paper.reply, "Back to paper").acked()
        await it.until(lambda: "in paper mode already" in paper.text)


async def test_health_and_usage_answer(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        assert "Ready to trade" in plain((await it.slash("vic", "actions", "health summary")).reply)
        usage = plain((await it.slash("vic", "actions", "health api-usage")).reply)
        assert "Nothing outside is called" in usage


async def test_a_route_is_changed_by_one_confirmed_click_and_shown(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        shown = await it.slash("ada", "admin", "broker route")
        assert "Entries go to the room's own account" in plain(shown.reply)
        assert "room options → main at paper" in plain(shown.reply), "no asset class of that name"
        stocks = plain((await it.slash("ada", "admin", "broker route", asset="stock")).reply)
        assert "Stocks go to the room's own account" in stocks
        unsaid = await it.slash("ada", "admin", "broker route", account="main")
        assert "Which asset class" in unsaid.text
        asked = await it.slash("ada", "admin", "broker default", account="main")
        assert "then everything else: main" in plain(asked.reply)
        await it.user("ada").click(asked.reply, "Change the route").acked()
        await it.until(lambda: "everything else: main" in plain(asked.reply))
        assert await it.see("admin", "Route by")
        now = plain((await it.slash("ada", "admin", "broker route")).reply)
        assert "everything → main at paper" in now
        wrong = await it.slash("ada", "admin", "broker route", asset="stock", account="nowhere")
        assert "no account of that name" in plain(wrong.reply), "said before anything is asked"
        assert not wrong.reply.labels


async def test_the_books_are_compared_on_request_and_what_is_foreign_is_adopted(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        shown = plain((await it.slash("ada", "admin", "reconcile")).reply)
        assert "Books agree" in shown
        assert "never orders" in shown
        assert "ref reconcile" in shown
        asked = await it.slash("ada", "admin", "reconcile", apply=True)
        await it.user("ada").click(asked.reply, "Compare and take over").acked()
        await it.until(lambda: "Books agree" in plain(asked.reply))
        refused = await it.slash("tom", "orders", "reconcile")
        assert refused.text.startswith("⛔")


async def test_a_quantity_that_no_broker_prices_is_booked_at_the_price_that_an_admin_says(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        paper = it.app.desk.brokers["paper"]
        real = paper.positions

        async def fewer(account):
            return [replace(p, qty=p.qty - 1) for p in await real(account)]

        monkeypatch.setattr(paper, "positions", fewer)
        asked = await it.slash("ada", "admin", "reconcile", apply=True)
        await it.user("ada").click(asked.reply, "Compare and take over").acked()
        await it.until(lambda: "1 difference" in plain(asked.reply))
        shown = plain((await it.slash("ada", "admin", "reconcile")).reply)
        assert "no broker prices stays" in shown
        offered = await it.user("ada").autocomplete("admin", "reconcile", "what", what="")
        (what,) = [c["value"] for c in offered.choices]
        known = {"what": what, "price": "2.40", "reason": "moved to my other account"}
        for wrong, why in (
            ({"what": "main NONE"}, "Open are: " + what),
            ({"price": ""}, "price: “(nothing)”"),
            ({"price": "-1"}, "is not a number I can read safely"),
            ({"reason": ""}, "reason: say what you saw"),
        ):
            refused = await it.slash("ada", "admin", "reconcile", **(known | wrong))
            assert why in refused.text
            assert "Nothing was" in refused.text
            assert not refused.reply.labels
        denied = await it.slash("tom", "orders", "reconcile", **known)
        assert denied.text.startswith("⛔")
        asked = await it.slash("ada", "admin", "reconcile", **known)
        assert f"the books hold {trade.qty_open:f}, the broker {trade.qty_open - 1:f}" in plain(
            asked.reply
        )
        assert "at what price; you do" in plain(asked.reply)
        (yes,) = [label for label in asked.reply.labels if label.startswith("Book ")]
        await it.user("ada").click(asked.reply, yes).acked()
        await it.until(lambda: "is booked" in plain(asked.reply))
        assert await it.see("admin", "says Ada: moved to my other account")
        assert it.book.trades[trade.trade_id].qty_open == trade.qty_open - 1


async def test_presence_is_confirmed_where_a_broker_wants_it_and_refused_elsewhere(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        none = await it.slash("tom", "orders", "broker attend", broker="paper")
        assert "does not ask for a person" in none.text
        paper = it.app.desk.brokers["paper"]
        said = []
        monkeypatch.setattr(paper, "attended_left_s", 1800.0, raising=False)
        monkeypatch.setattr(paper, "confirm_presence", lambda: said.append(1), raising=False)
        done = await it.slash("tom", "orders", "broker attend", broker="paper")
        assert "30 min" in plain(done.reply)
        assert said == [1]
        refused = await it.slash("vic", "orders", "broker attend", broker="paper")
        assert refused.text.startswith("⛔")


async def test_an_order_that_nobody_knows_is_no_order_in_doubt(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        for typed in ("tsnope", ""):
            asked = {"id": typed, "reason": "looked it up"}
            said = await it.slash("ada", "admin", "order resolve", **asked)
            assert f"No order “{typed.upper()}” is in doubt. Nothing was changed" in said.text
