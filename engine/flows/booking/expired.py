"""Options that ended and nobody tells so: past their day, and gone (M-05, M-06).

Some brokers tell no ends; those that do are waited for.

Before its day one is only taken for assigned or exercised where shares and money both say so.
What is gone was worthless, exercised or assigned. Shares that came or went beside it, and the money
that they cost, tell which; where more than one story fits, a person has to say. Money that fits no
story at all came or went besides: then the shares alone tell, where they leave one story only.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations, product
from math import prod

from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.instrument import CASH_SETTLED, Instrument, underlying_of
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.domain.trade import Execution
from engine.flows.booking import ends
from engine.market import NYSE, new_york_date
from engine.reconcile import CashGap

_NAME = "ENDED-"
_BACK = timedelta(days=7)
"""Longer than a weekend with holidays: what ended then is compared at the next start."""
_MOST = 8
"""More contracts of one underlying that ended on one day are a person's to sort out."""
_MOST_STORIES = 10_000
_FEES_USD = Decimal(30)
"""What a broker may have taken for exercises beside the money itself."""
_SURE_S = 300.0
"""Shares that are on their way come within this, and their money need not come with them."""

Ended = Sequence[tuple[Sequence[PositionGap], Decimal]]
"""Of each underlying the options that are gone, and how many shares came."""
Story = tuple[PositionGap, ...]
"""Those of them that were exercised or assigned."""


async def on_gaps(
    desk: Desk, account: str, gaps: Sequence[PositionGap], cash: CashGap | None
) -> list[PositionGap]:
    """Book every end that the broker's positions prove; the gaps that are left."""
    broker = desk.broker(desk.book.accounts[account].broker)
    if broker.caps.tells_ends and not _is_untold(desk, account, gaps):
        return list(gaps)
    if await _finished(desk, account, gaps):
        return []  # they are of before that
    usd = cash.usd if cash else ZERO
    left = list(gaps) if broker.caps.tells_ends else await _early(desk, account, gaps, usd)
    return await _over(desk, account, left, usd)


def _is_untold(desk: Desk, account: str, gaps: Sequence[PositionGap]) -> bool:
    """Whether options are gone, and who tells ends has not told of theirs in time."""
    gone = [((gap,), ZERO) for gap in gaps if _is_gone(desk, gap)]
    lasting = [_is_lasting(desk, account, [one], ZERO) for one in gone]  # each from when it came
    return bool(lasting) and all(lasting)


async def _over(
    desk: Desk, account: str, gaps: Sequence[PositionGap], usd: Decimal
) -> list[PositionGap]:
    """Book what is gone since its day is over; the gaps that are left."""
    left = list(gaps)
    by_underlying: dict[Instrument, list[PositionGap]] = defaultdict(list)
    for gap in gaps:
        if _is_gone(desk, gap):
            by_underlying[underlying_of(gap.instrument)].append(gap)
    came = {g.instrument: g for g in gaps}
    ended = [(gone, came[u].qty if u in came else ZERO) for u, gone in by_underlying.items()]
    together = _together(ended, usd) or _of_one_trade(desk, account, ended, usd)
    besides = _besides(ended, usd) if together is None else []
    is_sure = any(one is not None for one in besides) and _is_lasting(desk, account, ended, usd)
    for n, (underlying, gone) in enumerate(by_underlying.items()):
        shares = came.get(underlying)
        taken = together[n] if together is not None else _taken(*ended[n], usd)
        if taken is None:
            taken = besides[n]
            left = [g for g in left if g not in gone and g != shares]
            if taken is not None and not is_sure:
                continue
            await _tell(desk, account, underlying, gone, taken)
            if taken is None:
                continue
        for fill in _fills(account, underlying, gone, taken):
            await ends.on_end(desk, fill)
        left = [g for g in left if g not in gone and not (taken and g == shares)]
    return left


async def _finished(desk: Desk, account: str, gaps: Sequence[PositionGap]) -> bool:
    """Book what a kill has cut off, where it is missing still; whether there was any."""
    lacking = {(g.instrument, g.qty > 0) for g in gaps if g.instrument.kind == "stock"}
    begun = await _half_booked(desk, account) if lacking else []
    begun = [f for f in begun if (f.instrument, f.side is Side.BUY) in lacking]
    for fill in begun:
        await ends.on_end(desk, fill)
    left = await _half_booked(desk, account) if begun else []
    return any(fill not in left for fill in begun)


