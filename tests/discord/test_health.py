"""/health metrics and /health detailed as people use them."""

from tests.discord.kit import desk, plain
from tests.discord.test_charts import look


async def test_the_process_shows_its_own_pulse(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        empty = await look(it, "vic", "actions", "health metrics")
        assert "No figures of the process yet" in plain(empty.reply)
        for _ in range(3):
            await it.app.vitals.look()
        shown = (await look(it, "vic", "actions", "health metrics")).reply
        words = plain(shown)
        for name in ("memory MB", "processor %", "loop lag ms", "books ms"):
            assert name in words
        assert "3 looks" in words
        assert shown.attachments[0].description.startswith("The process over 3 looks: memory")
        (memory, *_) = it.app.vitals.report().vitals
        assert 40 < memory.now < 2_000


async def test_each_part_is_named_and_one_can_be_picked(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.app.desk.health["feed hand"] = "silent"
        whole = plain((await look(it, "vic", "orders", "health detailed")).reply)
        assert "✗ feed hand silent" in whole
        assert "✓ gateway" in whole
        one = plain((await look(it, "vic", "orders", "health detailed", component="gate")).reply)
        assert "1 parts called “gate”" in one
        none = plain((await look(it, "vic", "orders", "health detailed", component="moon")).reply)
        assert "There is no part called “moon”" in none
        found = await it.user("vic").autocomplete(
            "orders", "health detailed", "component", component="pap"
        )
        assert [c["value"] for c in found.choices] == ["paper"]
        hidden = await look(it, "vic", "actions", "health detailed")
        assert hidden.ephemeral
