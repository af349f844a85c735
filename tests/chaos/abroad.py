"""kill -9 of the real bot while it trades at an outside broker: its adapter, a venue on loopback.

The venue lives on in a process of its own, as a broker does (:mod:`tests.venues.far`). Every third
life ends when the venue says so: on receiving an order, or right after taking it; every third while
it starts, and the others at a random moment. While the desk is ready to trade, whatever is held
must have a working stop or close at the venue; longer than five seconds without is a failure. At
the end the venue's own books are compared with ours: every order once, every execution once, the
same holdings, and no order whose outcome is not known. Where a broker can be asked for no order of
ours (Schwab), the bot calls a person; one answers here from what the venue lists, as in the
broker's app, before the end.

One life in ten is started as a user starts it, and its start timed; the others are forked from a
process that has read the modules in (:mod:`tests.chaos.nursery`).
"""

import asyncio
import os
import random
import time
from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bot.config import load
from bot.config.layers import merged
from bot.demo import stage as demo
from bot.demo import world
from bot.tokens import FileTokens
from engine.brokers import BrokerCaps
from engine.clock import SystemClock
from engine.domain.desk import Fact
from engine.domain.instrument import Instrument, stock
from engine.domain.order import OrderState, Purpose
from engine.domain.record import Event
from storage.sql import SqlStore
from tests.chaos import campaign
from tests.chaos.abroad_audit import AT_VENUE, DOUBTFUL, NAKED_S, Bare, Disk, audited
from tests.chaos.campaign import SYMBOLS, Tally, Watch
from tests.chaos.nursery import Nursery, is_alive
from tests.conformance.broker_bench import BROKERS
from tests.venues.far import Books, Far, far

CASH = 10_000_000
PLAIN_EVERY = 10
CAUGHT_UP_S = 5.0
LONG_EVERY, LONG_S = 7, 20.0
"""A life in seven may be long enough for what the one before left in doubt to be found naked."""
SETTLED_S = 45.0
"""The last doubt is over by then: the ladder's last look is after 30 s."""
LOOKED_S = 3.0
"""Each doubt takes two looks, and some venues answer one a second: of a burst of entries that a
kill left without an answer, the last is known so much later."""
VENUE_STEP_S = 0.25
HEARD_S = 15.0
"""A fill is booked by then, where nothing is told unasked too."""


