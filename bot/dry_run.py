"""Read a text as an alert and show what would happen; nothing is stored or sent."""

from dataclasses import replace
from typing import TYPE_CHECKING

import discord

from bot.cards import alert_card as alert_embed
from bot.text import safe_line
from engine.domain.alert import EmbedText, NotAnAlert, Parsed, RawAlert
from engine.domain.desk import AlertRecord
from engine.domain.errors import UserError
from engine.domain.order import Intent
from engine.domain.source import SourceProfile
from engine.flows.alerts import decide, referring
from engine.flows.limits import facts
from engine.parsers import read
from engine.reports import alert_card

if TYPE_CHECKING:
    from bot.app import App


async def run(
    app: "App",
    text: str,
    source: str | None,
    channel_id: int,
    embeds: tuple[EmbedText, ...] = (),
) -> discord.Embed:
    """The card that such an alert would get, with every check's verdict.

    Raises:
        UserError: the source is not known, or the text is no alert.
    """
    desk = app.desk
    profile, message, parsed = _first_that_reads(
        app, _profiles(app, source, channel_id), text, embeds
    )
    if isinstance(parsed, NotAnAlert):
        raise UserError(f"That reads as no alert: {parsed.why}. Nothing was stored or sent.")
    record = decide.new_record(profile, message, parsed)
    for account in desk.settings.accounts:
        async with desk.lock(account):
            await facts.roll(desk, account)
    intents: list[Intent] = []
    for number, signal in enumerate(parsed.signals):
        # Without the account's lock: waiting for a quote here must not hold up a real order.
        outcome = await decide.judge(desk, profile, message, record, number, signal)
        intents += [put for put in outcome.puts if isinstance(put, Intent)]
        record = replace(decide.after_outcome(record, outcome), trade_ids=(), approval_ids=())
    said = f"dry run as of {profile.name}, nothing was sent · {record.reason}".rstrip(" ·")
    return alert_embed.show(_card(app, replace(record, reason=said), intents))


def _first_that_reads(
    app: "App", profiles: list[SourceProfile], text: str, embeds: tuple[EmbedText, ...]
) -> tuple[SourceProfile, RawAlert, Parsed]:
    """The room as whose alert it makes sense; the first room's answer when it does in none."""
    desk, now = app.desk, app.desk.clock.now()
    tried = []
    for profile in profiles:
        message = RawAlert(
            guild_id=profile.guild_id,
            channel_id=profile.channel_id,
            message_id=0,
            author_id=min(profile.author_ids, default=0),
            author_name="dry run",
            posted_at=now,
            received_at=now,
            text=text,
            embeds=embeds,
        )
        parsed = read(message, profile, referring.context(desk, profile, message))
        if not isinstance(parsed, NotAnAlert):
            return profile, message, parsed
        tried.append((profile, message, parsed))
    return tried[0]


def _profiles(app: "App", source: str | None, channel_id: int) -> list[SourceProfile]:
    sources = app.desk.settings.sources
    if source is not None:
        if source not in sources:
            known = ", ".join(sources) or "none"
            raise UserError(
                f"There is no source “{safe_line(source, 40)}”. Nothing was read. Known: {known}."
            )
        return [sources[source]]
    here = app.desk.source_of(channel_id)
    if here is not None:
        return [here]
    if not sources:
        raise UserError("No source is configured, so nothing can be read as its alert.")
    return list(sources.values())


def _card(app: "App", record: AlertRecord, intents: list[Intent]) -> alert_card.AlertCard:
    return alert_card.build(record, app.reading.frame(), intents=intents)
