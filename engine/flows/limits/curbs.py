"""Freezes and overrides: set and taken back by admins, durable, looked at by every entry."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, get_args

from engine.desk import Desk
from engine.domain.curbs import Freeze, FreezeScope, Override, OverrideTarget
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError

_FREEZES, _OVERRIDES = "freezes", "overrides"
LONGEST_MIN = 120
_MOST = 50


def freezes(desk: Desk) -> tuple[Freeze, ...]:
    """What is frozen now."""
    return _read_freezes(_value(desk, _FREEZES))


def overrides(desk: Desk) -> tuple[Override, ...]:
    """What is overridden now; what has expired is left out."""
    said = _read_overrides(_value(desk, _OVERRIDES))
    if not said:
        return ()
    now = desk.clock.now()
    return tuple(o for o in said if now < o.until)


def multiplier(desk: Desk, symbol: str) -> Decimal | None:
    """The sizing multiplier that an admin has set for this underlying; None: none."""
    said = overrides(desk)
    if not said:
        return None
    now = desk.clock.now()
    held = [o for o in said if o.holds("sizing", symbol, now)]
    return held[-1].multiplier if held else None


async def freeze(desk: Desk, who: Who, scope: FreezeScope, name: str, reason: str) -> Freeze:
    """No new entries there from now on; exits pass, what is working goes on.

    Raises:
        NotAllowed: not an admin. UserError: it is frozen already, or nothing was named.
    """
    _admin(who)
    made = Freeze(
        scope=scope,
        name=_name(scope, name),
        by=who.name,
        at=desk.clock.now(),
        reason=" ".join(reason.split())[:200],
    )
    async with desk.lock("curbs"):
        now = freezes(desk)
        if any(_is_same(f, made) for f in now):
            raise UserError(f"{_upper(made.words)} are frozen already. Nothing was changed.")
        if len(now) >= _MOST:
            raise UserError(f"There are {_MOST} freezes already. Nothing was changed.")
        said = f"🧊 {_upper(made.words)} are frozen by {who.name}: {made.reason}. Exits go on."
        await _commit(desk, "freeze.set", who, _FREEZES, (*now, made), said, made)
    return made


def named(desk: Desk, scope: FreezeScope, name: str) -> str:
    """What would be frozen, in words.

    Raises:
        UserError: nothing was named, or it is frozen already.
    """
    made = Freeze(scope=scope, name=_name(scope, name), by="", at=desk.clock.now(), reason="")
    if any(_is_same(f, made) for f in freezes(desk)):
        raise UserError(f"{_upper(made.words)} are frozen already. Nothing was changed.")
    return made.words


async def unfreeze(desk: Desk, who: Who, scope: FreezeScope, name: str, reason: str) -> Freeze:
    """Entries are allowed there again.

    Raises:
        NotAllowed: not an admin. UserError: it is not frozen.
    """
    _admin(who)
    async with desk.lock("curbs"):
        now = freezes(desk)
        key = (scope, _name(scope, name))
        found = next((f for f in now if (f.scope, f.name) == key), None)
        if found is None:
            held = ", ".join(f.words for f in now) or "nothing"
            raise UserError(f"That is not frozen; frozen is: {held}. Nothing was changed.")
        left = tuple(f for f in now if f is not found)
        said = f"▶ {_upper(found.words)} are allowed again by {who.name}: {reason}"
        await _commit(desk, "freeze.cleared", who, _FREEZES, left, said, found)
    return found


async def override(
    desk: Desk,
    who: Who,
    target: OverrideTarget,
    *,
    symbol: str,
    minutes: int,
    reason: str,
    multiplier: Decimal | None = None,
) -> Override:
    """One soft limit does not bind for so many minutes; every hard cap still does.

    Raises:
        NotAllowed: not an admin. UserError: too long, or sizing without its multiplier.
    """
    _admin(who)
    check_override(desk, target, minutes=minutes, multiplier=multiplier)
    made = Override(
        target=target,
        symbol=symbol.strip().upper(),
        until=desk.clock.now() + timedelta(minutes=minutes),
        by=who.name,
        reason=" ".join(reason.split())[:200],
        multiplier=multiplier if target == "sizing" else None,
    )
    async with desk.lock("curbs"):
        now = [o for o in overrides(desk) if (o.target, o.symbol) != (target, made.symbol)]
        where = made.symbol or "all symbols"
        said = f"⚠ {target} is overridden for {where}, {minutes} min, by {who.name}: {made.reason}"
        await _commit(desk, "override.set", who, _OVERRIDES, (*now, made), said, made)
    return made


def check_override(
    desk: Desk, target: OverrideTarget, *, minutes: int, multiplier: Decimal | None
) -> None:
    """Whether such an override can be made.

    Raises:
        UserError: it cannot; says why.
    """
    if target not in get_args(OverrideTarget):
        raise UserError(f"{target} cannot be overridden. Nothing was changed.")
    if not 1 <= minutes <= LONGEST_MIN:
        raise UserError(f"An override lasts 1 to {LONGEST_MIN} minutes. Nothing was changed.")
    bounds = desk.settings.sizing
    if target != "sizing":
        return
    if multiplier is None:
        raise UserError("Overriding sizing needs the multiplier. Nothing was changed.")
    if not bounds.m_min <= multiplier <= bounds.m_max:
        raise UserError(
            f"The multiplier stays within {bounds.m_min} and {bounds.m_max}. Nothing was changed."
        )


# -- inside ---------------------------------------------------------------------------------------


def _admin(who: Who) -> None:
    if not who.may_admin:
        raise NotAllowed("Only an admin may do this. Nothing was changed.")


def _name(scope: FreezeScope, name: str) -> str:
    plain = " ".join(name.split())[:80]
    if scope == "all":
        return ""
    if not plain:
        raise UserError(f"Say which {scope} it is. Nothing was changed.")
    if scope == "author" and not plain.isdigit():
        raise UserError("An author is named by the Discord id. Nothing was changed.")
    return plain.upper() if scope == "symbol" else plain


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _is_same(a: Freeze, b: Freeze) -> bool:
    return (a.scope, a.name) == (b.scope, b.name)


def _value(desk: Desk, fact: str) -> str:
    known = desk.book.facts.get(fact)
    return known.value if known is not None else ""


async def _commit(
    desk: Desk,
    kind: str,
    who: Who,
    fact: str,
    now: Iterable[Freeze | Override],
    said: str,
    about: Freeze | Override,
) -> None:
    await desk.commit(
        desk.event(
            kind,
            fact,
            desk.fact(fact, json.dumps([_plain(one) for one in now])),
            desk.note("admin", said),
            actor=f"user:{who.user_id}",
            **_plain(about),
        )
    )


def _plain(one: Freeze | Override) -> dict[str, Any]:
    if isinstance(one, Freeze):
        return {
            "scope": one.scope,
            "name": one.name,
            "by": one.by,
            "at": one.at.isoformat(),
            "reason": one.reason,
        }
    return {
        "target": one.target,
        "symbol": one.symbol,
        "until": one.until.isoformat(),
        "by": one.by,
        "reason": one.reason,
        "multiplier": None if one.multiplier is None else str(one.multiplier),
    }


@lru_cache(maxsize=4)
def _read_freezes(value: str) -> tuple[Freeze, ...]:
    rows: list[Mapping[str, Any]] = json.loads(value) if value else []
    return tuple(Freeze(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows)


@lru_cache(maxsize=4)
def _read_overrides(value: str) -> tuple[Override, ...]:
    rows: list[Mapping[str, Any]] = json.loads(value) if value else []
    return tuple(
        Override(
            **{
                **row,
                "until": datetime.fromisoformat(row["until"]),
                "multiplier": None if row["multiplier"] is None else Decimal(row["multiplier"]),
            }
        )
        for row in rows
    )
