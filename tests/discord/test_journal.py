"""The journal, /explain and /why through the loopback Discord."""

import re

from tests.discord.kit import NAMED, desk, plain


async def shown(it, command, who="tom", **options):
    """A private answer to a command."""
    used = it.user(who).slash("all-messages", command, **options)
    await used.replied(60)
    assert used.ephemeral
    return used.reply


async def test_a_trade_is_written_about_tagged_found_and_counted(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held(f"BTO 2 {NAMED} @ 2.15")
        key = trade.trade_id
        empty = await shown(it, "journal stats")
        assert "no closed trades yet" in plain(empty)
        noted = await shown(
            it, "journal note", id=key.lower(), text="took it on the **retest** @everyone"
        )
        assert "retest" in plain(noted)
        assert "@everyone" not in noted.text.replace("\u200b", "_")
        tagged = await shown(it, "journal tag", id=key, tags="breakout late-entry")
        assert "breakout" in plain(tagged)
        taken = await shown(it, "journal tag", id=key, tags="-late-entry #morning")
        assert "late-entry" not in plain(taken)
        assert "morning" in plain(taken)
        wrong = await shown(it, "journal tag", id=key, tags="not/a/tag")
        assert "Nothing was changed" in plain(wrong)
        nobody = await shown(it, "journal note", id="T-NONE", text="hello there")
        assert "no such trade" in plain(nobody)

        question = it.user("tom").click(card, "Close all")
        await it.until(lambda: any("Close all of" in plain(m) for m in question.followups))
        ask = next(m for m in question.followups if "Close all of" in plain(m))
        await it.user("tom").click(ask, "Close all of SPY").acked()
        closed = await it.over(key)
        entry = await shown(it, "journal show", id=key)
        assert f"-${-closed.realised_usd:,.2f}" in plain(entry)
        assert "MAE" in plain(entry)
        for options in ({"tag": "breakout"}, {"symbol": "spy"}, {"outcome": "lost"}):
            assert key in plain(await shown(it, "journal list", **options))
        for options in ({"tag": "nothing"}, {"outcome": "won"}, {"strategy": "Elsewhere"}):
            assert "nothing found" in plain(await shown(it, "journal list", **options))
        assert key in plain(await shown(it, "journal search", text="RETEST"))
        assert "nothing found" in plain(await shown(it, "journal search", text="unheard of"))
        stats = plain(await shown(it, "journal stats"))
        assert "1 closed trade" in stats
        assert "breakout" in stats
        picture = await shown(it, "journal chart", id=key)
        assert picture.attachments
        found = await it.user("tom").autocomplete("orders", "journal show", "id").acked()
        assert [c["value"] for c in found.choices] == [key]
        tags = await it.user("tom").autocomplete("orders", "journal list", "tag").acked()
        assert {c["value"] for c in tags.choices} == {"breakout", "late-entry", "morning"}
        assert it.book.closed[key].version == closed.version, "a trade itself never changes"


async def test_forms_and_the_menu_keep_words(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        opened = await it.slash("tom", "orders", "journal note", id=trade.trade_id)
        await opened.acked()
        assert opened.modal is not None
        sent = it.user("tom").submit(opened, {"text": "first words about it"})
        assert "Written" in await it.answer(sent)
        review = await shown(it, "journal review")
        assert "Ask yourself" in plain(review)
        assert review.labels == ["Write the review"]
        form = await it.user("tom").click(review, "Write the review").acked()
        sent = it.user("tom").submit(form, {"text": "a calm and patient week"})
        assert "Written" in await it.answer(sent)
        message = next(m for m in it.sandbox.channel("options-room").messages if "BTO" in m.text)
        used = it.user("tom").context("options-room", "Save to journal", message)
        assert "Saved" in await it.answer(used)
        listed = plain(await shown(it, "journal show", id=trade.trade_id))
        assert "first words about it" in listed
        assert "BTO" in listed
        assert "patient week" in plain(await shown(it, "journal search", text="patient"))


async def test_reasons_are_those_that_were_recorded(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        why = await shown(it, "explain", symbol="spy")
        assert "Alert of Rhea" in plain(why)
        assert NAMED in plain(why)
        assert "Checks" in plain(why)
        assert {"Close all", "Stop…"} <= set(why.labels)
        assert why.attachments
        nothing = await shown(it, "explain", symbol="TSLA")
        assert "TSLA is not held" in plain(nothing)
        decided = await shown(it, "why", action=trade.trade_id)
        assert "passed" in plain(decided)
        answer = await shown(it, "ask", question="what do I hold?")
        ref = re.search(r"Q-\w+", plain(answer))[0]
        filed = plain(await shown(it, "why", action=ref))
        assert "what do I hold?" in filed
        assert "model none" in filed
        assert re.search(r"\bnet +-\$", filed)
        foreign = plain(await shown(it, "why", who="ann", action=ref))
        assert "another person" in foreign
        assert "Nothing is on file" in plain(await shown(it, "why", action="Q-NONE"))
        known = await it.user("tom").autocomplete("orders", "why", "action").acked()
        assert known.choices[0]["value"] == ref
