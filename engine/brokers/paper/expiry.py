"""Options at their last moment: exercised when in the money, else worthless. Nobody is asked.

In the money by 0.01 or more, measured against the middle of the underlying's last quote around
the expiry, is exercised (or assigned): index options pay the intrinsic value in cash; all others
close at 0 and deliver shares at the strike. Without such a quote nothing is settled: it waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from engine.brokers import BrokerFill
from engine.brokers.paper.book import Draft, Holding
from engine.brokers.paper.settings import Board, Hours, PaperSettings
from engine.domain.instrument import CASH_SETTLED, Instrument, stock
from engine.domain.money import CENT, ZERO
from engine.domain.order import Side

_INDEX_OF = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX"}
_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiries:
    """Settles what is held of contracts that are over."""

    settings: PaperSettings
    hours: Hours
    board: Board

    def settle(
        self,
        draft: Draft,
        account: str,
        held: Holding,
        now: datetime,
        closes: Mapping[str, Decimal],
    ) -> bool:
        """Settle one option holding; False while the underlying's price is not known."""
        contract = held.instrument
        price = closes.get(underlying_of(contract).symbol) or self._price(contract)
        if price is None:
            return False
        at = max(now, self.hours.expires_at(contract))
        inside = intrinsic(contract, price)
        if inside < CENT:
            self._book(draft, account, held, ZERO, "expiry", at)
        elif contract.symbol in CASH_SETTLED:
            self._book(draft, account, held, inside, "exercise", at)
        else:
            self._book(draft, account, held, ZERO, "exercise", at)
            self._deliver(draft, account, held, at)
        return True

    def _price(self, contract: Instrument) -> Decimal | None:
        quote = self.board.last(underlying_of(contract))
        over_at = self.hours.expires_at(contract)
        window = timedelta(seconds=self.settings.settle_window_s)
        if quote is None or not over_at - window <= quote.received_at <= over_at + _AFTER:
            return None
        return quote.mid

    def _book(
        self,
        draft: Draft,
        account: str,
        held: Holding,
        price: Decimal,
        kind: Literal["expiry", "exercise"],
        at: datetime,
    ) -> None:
        name = f"X-{account}-{held.instrument.key.replace(' ', '')}"
        draft.book_fill(
            BrokerFill(
                execution_id=f"{name}-0",
                client_order_id="",
                broker_id=name,
                account=account,
                instrument=held.instrument,
                leg=0,
                side=Side.SELL if held.qty > 0 else Side.BUY,
                qty=abs(held.qty),
                price=price,
                fee_usd=ZERO,
                executed_at=at,
                kind=kind,
            )
        )

    def _deliver(self, draft: Draft, account: str, held: Holding, at: datetime) -> None:
        contract = held.instrument
        assert contract.strike is not None  # noqa: S101 - options have one
        shares = held.qty * contract.multiplier * (1 if contract.right == "C" else -1)
        name = f"X-{account}-{contract.key.replace(' ', '')}"
        draft.book_fill(
            BrokerFill(
                execution_id=f"{name}-1",
                client_order_id="",
                broker_id=name,
                account=account,
                instrument=underlying_of(contract),
                leg=1,
                side=Side.BUY if shares > 0 else Side.SELL,
                qty=abs(shares),
                price=contract.strike,
                fee_usd=ZERO,
                executed_at=at,
                kind="exercise",
            )
        )


def underlying_of(contract: Instrument) -> Instrument:
    """The share or index that an option is written on."""
    return stock(_INDEX_OF.get(contract.symbol, contract.symbol))


def intrinsic(contract: Instrument, price: Decimal) -> Decimal:
    """Points an option is worth at its end."""
    assert contract.strike is not None  # noqa: S101 - options have one
    worth = price - contract.strike if contract.right == "C" else contract.strike - price
    return max(worth, ZERO)