async def _half_booked(desk: Desk, account: str) -> list[BrokerFill]:
    """Shares of options that were booked as exercised right before the desk died."""
    since = ("executed_at", desk.clock.now() - _BACK)
    rows = await desk.store.find(Execution, where={"account": account}, since=since)
    booked = {row.execution_id.partition("/")[0] for row in rows}
    ended: dict[str, list[Execution]] = defaultdict(list)
    for row in rows:
        source = row.execution_id.partition("/")[0]
        is_ours = source.startswith(_NAME) and row.instrument.kind == "option"
        if is_ours and row.kind == "exercise" and f"{source}-S" not in booked:
            ended[source].append(row)
    return [_shares_of(account, source, parts) for source, parts in ended.items()]


def _shares_of(account: str, source: str, parts: Sequence[Execution]) -> BrokerFill:
    contract, at = parts[0].instrument, parts[0].executed_at
    held = -sum((row.qty * row.side.sign for row in parts), ZERO)
    gap = PositionGap(instrument=contract, ours=held, theirs=ZERO, avg_price=None)
    shares, underlying = _shares(gap), underlying_of(contract)
    return _fill(f"{source}-S", account, underlying, shares, _strike(gap), at, is_taken=True)


async def _early(
    desk: Desk, account: str, gaps: Sequence[PositionGap], usd: Decimal
) -> list[PositionGap]:
    """Book what was taken before its day; the gaps that are left."""
    now, came = desk.clock.now(), {g.instrument: g for g in gaps}
    by_underlying: dict[Instrument, list[tuple[PositionGap, PositionGap]]] = defaultdict(list)
    for gap in gaps:
        if (part := _fewer(desk, gap)) is not None:
            by_underlying[underlying_of(gap.instrument)].append((gap, part))
    for underlying, fewer in by_underlying.items():
        shares, parts = came.get(underlying), [part for _, part in fewer]
        if shares is None or not _by_shares(parts, shares.qty):
            continue
        if taken := _taken(parts, shares.qty, usd):
            for fill in _fills(account, underlying, taken, taken, at=now):
                await ends.on_end(desk, fill)
            done = [gap for gap, part in fewer if part in taken]
            return [g for g in gaps if g not in (*done, shares)]
        looked_like = [gap for gap, _ in fewer]
        if not _is_lasting(desk, account, [(looked_like, shares.qty)], ZERO):
            return [g for g in gaps if g not in (*looked_like, shares)]  # money may be on its way
    return list(gaps)


def _fewer(desk: Desk, gap: PositionGap) -> PositionGap | None:
    """As many contracts as the broker holds fewer of, on the same side, before they are over."""
    expiry = gap.instrument.expiry
    if gap.instrument.kind != "option" or gap.instrument.symbol in CASH_SETTLED:
        return None
    if expiry is None or new_york_date(desk.clock.now()) > expiry:
        return None
    is_fewer = gap.theirs * gap.ours >= 0 and abs(gap.theirs) < abs(gap.ours)
    return replace(gap, ours=gap.ours - gap.theirs, theirs=ZERO) if is_fewer else None


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


def _taken(gone: Sequence[PositionGap], shares: Decimal, usd: Decimal) -> Story | None:
    """Those that were exercised or assigned, as shares and money say; None: it cannot be told."""
    one = _together([(gone, shares)], usd)
    return None if one is None else one[0]


def _together(ended: Ended, usd: Decimal) -> tuple[Story, ...] | None:
    """The same of several underlyings, with their shares: the money is one sum for all of them."""
    fitting = _fitting([_by_shares(gone, shares) for gone, shares in ended], usd)
    return fitting[0] if fitting is not None and len(fitting) == 1 else None


def _indifferent(ended: Ended, usd: Decimal) -> tuple[Story, ...] | None:
    """Any of several stories, where all of them bring the same shares at the same prices.

    A box, or a call and a put of one strike: whichever of them was exercised.
    """
    fitting = _fitting([_by_shares(gone, shares) for gone, shares in ended], usd) or []
    brought = {
        tuple(tuple(sorted((_shares(g), _strike(g)) for g in s)) for s in e) for e in fitting
    }
    return fitting[0] if len(brought) == 1 else None


def _of_one_trade(desk: Desk, account: str, ended: Ended, usd: Decimal) -> tuple[Story, ...] | None:
    """The same where one trade alone earns or pays what each of them comes to."""
    mine = [p for p in desk.book.positions.values() if p.account == account and p.qty]
    for gone, _ in ended:
        ours = {g.instrument for g in gone}
        if len({p.trade_id for p in mine if p.instrument in ours}) > 1:
            return None
    return _indifferent(ended, usd)


