"""Alpaca's headlines: asked for when somebody looks.

No stream: a headline moves no order here, a person who asks waits for one answer, and a further
socket would have to be kept alive and watched for nothing.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from html import unescape
from typing import Any

from engine.brokers._wire.lanes import Lanes
from engine.brokers._wire.usage import Usage
from engine.brokers.alpaca.rest import Rest
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable
from engine.domain.news import Article, News, web_address
from engine.feeds.alpaca.reading import moment, stamp

_PAGE, _PAGES = 50, 4
"""Headlines of one answer, as Alpaca allows; and answers to one question."""
_AHEAD = timedelta(minutes=1)
"""Two clocks may differ by so much; what is written later still was not written yet."""
_LONGEST, _MOST_SYMBOLS = 500, 40
_UNREADABLE = (KeyError, ValueError, TypeError, ArithmeticError)
_SYMBOL = re.compile(r"[A-Z0-9]{1,10}(\.[A-Z]{1,2})?")


class Newsroom:
    """A connection of its own: whatever becomes of news, quotes are asked for as before."""

    def __init__(self, name: str, clock: Clock, usage: Usage, reads_per_min: int) -> None:
        self._name, self._clock = name, clock
        self._rest = Rest(name, clock, Lanes(clock, {"read": (reads_per_min, 60)}), usage)

    async def open(self, key: str, secret: str, url: str) -> None:
        """Make ready; nothing is sent."""
        await self._rest.open(key, secret, url, version="v1beta1")

    async def close(self) -> None:
        """Hang up."""
        await self._rest.close()

    async def news(self, symbols: Sequence[str], since: datetime, limit: int) -> News:
        """As :meth:`engine.feeds.Newswire.news`."""
        names = {symbol.replace("/", ""): symbol for symbol in symbols}
        asked = {
            "symbols": ",".join(names),
            "start": stamp(since),
            "sort": "desc",
            "limit": str(min(limit, _PAGE)),
            "include_content": "false",
        }
        found: list[Article] = []
        n_unreadable, token = 0, ""
        for _ in range(_PAGES):
            rows, token = await self._page(asked)
            for row in rows:
                try:
                    article = article_of(row, names, self._clock.now())
                except _UNREADABLE:
                    n_unreadable += 1
                    continue
                if (article.updated_at or article.published_at) >= since:
                    found.append(article)
            if not token or len(found) >= limit:
                break
            asked["page_token"] = token
        return News(
            articles=tuple(found[:limit]),
            source=self._name,
            as_of=self._clock.now(),
            n_unreadable=n_unreadable,
            is_more=bool(token) or len(found) > limit,
        )

    async def _page(self, asked: Mapping[str, str]) -> tuple[list[Any], str]:
        """One answer and what the next is asked with; empty: there is none."""
        answer = await self._rest.read("/news", asked)
        if not answer.is_ok:
            raise answer.refusal()
        body = answer.body if isinstance(answer.body, dict) else {}
        rows = body.get("news")
        if not isinstance(rows, list):
            raise BrokerUnavailable(f"{self._name} answers something that is no news")
        return rows, str(body.get("next_page_token") or "")


def article_of(body: Any, names: Mapping[str, str], now: datetime) -> Article:
    """An article of an answer; ``names``: Alpaca's symbols -> ours.

    Raises:
        KeyError, ValueError, TypeError, ArithmeticError: it has no headline or no time.
    """
    published_at = moment(body["created_at"])
    if published_at > now + _AHEAD:
        raise ValueError("written in the future")
    updated_at = None
    with suppress(*_UNREADABLE):
        updated_at = moment(body["updated_at"])
    headline = _words(body.get("headline"))
    if not headline:
        raise ValueError("without a headline")
    listed = body.get("symbols")
    symbols = [s for s in listed if isinstance(s, str)] if isinstance(listed, list) else []
    return Article(
        article_id=str(body.get("id") or ""),
        headline=headline,
        source=_words(body.get("source")),
        author=_words(body.get("author")),
        symbols=tuple(
            dict.fromkeys(names.get(s, s) for s in symbols[:_MOST_SYMBOLS] if _SYMBOL.fullmatch(s))
        ),
        url=web_address(body.get("url")),
        published_at=min(published_at, now),
        updated_at=updated_at if updated_at is None or updated_at <= now + _AHEAD else None,
        received_at=now,
    )


def _words(written: Any) -> str:
    """On one line; ``&#39;`` and the like are what publishers write for a sign."""
    return " ".join(unescape(written).split())[:_LONGEST] if isinstance(written, str) else ""
