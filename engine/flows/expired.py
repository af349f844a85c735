"""Options that ended where the broker tells no ends: past their day, and gone (M-05, M-06).

What is gone was worthless, exercised or assigned. Shares that came or went beside it, and the money
that they cost, tell which; where more than one story fits, a person has to say.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations, product
from math import prod

from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.instrument import CASH_SETTLED, Instrument, underlying_of
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.flows import ends
from engine.market import NYSE, new_york_date
from engine.reconcile import CashGap, PositionGap

_MOST = 8
"""More contracts of one underlying that ended on one day are a person's to sort out."""
_MOST_STORIES = 10_000
_FEES_USD = Decimal(30)
"""What a broker may have taken for exercises beside the money itself."""


async def on_gaps(
    desk: Desk, account: str, gaps: Sequence[PositionGap], cash: CashGap | None
) -> list[PositionGap]:
    """Book every end that the broker's positions prove; the gaps that are left."""
    broker = desk.broker(desk.book.accounts[account].broker)
    if broker.caps.tells_ends:
        return list(gaps)
    left = list(gaps)
    by_underlying: dict[Instrument, list[PositionGap]] = defaultdict(list)
    for gap in gaps:
        if _is_gone(desk, gap):
            by_underlying[underlying_of(gap.instrument)].append(gap)
    came = {g.instrument: g for g in gaps}
    usd = cash.usd if cash else ZERO
    ended = [(gone, came[u].qty if u in came else ZERO) for u, gone in by_underlying.items()]
    together = _together(ended, usd)
    for n, (underlying, gone) in enumerate(by_underlying.items()):
        shares = came.get(underlying)
        taken = together[n] if together is not None else _taken(*ended[n], usd)
        if taken is None:
            await _tell(desk, account, underlying, gone)
            left = [g for g in left if g not in gone and g != shares]
            continue
        for fill in _fills(account, underlying, gone, taken):
            await ends.on_end(desk, fill)
        left = [g for g in left if g not in gone and not (taken and g == shares)]
    return left


def _is_gone(desk: Desk, gap: PositionGap) -> bool:
    """An option of a day that is over, of which the broker holds nothing more."""
    expiry = gap.instrument.expiry
    return (
        gap.instrument.kind == "option"
        and expiry is not None
        and new_york_date(desk.clock.now()) > expiry
        and gap.theirs == 0
        and gap.instrument.symbol not in CASH_SETTLED
    )


def _taken(
    gone: Sequence[PositionGap], shares: Decimal, usd: Decimal
) -> tuple[PositionGap, ...] | None:
    """Those that were exercised or assigned, as shares and money say; None: it cannot be told."""
    one = _together([(gone, shares)], usd)
    return None if one is None else one[0]


def _together(
    ended: Sequence[tuple[Sequence[PositionGap], Decimal]], usd: Decimal
) -> tuple[tuple[PositionGap, ...], ...] | None:
    """The same of several underlyings, with their shares: the money is one sum for all of them."""
    stories = [
        [some for some in _subsets(gone) if sum(map(_shares, some), ZERO) == shares]
        for gone, shares in ended
        if len(gone) <= _MOST
    ]
    if len(stories) < len(ended) or prod(map(len, stories)) > _MOST_STORIES:
        return None
    fitting = [
        every
        for every in product(*stories)
        if abs(sum(map(_paid, every), ZERO) - usd) <= _FEES_USD * len(ended)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _paid(taken: Sequence[PositionGap]) -> Decimal:
    return sum((-_shares(g) * _strike(g) for g in taken), ZERO)


def _subsets(gone: Sequence[PositionGap]) -> Iterator[tuple[PositionGap, ...]]:
    for size in range(len(gone) + 1):
        yield from combinations(gone, size)


def _shares(gap: PositionGap) -> Decimal:
    """Shares that its exercise brings, signed."""
    sign = 1 if gap.instrument.right == "C" else -1
    return gap.ours * gap.instrument.multiplier * sign


def _strike(gap: PositionGap) -> Decimal:
    assert gap.instrument.strike is not None  # noqa: S101 - options have one
    return gap.instrument.strike


def _fills(
    account: str,
    underlying: Instrument,
    gone: Sequence[PositionGap],
    taken: Sequence[PositionGap],
) -> Iterator[BrokerFill]:
    """As a broker that tells ends would have told them: the option's first, then its shares."""
    for gap in gone:
        is_taken = gap in taken
        name = f"ENDED-{account}-{gap.instrument.key.replace(' ', '')}"
        yield _fill(name, account, gap, gap.instrument, -gap.ours, ZERO, is_taken=is_taken)
        if is_taken:
            price, shares = _strike(gap), _shares(gap)
            yield _fill(f"{name}-S", account, gap, underlying, shares, price, is_taken=True)


def _fill(
    name: str,
    account: str,
    gap: PositionGap,
    instrument: Instrument,
    signed: Decimal,
    price: Decimal,
    *,
    is_taken: bool,
) -> BrokerFill:
    assert gap.instrument.expiry is not None  # noqa: S101 - it is gone because of it
    session = NYSE.session(gap.instrument.expiry)
    assert session is not None  # noqa: S101 - options end on trading days
    return BrokerFill(
        execution_id=name,
        client_order_id="",
        broker_id="",
        account=account,
        instrument=instrument,
        leg=0,
        side=Side.BUY if signed > 0 else Side.SELL,
        qty=abs(signed),
        price=price,
        fee_usd=ZERO,
        executed_at=session.closes_at,
        kind="exercise" if is_taken else "expiry",
    )


async def _tell(
    desk: Desk, account: str, underlying: Instrument, gone: Sequence[PositionGap]
) -> None:
    what = ", ".join(f"{g.ours:f} {g.instrument.label}" for g in gone)
    await desk.tell(
        "admin",
        f"⚠ {account}: {what} ended, and the shares and the money of {underlying.symbol} do not "
        "say which were exercised. Nothing was booked: look into the broker's own app.",
        note_id=f"ended-{account}-{underlying.symbol}-{gone[0].instrument.expiry}",
    )
