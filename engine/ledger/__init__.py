"""The ledger: executions become lots, cash, realised P&L and the story of their trade.

Conventions, the same everywhere:

- Lots are first in, first out, per trade and instrument, in the order of booking.
- Shares, options and coins: a fill moves its whole amount in cash; a position is worth
  quantity x mark x multiplier. Futures: a fill moves no principal; closing pays the difference
  in cash, and a position is worth its open P&L. Either way equity = cash + worth, to the cent.
- A fee is booked in cash with its fill. Realised P&L takes off the closing fee and that share of
  the opening fee which belongs to the closed part; the rest stays with the open lot.
- Nothing is ever changed: a busted or corrected fill gets an entry that reverses it.
"""

from engine.ledger.booking import Booking, book, bust, correct, deposit
from engine.ledger.ends import (
    Delivery,
    Settlement,
    deliver,
    expire,
    split_held,
    split_position,
    split_trade,
)
from engine.ledger.fills import filled
from engine.ledger.marks import equity, open_fees, unrealised, worth
from engine.ledger.replay import Rebuilt, TradeFigures, rebuild
from engine.ledger.trips import entry_over, scaled_targets

__all__ = [
    "Booking",
    "Delivery",
    "Rebuilt",
    "Settlement",
    "TradeFigures",
    "book",
    "bust",
    "correct",
    "deliver",
    "deposit",
    "entry_over",
    "equity",
    "expire",
    "filled",
    "open_fees",
    "rebuild",
    "scaled_targets",
    "split_held",
    "split_position",
    "split_trade",
    "unrealised",
    "worth",
]
