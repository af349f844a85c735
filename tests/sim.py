"""A desk in virtual time: loop and clock are one, sweeps and polls come each second, none waits."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from engine.clock import ManualClock
from engine.domain.instrument import Instrument
from engine.flows import sweep
from engine.flows.brokers import watch
from tests import rig as desks
from tests.conformance.faulty_broker import Faults
from tests.rig import START, spy
from tests.scenarios.outside_desk import Outside

_LEAST_S = 1e-9


class _Leaping(selectors.SelectSelector):
    """Instead of waiting, time is made later."""

    loop: "_Loop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return super().select(0.05)
        found = super().select(0)
        if not found and timeout > 0:
            self.loop.at += max(timeout, _LEAST_S)  # less than its last digit would be no step
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Leaping()
        selector.loop, self.at = self, 1000.0
        super().__init__(selector)

    def time(self) -> float:
        return self.at


class LoopClock(ManualClock):
    """The loop's own time."""

    def __init__(self) -> None:
        super().__init__(START)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> Any:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return self._loop.time() - self._began

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class Sim:
    """One desk at an outside broker that does as it is told."""

    def __init__(self) -> None:
        self.clock, self.faults = LoopClock(), Faults()
        self.prices: dict[str, tuple[Instrument, str, str]] = {}

    async def start(self, phase_s: float = 0.0) -> "Sim":
        """``phase_s``: so long after the start the first sweep comes, then one each second."""
        made: list[Outside] = []

        def wrap(paper: Any) -> Outside:
            made.append(Outside(paper, self.faults, None, None))
            return made[0]

        self.rig: Any = await desks.start(wrap=wrap, clock=self.clock)
        self.desk, self.outside = self.rig.desk, made[0]
        self.price("2.14", "2.16")
        self.works = [
            asyncio.create_task(self._every(0.5, self._quote)),
            asyncio.create_task(self._every(1.0, self._sweep, phase_s)),
            asyncio.create_task(self._every(1.0, self._poll, phase_s + 0.3)),
            asyncio.create_task(self.rig.watch.run()),
        ]
        return self

    async def close(self) -> None:
        """Stop everything."""
        for work in self.works:
            work.cancel()
        await asyncio.gather(*self.works, return_exceptions=True)
        await self.rig.close()

    def price(self, bid: str, ask: str) -> None:
        """From now on."""
        self.prices[spy().key] = (spy(), bid, ask)
        self.rig.quote(spy(), bid, ask)

    def slow(self, seconds: float, *names: str) -> None:
        """These questions are answered so late."""
        for name in names:
            setattr(self.outside, name, _late(getattr(self.outside, name), seconds))

    async def _every(
        self, pause_s: float, work: Callable[[], Awaitable[None]], phase_s: float = 0.0
    ) -> None:
        await asyncio.sleep(phase_s)
        while True:
            await work()
            await asyncio.sleep(pause_s)

    async def _quote(self) -> None:
        for instrument, bid, ask in self.prices.values():
            self.rig.quote(instrument, bid, ask)

    async def _sweep(self) -> None:
        self.desk.spawn(sweep.run(self.desk), "sweep")

    async def _poll(self) -> None:
        await watch.round_of(self.desk)


def _late(ask: Callable[..., Awaitable[Any]], seconds: float) -> Callable[..., Awaitable[Any]]:
    async def asked(*what: Any) -> Any:
        await asyncio.sleep(seconds)
        return await ask(*what)

    return asked


def run(story: Callable[[], Any]) -> Any:
    """What a story comes to, as quick as it can be told."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(story())
