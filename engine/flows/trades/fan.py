"""One alert, several accounts: by rule to the first that can take it, or to all of them.

Every account judges for itself and has its own verdict. An entry goes to the next account of a
list only when nothing was sent; after any doubt it stays where it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from engine.desk import Desk
from engine.domain.alert import RawAlert, Signal
from engine.domain.copying import replace
from engine.domain.desk import AlertRecord
from engine.domain.record import Event
from engine.domain.source import SourceProfile
from engine.flows.acts.outcomes import Outcome, act
from engine.flows.common import broker_switch
from engine.flows.limits import routes
from engine.market import new_york_date
from engine.matching import match_exit
from engine.routing import Refused, lanes, route


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One decision about a signal, which may not be the only one."""

    counts: bool
    """The signal is judged with it."""
    merges: bool
    """Others came before it: the card shows what went furthest."""
    says: str = ""
    """Account that its reason is of, when several have one."""


ONLY = Part(counts=True, merges=False)
Lanes = tuple[tuple[str, ...], ...]
Decide = Callable[
    [Sequence[SourceProfile], AlertRecord, tuple[Event, ...], Part],
    Awaitable[tuple[AlertRecord, list[Outcome]]],
]


def of(
    desk: Desk, profile: SourceProfile, message: RawAlert, record: AlertRecord, signal: Signal
) -> Lanes | None:
    """Lists of accounts, each to be tried in order; None: the room's own account alone."""
    if not signal.action.effect.opens:
        return _holding(desk, profile, record, signal)
    found = lanes(
        routes.rules(desk), signal.asset, profile.channel_id, record.author_id, profile.account
    )
    if found == ((profile.account,),):
        return None
    on = new_york_date(message.posted_at)
    return tuple(healthy_first(desk, profile, signal, lane, on) for lane in found)


def _holding(
    desk: Desk, profile: SourceProfile, record: AlertRecord, signal: Signal
) -> Lanes | None:
    """Accounts that hold what a closing or moving alert means, if not simply the room's own."""
    mine = [t for t in desk.book.trades.values() if t.source == profile.name]
    if all(t.account == profile.account for t in mine):
        return None
    found = match_exit(signal, mine, profile, record.author_id)
    if isinstance(found, Refused):
        return None
    accounts = dict.fromkeys(t.account for t in found)
    is_one_each = len(accounts) == len(found)
    if len(found) > 1 and not (is_one_each and len({t.alert_id for t in found}) == 1):
        return None  # different trades may be meant: a person is asked
    return tuple((account,) for account in accounts)


def healthy_first(
    desk: Desk, profile: SourceProfile, signal: Signal, lane: tuple[str, ...], on: date
) -> tuple[str, ...]:
    """The accounts that can take it now; none of them: the first, whose checks say why not."""
    if len(lane) == 1:
        return lane
    able = tuple(a for a in lane if _is_able(desk, profile, signal, a, on))
    return able or lane[:1]


def _is_able(desk: Desk, profile: SourceProfile, signal: Signal, account: str, on: date) -> bool:
    name = desk.settings.accounts[account]
    broker = desk.brokers.get(name)
    if broker is None or name in desk.offline or desk.gate(name) or broker_switch.off(desk, name):
        return False
    own = replace(profile, account=account)
    routed = route(signal, own, desk.settings.accounts, on)
    if isinstance(routed, Refused):
        return True  # the refusal is the same everywhere, and is said once
    kind = routed.legs[0].instrument.kind if len(routed.legs) == 1 else "spread"
    caps = broker.caps.by_kind.get(kind)
    return caps is not None and len(routed.legs) <= caps.max_legs


async def run(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    before: tuple[Event, ...],
    found: Lanes,
    decide: Decide,
) -> AlertRecord:
    """Decide for every lane in one step, then send all of them side by side."""
    own = [_at(profile, lane[0]) for lane in found]
    record, outcomes = await decide(own, record, before, ONLY)
    works = [
        desk.spawn(_carry(desk, profile, record, lane, outcome, decide), f"fan {lane[0]}")
        for lane, outcome in zip(found, outcomes, strict=True)
    ]
    await asyncio.gather(*works, return_exceptions=True)
    return desk.book.alerts.get(record.alert_id, record)


async def _carry(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    lane: tuple[str, ...],
    outcome: Outcome,
    decide: Decide,
) -> None:
    """Send; where nothing left the house, the next account of the list judges and sends."""
    await act(desk, outcome)
    for account in lane[1:]:
        if outcome.send is None or desk.unsent.pop(outcome.send.order_id, None) is None:
            return
        part = Part(counts=False, merges=True, says=account)
        record, (outcome,) = await decide([_at(profile, account)], record, (), part)
        await act(desk, outcome)


def _at(profile: SourceProfile, account: str) -> SourceProfile:
    return replace(profile, account=account, is_copy=True)
