"""How much does it move when the market moves 1 %? Covariance over variance of log returns."""

from engine.portfolio import Unknown
from engine.portfolio.closes import Closes, paired

MARKET = "SPY"
DAYS, MIN_DAYS = 250, 60


def beta(asset: Closes, market: Closes) -> float | Unknown:
    """cov(asset, market) / var(market) over the newest common days."""
    if asset.symbol == market.symbol:
        return 1.0
    both = paired(asset, market, DAYS, MIN_DAYS)
    if isinstance(both, Unknown):
        return both
    x, y = both
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    variance = sum((v - mean_y) ** 2 for v in y)
    if variance <= 0:
        return Unknown(f"{market.symbol} did not move")
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / variance
