"""A running bot whose market stays where the test puts it, and the steps that many tests need."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.app import App
from bot.sandbox import Sandbox
from bot.sandbox.interactions import Interaction
from bot.sandbox.message import Message
from engine.clock import SystemClock
from engine.domain.desk import Approval
from engine.domain.instrument import Instrument, option, stock
from engine.domain.trade import Trade, TradeState
from tests.discord.machine_words import TECHNICAL, found_in
from tests.live import Live, live

QUIET = {"jobs": {"monitor_s": 0.2, "reconcile_s": 600}}


def friday() -> date:
    """The next Friday but one: a real expiry whatever today is."""
    today = SystemClock().now().date()
    return today + timedelta(days=(4 - today.weekday()) % 7 + 7)


SPY = option("SPY", friday(), Decimal(603), "C")
SPY_605 = option("SPY", friday(), Decimal(605), "C")
QQQ = option("QQQ", friday(), Decimal(520), "P")
OTHER = f"QQQ 520P {QQQ.expiry.month}/{QQQ.expiry.day}"  # type: ignore[union-attr]
AAPL = stock("AAPL")
NAMED = f"SPY 603C {SPY.expiry.month}/{SPY.expiry.day}"  # type: ignore[union-attr]


@dataclass
class Desk:
    """The bot, the sandbox and a market that stands still until it is moved."""

    it: Live
    prices: dict[Instrument, tuple[str, str]] = field(default_factory=dict)

    @property
    def app(self) -> App:
        return self.it.app

    @property
    def sandbox(self) -> Sandbox:
        return self.it.sandbox

    @property
    def book(self) -> Any:
        return self.app.desk.book

    def price(self, instrument: Instrument, bid: str, ask: str) -> None:
        """From now on it is quoted like this."""
        self.prices[instrument] = (bid, ask)
        self.it.quote(instrument, bid, ask)

    async def keep_quoting(self) -> None:
        while True:
            for instrument, (bid, ask) in list(self.prices.items()):
                self.it.quote(instrument, bid, ask)
            await asyncio.sleep(0.1)

    async def until(self, check: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        return await self.it.until(check, timeout_s)

    # -- people -------------------------------------------------------------------------------

    def user(self, name: str, *, strict: bool = True) -> Any:
        return self.sandbox.user(name, strict=strict)

    async def slash(self, who: str, where: str, command: str, **options: Any) -> Interaction:
        return await self.user(who).slash(where, command, **options)

    async def press(self, who: str, card: Any, label: str, *, strict: bool = True) -> str:
        """Press a button; the private answer."""
        return await self.answer(self.user(who, strict=strict).click(card, label))

    async def press_old(self, who: str, card: Message, label: str) -> str:
        """Press a button that is gone: the click crossed with the edit that took it away."""
        return await self.answer(self.click_old(who, card, label))

    def click_old(self, who: str, card: Message, label: str) -> Interaction:
        now = card.components
        for version in reversed(card.edits):
            card.components = version.components
            try:
                if label in card.labels or label in str(card.components):
                    return self.user(who, strict=False).click(card, label)
            finally:
                card.components = now
        raise AssertionError(f"it never had {label}")

    async def answer(self, used: Interaction) -> str:
        """What is said privately about an interaction."""
        await used.acked()

        def words() -> Message | None:
            notes = [n for n in (*used.followups, used.original) if n and not n.is_loading]
            return notes[0] if notes else None

        note = await self.until(words)
        assert note.ephemeral_for is used.user, f"everybody can read: {note.text}"
        return plain(note)

    async def fill_in(self, who: str, card: Any, label: str, **fields: str) -> Interaction:
        """Open a dialog by a button, fill it in and send it."""
        opened = await self.user(who).click(card, label).acked()
        assert opened.modal is not None, opened.text
        return self.user(who).submit(opened, fields)

    def act(self, text: str, who: str = "tom") -> Message:
        """Type into the action channel."""
        return self.user(who).say("actions", text)

    async def told(self, message: Message, n: int = 1) -> list[Message]:
        """The bot's replies to a message."""

        def replies() -> list[Message] | None:
            found = [
                m
                for m in message.channel.messages
                if (m.reference or {}).get("message_id") == str(message.id)
            ]
            return found if len(found) >= n else None

        return await self.until(replies)

    # -- cards --------------------------------------------------------------------------------

    def find(self, where: str, *words: str) -> Message | None:
        """The newest message of a channel that says all of this."""
        for message in reversed(self.sandbox.channel(where).messages):
            if all(word in plain(message) for word in words) and not message.ephemeral_for:
                return message
        return None

    async def see(self, where: str, *words: str) -> Message:
        try:
            return await self.until(lambda: self.find(where, *words))
        except TimeoutError:
            there = [plain(m) for m in self.sandbox.channel(where).messages]
            raise AssertionError(f"#{where} never showed {words}: {there}") from None

    # -- stories ------------------------------------------------------------------------------

    async def asked(
        self, text: str = f"BTO {NAMED} @ 2.15", who: str = "rhea", where: str = "options-room"
    ) -> tuple[Approval, Message]:
        """An alert that waits for approval: the question and its card."""
        for instrument in (SPY, SPY_605, QQQ):
            if instrument not in self.prices:
                self.price(instrument, "2.14", "2.16")
        before = set(self.book.approvals)
        if AAPL not in self.prices:
            self.price(AAPL, "189.99", "190.01")
        self.user(who).say(where, text)
        try:
            key = await self.until(lambda: next(iter(set(self.book.approvals) - before), None))
        except TimeoutError:
            newest = next(reversed(self.book.alerts.values()), None)
            feed = [plain(m) for m in self.sandbox.channel("all-messages").messages[-2:]]
            raise AssertionError(f"{newest and (newest.state, newest.reason)} {feed}") from None
        card = await self.until(lambda: self.card(f"approval:{key}"))
        return self.book.approvals[key], card

    def card(self, notice_id: str) -> Message | None:
        """The message that a card stands in."""
        posted = self.book.posted.get(notice_id)
        return self.sandbox.state.message(posted.message_id) if posted else None

    async def held(
        self, text: str = f"BTO {NAMED} @ 2.15", who: str = "rhea", where: str = "options-room"
    ) -> tuple[Trade, Message]:
        """An open trade with its stop at the broker, and its card."""
        approval, card = await self.asked(text, who, where)
        assert "approved" in await self.press("tom", card, "Approve")
        trade_id = approval.trade_id
        await self.until(
            lambda: (t := self.book.trades.get(trade_id)) and t.state is TradeState.OPEN
        )
        await self.until(lambda: any(o.purpose == "stop" for o in self.book.orders_of(trade_id)))
        shown = await self.until(lambda: self.card(f"trade:{trade_id}"))
        await self.until(lambda: "Close all" in shown.labels)
        return self.book.trades[trade_id], shown

    async def over(self, trade_id: str) -> Trade:
        """Wait until a trade is flat."""
        await self.until(lambda: trade_id in self.book.closed)
        closed: Trade = self.book.closed[trade_id]
        return closed

    async def events(self, kind: str) -> list[Any]:
        """Journal events of a kind."""
        return [j.event for j in await self.app.store.events() if j.event.kind == kind]


def plain(message: Message) -> str:
    """What a message says, without its formatting."""
    return message.text.replace("\u00a0", " ").replace("**", "").replace("\\", "")


@asynccontextmanager
async def desk(
    folder: Path, monkeypatch: Any, *, sandbox: Sandbox | None = None, **overrides: Any
) -> AsyncIterator[Desk]:
    """A running bot in a still market."""
    settings = {**QUIET, **overrides}
    async with live(folder, monkeypatch, sandbox=sandbox, **settings) as it:
        made = Desk(it)
        market = asyncio.create_task(made.keep_quoting())
        try:
            yield made
            for message in made.sandbox.sent():
                is_technical = any(mark in message.text for mark in TECHNICAL)
                odd = [] if is_technical else found_in(message.text)
                assert not odd, f"machine words {odd} in: {message.text}"
        finally:
            market.cancel()
            with suppress(asyncio.CancelledError):
                await market