class Abroad:
    """A desk, its broker's venue, and the audit of both."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.kind = name.partition(" ")[2] or ("future" if name == "topstepx" else "stock")
        self.broker = name.partition(" ")[0]
        self.disk = Disk(folder / "desk.db")
        self.tally, self.bare = Tally(), Bare()
        self.n_venue_kills = 0
        self.place = name if name == "topstepx" else f"{self.broker} stock"
        self.bench: Any = BROKERS[self.place]()
        self.number = self.bench.numbers["main"]
        self.venue: Far
        self.live = False
        """Whether the desk is ready to trade just now."""
        self.life = 0
        """Counts up whenever that changes."""
        self.is_over = False
        """Every order came to its end; nothing may be naked any more for any reason."""
        self.is_closed = False
        """The market stands still: nothing fills any more."""
        self.nursery = Nursery()
        self.forked_s: list[float] = []
        """As ``tally.trading_s``, without the reading in of modules."""
        self.n_decided = 0
        """Orders of which a person had to say what became of them."""

    @property
    def pause_s(self) -> float:
        """Between two alerts at most; where an entry leaves every two seconds, so few come.

        At ten times that pace all is refused in our own line: a kill strikes a desk at rest. Where
        the allowance is counted by the minute, all of a life leave at once.
        """
        allowed = self.caps.entries_per_min or 600
        return 90 / allowed if allowed < 30 else 0.15

    @property
    def span_s(self) -> float:
        """A life ends within so long; of a slow desk after a few alerts, whose orders take long."""
        return max(campaign.AFTER_READY_S, 4 * self.pause_s)

    @cached_property
    def caps(self) -> BrokerCaps:
        """What the broker says of itself."""
        made = self.bench.build(self.venue.url, self.venue.ws_url, SystemClock())
        found: BrokerCaps = made.caps
        return found

    # -- the scene ----------------------------------------------------------------------------

    def configure(self, scene: demo.Stage, port: int) -> None:
        """The demo's desk, with its account at this broker."""
        settings = self.bench.settings(self.venue.url, self.venue.ws_url)
        values = yaml.safe_load(scene.config.read_text(encoding="utf-8"))
        terms = settings.model_dump(mode="json", exclude_unset=True)
        values = merged(
            values,
            {k: v for k, v in campaign.LIMITS.items() if k not in ("accounts", "brokers")},
            {
                "accounts": {"main": {"broker": self.broker, "start_cash_usd": None}},
                "brokers": {self.broker: terms},
                "storage": {"url": "sqlite:///desk.db"},
                "health": {"port": port},
                "mode": settings.environment,
                "orders": {"exit_retry_s": 0.5},
            },
        )
        if self.kind == "future":
            values["sources"]["futures"].update(chase_limit_pct=2, ask_limit_pct=3)
        scene.config.write_text(yaml.safe_dump(values), encoding="utf-8")
        secrets = {f"{self.broker}_{k}": v for k, v in self.bench.secrets.items()}
        secrets["account_main"] = self.number
        home = self.folder / ".secrets"
        home.mkdir(mode=0o700)
        for key, text in secrets.items():
            (home / key).write_text(text, encoding="utf-8")
            (home / key).chmod(0o600)

    async def lay_tokens(self) -> None:
        """What ``broker connect`` would have left behind."""
        config = load(self.folder / "config.yaml")
        settings: Any = config.brokers[self.broker]
        self.tokens = FileTokens(
            config.state_dir() / "tokens" / f"{self.broker}-{settings.environment}"
        )
        for key, text in self.venue.tokens.items():
            await self.tokens.save(key, text)

    async def go_live(self) -> None:
        """Two admins have said so before, where the broker knows no paper side."""
        config = load(self.folder / "config.yaml")
        if config.mode != "live":
            return
        store = SqlStore(config.database_url(), config.audit_key(), SystemClock())
        await store.open()
        now = SystemClock().now()
        fact = Fact(name="mode", value=f"live|{now.isoformat()}|campaign|test")
        await store.commit([Event(kind="mode.live", ref="mode", at=now, puts=(fact,))])
        await store.close()

    # -- the market ---------------------------------------------------------------------------

    def traded(self, scene: demo.Stage) -> list[Instrument]:
        """What is alerted."""
        if self.kind == "future":
            return [scene.market.future("MES")]
        return [stock(s) for s in SYMBOLS]

    async def keep_quoting(self, scene: demo.Stage) -> None:
        """The venue sees the same market as the desk, until it closes."""
        while not self.is_closed:
            found = [await scene.market.feed.quote(one) for one in self.traded(scene)]
            await self.venue.show((q.instrument.key, q.bid, q.ask) for q in found if q is not None)
            await asyncio.sleep(VENUE_STEP_S)

    async def keep_looking(self) -> None:
        """Is everything that is held covered?"""
        while True:
            await asyncio.sleep(VENUE_STEP_S)
            life = self.life
            books = await self.venue.books(self.number)
            if not self.live or life != self.life:
                continue
            clock = f"{SystemClock().now():%H:%M:%S}"
            self.bare.look(self.uncovered(books), self.excused(), time.monotonic(), clock)

    def uncovered(self, books: Books) -> set[tuple[str, str]]:
        """Of each instrument with less at work to close it than is held: the entries without.

        An entry goes by its number at the venue, so that it is one before and after it is booked.
        What has been closed there is held no more, though the desk has not heard of it.
        """
        found = set[tuple[str, str]]()
        for key, qty in books.held.items():
            exits = {n: abs(left) for n, of, left in books.working if of == key and left * qty < 0}
            if sum(exits.values()) >= abs(qty):
                continue
            fresh = self.disk.fresh_orders(n for n, of, _ in books.filled if of == key)
            known = {AT_VENUE + order.order_id: order for order in fresh}
            known |= {order.broker_id: order for order in fresh if order.broker_id}
            at_work: dict[str, Decimal] = defaultdict(Decimal)
            for number, left in exits.items():
                at_work[known[number].trade_id if number in known else ""] += left
            for number, of, filled in books.filled:
                closing = known.get(number)
                if closing is not None and of == key and closing.purpose is not Purpose.ENTRY:
                    at_work[closing.trade_id] += max(abs(filled) - closing.filled, Decimal(0))
            bare = {
                t.trade_id
                for t in self.disk.trades()
                if t.legs[0].instrument.key == key and at_work[t.trade_id] < t.qty_open
            }
            numbers = {
                number
                for number, order in known.items()
                if order.trade_id in bare and order.purpose is Purpose.ENTRY
            }
            for number, of, filled in books.filled:
                booked = known[number].filled if number in known else 0
                if of == key and filled * qty > 0 and abs(filled) > booked:
                    numbers.add(number)
            found |= {(key, number) for number in numbers or {""}}
        return found

    def ready(self, is_so: bool) -> None:
        """From now on the desk can protect what it holds, or cannot."""
        self.live = is_so
        self.life += 1
        self.bare.forget()

    def excused(self) -> set[str]:
        """What an exit was for of which only a person can tell; at the end nothing is excused."""
        if self.caps.finds_by_client_id or self.caps.dedupes_client_id or self.is_over:
            return set()
        return {leg["instrument"]["symbol"] for doc in self.doubts() for leg in doc["legs"]}

    async def post(self, scene: demo.Stage, chance: random.Random) -> None:
        """An entry or an exit near the market."""
        if self.kind != "future":
            await campaign._post(scene, chance, self.tally)
            return
        quote = await scene.market.quote(scene.market.future("ES"))
        if chance.random() < 0.65:
            said = f"LONG /ES @ {quote.ask} SL {quote.bid - 8} (B)"
        else:
            said = f"closed all /ES @ {quote.bid}"
        self.tally.posted.add(scene.user("ninja").say("futures-room", said).id)

    async def move(self, scene: demo.Stage, chance: random.Random) -> None:
        """Prices jump, so that stops and limits are reached."""
        if self.kind != "future":
            await campaign._move(scene.market, chance)
            return
        step = Decimal(chance.choice([-9, -4, 4, 9]))
        for root in ("MES", "ES"):
            of = scene.market.future(root)
            await scene.market.lead(of, await scene.market.mid(of) + step, campaign.MOVE_S)

    # -- lives --------------------------------------------------------------------------------

    async def run(self, kills: int, seed: int) -> str:
        """Live, be killed, again; then the audit; one line of figures."""
        async with far(self.place, cash=CASH, latency_ms=20) as self.venue:
            try:
                return await self._run(kills, random.Random(seed))
            finally:
                self.bench._patches.undo()

    async def _run(self, kills: int, chance: random.Random) -> str:
        scene = await demo.set_up(self.folder, SystemClock(), port=0)
        port = campaign._free_port()
        self.configure(scene, port)
        await self.lay_tokens()
        await self.go_live()
        await self.nursery.open(self.broker)
        works = [
            asyncio.create_task(self.keep_quoting(scene)),
            asyncio.create_task(self.keep_looking()),
        ]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            watch = Watch(http, f"http://127.0.0.1:{port}/health")
            try:
                await scene.start_bot()
                await watch.until_trading()
                await asyncio.sleep(1)
                await scene.kill_bot()
                while self.tally.kills < kills:
                    await self._life(scene, watch, chance)
                await scene.start_bot()
                await watch.until_trading()
                await self.caught_up(SETTLED_S)
                await self.settled()
                await self.decide(scene, self.doubts())
                self.is_over = True
                self.ready(True)  # what is held now must be covered
                await asyncio.sleep(2 * NAKED_S)
                self.ready(False)
                for work in works:
                    assert not work.done(), work.exception()
                self.is_closed = True  # what fills once the desk has stopped is in its books later
                await asyncio.sleep(HEARD_S)
                await scene.stop_bot()
                return await audited(self)
            except AssertionError:
                heard = "\n".join(await self.venue.log())
                (self.folder / "heard.log").write_text(heard, encoding="utf-8")
                raise
            finally:
                for work in works:
                    work.cancel()
                await asyncio.gather(*works, return_exceptions=True)
                await scene.close()
                await self.nursery.close()

    async def _life(self, scene: demo.Stage, watch: Watch, chance: random.Random) -> None:
        began = time.monotonic()
        is_plain = self.tally.kills % PLAIN_EVERY == 0
        start = asyncio.create_task(scene.start_bot() if is_plain else self.forked(scene))
        try:
            if self.tally.kills % 3 == 1 and self.forked_s and not is_plain:
                await self._dying_start(scene, chance)
            else:
                await self._ready(scene, watch)
                took = self.tally.trading_s if is_plain else self.forked_s
                took.append(time.monotonic() - began)
                await start
                self.ready(True)
                await self._trade(scene, chance)
        finally:
            self.ready(False)
            await self.venue.kill(None)
            if scene.is_running:
                await scene.kill_bot()
            else:
                with suppress(Exception):
                    await scene.kill_bot()
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
        self.tally.kills += 1
        await self.post(scene, chance)

    async def _ready(self, scene: demo.Stage, watch: Watch) -> None:
        """Until entries are allowed; where that hangs on a person who was called, he answers."""
        ready = asyncio.create_task(watch.until_trading(2 * SETTLED_S))
        try:
            await asyncio.wait({ready}, timeout=SETTLED_S)
            called = [doc for doc in self.doubts() if self.disk.was_told(doc["order_id"])]
            if not ready.done() and called:
                await self.decide(scene, called)
            await ready
        finally:
            ready.cancel()

    async def forked(self, scene: demo.Stage) -> None:
        """As :meth:`Stage.start_bot`, from the nursery."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("TS_", "TRADESTREAM_"))}
        env = keep | {"TS_DISCORD_TOKEN": world.TOKEN}
        born: Any = await self.nursery.birth(scene.config, scene.log, env)
        scene._bot = born
        await scene.until(lambda: scene.sandbox.gateway.is_connected, "the bot never connected")

    async def _dying_start(self, scene: demo.Stage, chance: random.Random) -> None:
        """Death at any moment until it would be ready, or at the first order that it sends then."""
        self.tally.kills_while_starting += 1
        while scene.pid == 0:  # noqa: ASYNC110 - a process that is being made has no event
            await asyncio.sleep(0.005)
        await self._arm(scene, chance)
        usual_s = sorted(self.forked_s)[len(self.forked_s) // 2]
        until = time.monotonic() + usual_s * chance.random()
        while time.monotonic() < until and is_alive(scene.pid):  # noqa: ASYNC110 - nor has a death
            await asyncio.sleep(0.02)
        self.n_venue_kills += not is_alive(scene.pid)

    async def _arm(self, scene: demo.Stage, chance: random.Random) -> None:
        await self.venue.kill(scene.pid, chance.choice(["request", "accepted"]))

    async def _trade(self, scene: demo.Stage, chance: random.Random) -> None:
        """Alerts and a moving market until the moment of death."""
        if chance.random() < 0.8:
            await self.caught_up(CAUGHT_UP_S)
        if self.tally.kills % 3 == 2:
            await self._arm(scene, chance)
        span_s = LONG_S if self.tally.kills % LONG_EVERY == 0 else self.span_s
        until = time.monotonic() + chance.random() * span_s
        moved_at = 0.0
        while time.monotonic() < until and is_alive(scene.pid):
            if time.monotonic() - moved_at > campaign.MOVE_S:
                moved_at = time.monotonic()
                await self.move(scene, chance)
            await self.post(scene, chance)
            await campaign._click(scene, chance, self.tally)
            await asyncio.sleep(chance.random() * self.pause_s)
        self.n_venue_kills += not is_alive(scene.pid)

    async def caught_up(self, patience_s: float) -> None:
        """What was said while nobody listened is taken in: from here on alerts are live."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until and self.disk.n_taken() < len(self.tally.posted):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    # -- the end ------------------------------------------------------------------------------

    def doubts(self) -> list[dict[str, Any]]:
        """Orders whose outcome is not known yet.

        One without an answer whose cancel was asked has none still, nor a number to cancel.
        """
        asked = self.disk.orders(OrderState.PENDING_CANCEL)
        never_seen = [doc for doc in asked if not doc["broker_id"] and not doc["accepted_at"]]
        return self.disk.orders(*DOUBTFUL) + never_seen

    async def settled(self) -> None:
        """The venue is healthy: the desk finds out by itself, or has called somebody."""
        until = time.monotonic() + SETTLED_S + LOOKED_S * len(self.doubts())
        while time.monotonic() < until and self.doubts():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.5)

    async def decide(self, scene: demo.Stage, doubts: list[dict[str, Any]]) -> None:
        """Somebody was called: an admin looks at the broker's own list and says what he sees."""
        for order in doubts:
            name = order["order_id"]
            assert not self.caps.finds_by_client_id, f"{name} could be found and was not"
            assert self.disk.was_told(name), f"{name}: nobody was called"
            said = {"broker_id": number} if (number := await self.recognised(order)) else {}
            ask = {"id": name, "reason": "looked at the broker's list", **said}
            asked = await scene._acked(
                lambda ask=ask: scene.user("ada").slash("admin", "order resolve", **ask)
            )
            note = await scene.until(
                lambda asked=asked: next((n for n in demo._notes(asked) if n.labels), None),
                f"resolving {name} asked for no confirmation",
            )
            await scene.confirm("ada", note)
            until = time.monotonic() + NAKED_S
            while name in {doc["order_id"] for doc in self.doubts()}:
                answers = [n.text for n in demo._notes(asked)]
                assert time.monotonic() < until, f"{name} {said}: not decided: {answers}"
                await asyncio.sleep(0.1)
            self.n_decided += 1
        if self.n_decided:
            await asyncio.sleep(NAKED_S)  # what it was for is planned anew

    async def recognised(self, order: dict[str, Any]) -> str:
        """The broker's number of the order that it can only be; empty when there is none."""
        ours = {doc["broker_id"] for doc in self.disk.orders() if doc.get("broker_id")}
        sent_at = datetime.fromisoformat(order["sent_at"])
        books = await self.venue.books(self.number, sent_at - timedelta(minutes=5))
        fitting = [
            one.broker_id
            for one in books.orders
            if one.broker_id not in ours
            and (one.side, one.type, one.qty)
            == (order["side"], order["type"], Decimal(order["qty"]))
            and one.symbol == order["legs"][0]["instrument"]["symbol"]
        ]
        return min(fitting, default="")  # twins, in the order in which they were placed
