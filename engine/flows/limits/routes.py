"""Where entries of an asset class go, as admins set it while the desk runs."""

from collections.abc import Sequence
from typing import get_args

from engine.desk import Desk
from engine.domain.alert import Asset
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.source import RouteRule

ANY = "*"
ASSETS: tuple[Asset, ...] = get_args(Asset)
_PREFIX = "route:"


def rules(desk: Desk) -> tuple[RouteRule, ...]:
    """Every rule in the order in which they are asked: set while running, then configured."""
    return (*running(desk), *desk.settings.routes)


def running(desk: Desk) -> tuple[RouteRule, ...]:
    """Those set while running: one asset class before all of them."""
    named = (
        RouteRule(assets=frozenset({asset}), accounts=names)
        for asset in ASSETS
        if (names := accounts(desk, asset))
    )
    rest = accounts(desk, ANY)
    every = (RouteRule(accounts=rest),) if rest else ()
    return (*named, *every)


def accounts(desk: Desk, asset: str) -> tuple[str, ...]:
    """The list set for an asset class, in order of preference; () when none was."""
    fact = desk.book.facts.get(f"{_PREFIX}{asset}")
    names = fact.value.split(",") if fact and fact.value else []
    return tuple(n for n in names if n in desk.settings.accounts)


async def put(desk: Desk, who: Who, asset: str, account: str, priority: int) -> str:
    """Give an account its place in the list of an asset class; 0 takes it out.

    Raises:
        NotAllowed: not an admin. UserError: no such asset class or account, or nothing to do.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may change routes. Nothing was changed.")
    rest = changed(desk, asset, account, priority)
    await _set(desk, who, asset, rest)
    return said(asset, rest)


def changed(desk: Desk, asset: str, account: str, priority: int) -> tuple[str, ...]:
    """The list of an asset class as it would be.

    Raises:
        UserError: no such asset class or account, one that cannot take it, or nothing to do.
    """
    _check(desk, asset, account)
    now = accounts(desk, asset)
    rest = [n for n in now if n != account]
    if priority > 0:
        _check_kind(desk, asset, account)
        rest.insert(min(priority - 1, len(rest)), account)
    if tuple(rest) == now:
        raise UserError(f"That is how it is already: {said(asset, now)}. Nothing was changed.")
    return tuple(rest)


def said(asset: str, names: Sequence[str]) -> str:
    """``option: main, then second``."""
    what = "everything else" if asset == ANY else asset
    return (
        f"{what}: {', then '.join(names)}"
        if names
        else f"{what}: nothing set, what is configured decides"
    )


def _check(desk: Desk, asset: str, account: str) -> None:
    unchanged = "Nothing was changed."
    if asset not in (*ASSETS, ANY):
        known = ", ".join(ASSETS)
        raise UserError(f"There is no such asset class; there are: {known}. {unchanged}")
    if account not in desk.settings.accounts:
        known = ", ".join(sorted(desk.settings.accounts))
        raise UserError(f"There is no account of that name; there are: {known}. {unchanged}")


def _check_kind(desk: Desk, asset: str, account: str) -> None:
    """An account whose broker does not trade it would refuse every alert."""
    name = desk.settings.accounts[account]
    broker = desk.brokers.get(name)
    if asset != ANY and broker is not None and asset not in broker.caps.by_kind:
        kinds = ", ".join(broker.caps.by_kind)
        raise UserError(
            f"{account} is at {name}, which trades no {asset} here ({kinds}). Nothing was changed."
        )


async def _set(desk: Desk, who: Who, asset: str, names: Sequence[str]) -> None:
    words = said(asset, names)
    await desk.commit(
        desk.event(
            "route.set",
            f"route-{'all' if asset == ANY else asset}",
            desk.fact(f"{_PREFIX}{asset}", ",".join(names)),
            desk.note("admin", f"🧭 Route by {who.name}: {words}"),
            actor=f"user:{who.user_id}",
            accounts=",".join(names),
        )
    )
