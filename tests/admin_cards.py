"""Settings, rules, notifications, audit and usage as people see them, for the card sheet."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import discord

from bot.cards import audit as audit_card
from bot.cards import notifications as notify_card
from bot.cards import settings as settings_card
from bot.cards import usage as usage_card
from bot.notify import Rule
from bot.settings.versions import Step, Version
from bot.told import Told
from engine.domain.record import Event
from engine.reports import audit, usage
from engine.reports.usage import Tally
from engine.store import Journaled
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW

STEPS = (
    Step(path="risk.daily_loss.max_loss_pct", old="3", new="2", is_loosening=False),
    Step(path="risk.max_positions.max_positions", old="20", new="25", is_loosening=True),
)
RULE = Rule(
    rule_id="R-7XK2",
    kind="price",
    symbol="SPY",
    condition="> 600",
    severity="warning",
    channels=("discord", "dm", "phone"),
    user_id=105,
    name="Tom",
    is_on=True,
    fired_at=NOW - timedelta(minutes=4),
)
TOLD = Told(
    notification_id="M-4QQ9",
    rule_id="R-7XK2",
    text="SPY is at 600.42, > 600",
    severity="warning",
    channels=("discord", "phone"),
    at=NOW - timedelta(minutes=4),
    user_id=105,
    delivered={"discord": "sent", "phone": "failed (no answer within 20 s)"},
)


def cards() -> Iterator[discord.Embed]:
    """One of each."""
    stamp = ex.frame().stamp("settings")
    values = {"risk.daily_loss.max_loss_pct": "2", "risk.daily_loss.warn_pct": "2"}
    sources = {"risk.daily_loss.max_loss_pct": "settings version 4"}
    where = {key: sources.get(key, "default") for key in values}
    yield settings_card.values(stamp, "risk.daily_loss", values, where)
    yield settings_card.diff(stamp, "Waits for a second admin", STEPS)
    made = Version(
        number=4,
        changes={},
        steps=STEPS,
        by=107,
        name="Ada",
        why="calmer week",
        at=NOW - timedelta(hours=2),
        checksum="x",
    )
    yield settings_card.history(stamp, [made])
    yield notify_card.bell(stamp, TOLD)
    yield notify_card.rules(stamp, [RULE])
    yield notify_card.history(stamp, [TOLD])
    yield notify_card.channels(stamp, ["discord", "dm", "mail", "phone"])
    rows = [
        Journaled(
            seq=412 - n,
            event=Event(
                kind=kind, ref=ref, at=NOW - timedelta(minutes=n), actor=actor, data={"reason": why}
            ),
        )
        for n, (kind, ref, actor, why) in enumerate(
            (
                ("settings.changed", "settings", "user:107", "calmer week"),
                ("access.denied", "user-108", "user:108", "mode paper"),
                ("halt.set", "halt", "desk", "15 % below the peak"),
            )
        )
    ]
    found = audit.build(ex.frame(), found=rows, n_looked_at=412, back_to=NOW - timedelta(days=1))
    yield audit_card.show(found)
    changed = Journaled(
        seq=101,
        event=Event(kind="order.accepted", ref="A-1", at=NOW, puts=(ex.order(version=2),)),
    )
    before = {("orders", ex.order().key): ex.order(limit=Decimal("2.40"))}
    yield audit_card.one(audit.one(ex.frame(), changed, before))
    counted = [
        Tally(name="positions", user_id=105, done=120, times=(90, 20, 10, *(0,) * 9)),
        Tally(name="close", user_id=105, done=8, mistaken=2, times=(0, 0, 0, 8, 2, *(0,) * 7)),
        Tally(name="buy", user_id=106, done=4, refused=1, times=(0, 0, 5, *(0,) * 9)),
    ]
    used = usage.build(
        ex.frame(), days=7, by="command", tallies=counted, known=["about", "buy", "export"]
    )
    yield usage_card.show(used)