def _besides(ended: Ended, usd: Decimal) -> list[Story | None]:
    """What the shares of each leave as its only story, where no story whatever fits the money.

    Money that fits one which the shares deny is ahead of them, or behind.
    """
    if _fitting([list(_subsets(gone)) for gone, _ in ended], usd) != []:
        return [None] * len(ended)
    stories = [_by_shares(gone, shares) for gone, shares in ended]
    return [some[0] if len(some) == 1 else None for some in stories]


def _by_shares(gone: Sequence[PositionGap], shares: Decimal) -> list[Story]:
    return [some for some in _subsets(gone) if sum(map(_shares, some), ZERO) == shares]


def _fitting(stories: Sequence[Sequence[Story]], usd: Decimal) -> list[tuple[Story, ...]] | None:
    """One story of each that the money fits, every way; None: too many to try."""
    if not all(stories) or prod(map(len, stories)) > _MOST_STORIES:
        return None
    return [
        every
        for every in product(*stories)
        if abs(sum(map(_paid, every), ZERO) - usd) <= _FEES_USD * len(stories)
    ]


def _is_lasting(desk: Desk, account: str, ended: Ended, usd: Decimal) -> bool:
    """Whether all of it has looked the same for long enough."""
    what = [(g.instrument.key, g.ours, shares) for gone, shares in ended for g in gone]
    now = desk.clock.monotonic()
    name = f"{account}|{what[0][0]}|{usd}|{what}"
    return now - desk.doubts.lacking.setdefault(name, now) >= _SURE_S


def _paid(taken: Sequence[PositionGap]) -> Decimal:
    return sum((-_shares(g) * _strike(g) for g in taken), ZERO)


def _subsets(gone: Sequence[PositionGap]) -> Iterator[Story]:
    """None at all where they are too many."""
    for size in range(len(gone) + 1 if len(gone) <= _MOST else 0):
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
    *,
    at: datetime | None = None,
) -> Iterator[BrokerFill]:
    """As a broker that tells ends would have told them: the option's first, then its shares.

    ``at``: of those that were taken early; None: at the end of their last session.
    """
    for gap in gone:
        is_taken = gap in taken
        name = f"{_NAME}{account}-{gap.instrument.key.replace(' ', '')}"
        name += "" if at is None else f"-{at:%Y%m%d%H%M%S}"
        when = at or _last_moment(gap.instrument)
        yield _fill(name, account, gap.instrument, -gap.ours, ZERO, when, is_taken=is_taken)
        if is_taken:
            price, shares = _strike(gap), _shares(gap)
            yield _fill(f"{name}-S", account, underlying, shares, price, when, is_taken=True)


def _last_moment(contract: Instrument) -> datetime:
    assert contract.expiry is not None  # noqa: S101 - it is gone because of it
    session = NYSE.session(contract.expiry)
    assert session is not None  # noqa: S101 - options end on trading days
    return session.closes_at


def _fill(
    name: str,
    account: str,
    instrument: Instrument,
    signed: Decimal,
    price: Decimal,
    at: datetime,
    *,
    is_taken: bool,
) -> BrokerFill:
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
        executed_at=at,
        kind="exercise" if is_taken else "expiry",
    )


async def _tell(
    desk: Desk,
    account: str,
    underlying: Instrument,
    gone: Sequence[PositionGap],
    taken: Story | None,
) -> None:
    what = ", ".join(f"{g.ours:f} {g.instrument.label}" for g in gone)
    which = ", ".join(g.instrument.label for g in taken or ()) or "none"
    if taken is None:
        said = (
            f"ended, and the shares and the money of {underlying.symbol} do not say which were "
            "exercised. Nothing was booked: look into the broker's own app, then say it by "
            "/reconcile, an option that was exercised or worthless at the price 0."
        )
    else:
        said = (
            f"ended. The shares of {underlying.symbol} say which were exercised ({which}); the "
            "money does not, because other money came or went as well: it is booked as put in or "
            "taken out. Look into the broker's own app whether it was the price of anything."
        )
    await desk.tell(
        "admin",
        f"⚠ {account}: {what} {said}",
        note_id=f"ended-{account}-{underlying.symbol}-{gone[0].instrument.expiry}"
        + ("" if taken is None else "-shares"),
    )
