"""Brokers: logged in, reachable, and what their own check says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from bot import connect
from bot.config import adapters
from bot.doctor import Finding, Patient
from engine.brokers import Check
from engine.domain.errors import ConfigError, TradeStreamError

_PATIENCE_S = 20.0


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """Every broker that an account trades at; paper needs nothing."""
    names = [n for n in patient.config.brokers_in_use() if adapters.broker_kind(n) is not None]
    if not names:
        yield Finding(part="broker paper", is_ok=True, said="always there")
    for name in names:
        if patient.app is not None:
            yield _summed(name, await patient.app.outside.tested(name))
        else:
            yield await _tried(patient, name)


async def _tried(patient: Patient, name: str) -> Finding:
    """A connection of our own, closed afterwards; nothing that a running desk relies on."""
    try:
        broker = connect.broker(patient.config, name, patient.clock, is_trial=True)
    except ConfigError as error:
        return Finding(part=f"broker {name}", is_ok=False, said=str(error), mend=_page(name))
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await broker.connect()
            return _summed(name, await broker.check())
    except TimeoutError:
        said = f"no answer within {_PATIENCE_S:.0f} s"
        return Finding(part=f"broker {name}", is_ok=False, said=said, mend=_page(name))
    except TradeStreamError as error:
        return Finding(part=f"broker {name}", is_ok=False, said=str(error), mend=_page(name))
    finally:
        with suppress(TradeStreamError):
            await broker.close()


def _summed(name: str, checks: Sequence[Check]) -> Finding:
    failed = [c for c in checks if c.is_ok is False]
    said = "; ".join(f"{c.name}: {c.detail}" for c in failed)
    return Finding(
        part=f"broker {name}",
        is_ok=not failed,
        said=said[:300] or f"{len(checks)} checks passed",
        mend=_page(name) if failed else "",
    )


def _page(name: str) -> str:
    return f"docs/brokers/{name}.md; tradestream broker connect {name}, broker check {name}"
