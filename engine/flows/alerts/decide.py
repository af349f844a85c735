"""Judge an alert's trades one by one: each is durable before the next, then carried out."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from engine.desk import Desk
from engine.domain.alert import Alert, Effect, Parsed, RawAlert, Signal
from engine.domain.copying import replace
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.errors import Conflict
from engine.domain.record import Event, changed
from engine.domain.source import Handling, SourceProfile
from engine.flows.acts.outcomes import Outcome, act, ask_to_fix
from engine.flows.common import effects
from engine.flows.trades import enter, fan, first_quote, follow, withdraw

SEVERITY = {
    AlertState.REJECTED: 0,
    AlertState.RISK_REJECTED: 1,
    AlertState.PARSED: 2,
    AlertState.HELD: 3,
    AlertState.ROUTED: 4,
    AlertState.ORDERED: 5,
    AlertState.MANAGED: 6,
}
"""When one message asks for several trades its card shows the one that went furthest."""
_VERDICT = {AlertState.ROUTED: "sent", AlertState.HELD: "asked", AlertState.MANAGED: "done"}


def alert_id(message: RawAlert) -> str:
    """The same for every delivery of a message: a repeat can never make a second alert."""
    digest = hashlib.sha256(f"{message.channel_id}:{message.message_id}".encode()).digest()
    return "A-" + base64.b32encode(digest[:10]).decode()[:10]


def readable(message: RawAlert) -> str:
    """Everything that people can read in the message, as plain lines."""
    lines = [message.text]
    for embed in message.embeds:
        lines += [embed.author, embed.title, embed.description]
        lines += [f"{name}: {value}" for name, value in embed.fields]
        lines.append(embed.footer)
    return "\n".join(line for line in lines if line)


async def decide(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    record: AlertRecord,
    before: tuple[Event, ...] = (),
    decided: Callable[[], None] = lambda: None,
) -> None:
    """Judge the alert's trades one after the other; each is durable before the next is judged.

    ``decided`` is called when the last of them is, before it is carried out.
    """
    signals = record.parsed.signals if isinstance(record.parsed, Alert) else ()
    for number, signal in enumerate(signals):
        is_last = number + 1 == len(signals)
        found = fan.of(desk, profile, message, record, signal)
        if found is not None:
            by_account = _decide_by_account(
                desk, message, number, signal, decided if is_last else lambda: None
            )
            record = await fan.run(desk, profile, record, before, found, by_account)
            before = ()
            continue
        record, (outcome,) = await _decided(
            desk, (profile,), message, record, number, signal, before
        )
        before = ()
        if is_last:
            decided()
        await act(desk, outcome)
        if outcome.awaits:
            first_quote.await_quote(desk, outcome.awaits)


def _decide_by_account(
    desk: Desk, message: RawAlert, number: int, signal: Signal, decided: Callable[[], None]
) -> fan.Decide:
    async def decide(
        profiles: Sequence[SourceProfile],
        record: AlertRecord,
        before: tuple[Event, ...],
        part: fan.Part,
    ) -> tuple[AlertRecord, list[Outcome]]:
        after, outcomes = await _decided(
            desk, profiles, message, record, number, signal, before, part
        )
        if part is fan.ONLY:
            decided()
        for outcome in outcomes:
            if outcome.awaits:
                first_quote.await_quote(desk, outcome.awaits)
        return after, outcomes

    return decide


async def _decided(
    desk: Desk,
    profiles: Sequence[SourceProfile],
    message: RawAlert,
    record: AlertRecord,
    number: int,
    signal: Signal,
    before: tuple[Event, ...],
    part: fan.Part = fan.ONLY,
) -> tuple[AlertRecord, list[Outcome]]:
    """Judge one trade and write it down; anew when the books knew less than the store.

    ``profiles``: one per account that judges it, all in one step.
    """
    for is_last in (False, False, True):
        try:
            async with _locks(desk, profiles):
                now = [_as_now(desk, p, message) for p in profiles]
                outcomes = await _judged(desk, now, message, record, number, signal)
                async with effects.story(desk, record.alert_id):
                    stored = desk.book.alerts.get(record.alert_id)
                    known = record if stored is None else changed(stored)
                    after = _after(known, profiles, outcomes, part)
                    await desk.commit(*before, _event(desk, after, outcomes))
                return after, outcomes
        except Conflict:
            was_delivered = before and await desk.store.get(AlertRecord, record.alert_id)
            if is_last or was_delivered:
                raise
    raise AssertionError("unreachable")


def _locks(desk: Desk, profiles: Sequence[SourceProfile]) -> AbstractAsyncContextManager[object]:
    """The locks of all accounts that judge."""
    if len(profiles) == 1:
        return desk.lock(profiles[0].account)
    return _all_locks(desk, sorted(p.account for p in profiles))  # always in the same order


@asynccontextmanager
async def _all_locks(desk: Desk, accounts: list[str]) -> AsyncIterator[None]:
    async with AsyncExitStack() as held:
        for account in accounts:
            await held.enter_async_context(desk.lock(account))
        yield


def _as_now(desk: Desk, profile: SourceProfile, message: RawAlert) -> SourceProfile:
    """What would go out by itself goes by the room's terms of now, not of when it arrived.

    What a person decides about anyway is his to decide.
    """
    now = desk.source_of(message.channel_id)
    if now is profile:
        return profile
    if now is None or not _trusts(now, message):
        return replace(profile, handling=Handling.LISTEN)
    handling = now.handling if profile.handling is Handling.AUTO else profile.handling
    return replace(now, account=profile.account, is_copy=profile.is_copy, handling=handling)


def _trusts(now: SourceProfile, message: RawAlert) -> bool:
    """What a person puts again tells its sender alone; a webhook is its own author."""
    again = message.webhook_id is None and message.author_id in now.webhook_ids
    return again or now.trusts(message.author_id, message.webhook_id)


async def _judged(
    desk: Desk,
    profiles: Sequence[SourceProfile],
    message: RawAlert,
    record: AlertRecord,
    number: int,
    signal: Signal,
) -> list[Outcome]:
    if len(profiles) == 1:
        return [await judge(desk, profiles[0], message, record, number, signal)]
    works = (judge(desk, p, message, record, number, signal) for p in profiles)
    return list(await asyncio.gather(*works))


def _after(
    record: AlertRecord,
    profiles: Sequence[SourceProfile],
    outcomes: Sequence[Outcome],
    part: fan.Part,
) -> AlertRecord:
    if len(outcomes) == 1:
        return after_outcome(record, outcomes[0], part)
    for n, (profile, outcome) in enumerate(zip(profiles, outcomes, strict=True), 1):
        each = fan.Part(counts=n == len(outcomes), merges=n > 1, says=profile.account)
        record = after_outcome(record, outcome, each)
    return record


def _event(desk: Desk, after: AlertRecord, outcomes: Sequence[Outcome]) -> Event:
    only = outcomes[0] if len(outcomes) == 1 else None
    return desk.event(
        f"alert.{(only or after).state.lower()}",
        after.alert_id,
        after,
        *(put for outcome in outcomes for put in outcome.puts),
        cards=(
            ("alert", after.alert_id, "trade_alerts"),
            *(card for outcome in outcomes for card in outcome.cards),
        ),
        reason=(only or after).reason,
    )


def after_outcome(record: AlertRecord, outcome: Outcome, part: fan.Part = fan.ONLY) -> AlertRecord:
    """The card after one more decision: the state that went furthest, every reason."""
    state, reason = outcome.state, outcome.reason
    by_account = record.by_account
    if part.says:
        by_account = (*by_account, (part.says, reason or _VERDICT.get(state, str(state))))
        reason = f"{part.says}: {reason}" if reason else ""
        outcome = replace(outcome, reason=reason)
    if record.n_judged or part.merges:
        state = max(record.state, outcome.state, key=lambda s: SEVERITY.get(s, 9))
        reason = " · ".join(dict.fromkeys(r for r in (record.reason, outcome.reason) if r))
    return replace(
        record,
        state=state,
        reason=reason,
        n_judged=record.n_judged + part.counts,
        by_account=by_account,
        trade_ids=(*record.trade_ids, *outcome.trade_ids),
        approval_ids=(*record.approval_ids, *outcome.approval_ids),
    )


def new_record(profile: SourceProfile, message: RawAlert, parsed: Parsed) -> AlertRecord:
    """The alert's first card."""
    symbols = [s.symbol for s in parsed.signals] if isinstance(parsed, Alert) else []
    return AlertRecord(
        alert_id=alert_id(message),
        source=profile.name,
        author_id=message.author_id,
        author_name=message.author_name,
        channel_id=message.channel_id,
        message_id=message.message_id,
        edit_no=message.edit_no,
        text=readable(message),
        parsed=parsed,
        symbol=symbols[0] if symbols else "",
        is_caught_up=message.is_caught_up,
        posted_at=message.posted_at,
        received_at=message.received_at,
    )


async def judge(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    record: AlertRecord,
    number: int,
    signal: Signal,
) -> Outcome:
    """Decide about one trade of an alert; nothing is written or sent yet."""
    alert = record.parsed
    if profile.handling is Handling.LISTEN:
        return Outcome(state=AlertState.PARSED, reason="this source is only listened to")
    if isinstance(alert, Alert) and alert.needs_human:
        return ask_to_fix(desk, profile, record, number, alert.question)
    effect = signal.action.effect
    if effect.opens:
        return await enter.judge(desk, profile, message, record, number, signal)
    if effect is Effect.CANCEL:
        return await withdraw.cancelled(desk, profile, record, number, signal)
    return await follow.judge(desk, profile, record, number, signal)


def next_version(record: AlertRecord, newer: AlertRecord) -> AlertRecord:
    """``newer`` as the successor of ``record``; earlier texts are kept."""
    return changed(
        record,
        edit_no=record.edit_no + 1,
        text=newer.text,
        earlier_texts=(*record.earlier_texts, record.text),
        parsed=newer.parsed,
        symbol=newer.symbol or record.symbol,
    )
