"""Options at their last moment: exercised when in the money, else worthless. Nobody is asked.

In the money by 0.01 or more, measured against the middle of the underlying's last quote around
the expiry, is exercised (or assigned): index options pay the intrinsic value in cash; all others
close at 0 and deliver shares at the strike. Without such a quote nothing is settled: it waits.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from engine.brokers import BrokerFill, Odd
from engine.brokers.paper.book import Draft, Holding, Timer
from engine.brokers.paper.settings import Board, Hours, PaperSettings
from engine.domain.instrument import CASH_SETTLED, Instrument, parse_key, underlying_of
from engine.domain.money import CENT, ZERO
from engine.domain.order import Side

_AFTER = timedelta(minutes=5)
_AGAIN = timedelta(minutes=1)


class Expiries:
    """Settles what is held of contracts that are over."""

    def __init__(self, settings: PaperSettings, hours: Hours, board: Board) -> None:
        self.settings = settings
        self.hours = hours
        self.board = board
        self._told: set[str] = set()

    def timer(self, account: str, contract: Instrument) -> Timer:
        """When a holding needs a look."""
        return (self.hours.expires_at(contract), "contract", f"{account}|{contract.key}")

    def on_timer(self, draft: Draft, name: str, now: datetime) -> None:
        """A held contract is over: settle it, or look again in a while."""
        account, _, key = name.partition("|")
        held = draft.holding(account, parse_key(key))
        if held.qty and not self._settled_or_told(draft, account, held, now, {}):
            draft.timers.append((now + _AGAIN, "contract", name))

    def settle_due(self, draft: Draft, now: datetime, closes: Mapping[str, Decimal]) -> None:
        """Settle everything that is over, with official prices where they are given."""
        for account in draft.book.holdings:
            for held in draft.holdings(account):
                contract = held.instrument
                if contract.kind == "option" and self.hours.expires_at(contract) <= now:
                    self._settled_or_told(draft, account, held, now, closes)

    def _settled_or_told(
        self,
        draft: Draft,
        account: str,
        held: Holding,
        now: datetime,
        closes: Mapping[str, Decimal],
    ) -> bool:
        if self._settle(draft, account, held, now, closes):
            return True
        name = f"{account}|{held.instrument.key}"
        if name not in self._told:
            self._told.add(name)
            wanted = underlying_of(held.instrument).symbol
            draft.events.append(
                Odd(
                    note=f"{held.instrument.label} in {account} is over, but no quote of {wanted} "
                    "at its close is known; it stays in the book until its price is given",
                    raw=held.instrument.key,
                )
            )
        return False

    def _settle(
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


def intrinsic(contract: Instrument, price: Decimal) -> Decimal:
    """Points an option is worth at its end."""
    assert contract.strike is not None  # noqa: S101 - options have one
    worth = price - contract.strike if contract.right == "C" else contract.strike - price
    return max(worth, ZERO)
