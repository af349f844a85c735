"""Where entries go: the rules in the order they are asked, then each room's own account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.domain.source import RouteRule
from engine.reports import Frame, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account and the broker that it is at."""

    account: str
    broker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One rule; what is empty fits everything."""

    assets: tuple[str, ...]
    channel_ids: tuple[int, ...]
    author_ids: tuple[int, ...]
    places: tuple[Place, ...]
    """In order of preference."""
    is_copied: bool
    """Each of them gets the entry, not only the first that can take it."""
    is_set: bool
    """Set by an admin while the desk runs; else configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesReport:
    """The first rule that fits decides; without one the room's own account takes the entry."""

    stamp: Stamp
    routes: tuple[Route, ...]
    rooms: tuple[tuple[str, Place], ...]
    """Room -> its own account."""
    asset: str = ""
    """Only rules that this asset class meets, ``everything else``: that name none; empty: all."""


def build(
    frame: Frame,
    *,
    running: Sequence[RouteRule],
    configured: Sequence[RouteRule],
    accounts: Mapping[str, str],
    rooms: Mapping[str, str],
    asset: str = "",
) -> RoutesReport:
    """``accounts``: account -> broker. ``rooms``: source -> account. ``asset``: of it alone."""

    def place(account: str) -> Place:
        return Place(account=account, broker=accounts.get(account, "no broker"))

    def route(rule: RouteRule, *, is_set: bool) -> Route:
        return Route(
            assets=tuple(sorted(rule.assets)),
            channel_ids=tuple(sorted(rule.channel_ids)),
            author_ids=tuple(sorted(rule.author_ids)),
            places=tuple(map(place, rule.accounts)),
            is_copied=rule.to == "all",
            is_set=is_set,
        )

    def is_met(rule: RouteRule) -> bool:
        return not asset or not rule.assets or asset in rule.assets

    return RoutesReport(
        stamp=frame.stamp("routes"),
        routes=(
            *(route(rule, is_set=True) for rule in running if is_met(rule)),
            *(route(rule, is_set=False) for rule in configured if is_met(rule)),
        ),
        rooms=tuple((name, place(account)) for name, account in sorted(rooms.items())),
        asset=asset,
    )
