"""Start is recovery: load what is live, compare with every broker, protect, then allow entries."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from engine.asking import answered_within
from engine.desk import Desk
from engine.domain.errors import (
    BrokerAuthError,
    Conflict,
    TradeStreamError,
    WrongEnvironment,
)
from engine.flows.brokers import opening
from engine.flows.brokers.compare import compare
from engine.flows.brokers.glance import is_as_left
from engine.flows.brokers.load import load
from engine.flows.common import mode, shut_out
from engine.flows.common.answers import QUIET
from engine.flows.exits import settle
from engine.flows.orders import doubt
from engine.reports import reconcile as reconcile_report
from engine.reports.reconcile import ReconcileReport

log = logging.getLogger(__name__)

MEND_EVERY_S = 8.0
"""At least so often a broker that was reached before and is silent is asked again."""
BARE_EVERY_S, SHUT_OUT_EVERY_S = 3.0, 15.0
"""And one that was not, where something may be held that only it can protect; where it refuses our
login, not so often that it shuts us out for good."""
START_WAIT_S = 3.0
"""A broker that takes longer at the start is waited for on the side."""


async def start(desk: Desk) -> str:
    """Everything between a durable store and trading; one line for the report card.

    Entries stay off while a broker could not be compared; what is held is protected all the same
    as far as its broker can be reached.

    Raises:
        StoreUnavailable: nothing was started.
    """
    await load(desk)
    await opening.of_all(desk)
    lines = [
        f"{len(desk.book.open_trades())} open, {len(desk.book.approvals)} waiting for approval"
    ]
    await desk.watch([leg for t in desk.book.trades.values() for leg in t.legs])
    for name in desk.brokers:
        desk.gates[name] = "not compared yet"
        desk.offline.add(name)
    desk.gates.pop("*", None)
    lines += await _reach_all(desk)
    lines += await _tell_interrupted(desk)
    return " · ".join(lines)


async def _reach_all(desk: Desk) -> list[str]:
    """All brokers side by side; one that is slow goes on by itself and holds nothing up (P-05)."""
    works = {
        name: desk.vigil(partial(_begin, desk, name), f"reach {name}") for name in desk.brokers
    }
    if works:
        await asyncio.wait(works.values(), timeout=START_WAIT_S)
    lines = []
    for name, work in works.items():
        if not work.done():
            desk.health.setdefault(f"broker {name}", "does not answer yet")
            lines.append(f"{name}: does not answer yet, entries stay off")
            continue
        lines.append(work.result())
    return lines


async def _begin(desk: Desk, name: str) -> str:
    """Reach one broker, then protect what is held there."""
    said = await _reach(desk, name, is_start=True)
    if name not in desk.offline:
        ids = {t.trade_id: None for t in desk.book.trades.values() if t.broker == name}
        ids |= {o.trade_id: None for o in desk.book.orders.values() if o.broker == name}
        await asyncio.gather(*(_protect(desk, trade_id) for trade_id in ids))
        if name not in desk.rounds and not desk.lock(f"reach {name}").locked():
            desk.vigil(partial(_reach, desk, name), f"compare {name}")
    return said


async def _reach(desk: Desk, name: str, *, is_start: bool = False) -> str:
    """Connect where that is still to be done, and compare; says what was found.

    Raises:
        WrongEnvironment: paper and live are mixed up. StoreUnavailable.
    """
    asked_at = desk.clock.monotonic()
    async with desk.lock(f"reach {name}"):
        began_at, found = desk.rounds.get(name, (asked_at, ""))
        if began_at > asked_at and name not in desk.offline:
            return found  # one that began after we asked tells all that we want to know
        try:
            if name in desk.offline:
                async with answered_within(desk.settings.broker_timeout_s):
                    await desk.broker(name).connect()  # several questions, each with that time
                _recall(desk, name)
                desk.offline.discard(name)
            found = await _looked_at(desk, name, is_start=is_start)
        except WrongEnvironment as error:
            _unreached(desk, name, str(error))
            raise WrongEnvironment(f"brokers.{name}.environment: {error}") from error
        except QUIET as error:
            said = str(error) or "no answer in time"
            if isinstance(error, BrokerAuthError):
                await shut_out.locked_out(desk, name, error)
                most_s = SHUT_OUT_EVERY_S if _is_at_stake(desk, name) else None
                return _unreached(desk, name, said, most_s)
            return _unreached(desk, name, said, _most_s(desk, name))
        except Exception as error:  # an adapter's own bug must not keep the others from starting
            # Nor may what cannot be booked: the same lists would end the next start as well.
            if isinstance(error, TradeStreamError) and not isinstance(error, Conflict):
                raise
            log.exception("%s: it cannot be compared", name)
            return _unreached(desk, name, f"{type(error).__name__}: {error}")
        desk.doubts.shut_out.pop(name, None)
        if name in desk.gates:  # something still stands open: not again at once
            desk.backoff.failed(f"mend|{name}")
        else:
            desk.backoff.worked(f"mend|{name}")
        if name not in desk.streams_down:
            desk.health.pop(f"broker {name}", None)
        return found


def _recall(desk: Desk, name: str) -> None:
    """What works there was numbered before this login: not every list says our ids back."""
    for order in desk.book.orders.values():
        if order.broker == name and order.broker_id:
            desk.broker(name).recall(order.account, order.order_id, order.broker_id)


async def _looked_at(desk: Desk, name: str, *, is_start: bool) -> str:
    if is_start and await is_as_left(desk, name):
        del desk.gates[name]
        return f"{name}: as it was left"
    return await compare(desk, name)


def _unreached(desk: Desk, name: str, said: str, most_s: float | None = None) -> str:
    desk.health[f"broker {name}"] = said
    desk.gates.setdefault(name, said)
    desk.backoff.failed(f"mend|{name}", most_s)
    doubt.look_on(desk, name)
    return f"{name}: not reachable, entries stay off ({said})"


def _most_s(desk: Desk, name: str) -> float | None:
    """The longest pause before a silent broker is asked again; None: as long as ever."""
    if name not in desk.offline:
        return MEND_EVERY_S  # its breaker keeps us from pressing it, and entries wait for this
    return BARE_EVERY_S if _is_at_stake(desk, name) else None


def _is_at_stake(desk: Desk, name: str) -> bool:
    is_held = any(t.broker == name for t in desk.book.open_trades())
    may_be = (o for o in desk.book.orders.values() if o.broker == name)
    return is_held or any(o.state.is_at_broker for o in may_be)


async def _protect(desk: Desk, trade_id: str) -> None:
    try:
        await settle.run(desk, trade_id)
    except TradeStreamError as error:
        desk.health[f"settle {trade_id}"] = str(error)


async def mend(desk: Desk) -> None:
    """Compare with every broker whose books may differ, so that entries may pass again."""
    if desk.store.health().is_writable:
        desk.health.pop("storage", None)
    if not desk.gates and not desk.is_behind:
        return
    is_all = desk.is_behind or "*" in desk.gates
    if "*" in desk.gates:
        for name in desk.brokers:
            desk.gates.setdefault(name, desk.gates["*"])
        del desk.gates["*"]
    due = [
        name
        for name in desk.brokers
        if (is_all or name in desk.gates) and not desk.backoff.must_wait(f"mend|{name}")
    ]
    await _side_by_side(desk, due)


async def reconcile(desk: Desk) -> None:
    """Compare with every broker, as the clock asks; one that is silent stops no other."""
    due = [
        n for n in desk.brokers if n not in desk.offline or not desk.backoff.must_wait(f"mend|{n}")
    ]
    await _side_by_side(desk, due)


async def on_demand(desk: Desk) -> ReconcileReport:
    """Compare everything that is live now, with every broker; for ``/reconcile``."""
    names = list(desk.brokers)
    for account in desk.settings.accounts:
        desk.compared_at.pop(account, None)  # from its beginning
    found = await asyncio.gather(*(_reach(desk, n) for n in names), return_exceptions=True)
    failed = {n: str(e) for n, e in zip(names, found, strict=True) if isinstance(e, Exception)}
    return report(desk, failed)


def report(desk: Desk, failed: Mapping[str, str] | None = None) -> ReconcileReport:
    """How our books and the brokers' stand, as last compared; ``failed``: broker -> why not now."""
    gates = {
        name: gate and desk.health.get(f"broker {name}", gate)  # why rather than since when
        for name in desk.brokers
        for gate in (desk.gate(name),)
    }
    return reconcile_report.build(
        {a: n for a, n in desk.settings.accounts.items() if n in desk.brokers},
        desk.compared,
        gates | dict(failed or {}),
        now=desk.clock.now(),
        mode=mode.of(desk),
    )


async def again(desk: Desk, name: str) -> str:
    """Compare with one broker now, because something hints that it knows more; what was found."""
    return await _reach(desk, name)


async def _side_by_side(desk: Desk, names: list[str]) -> None:
    found = await asyncio.gather(*(_reach(desk, n) for n in names), return_exceptions=True)
    for error in found:
        if isinstance(error, BaseException):
            raise error


async def _tell_interrupted(desk: Desk) -> list[str]:
    """Alerts whose later trades were not judged because the process died in between."""
    lines = []
    for alert in list(desk.book.alerts.values()):
        total = len(getattr(alert.parsed, "signals", ()))
        if 0 < alert.n_judged < total:
            text = (
                f"Alert {alert.alert_id} asked for {total} trades; only {alert.n_judged} were "
                "judged before a restart. The rest was not traded."
            )
            await desk.tell("admin", text, note_id=f"interrupted-{alert.alert_id}")
            lines.append(text)
    return lines
