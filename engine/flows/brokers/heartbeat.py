"""Brokers that do not answer: each is asked now and then, and people are told of what lasts."""

import asyncio

from engine.asking import Rank, answered_within, asking
from engine.desk import Desk
from engine.domain.errors import RateLimited
from engine.flows.brokers import recover
from engine.flows.common import broker_switch, shut_out
from engine.flows.common.answers import QUIET

EVERY_S = 30.0
"""A broker where nothing happens is asked so often whether it is there (row A34)."""
LASTS_S = 30.0
"""What is back before is told to nobody; a stream that stays away is done without by then."""
_TOLD_S = 900.0
"""Of one that comes and goes people are told so often."""
_NAMED = 5


class Heartbeat:
    """Finds a silence where nothing else would ask, and says its beginning and its end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._since: dict[str, float] = {}
        """Broker -> monotonic time since which it has not answered."""
        self._told: set[str] = set()

    async def beat(self) -> None:
        """Ask every broker that is thought to be there for the money of one account."""
        desk = self._desk
        first: dict[str, str] = {}
        for account, name in desk.settings.accounts.items():
            first.setdefault(name, account)
        await asyncio.gather(
            *(
                self._ask(name, account)
                for name, account in first.items()
                if name in desk.brokers and name not in desk.offline and not desk.gate(name)
            )
        )

    async def _ask(self, name: str, account: str) -> None:
        try:
            with asking(Rank.POLL):
                async with answered_within(self._desk.settings.broker_timeout_s):
                    await self._desk.broker(name).balance(account)
        except RateLimited:
            return  # it is there
        except QUIET:
            await recover.again(self._desk, name)  # which decides, and asks on if it is so

    async def look(self) -> None:
        """Say what lasts, all at once, and each return."""
        desk, now = self._desk, self._desk.clock.monotonic()
        while desk.doubts.just_shut_out:  # said when it was: so is its end, however soon it comes
            name = desk.doubts.just_shut_out.pop()
            self._told.add(name)
            self._since.setdefault(name, now)
        silent = {n: why for n in desk.brokers if (why := self._why(n))}
        for name in sorted(self._since.keys() - silent.keys()):
            if desk.lock(f"compare {name}").locked():
                continue  # whether entries may go there is said with it
            away_s = now - self._since.pop(name)
            if name in self._told:
                self._told.discard(name)
                await desk.tell(
                    "admin", f"✔ {name} answers again, {_span(away_s)}. {self._may(name)}"
                )
        lasting = [n for n in silent if now - self._since.setdefault(n, now) >= LASTS_S]
        for name in lasting:
            if shut_out.is_locked_out(desk, name) and desk.doubts.shut_out.get(name):
                self._told.add(name)  # said when it was locked out
        news = [
            n
            for n in lasting
            if n not in self._told | desk.doubts.blind.keys()
            and desk.is_due(f"silence of {n}", _TOLD_S)
        ]
        if news:
            self._told.update(news)
            await desk.tell("admin", self._words({n: silent[n] for n in news}))

    def _why(self, name: str) -> str:
        """Why nothing goes there: it does not answer. Books that differ are another matter."""
        desk = self._desk
        return desk.health.get(f"broker {name}", "") if desk.gate(name) else ""

    def _words(self, silent: dict[str, str]) -> str:
        desk = self._desk
        said = {n: w.removeprefix(f"{n}: ").removeprefix(f"{n} ") for n, w in silent.items()}
        named = "; ".join(f"{name}: {why}" for name, why in said.items())
        held = sorted({t.symbol for t in desk.book.open_trades() if t.broker in silent})
        rest = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
        what = f" Held there: {', '.join(held[:_NAMED])}{rest}." if held else ""
        there = " and ".join(silent)
        return (
            f"⚠ No answer from {there} for {LASTS_S:.0f} s ({named}). No entry goes there until "
            "the books were compared; exits, stops and cancels are tried on, and stops that rest "
            f"there stay.{what} You are told when it answers."
        )

    def _may(self, name: str) -> str:
        desk = self._desk
        why_not = desk.gate(name) or broker_switch.off(desk, name)
        if why_not:
            return f"No entry goes there yet: {why_not}."
        return "Its books were compared; entries may go there."


def _span(seconds: float) -> str:
    whole = round(seconds)
    return f"after {whole} s" if whole < 120 else f"after {whole // 60} min"
