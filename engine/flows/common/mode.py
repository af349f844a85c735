"""Paper or live: real money is switched on by two admins on purpose, and off by one at once.

``mode: live`` in the configuration only allows it. Entries at brokers of real money pass while
the desk itself is live; exits always pass. What was switched survives a restart.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, StoreUnavailable, UserError
from engine.domain.money import ZERO
from engine.domain.order import OrderState
from engine.domain.record import Record
from engine.reports import Frame
from engine.reports.mode import ModeReport, Readiness, build, record
from engine.reports.performance import PerformanceReport
from engine.risk import only
from engine.risk.allocation import Allocation

Before = Callable[[], Awaitable[object]]

_MODE, _ASKED = "mode", "mode.asked"
SECOND_WITHIN = timedelta(minutes=15)
"""How long the first admin's word waits for the second's."""


def of(desk: Desk) -> str:
    """``live`` only when the configuration allows it and two admins have said so."""
    fact = desk.book.facts.get(_MODE)
    is_live = desk.settings.mode == "live" and fact is not None and fact.value.startswith("live|")
    return "live" if is_live else "paper"


def report(desk: Desk, made: PerformanceReport | None = None) -> ModeReport:
    """For ``/mode show``; ``made``: what all closed trades came to."""
    _, at, by, reason = _parts(desk, _MODE)
    asked = _asked(desk)
    limits = only(desk.checks, Allocation)
    deposits = sum((a.deposits_usd for a in desk.book.accounts.values()), ZERO)
    is_synthetic = bool(desk.feed and desk.feed.is_synthetic)
    return build(
        Frame(now=desk.clock.now(), mode=of(desk), is_synthetic=is_synthetic),
        since=_moment(at),
        by=by,
        reason=reason,
        readiness=readiness(desk),
        asked=(asked[1], asked[2]) if asked else None,
        record=record(made, deposits) if made is not None else (),
        capital_usd=limits.settings.live_max_usd if limits is not None else None,
    )


def readiness(desk: Desk) -> Iterator[Readiness]:
    """What must be so before real money is traded."""
    live = sorted(n for n, b in desk.brokers.items() if not b.caps.is_paper)
    yield _fact("configuration", desk.settings.mode == "live", "mode: live", "mode: paper")
    yield _fact("a live broker", bool(live), ", ".join(live), "none is configured")
    down = sorted(n for n in live if n in desk.gates or n in desk.offline or "*" in desk.gates)
    what = f"not compared: {', '.join(down)}" if live else "there is none to compare with"
    yield _fact("books agree with it", bool(live) and not down, "compared", what)
    yield _fact("books are sound", not desk.unsound, "written and checked", desk.unsound)
    yield _fact("not halted", not desk.halted, "entries are allowed", f"halted: {desk.halted}")
    unknown = sum(o.state is OrderState.UNKNOWN for o in desk.book.orders.values())
    yield _fact("no order in doubt", not unknown, "all answered", f"{unknown} UNKNOWN")
    bare = sorted(t.symbol for t in desk.book.open_trades() if t.stop is None)
    yield _fact("every trade has a stop", not bare, "all", f"without: {', '.join(bare[:5])}")


def _fact(name: str, is_ok: bool, good: str, bad: str) -> Readiness:
    return Readiness(name=name, is_ok=is_ok, detail=good if is_ok else bad)


async def to_paper(desk: Desk, who: Who, reason: str) -> str:
    """No entry of real money from now on.

    Raises:
        NotAllowed: not an admin.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may change the mode. It stays as it is.")
    async with desk.lock("mode"):
        was = of(desk)
        puts: list[Record] = [_said(desk, "paper", who, reason)]
        if _ASKED in desk.book.facts:
            puts.append(desk.fact(_ASKED, ""))
        text = f"📄 PAPER by {who.name}: {reason or 'no reason given'}. No new entry of real money."
        if was == "live":
            rest = "Working ones are cancelled, what is open is managed to its end."
            puts.append(desk.note("admin", f"{text} {rest}"))
        await _commit(desk, "mode.paper", who, reason, *puts)
    return text if was == "live" else "The desk is in paper mode already."


async def to_live(desk: Desk, who: Who, reason: str, before: Before | None = None) -> str:
    """The first admin asks, the second within a quarter of an hour switches; what came of it.

    ``before``: done right before the switch, such as a backup of the books.

    Raises:
        NotAllowed: not an admin. UserError: not ready, live already, or ``before`` failed.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may change the mode. It stays as it is.")
    async with desk.lock("mode"):
        if of(desk) == "live":  # or it has become so while this one waited
            raise UserError("The desk is live already. Nothing was changed.")
        missing = [f"{r.name}: {r.detail}" for r in readiness(desk) if not r.is_ok]
        if missing:
            raise UserError(f"Not ready for real money: {'; '.join(missing)}. It stays paper.")
        asked = _asked(desk)
        if asked is None or asked[0] == who.user_id:
            return await _ask(desk, who, reason)
        try:
            if before is not None:
                await before()
        except StoreUnavailable as error:
            raise UserError(f"The books were not backed up: {error}. It stays paper.") from None
        puts = (
            _said(desk, "live", who, reason),
            desk.fact(_ASKED, ""),
            desk.note(
                "admin",
                f"🔴 LIVE: asked by {asked[1]}, confirmed by {who.name}: {reason}. "
                "Entries trade real money from now on.",
            ),
        )
        await _commit(desk, "mode.live", who, reason, *puts)
        return "🔴 The desk is LIVE. Entries trade real money."


async def _ask(desk: Desk, who: Who, reason: str) -> str:
    words = "|".join((str(who.user_id), _stamp(desk), _plain(who.name), _plain(reason)))
    note = desk.note(
        "admin",
        f"⚠ {who.name} asks for LIVE: {reason}. A second admin confirms with /mode live within "
        f"{SECOND_WITHIN.seconds // 60} minutes. Until then the desk stays paper.",
    )
    await _commit(desk, "mode.asked", who, reason, desk.fact(_ASKED, words), note)
    return "Asked. A second admin has to say /mode live within 15 minutes; it stays paper."


def _asked(desk: Desk) -> tuple[int, str, datetime] | None:
    """Who has asked, his name, and until when it counts."""
    user, at, name, _ = _parts(desk, _ASKED)
    moment = _moment(at)
    if not user.isdigit() or moment is None:
        return None
    until = moment + SECOND_WITHIN
    is_open = moment <= desk.clock.now() <= until
    return (int(user), name, until) if is_open else None


def _said(desk: Desk, mode: str, who: Who, reason: str) -> Record:
    words = (mode, _stamp(desk), _plain(who.name), _plain(reason))
    return desk.fact(_MODE, "|".join(words))


def _parts(desk: Desk, name: str) -> tuple[str, str, str, str]:
    fact = desk.book.facts.get(name)
    parts = (fact.value if fact else "").split("|", 3)
    first, at, who, reason = [*parts, "", "", "", ""][:4]
    return first, at, who, reason


def _stamp(desk: Desk) -> str:
    return desk.clock.now().isoformat()


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plain(words: str) -> str:
    return " ".join(words.replace("|", "/").split())[:200]


async def _commit(desk: Desk, kind: str, who: Who, reason: str, *puts: Record) -> None:
    event = desk.event(kind, "mode", *puts, actor=f"user:{who.user_id}", reason=reason)
    await desk.commit(event)
