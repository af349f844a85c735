"""What is written about a symbol: other people's words, never an instruction."""

import re
from dataclasses import dataclass
from datetime import datetime

_ADDRESS = re.compile(r"https://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?::\d{1,5})?(?:[/?#][!-~]*)?")
_LONGEST = 500
_BREAKS = frozenset("<>\"'`\\^{}|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One headline, as its publisher wrote it."""

    article_id: str
    """Of the feed's own; empty when it has none."""
    headline: str
    source: str
    """Who published it; empty when that is not told."""
    author: str
    symbols: tuple[str, ...]
    """That it names, as our instruments are called."""
    url: str
    """https alone; empty when there is none that can be trusted to be an address."""
    published_at: datetime
    updated_at: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a feed answered; none with ``missing`` is not the same as none were written."""

    articles: tuple[Article, ...]
    """As the feed ordered them."""
    source: str
    as_of: datetime
    n_unreadable: int = 0
    """Left out: without a headline, or with a time that is none."""
    is_more: bool = False
    """The feed has older ones of that time."""
    missing: str = ""
    """Why it is not known what was written, and what to do; empty: it is."""


def no_news(source: str, as_of: datetime, why: str) -> News:
    """It is not known what was written."""
    return News(articles=(), source=source, as_of=as_of, missing=why)


def web_address(written: object) -> str:
    """``written`` if it is a plain https address and nothing that a reader mistakes, else empty."""
    if not isinstance(written, str) or len(written) > _LONGEST or _BREAKS & set(written):
        return ""
    return written if _ADDRESS.fullmatch(written) else ""


def host_of(url: str) -> str:
    """``www.example.com`` of an address that :func:`web_address` has let pass."""
    found = _ADDRESS.fullmatch(url)
    return found[1].lower() if found else ""
