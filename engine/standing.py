"""What a broker says of an account that decides whether it may open anything (R-08, O-25).

Each broker has its own words, see the adapters' ``balance_of``. Two regimes of day trades live side
by side: the old count (three in five days below 25,000 dollars, a fourth locks the account) and the
new intraday margin, where buying power decides. Which one holds is the broker's word too.
"""

from decimal import Decimal, InvalidOperation

from engine.brokers import Balance
from engine.domain.instrument import Kind
from engine.domain.money import ZERO

_YES = frozenset({"true", "yes", "1"})
_BLOCKS = {
    "account_blocked": "the account is blocked",
    "trading_blocked": "trading is blocked",
    "trade_suspended_by_user": "trading was suspended in the broker's app",
    "frozen": "the account is frozen",
    "closed": "the account is closed",
    "closing only": "it may only close",
    "risk reducing only": "it may only reduce risk",
    "margin call": "it is in a margin call",
    "day-trade call": "it is in a day-trade call",
}
_COUNTED: tuple[Kind, ...] = ("stock", "option")
_DAY_TRADES = ("daytrade_count", "day trades", "round trips")
_MOST_DAY_TRADES = 3
_FREE_FROM_USD = Decimal(25_000)


def why_no_entry(balance: Balance, kind: Kind) -> str:
    """Why the broker would refuse an entry of this kind; empty when nothing is known against it."""
    worth = balance.equity_usd
    if worth is not None and (not worth.is_finite() or worth <= 0):
        return f"the account is worth {worth:,.2f} dollars there"
    if not balance.facts:
        return ""
    facts = {name: text.strip().lower() for name, text in balance.facts.items()}
    blocks = [said for name, said in _BLOCKS.items() if facts.get(name) in _YES]
    if facts.get("status", "active") != "active":
        blocks.append(f"the account is {facts['status']}")
    if facts.get("can trade") == "no":
        blocks.append("the firm lets it trade no more")
    if facts.get("can trade") == "not told":
        blocks.append("it is not told whether the account may trade (canTrade)")
    if kind == "future" and facts.get("futures closing only") in _YES:
        blocks.append("futures may only be closed")
    if facts.get("open_margin_calls", "0") not in ("", "0"):
        blocks.append("it is in a margin call")
    return blocks[0] if blocks else _day_trades(balance, facts, kind)


def _day_trades(balance: Balance, facts: dict[str, str], kind: Kind) -> str:
    """An entry whose exit on the same day would lock the account must not be made."""
    if kind not in _COUNTED or _is_free(balance, facts):
        return ""
    if _figure(facts.get("day_trades_left", "")) == ZERO:
        return "no day trade is left"
    used = next((facts[name] for name in _DAY_TRADES if facts.get(name)), "0")
    count = _figure(used)
    if count is None:
        return f"its day trades cannot be read ({used[:20]})"
    if count >= _MOST_DAY_TRADES:
        return f"{used} day trades in five days, and less than ${_FREE_FROM_USD:,} in the account"
    return ""


def _figure(said: str) -> Decimal | None:
    """None: it is none."""
    try:
        figure = Decimal(said)
    except InvalidOperation:
        return None
    return figure if figure.is_finite() else None


def _is_free(balance: Balance, facts: dict[str, str]) -> bool:
    """Intraday margin, a cash account, or enough money: nobody counts."""
    is_cash = facts.get("multiplier") == "1" or facts.get("type") == "cash"
    is_new = facts.get("intraday margin") in _YES
    worth = balance.equity_usd
    return is_new or is_cash or (worth is not None and worth >= _FREE_FROM_USD)
