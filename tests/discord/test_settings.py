"""/settings: in force at once, kept as versions, two admins for what loosens."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.demo import world as demo
from bot.sandbox import Sandbox
from bot.sandbox.world import UserSpec
from bot.settings.snapshots import EVERY_S
from engine.clock import ManualClock
from engine.domain.desk import Document, Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.record import changed
from engine.flows.acts import halt
from tests.discord.kit import desk, plain
from tests.live import SPEC

PATH = "risk.daily_loss.max_loss_pct"
ADMIN = Who(user_id=1, name="Ada", may_admin=True)


@pytest.fixture
async def it(tmp_path, monkeypatch):
    world = demo.world()
    world = replace(
        world, users=(*world.users, UserSpec(id=demo.GUILD + 203, name="abe", roles=("Admin",)))
    )
    sandbox = await Sandbox.start(world, spec=SPEC if SPEC.exists() else None, token=demo.TOKEN)
    try:
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as made:
            yield made
    finally:
        await sandbox.stop()


def limit(it):
    (check,) = [c for name, c in it.app.desk.checks if name == "daily_loss"]
    return check.settings.max_loss_pct


async def agree(it, who, used):
    await it.user(who).click(used.reply, "Change").acked()
    await it.until(lambda: "is in force" in plain(used.reply))
    return plain(used.reply)


async def change(it, who, path, value):
    used = await it.slash(who, "admin", "settings set", path=path, value=value, reason="a test")
    return await agree(it, who, used)


async def test_a_tighter_limit_is_in_force_at_once_and_after_a_restart(it):
    assert limit(it) == 3
    assert "Version 1 is in force" in await change(it, "ada", PATH, "2")
    assert limit(it) == 2
    shown = plain((await it.slash("ada", "admin", "settings view", path="risk.daily_loss")).reply)
    assert "max_loss_pct 2" in shown
    assert "settings version 1" in shown
    it.app.use_config(it.app.settings._base)
    assert limit(it) == 3
    await it.app.settings.restore()
    assert limit(it) == 2
    assert (it.app.settings.number, dict(it.app.settings.current)) == (1, {PATH: 2})


async def test_looser_needs_a_second_admin_and_the_same_one_twice_is_not_two(it):
    for _ in range(2):
        asked = await it.slash("ada", "admin", "settings set", path=PATH, value="4")
        assert "Waits for a second admin" in plain(await asked.replied())
        assert limit(it) == 3
    other = await it.slash("abe", "admin", "settings set", path=PATH, value="5")
    assert "Waits for a second admin" in plain(await other.replied())
    assert "is in force" in await change(it, "ada", PATH, "5")
    assert limit(it) == 5
    events = await it.events("settings.changed")
    assert len(events) == 1


async def test_a_question_shows_what_it_does_or_does_nothing(it):
    """Shown as tighter, then somebody else tightens more: the same click would loosen."""
    first = await it.slash("ada", "admin", "settings set", path=PATH, value="2.5")
    assert "3 → 2.5" in plain(await first.replied())
    await change(it, "abe", PATH, "1")
    await it.user("ada").click(first.reply, "Change").acked()
    await it.until(lambda: "look again" in plain(first.reply))
    await it.user("ada").click(first.reply, "Change").acked()
    await it.until(lambda: "stands otherwise by now" in plain(first.reply))
    assert limit(it) == 1
    assert len(await it.events("settings.changed")) == 1


async def test_nothing_loosens_that_nobody_was_shown(it):
    settings = it.app.settings
    for changes in ({PATH: 4}, {"discord.roles.approver": [5]}):
        with pytest.raises(UserError, match="needs a second admin"):
            await settings.apply(ADMIN, changes, "by a room that asks nothing")
    await settings.apply(ADMIN, {PATH: 2}, "tight")
    for work in (settings.roll_back(ADMIN, 0, ""), settings.replace(ADMIN, {PATH: 3}, "")):
        with pytest.raises(UserError, match=r"needs a second admin|so already"):
            await work
    assert limit(it) == 2


async def test_two_rooms_at_once_do_not_take_each_others_change_back(it):
    settings = it.app.settings
    lock = it.app.desk.lock("settings")
    async with lock:
        both = [
            asyncio.ensure_future(settings.apply(ADMIN, {PATH: 2}, "one")),
            asyncio.ensure_future(settings.apply(ADMIN, {"orders.entry_wait_s": 60}, "two")),
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*both)
    assert (limit(it), it.app.desk.settings.entry_wait_s) == (2, 60)


async def test_by_setup_too_two_admins_say_who_is_an_admin(it):
    roles = it.app.config.discord.roles
    (trader,), before = roles.trader, roles.admin

    async def chosen(who):
        asked = await it.slash(who, "admin", "setup")
        await asked.replied()
        menu = it.user(who).choose(asked, "role:admin", menu="ts:setup:what")
        shown = await it.until(lambda: menu.original or next(iter(menu.followups), None))
        pick = it.user(who).choose(shown, str(trader))
        found = await it.until(lambda: pick.original or next(iter(pick.followups), None))
        await it.until(lambda: plain(found))
        return plain(found)

    for _ in range(2):
        assert "a second admin has to" in await chosen("ada")
        assert it.app.config.discord.roles.admin == before
    assert "admin is now" in await chosen("abe")
    assert it.app.config.discord.roles.admin == {trader}


async def test_versions_are_compared_gone_back_to_saved_and_carried(it):
    await change(it, "ada", PATH, "2")
    await (await it.slash("ada", "admin", "settings save", name="calm")).replied()
    await change(it, "ada", "orders.entry_wait_s", "60")
    history = plain((await it.slash("ada", "admin", "settings history")).reply)
    assert "version 2" in history
    assert "a test" in history
    back = plain((await it.slash("ada", "admin", "settings diff", version=1)).reply)
    assert "60.0 → 120.0" in back
    used = await it.slash("ada", "admin", "settings rollback", version=1)
    assert "Version 3" in await agree(it, "ada", used)
    assert it.app.desk.settings.entry_wait_s == 120
    exported = await it.slash("ada", "admin", "settings export")
    await it.until(lambda: exported.reply.attachments)
    assert json.loads(exported.reply.attachments[0].data)["changes"] == {PATH: 2}
    same = await it.slash("ada", "admin", "settings load", name="calm")
    assert "It is so already" in same.text
    unknown = await it.slash("ada", "admin", "settings load", name="wild")
    assert "No settings are saved as “wild”" in unknown.text


async def test_what_does_not_fit_is_named_and_nothing_changes(it):
    for path, value, said in (
        (PATH, "lots", f"{PATH}: must be"),
        ("risk.daily_los.max", "3", "unknown key"),
        ("storage.url", "sqlite:///x.db", "needs a restart"),
        ("mode", "live", "switched with /mode"),
        (PATH, "[1", "cannot be read"),
        (PATH, "1e1", "plain digits"),
        (PATH, "٢", f"{PATH}: write figures in plain digits"),
        ("sources.options.account", "nobody", "must be"),
    ):
        used = await it.slash("ada", "admin", "settings set", path=path, value=value)
        assert said in used.text.replace("\\", ""), (path, used.text)
        assert "Nothing was changed" in used.text
    assert it.app.settings.number == 0
    fits = await it.slash("ada", "admin", "settings validate", path=PATH, value="4")
    assert "It fits" in plain(fits.reply)
    assert limit(it) == 3
    trader = Who(user_id=2, name="Tom", may_trade=True)
    with pytest.raises(NotAllowed):
        await it.app.settings.apply(trader, {PATH: 2}, "")
    assert limit(it) == 3


async def test_a_new_room_is_heard_and_a_removed_one_is_not(it):
    room = it.sandbox.channel("orders").id
    await it.app.settings.apply(
        ADMIN, {"sources.fresh.channel_id": room, "sources.fresh.parser": "options"}, "new"
    )
    assert it.app.desk.source_of(room).name == "fresh"
    it.user("tom").say("orders", "good morning")
    await it.until(lambda: it.book.newest_message.get(room))
    await it.app.settings.apply(ADMIN, {"sources.fresh": None}, "gone")
    assert it.app.desk.source_of(room) is None


async def test_a_change_that_no_longer_fits_the_file_halts_entries(it):
    await it.app.settings.apply(ADMIN, {PATH: 2, "orders.entry_wait_s": 60}, "tight")
    desk_, store = it.app.desk, it.app.desk.store
    document = await store.get(Document, "settings:000001")
    body = json.loads(document.body)
    body["changes"]["orders.entry_wait_s"] = "lots"
    await desk_.commit(desk_.event("test", "settings", changed(document, body=json.dumps(body))))
    await it.app.settings.restore()
    assert limit(it) == Decimal(2)
    assert desk_.settings.entry_wait_s == 120
    assert "orders.entry_wait_s" in desk_.halted
    await halt.keep(desk_)
    assert "orders.entry_wait_s" in it.book.halted


async def test_the_whole_configuration_is_kept_every_two_hours_when_it_changed(it, monkeypatch):
    app, now = it.app, 0.0
    monkeypatch.setattr(app.clock, "monotonic", lambda: now)
    kept = app.snapshots.newest
    await app.snapshots.look()
    (first,) = await kept()
    assert first.changed == ()
    now = EVERY_S + 1
    await app.snapshots.look()
    assert await kept() == [first], "nothing has changed"
    app.use_config(app.config.model_copy(update={"timezone": "Europe/Berlin"}))  # by the file
    now += 60
    await app.snapshots.look()
    assert await kept() == [first], "two hours are not over"
    now += EVERY_S
    await app.snapshots.look()
    newest, *_ = await kept()
    assert newest.changed == (("timezone", "America/New_York", "Europe/Berlin"),)
    shown = plain((await it.slash("ada", "admin", "settings history")).reply)
    assert "snapshot" in shown
    assert "timezone: America/New" in shown.replace("\\", "")
    (body, *_) = [
        d.body for d in await app.desk.store.find(Document, where={"kind": "settings.snapshot"})
    ]
    assert "secrets" not in json.loads(body)["values"]
    assert not any(secret in body for secret in app.config.secrets.values())


async def test_the_running_desks_books_are_copied_before_live_and_five_are_kept(it, tmp_path):
    monday = it.app.clock.now()
    for n in range(7):
        it.app.clock = ManualClock(monday + timedelta(seconds=n))
        made = await it.app.back_up("live")
    kept = sorted(made.parent.glob("before-live-*.db"))
    assert len(kept) == 5
    assert kept[-1] == made
    beside = {f.name.removeprefix(f"{made.name}.") for f in made.parent.glob(f"{made.name}.*")}
    assert beside == {"sha256", "registers"}
    assert len(list(made.parent.iterdir())) == 15
    assert made.parent == it.app.config.path(Path("backups"))
