"""What the outside world says of itself: brokers, their accounts and allowances, quotes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bot import text
from bot.config.adapters import ALIASES
from engine.brokers import Broker, Check
from engine.desk import Desk
from engine.domain.errors import BrokerAuthError, TradeStreamError, UserError
from engine.domain.instrument import Instrument
from engine.domain.trade import Account
from engine.feeds import Troubled
from engine.flows.brokers import recover
from engine.flows.common import broker_switch, shut_out
from engine.flows.limits import routes
from engine.market import new_york_date
from engine.reports import Frame
from engine.reports import brokers as lines
from engine.reports import data as quotes
from engine.reports import routes as route_report
from engine.reports.metrics import p95

_MONEY_S, _TEST_S = 2.0, 30.0
_MOST_ASKED = 100


class OutsideReading:
    """Asks where it must, and waits for nobody longer than a moment."""

    def __init__(self, desk: Desk, frame: Callable[[], Frame]) -> None:
        self._desk, self._frame = desk, frame

    async def brokers(self, name: str | None = None) -> lines.BrokersReport:
        """Every broker, or one of them, with what it says of its accounts just now."""
        desk = self._desk
        names = desk.brokers if name is None else [self.named(name)]
        chosen = {n: desk.brokers[n] for n in names}
        accounts = list(desk.book.accounts.values())
        asked = [(a, b) for a in accounts if (b := chosen.get(a.broker)) is not None]
        money = await asyncio.gather(*(self._money(account, broker) for account, broker in asked))
        return lines.build(
            self._frame(),
            connections=[self._connection(n, b) for n, b in chosen.items()],
            accounts=accounts,
            orders=list(desk.book.orders.values()),
            money={m.account: m for m in money},
            apis={a.provider: a for a in self.apis()},
        )

    def routes(self, asset: str = "") -> route_report.RoutesReport:
        """Where entries go, as it is judged for every one of them, or for one asset class."""
        settings = self._desk.settings
        return route_report.build(
            self._frame(),
            running=routes.running(self._desk),
            configured=settings.routes,
            accounts=settings.accounts,
            rooms={name: profile.account for name, profile in settings.sources.items()},
            asset=asset,
        )

    def named(self, typed: str) -> str:
        """The broker's name as it is configured, however it was typed; ``tda`` is ``schwab``.

        Raises:
            UserError: there is none; names those that are there.
        """
        wanted = typed.strip().casefold()
        wanted = ALIASES.get(wanted, wanted)
        for name in self._desk.brokers:
            if name.casefold() == wanted:
                return name
        known = ", ".join(sorted(self._desk.brokers))
        raise UserError(f"There is no such broker; there are: {known}. Nothing was done.")

    def broker(self, name: str) -> Broker:
        """The connection of that name.

        Raises:
            UserError: there is none; names those that are there.
        """
        return self._desk.brokers[self.named(name)]

    async def tested(self, name: str) -> list[Check]:
        """What a broker can do right now, tried out; a silent one is a failed check.

        One that is not connected is logged in to first: why that fails is all there is to say.
        """
        desk, name = self._desk, self.named(name)
        try:
            async with asyncio.timeout(_TEST_S):
                if name in desk.offline:
                    await self._log_in(name)
                if name in desk.offline:
                    why = desk.health.get(f"broker {name}", "not connected")
                    return [Check(name="login", is_ok=False, detail=why)]
                return await desk.brokers[name].check()
        except TimeoutError:
            return [Check(name="answer", is_ok=False, detail=f"none within {_TEST_S:.0f} s")]
        except TradeStreamError as error:
            return [Check(name="answer", is_ok=False, detail=str(error))]

    async def _log_in(self, name: str) -> None:
        """Not for longer than one answer may take: who renews the connection waits behind this."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._desk.settings.broker_timeout_s):
                await recover.again(self._desk, name)

    async def _money(self, account: Account, broker: Broker) -> lines.Money:
        """What a broker says of an account; one that is not connected has not read its accounts."""
        name = account.broker
        if name in self._desk.offline:
            knows_us = False if shut_out.is_locked_out(self._desk, name) else None
            return lines.unasked(account.name, "not connected", knows_us=knows_us)
        return await _money(account.name, broker)

    def _connection(self, name: str, broker: Broker) -> lines.Connection:
        desk = self._desk
        at, error = desk.health.last.get(name, (None, ""))
        return lines.Connection(
            name=name,
            is_paper=broker.caps.is_paper,
            has_stream=broker.caps.has_stream,
            gate=desk.gates.get(name) or desk.gates.get("*", ""),
            off=broker_switch.off(desk, name),
            problem=desk.health.get(f"broker {name}", ""),
            last_error=error,
            last_error_at=at,
        )

    def apis(self) -> list[lines.Api]:
        """How much of each provider's allowance is used; those that count their calls."""
        found = []
        feed: object = self._desk.feed
        feeds = getattr(feed, "feeds", (feed,))  # several are heard as one
        called = [(f"feed {name}", part) for part in feeds if (name := getattr(part, "name", ""))]
        for name, part in (*self._desk.brokers.items(), *called):
            usage = getattr(part, "usage", None)
            if usage is not None:
                found.append(
                    lines.Api(
                        provider=name,
                        n_calls=usage.n_calls,
                        per_min=usage.per_min,
                        n_limited=usage.n_limited,
                        n_failed=usage.n_failed,
                        limit=usage.limit,
                        remaining=usage.remaining,
                        last_ms=usage.last_ms,
                        p95_ms=p95(usage.waits_ms),
                    )
                )
        return found

    def data(
        self, name: str | None = None, *, period: quotes.Period = "1d", source: str = ""
    ) -> quotes.DataReport:
        """Grades of everything quoted, or of one symbol, or of what one source quotes.

        Raises:
            UserError: nothing of that name is quoted (by it), or quotes are not graded here.
        """
        board = self._desk.board
        if board.quality is None:
            raise UserError("Quotes of this feed are not graded. Nothing was looked up.")
        known = self._quoted()
        if name is not None:
            wanted = name.strip().upper().lstrip("$")
            exact = [i for i in known if i.label.upper() == wanted]
            of_it = [i for i in known if i.symbol == wanted.lstrip("/")]
            known = (exact or sorted(of_it, key=lambda i: i.kind == "option"))[:1]
            if not known:
                shown = text.safe_line(name, 40)
                raise UserError(f"“{shown}” was never quoted here. Nothing was looked up.")
        down = getattr(self._desk.feed, "down", {})
        heard = {s.casefold(): s for s in (*board.quality.sources(), *down)}
        typed = source.strip()
        if typed and typed.casefold() not in heard:
            there = ", ".join(sorted(heard.values())) or "none was heard yet"
            raise UserError(f"There is no such source; there are: {there}. Nothing was looked up.")
        by = heard.get(typed.casefold(), "")
        frame, of = self._frame(), board.quality
        feed: object = self._desk.feed
        report = quotes.build(
            frame,
            of,
            instruments=known,
            down=down,
            troubles=feed.limits() | feed.troubles() if isinstance(feed, Troubled) else {},
            period=period,
            source=by,
        )
        if name is not None and not report.rows:
            raise UserError(f"{by} does not quote {known[0].label}. Nothing was looked up.")
        return report

    def _quoted(self) -> list[Instrument]:
        """What was ever quoted, without options that are over: they are no poor data."""
        today = new_york_date(self._desk.clock.now())
        every = (q.instrument for q in self._desk.board.all().values())
        return [i for i in every if i.kind != "option" or i.expiry is None or i.expiry >= today]

    async def refresh(self) -> tuple[int, list[str]]:
        """Ask for a fresh quote of everything known; how many came, and what has none.

        Raises:
            UserError: there is no feed.
        """
        desk = self._desk
        feed = desk.feed
        if feed is None:
            raise UserError("No feed is configured. Nothing was asked.")
        known = self._quoted()
        missing: list[str] = []

        async def ask(instrument: Instrument) -> None:
            try:
                async with asyncio.timeout(_MONEY_S):
                    quote = await feed.quote(instrument)
            except Exception:  # noqa: BLE001 - whatever a feed raises, there is no quote
                quote = None
            if quote is not None:
                desk.board.put(quote)
            if quote is None or not quote.is_sane or not desk.is_fresh(quote.received_at):
                missing.append(instrument.label)

        await asyncio.gather(*(ask(i) for i in known[:_MOST_ASKED]))
        return min(len(known), _MOST_ASKED) - len(missing), sorted(missing)


async def _money(account: str, broker: Broker) -> lines.Money:
    """What a broker says of an account within two seconds; else that it did not, and why."""
    try:
        async with asyncio.timeout(_MONEY_S):
            balance = await broker.balance(account)
    except TimeoutError:
        return lines.unasked(account, "the broker does not answer")
    except TradeStreamError as error:
        locked_out = isinstance(error, BrokerAuthError)
        return lines.unasked(account, str(error), knows_us=False if locked_out else None)
    return lines.Money(
        account=account,
        equity_usd=lines.figure(balance.equity_usd),
        cash_usd=lines.figure(balance.cash_usd),
        buying_power_usd=lines.figure(balance.buying_power_usd),
        knows_us=True,
    )
