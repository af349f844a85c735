"""A small made-up market to practise in; options of these follow their shares."""

import json
from datetime import datetime

from engine.domain.instrument import stock

_SHARES = {  # invented, as is everything that happens to them later
    "SPY": "668.40",
    "QQQ": "612.20",
    "IWM": "241.80",
    "AAPL": "271.50",
    "MSFT": "478.30",
    "NVDA": "180.10",
    "AMD": "214.60",
    "TSLA": "402.80",
}
PLAN = "market.json"


def plan(now: datetime) -> str:
    """The plan file; see ``bot.market_plan`` for its keys."""
    paths = [
        {"instrument": stock(name).key, "price": price, "volatility": 0.25}
        for name, price in _SHARES.items()
    ]
    return json.dumps({"starts_at": now.isoformat(), "paths": paths}, indent=1) + "\n"
