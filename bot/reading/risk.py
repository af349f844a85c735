"""Records for reports about the book as a whole: what is held together, and what could happen."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from bot import text
from bot.reading.performance import WAIT_S, AssetChoice, measured, series_name
from bot.reading.sides import beside
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.trade import Account, Position, Trade
from engine.flows.limits import facts
from engine.portfolio.beta import MARKET
from engine.portfolio.closes import Closes
from engine.portfolio.greeks import Sensitivities
from engine.portfolio.rebalance import Target
from engine.portfolio.stress import TECH_FUND, VIX, Scenario
from engine.reports import Figure, Frame, Missing, equity, limits, plus, pnl, unit_label
from engine.reports import correlation as pairing
from engine.reports import exposure as stakes
from engine.reports import rebalance as balance
from engine.reports import risk as dangers
from engine.reports import stress as storms
from engine.reports import summary as overview
from engine.reports._lines import Lines, lines_of
from engine.reports.performance import PerformanceReport
from engine.reports.sides import SidesReport
from engine.risk import only
from engine.risk.correlation import Correlation
from engine.risk.position_size import PositionSize
from engine.risk.sector import Sector
from engine.sizing import kelly_fraction

if TYPE_CHECKING:
    from bot.app import App

_GREEKS_S = 1.0


class RiskReading:
    """The one place that gathers what a report about the whole book is made of."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._desk = app.desk

    # -- reports ----------------------------------------------------------------------------------

    async def risk(self, account: str | None = None) -> dangers.RiskReport:
        """Everything at risk, of one account or all.

        Raises:
            UserError: there is no such account.
        """
        accounts, trades, positions = self._book(account)
        held = await self._lines(trades, positions)
        frame = self._frame()
        closes = await self._closes(held)
        return dangers.build(
            frame,
            lines=held,
            trades=trades,
            equity_usd=_worth(accounts, positions, frame),
            closes=closes,
            correlations=self._correlation(frame, held, closes),
            sectors=self._exposure(frame, "sector", accounts, trades, positions),
            limits=self._limits(frame, accounts),
        )

    async def correlation(self, days: int = 60, adding: str = "") -> pairing.CorrelationReport:
        """What moves together, over so many days; ``adding``: one more symbol.

        Raises:
            UserError: that is no symbol.
        """
        more = series_name(adding) if adding else ""
        _, trades, positions = self._book(None)
        held = await self._lines(trades, positions)
        closes = await self._closes(held, *([more] if more else []))
        return self._correlation(self._frame(), held, closes, days, more)

    async def stress(
        self, scenario: Scenario, move_pct: float | None = None
    ) -> storms.StressReport:
        """The book in one scenario.

        Raises:
            UserError: a custom scenario without its move.
        """
        if scenario == "custom" and move_pct is None:
            raise UserError("A custom scenario needs `move`: SPY in percent. Nothing was tested.")
        accounts, trades, positions = self._book(None)
        held = await self._lines(trades, positions)
        more = (TECH_FUND, VIX) if scenario in ("tech-10", "vix30") else ()
        closes = await self._closes(held, *more)
        frame = self._frame()
        return storms.build(
            frame,
            scenario=scenario,
            lines=held,
            trades=trades,
            equity_usd=_worth(accounts, positions, frame),
            at_work_usd=self._at_work(accounts),
            closes=closes,
            move_pct=move_pct,
            vix=self._vix(closes),
        )

    def exposure(self, by: stakes.By = "sector") -> stakes.ExposureReport:
        """What is at stake and where, with what one group may be."""
        accounts, trades, positions = self._book(None)
        return self._exposure(self._frame(), by, accounts, trades, positions)

    def rebalance(
        self,
        target: Target,
        max_trades: int = 5,
        wanted_pct: Mapping[str, Decimal] | None = None,
    ) -> balance.RebalanceReport:
        """What would bring every position to its target; ``wanted_pct``: for ``custom``."""
        accounts, trades, positions = self._book(None)
        frame = self._frame()
        size = only(self._desk.checks, PositionSize)
        return balance.build(
            frame,
            target=target,
            trades=trades,
            equity_usd=_worth(accounts, positions, frame),
            kelly={t.source: self._kelly(t.source) for t in trades},
            sectors=self._desk.settings.sectors,
            max_position_pct=size.settings.max_notional_pct if size else Decimal(10),
            max_trades=max_trades,
            fee_usd=self._fees(),
            wanted_pct=wanted_pct,
        )

    async def performance(
        self,
        period: pnl.Period,
        *,
        asset: AssetChoice = "all",
        strategy: str = "",
        compare: str = "",
    ) -> PerformanceReport:
        """Measures of the closed trades of a period, beside SPY and another symbol.

        Raises:
            UserError: nothing ever traded under that strategy, or that is no symbol.
        """
        try:
            other = series_name(compare) if compare else "QQQ"
        except UserError:
            shown = text.safe_line(compare, 40)
            raise UserError(
                f"“{shown}” is no symbol, and no strategy, author, broker, asset class or period "
                "here. Nothing was counted."
            ) from None
        return await measured(
            self._desk,
            self._frame(),
            period,
            asset=asset,
            strategy=strategy,
            beside=(MARKET, other),
        )

    async def sides(
        self, period: pnl.Period, *, asset: AssetChoice, strategy: str, compare: str
    ) -> SidesReport | None:
        """Rooms, authors, brokers, classes or periods beside each other; None: a symbol is meant.

        Raises:
            UserError: a name that nothing has.
        """
        if not compare:
            return None
        frame = self._frame()
        return await beside(
            self._desk, frame, period, asset=asset, strategy=strategy, compare=compare
        )

    async def summary(
        self, account: str | None = None, broker: str | None = None
    ) -> overview.SummaryReport:
        """The accounts on one screen: all, one, or those at a broker.

        Raises:
            UserError: there is none of that name.
        """
        desk, frame = self._desk, self._frame()
        accounts, trades, positions = self._book(account)
        if broker is not None:
            accounts = [a for a in accounts if a.broker == broker]
            names = {a.name for a in accounts}
            trades = [t for t in trades if t.account in names]
            positions = [p for p in positions if p.account in names]
            if not accounts:
                raise UserError("No such account is at that broker. Nothing was looked up.")
        held = await self._lines(trades, positions)
        closes = await self._closes(held)
        worth = _worth(accounts, positions, frame)
        seen = [facts.gather(desk, a.name) for a in accounts]
        power = [s.buying_power_usd for s in seen]
        is_all = account is None and broker is None
        made = await self._app.reading.performance("1m") if is_all else None
        return overview.build(
            frame,
            stakes=self._exposure(frame, "sector", accounts, trades, positions),
            by_position=self._exposure(frame, "position", accounts, trades, positions),
            gauges=[g for s in seen for _, check in desk.checks for g in check.gauges(s)],
            buying_power_usd=Missing("buying power is not known")
            if None in power
            else sum((p for p in power if p is not None), ZERO),
            beta=dangers.beta_of_book(held, closes, worth),
            halted=desk.halted,
            unsound=desk.unsound,
            problems=dict(desk.health),
            unprotected=[unit_label(t.legs) for t in trades if t.is_unprotected_since],
            days=made.days if made is not None else (),
        )

    # -- parts ------------------------------------------------------------------------------------

    def _frame(self) -> Frame:
        return self._app.reading.frame()

    def _book(self, account: str | None) -> tuple[list[Account], list[Trade], list[Position]]:
        book = self._desk.book
        if account is not None and account not in book.accounts:
            known = ", ".join(sorted(book.accounts)) or "none"
            raise UserError(f"There is no such account; there are: {known}. Nothing was looked up.")
        accounts = [a for n, a in book.accounts.items() if account in (None, n)]
        trades = book.open_trades(account)
        positions = [p for p in book.positions.values() if account in (None, p.account)]
        return accounts, trades, positions

    async def lines(self) -> tuple[Lines, Mapping[str, Closes]]:
        """Everything held as the mathematics sees it, with the daily closes that betas need."""
        _, trades, positions = self._book(None)
        held = await self._lines(trades, positions)
        return held, await self._closes(held)

    async def _lines(self, trades: list[Trade], positions: list[Position]) -> Lines:
        contracts = [p.instrument for p in positions if p.qty and p.instrument.kind == "option"]
        greeks = await self._greeks(contracts)
        return lines_of(
            self._frame(),
            trades=trades,
            positions=positions,
            sectors=self._desk.settings.sectors,
            greeks=greeks,
        )

    async def _greeks(self, contracts: list[Instrument]) -> dict[str, Sensitivities]:
        """By the feed's own model, where it has one; what it cannot say is worked out."""
        ask = getattr(self._desk.feed, "greeks", None)
        if ask is None or not contracts:
            return {}

        async def one(contract: Instrument) -> tuple[str, Sensitivities] | None:
            try:
                async with asyncio.timeout(_GREEKS_S):
                    said = await ask(contract)
            except Exception:  # noqa: BLE001 - whatever a feed raises, it has no greeks
                return None
            if said is None:
                return None
            return contract.key, Sensitivities(
                delta=float(said.delta),
                gamma=float(said.gamma),
                vega=float(said.vega),
                rho=float(said.rho),
                volatility=float(said.volatility),
            )

        found = await asyncio.gather(*(one(c) for c in contracts[:100]))
        return dict(pair for pair in found if pair is not None)

    async def _closes(self, held: Lines, *more: str) -> dict[str, Closes]:
        wanted = list(dict.fromkeys((MARKET, *held.references, *more)))
        await self._desk.closes.learn(wanted, WAIT_S)
        return self._desk.closes.of(wanted)

    def _correlation(
        self,
        frame: Frame,
        held: Lines,
        closes: Mapping[str, Closes],
        days: int | None = None,
        adding: str = "",
    ) -> pairing.CorrelationReport:
        check = only(self._desk.checks, Correlation)
        terms = check.settings if check else Correlation.Settings()
        days = terms.days if days is None else days
        names = {*held.references, adding} - {""}
        return pairing.build(
            frame,
            lines=held,
            closes=closes,
            no_closes={n: self._desk.closes.why_not(n) for n in names - set(closes)},
            days=days,
            min_days=min(terms.min_days, days * 2 // 3),
            limit=terms.max_correlation,
            adding=adding,
        )

    def _exposure(
        self,
        frame: Frame,
        by: stakes.By,
        accounts: list[Account],
        trades: list[Trade],
        positions: list[Position],
    ) -> stakes.ExposureReport:
        return stakes.build(
            frame,
            trades=trades,
            positions=positions,
            accounts=accounts,
            by=by,
            sectors=self._desk.settings.sectors,
            limits_pct=self._limits_pct(by),
        )

    def _limits_pct(self, by: stakes.By) -> dict[str, Decimal]:
        check = only(self._desk.checks, Sector)
        if by != "sector" or check is None:
            return {}
        return {"*": check.settings.max_pct}

    def _limits(self, frame: Frame, accounts: list[Account]) -> limits.LimitsReport:
        desk = self._desk
        seen = [facts.gather(desk, a.name) for a in accounts]
        return limits.build(
            frame,
            accounts=[
                limits.of_account(
                    known.account,
                    [gauge for _, check in desk.checks for gauge in check.gauges(known)],
                    [check.warning(known) for _, check in desk.checks],
                )
                for known in seen
            ],
            halted=desk.halted,
            unsound=desk.unsound,
        )

    def _at_work(self, accounts: list[Account]) -> Figure:
        """Worst-case dollars, as the allocation limit counts them."""
        total = ZERO
        for account in accounts:
            seen = facts.gather(self._desk, account.name)
            total += sum(seen.notional_by_trade.values(), ZERO)
        return total

    def _vix(self, closes: Mapping[str, Closes]) -> float | None:
        quote = self._desk.board.all().get(VIX)
        if quote is not None and quote.is_sane:
            return float(quote.mid)
        return closes[VIX].prices[-1] if VIX in closes else None

    def _kelly(self, source: str) -> Decimal | None:
        terms = self._desk.settings.sizing
        closed = reversed(self._desk.book.round_trips.values())
        theirs = (t.realised_usd for t in closed if t.source == source)
        return kelly_fraction(list(islice(theirs, terms.kelly_max_trades)), terms)

    def _fees(self) -> dict[str, Decimal]:
        paper = self._app.config.paper
        return {
            "stock": paper.fee_per_share_usd,
            "option": paper.fee_per_option_contract_usd,
            "future": paper.fee_per_future_contract_usd,
        }


def _worth(accounts: list[Account], positions: list[Position], frame: Frame) -> Figure:
    held = [p for p in positions if p.qty]
    return plus(*(equity(a, held, frame) for a in accounts)) if accounts else Missing("no account")
