"""Alerts that fit what somebody asks for, and the figures over all of a time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot import text
from engine.domain import words
from engine.domain.alert import Alert, Asset
from engine.domain.desk import AlertRecord, AlertState, Approval
from engine.domain.errors import UserError
from engine.domain.order import Order
from engine.domain.trade import Trade
from engine.market import NEW_YORK
from engine.reports import alert_stats, alerts, is_of_class

if TYPE_CHECKING:
    from bot.app import App

_PER_PAGE = 8
_MOST = 3000
"""Alerts that are looked through for words that the books do not find by themselves."""
_AGO = re.compile(r"(\d{1,3})\s*(h|d|w)")
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What an alert must be to be shown; what is empty fits everything."""

    symbol: str = ""
    state: AlertState | None = None
    author: str = ""
    asset: Asset | None = None
    words: str = ""
    channel_id: int | None = None
    since: datetime | None = None

    @property
    def said(self) -> str:
        """In words: ``author rhea, option``; empty when everything fits."""
        since = "" if self.since is None else f"since {text.eastern_day(self.since)} ET"
        parts = (
            self.symbol.strip().upper(),
            "" if self.state is None else words.ALERT[self.state],
            f"author {self.author}" if self.author else "",
            self.asset or "",
            f"“{self.words}”" if self.words else "",
            "of that room" if self.channel_id is not None else "",
            since,
        )
        return ", ".join(p for p in parts if p)

    def fits(self, record: AlertRecord) -> bool:
        """Whether this is one of them."""
        if self.author and self.author.casefold() not in record.author_name.casefold():
            return False
        if self.channel_id not in (None, record.channel_id):
            return False
        if self.words and self.words.casefold() not in record.text.casefold():
            return False
        signals = record.parsed.signals if isinstance(record.parsed, Alert) else ()
        return self.asset is None or any(is_of_class(s.asset or "", self.asset) for s in signals)


def moment(app: "App", typed: str) -> datetime | None:
    """``24h``, ``7d``, ``2w`` or a day such as 2026-01-31, New York time; None when left out.

    Raises:
        UserError: it is none of these.
    """
    plain = typed.strip().lower()
    if not plain:
        return None
    match = _AGO.fullmatch(plain)
    if match is not None:
        return app.desk.clock.now() - int(match[1]) * _UNIT[match[2]]
    try:
        return datetime.fromisoformat(plain).replace(tzinfo=NEW_YORK).astimezone(UTC)
    except ValueError:
        shown = text.safe_line(typed, 20)
        raise UserError(
            f"“{shown}” is no time that I can read. Write 24h, 7d or 2026-01-31. Nothing was "
            "looked up."
        ) from None


async def page(app: "App", sought: Sought, number: int) -> alerts.AlertsReport:
    """A page of the alerts that fit, newest first."""
    desk = app.desk
    where: dict[str, object] = {}
    if sought.symbol:
        where["symbol"] = sought.symbol.strip().upper().lstrip("$/")
    if sought.state is not None:
        where["state"] = sought.state
    found = await desk.store.find(
        AlertRecord,
        where=where or None,
        since=None if sought.since is None else ("received_at", sought.since),
        newest_first=True,
        limit=_MOST,
    )
    fitting = [a for a in found if sought.fits(a)]
    number = max(min(number, -(-len(fitting) // _PER_PAGE)), 1)
    shown = fitting[_PER_PAGE * (number - 1) : _PER_PAGE * number]
    ids = {i for a in shown for i in a.trade_ids}
    known = {i: t for i in ids if (t := await desk.trade(i)) is not None}
    return alerts.build(
        app.reading.frame(),
        alerts=shown,
        trades=known,
        page=number,
        per_page=_PER_PAGE,
        n_in_all=len(fitting),
        sought=sought.said,
        n_else=0 if fitting else await desk.store.count(AlertRecord),
    )


async def stats(app: "App", days: int) -> alert_stats.AlertStats:
    """The funnel of the last ``days``."""
    desk = app.desk
    since = desk.since(days=days)
    heard = await desk.store.find(AlertRecord, since=("received_at", since))
    ids = {a.alert_id for a in heard}
    trades = await desk.store.find(Trade)
    orders = await desk.store.find(Order, since=("created_at", since))
    asked = await desk.store.find(Approval, since=("expires_at", since))
    return alert_stats.build(
        app.reading.frame(),
        days=days,
        alerts=heard,
        trades=[t for t in trades if t.alert_id in ids],
        orders=[o for o in orders if o.alert_id in ids],
        asked={a.alert_id for a in asked},
    )
