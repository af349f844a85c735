"""People write into the journal: notes, tags, saved messages. Trades themselves never change."""

import json
import re

from engine.desk import Desk
from engine.domain.desk import Document, Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.record import changed
from engine.domain.trade import Trade
from engine.reports.journal import KIND

TAGS = "journal:tags"
"""Durable value: every tag that was ever given, for suggestions."""
_TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
_MOST_TAGS = 10
_MOST_KNOWN = 500
_LONGEST = 2000


def known_tags(desk: Desk) -> tuple[str, ...]:
    """Every tag that was ever given, from memory."""
    fact = desk.book.facts.get(TAGS)
    return () if fact is None else tuple(json.loads(fact.value))


async def trade_of(desk: Desk, key: str) -> Trade:
    """The trade that an id means.

    Raises:
        UserError: there is none.
    """
    known = {i.casefold(): i for i in (*desk.book.trades, *desk.book.closed)}
    plain = key.strip()
    is_id = re.fullmatch(r"[A-Za-z0-9/_-]{1,80}", plain) is not None
    found = await desk.trade(known.get(plain.casefold(), plain)) if is_id else None
    if found is None:
        raise UserError("There is no such trade in the journal. Nothing was written.")
    return found


async def note(desk: Desk, who: Who, key: str, text: str, *, kind: str = "note") -> Document:
    """Write about a trade; an empty key writes about none (a weekly review).

    Raises:
        NotAllowed, UserError: nothing was written.
    """
    _may(who)
    words = _text(text)
    subject = (await trade_of(desk, key)).trade_id if key else ""
    body = {"type": kind, "text": words, "by": who.name}
    return await _file(desk, who, "journal.noted", subject, body)


async def save(
    desk: Desk, who: Who, *, text: str, author: str, link: str, trade_id: str = ""
) -> Document:
    """Keep a message's words.

    Raises:
        NotAllowed, UserError: nothing was kept.
    """
    _may(who)
    body = {"type": "saved", "text": _text(text), "by": author, "link": link}
    return await _file(desk, who, "journal.saved", trade_id, body)


async def tag(desk: Desk, who: Who, key: str, words: str) -> tuple[str, ...]:
    """Set a trade's tags: ``a b`` are given, ``-a`` is taken away; what it has now.

    Raises:
        NotAllowed, UserError: nothing was changed.
    """
    _may(who)
    trade = await trade_of(desk, key)
    given, taken = _read_tags(words)
    document_id = f"JT-{trade.trade_id}"
    async with desk.lock("journal"):
        old = await desk.store.get(Document, document_id)
        before = () if old is None else tuple(json.loads(old.body).get("tags", ()))
        after = tuple(dict.fromkeys(t for t in (*before, *given) if t not in taken))
        if len(after) > _MOST_TAGS:
            raise UserError(f"At most {_MOST_TAGS} tags a trade. Nothing was changed.")
        body = json.dumps({"type": "tags", "tags": list(after)})
        now = desk.clock.now()
        new = (
            changed(old, body=body, filed_at=now, user_id=who.user_id)
            if old is not None
            else Document(
                document_id=document_id,
                kind=KIND,
                subject=trade.trade_id,
                user_id=who.user_id,
                filed_at=now,
                body=body,
            )
        )
        ever = tuple(dict.fromkeys((*given, *known_tags(desk))))[:_MOST_KNOWN]
        await desk.commit(
            desk.event(
                "journal.tagged",
                trade.alert_id,
                new,
                desk.fact(TAGS, json.dumps(list(ever))),
                actor=f"user:{who.user_id}",
                trade_id=trade.trade_id,
                tags=" ".join(after),
            )
        )
    return after


def _may(who: Who) -> None:
    if not who.may_trade:
        raise NotAllowed("Only a trader may write into the journal. Nothing was written.")


def _text(text: str) -> str:
    words = text.strip()
    if not words:
        raise UserError("There are no words to keep. Nothing was written.")
    if len(words) > _LONGEST:
        raise UserError(f"At most {_LONGEST} characters, and these are {len(words)}. Shorten it.")
    return words


def _read_tags(words: str) -> tuple[list[str], set[str]]:
    parts = [p for p in re.split(r"[\s,]+", words.lower().replace("#", " ")) if p]
    given = [p for p in parts if not p.startswith("-")]
    taken = {p[1:] for p in parts if p.startswith("-")}
    wrong = [p for p in (*given, *taken) if not _TAG.fullmatch(p)]
    if wrong or not parts:
        raise UserError(
            "A tag is letters, digits and dashes, at most 24: breakout, late-entry; -tag takes "
            "one away. Nothing was changed."
        )
    return given, taken


async def _file(desk: Desk, who: Who, kind: str, subject: str, body: dict[str, str]) -> Document:
    document = Document(
        document_id=desk.ids.new("J"),
        kind=KIND,
        subject=subject,
        user_id=who.user_id,
        filed_at=desk.clock.now(),
        body=json.dumps(body, ensure_ascii=False),
    )
    actor = f"user:{who.user_id}"
    await desk.commit(desk.event(kind, subject or document.document_id, document, actor=actor))
    return document
