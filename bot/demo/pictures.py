"""The demo's pictures: P&L in both grounds and each trade's price, from the closing report."""

from datetime import timedelta

from bot.charts import Charts, Theme
from bot.demo.books import Books
from bot.demo.stage import Stage
from engine.domain.trade import Trade
from engine.reports import Frame
from engine.reports.price_path import build as build_path
from engine.reports.trade_card import build as build_card

_BEFORE = timedelta(seconds=2)
_AFTER = timedelta(seconds=1)


async def draw(stage: Stage, books: Books) -> dict[str, bytes]:
    """File name -> PNG; written into the demo's folder too.

    Raises:
        ChartError: a picture cannot be drawn.
    """
    charts = Charts(timeout_s=60)
    found: dict[str, bytes] = {}
    try:
        for theme in Theme:
            name = f"pnl-{theme.value}.png"
            found[name] = await charts.render("pnl", books.report.pnl, theme)
        for number, trade in enumerate(_closed(books), start=1):
            name = f"trade-{number}-{trade.symbol.lower()}.png"
            found[name] = await _trade(charts, stage, trade)
    finally:
        await charts.close()
    for name, png in found.items():
        (stage.folder / name).write_bytes(png)
    return found


def _closed(books: Books) -> list[Trade]:
    """Filled trades in the order of the closing table."""
    known = {trade.trade_id: trade for trade in books.trades}
    return [known[row.trade_id] for row in books.report.rows]


async def _trade(charts: Charts, stage: Stage, trade: Trade) -> bytes:
    now = stage.clock.now()
    card = build_card(trade, Frame(now=now, is_synthetic=True), positions=(), orders=())
    first = (trade.opened_at or now) - _BEFORE
    last = (trade.closed_at or now) + _AFTER
    path = build_path(card, await stage.market.history(trade.legs, first, last))
    return await charts.render("trade", path, Theme.DARK)
