"""The daily breaker: reset on purpose by an admin, tried out without touching anything."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.record import changed
from engine.flows.limits import facts
from engine.risk import Facts
from engine.risk.daily_loss import DailyLoss, day_loss_usd
from engine.risk.drawdown import Drawdown

REF = "breaker"
"""The story that trips, resets and drills of all accounts are told in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One thing that happened to the breaker."""

    at: datetime
    what: str


def tripped(desk: Desk) -> list[str]:
    """Accounts whose daily breaker is tripped for this session."""
    return [
        name
        for name, a in desk.book.accounts.items()
        if a.tripped_on is not None and a.tripped_on == a.session_on
    ]


async def reset(desk: Desk, who: Who, reason: str) -> str:
    """Entries are allowed again today; what was lost so far is accepted, the limit counts anew.

    Raises:
        NotAllowed: not an admin. UserError: it is not tripped, or the loss cannot be told.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may reset the breaker. Nothing was changed.")
    names = tripped(desk)
    if not names:
        raise UserError("The daily breaker is not tripped. Nothing was changed.")
    said = []
    for name in names:
        async with desk.lock(name):
            account = desk.book.accounts[name]
            loss = day_loss_usd(replace(facts.gather(desk, name), accepted_loss_usd=Decimal(0)))
            if loss is None:
                raise UserError(
                    f"Today's result of {name} is not known: a quote is missing. It stays tripped."
                )
            accepted = max(loss, Decimal(0))
            words = f"{name}: ${accepted:,.2f} lost so far is accepted"
            await desk.commit(
                desk.event(
                    "breaker.reset",
                    REF,
                    changed(account, tripped_on=None),
                    desk.fact(facts.accepted_name(name), f"{account.session_on}|{accepted}"),
                    desk.note("admin", f"▶ Breaker reset by {who.name}: {reason}. {words}."),
                    actor=f"user:{who.user_id}",
                    account=name,
                    accepted_usd=str(accepted),
                    by=who.name,
                    reason=reason,
                )
            )
            said.append(words)
    return f"▶ The daily breaker is reset; {'; '.join(said)}, the limit counts anew from here."


async def drill(desk: Desk, who: Who) -> list[tuple[bool, str]]:
    """Would it trip? Every account is judged as if its limit were just passed; nothing changes.

    Raises:
        NotAllowed: not an admin.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may test the breaker. Nothing was tried.")
    for name in list(desk.book.accounts):
        async with desk.lock(name):
            await facts.roll(desk, name)
    found = [one for name in desk.book.accounts for one in _tried(desk, facts.gather(desk, name))]
    await desk.commit(
        desk.event(
            "breaker.test",
            REF,
            actor=f"user:{who.user_id}",
            by=who.name,
            passed=sum(ok for ok, _ in found),
            of=len(found),
        )
    )
    return found


def _tried(desk: Desk, seen: Facts) -> Iterable[tuple[bool, str]]:
    name, start = seen.account.name, seen.account.day_start_equity_usd
    for _, check in desk.checks:
        if isinstance(check, DailyLoss):
            if start is None or start <= 0:
                yield False, f"{name}: no equity at the start of the day to count from"
                continue
            lost = start * check.settings.max_loss_pct / 100 + 1
            after = replace(
                seen,
                equity_usd=start - lost - seen.accepted_loss_usd,
                open_pnl_usd=Decimal(0),
                account=replace(seen.account, tripped_on=None),
            )
            denial = check.reached(after)
            ok = denial is not None and denial.code == "daily_loss.reached"
            yield ok, f"{name}: a loss of ${lost:,.2f} today ends entries"
        elif isinstance(check, Drawdown):
            peak = seen.account.peak_equity_usd
            if peak is None or peak <= 0:
                yield False, f"{name}: no peak to count from"
                continue
            worth = peak * (1 - check.settings.max_pct / 100) - 1
            denial = check.reached(replace(seen, equity_usd=worth))
            ok = denial is not None and denial.code == "drawdown.reached"
            yield ok, f"{name}: equity of ${worth:,.2f} halts the desk"


async def history(desk: Desk, most: int = 8) -> list[Past]:
    """Trips, resets, drills and halts, newest first."""
    rows = [*await desk.store.events(ref=REF), *await desk.store.events(ref="halt")]
    told = [(j.event, _words(j.event.kind, j.event.data)) for j in rows]
    past = [Past(at=event.at, what=what) for event, what in told if what]
    return sorted(past, key=lambda p: p.at, reverse=True)[:most]


def _words(kind: str, data: object) -> str:
    if not isinstance(data, dict):
        return ""
    form = {
        "breaker.tripped": "tripped on {account}: {why}",
        "breaker.reset": "reset by {by} on {account}: {reason}",
        "breaker.test": "tested by {by}: {passed} of {of} would trip",
        "halt.set": "halted: {reason}",
        "halt.cleared": "resumed: {reason}",
    }.get(kind)
    return "" if form is None else form.format_map({**_NOTHING, **data})


_NOTHING = dict.fromkeys(("account", "why", "by", "reason", "passed", "of"), "?")
