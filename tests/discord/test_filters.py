"""What is listed can be narrowed: positions, trades, exports; limits are changed as settings."""

import csv
import io
from decimal import Decimal

from tests.discord.kit import AAPL, SPY, desk, plain


async def test_positions_and_trades_by_broker_and_class(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        here = plain((await it.slash("tom", "orders", "positions", broker="paper")).reply)
        assert "1 open" in here
        other = plain(
            (await it.slash("tom", "orders", "positions", asset="future", sort="age")).reply
        )
        assert "Nothing is open (future)" in other
        assert "1 other trade is open" in other
        none = plain((await it.slash("tom", "orders", "trades closed", asset="future")).reply)
        assert "Looked for: future" in none
        unknown = await it.slash("tom", "orders", "positions", broker="nowhere")
        assert "There is no such broker" in unknown.text
        it.price(SPY, "2.60", "2.62")
        await it.press("tom", card, "Close all")
        await it.user("tom").click(card.channel, "Close all of SPY").acked()
        await it.over(trade.trade_id)
        for options, n in (({}, 1), ({"asset": "option"}, 1), ({"asset": "stock"}, 0)):
            shown = await it.slash("tom", "orders", "trades closed", **options)
            assert plain(shown.reply).count("SPY 603C") == n, options
        for command, none in (
            ("journal list", "nothing found"),
            ("journal stats", "no closed trades yet"),
        ):
            for asset, n in (("option", 1), ("future", 0)):
                shown = await it.slash("tom", "orders", command, asset=asset)
                assert (none in plain(shown.reply)) is (n == 0), (command, asset)
        journal = await it.slash("tom", "orders", "export", what="journal")
        await it.until(lambda: journal.reply.attachments)
        (row,) = csv.DictReader(io.StringIO(journal.reply.attachments[0].data.decode()))
        assert row["trade_id"] == trade.trade_id
        measures = await it.slash("tom", "orders", "export", what="performance")
        await it.until(lambda: measures.reply.attachments)
        found = csv.DictReader(io.StringIO(measures.reply.attachments[0].data.decode()))
        measured = {r["measure"]: r["value"] for r in found}
        assert measured["n_closed"] == "1"
        assert Decimal(measured["mfe_r"]) == Decimal(row["mfe_r"])
        drawn = it.user("tom").slash("orders", "chart equity", period="week")
        whole = it.user("tom").slash("orders", "performance", period="1w")
        best = f"{Decimal(row['mfe_r']):+.2f}R"
        for used in (await drawn.replied(60), await whole.replied(60)):
            assert best in plain(used.reply), plain(used.reply)
        earned = it.user("tom").slash("orders", "profit-loss", period="week", by="author")
        assert "Rhea" in plain((await earned.replied(60)).reply)
        assert "By author Rhea" in plain(whole.reply).replace("\n", " ")


async def test_the_configuration_is_exported_to_admins_and_limits_are_set_by_path(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        refused = await it.slash("tom", "orders", "export", what="config")
        assert refused.text.startswith("⛔")
        used = await it.slash("ada", "admin", "export", what="config")
        await it.until(lambda: used.reply.attachments)
        kept = used.reply.attachments[0].data.decode()
        assert "risk.daily_loss.max_loss_pct" in kept
        assert "sandbox-token" not in kept
        found = await it.user("ada").autocomplete(
            "admin", "risk set", "limit", limit="daily_loss.max"
        )
        assert "risk.daily_loss.max_loss_pct" in [c["value"] for c in found.choices]
        asked = await it.slash(
            "ada", "admin", "risk set", limit="risk.daily_loss.max_loss_pct", value="1"
        )
        await it.user("ada").click(asked.reply, "Change").acked()
        await it.until(lambda: "is in force" in plain(asked.reply))
        wrong = await it.slash("ada", "admin", "risk set", limit="orders.entry_wait_s", value="1")
        assert "must begin with risk." in wrong.text


async def test_alerts_are_found_by_the_room_that_they_stood_in(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.price(AAPL, "189.95", "190.05")
        await it.held()
        it.user("mike").say("stocks-room", "BUY AAPL @ 190 stop 185")
        await it.until(lambda: len(it.book.alerts) == 2)
        for command, more in (("alerts list", {}), ("alerts search", {"text": "@ "})):
            for room, there, away in (
                ("options-room", "SPY 603C", "AAPL"),
                ("stocks-room", "AAPL", "SPY 603C"),
            ):
                channel = it.sandbox.channel(room)
                used = await it.slash("tom", "orders", command, channel=channel, **more)
                words = plain(used.reply)
                assert there in words, (command, room)
                assert away not in words, (command, room)
