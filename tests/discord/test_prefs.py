"""/prefs: everybody's own, kept, and never half taken over."""

import json
from datetime import UTC, datetime

import pytest

from bot.prefs import Prefs, checked
from bot.sandbox.message import Upload
from engine.domain.errors import UserError
from tests.discord.kit import desk, plain


async def test_a_person_chooses_and_only_he_is_changed(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        used = await it.slash("vic", "actions", "prefs theme", theme="light")
        assert "theme light" in plain(used.reply).replace("*", "")
        assert used.ephemeral
        zone = await it.slash("vic", "actions", "prefs timezone", tz="Europe/Berlin")
        assert "Europe/Berlin" in plain(zone.reply)
        people, vic, tom = it.app.people, it.user("vic").user.id, it.user("tom").user.id
        assert people.theme(vic) == "light"
        assert people.theme(vic, "dark") == "dark"
        assert people.theme(tom) == "dark"
        wrong = await it.slash("vic", "actions", "prefs set", key="quiet", value="late")
        assert "quiet: must be off" in wrong.text
        found = await it.user("vic").autocomplete("actions", "prefs timezone", "tz", tz="new york")
        assert [c["value"] for c in found.choices] == ["America/New_York"]
        exported = await it.slash("vic", "actions", "prefs export")
        await it.until(lambda: exported.reply.attachments)
        kept = exported.reply.attachments[0].data
        assert json.loads(kept)["theme"] == "light"
        taken = await it.slash("tom", "orders", "prefs import", file=Upload("p.json", kept))
        assert "Europe/Berlin" in plain(taken.reply)
        half = Upload("p.json", json.dumps({"theme": "dark", "dm": "loud"}).encode())
        refused = await it.slash("tom", "orders", "prefs import", file=half)
        assert "dm: must be" in refused.text
        assert people.theme(tom) == "light"
        again = await it.slash("tom", "orders", "prefs reset")
        assert "timezone Europe/Berlin" in plain(again.reply)
        assert people.theme(tom) == "light", "nothing before the click"
        await it.user("tom").click(again.reply, "Reset").acked()
        await it.until(lambda: "defaults again" in again.text)
        assert people.theme(tom) == "dark"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("quiet", "22:00"),
        ("quiet", "7-8-9"),
        ("quiet", "22:00-22:00"),
        ("timezone", "Mars/Base"),
        ("timezone", "../etc"),
        ("theme", "blue"),
        ("colour", "x"),
    ],
)
def test_what_does_not_fit_is_named(key, value):
    with pytest.raises(UserError, match=f"^{key}: .* Nothing was changed"):
        checked({key: value})


def test_quiet_hours_hold_back_all_but_the_critical():
    prefs = Prefs(timezone="Europe/Berlin", quiet="22:00-07:00", dm="warning")
    night, day = datetime(2026, 1, 30, 22, tzinfo=UTC), datetime(2026, 1, 30, 12, tzinfo=UTC)
    assert prefs.is_quiet(night)
    assert not prefs.is_quiet(day)
    assert prefs.is_quiet(datetime(2026, 1, 30, 5, 59, tzinfo=UTC))
    assert not prefs.is_quiet(datetime(2026, 1, 30, 6, 1, tzinfo=UTC))
    assert [prefs.wants(s, night) for s in ("info", "warning", "critical")] == [False, False, True]
    assert [prefs.wants(s, day) for s in ("info", "warning", "critical")] == [False, True, True]
    assert not Prefs(dm="never").wants("critical", day)
    assert Prefs(dm="all").wants("info", day)
    assert Prefs(quiet="12:00-14:00", timezone="UTC").is_quiet(day)
