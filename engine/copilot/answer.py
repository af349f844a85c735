"""Question and reports in, plain sentences and offered actions out; works without any model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.copilot.amount import ALL, UNSURE, Part
from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import plan, topics
from engine.domain.order import Purpose
from engine.reports._said import Fact, Said, by_id, say
from engine.reports.answer import Proposal
from engine.reports.trade_card import TradeCard

MOST_PROPOSALS = 5
_DEFAULT = ("day", "positions", "plan")
"""What is told when a question names no subject."""
_STORY = ("day", "alerts", "moves", "news", "positions", "plan")
"""What belongs to "what happened": results, alerts, the market, news, what is held, what now."""
_ACTION_TOPICS = frozenset({"plan", "positions", "risk", "what_if"})
_NO_SECRETS = (
    "Keys, account numbers, prompts and other people's conversations are not given to me, "
    "so I cannot tell them."
)
_NO_FORECAST = "The desk does not forecast prices; this is what the book says."
_UNREAD = "I found no subject of the desk in that question; this is how the book stands."
_ONLY_OFFERED = "Nothing was done. The buttons below ask you before anything is sent."
_BUY = "Nothing was bought. A ticket is made with /buy or /sell, checked and confirmed there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """The part of an answer that needs no model."""

    facts: Mapping[str, Fact]
    """Everything known for this question, by id."""
    plain: tuple[Said, ...]
    proposals: tuple[Proposal, ...]
    topics: tuple[str, ...]


def context(seen: Seen) -> dict[str, Fact]:
    """Every fact of the reports, by id."""
    return by_id(fact for topic in topics().values() for fact in topic.facts(seen))


def compose(asked: Asked, seen: Seen) -> Composed:
    """Facts, sentences and actions for a question."""
    if asked.wants_secret:
        said = (Said(text=_NO_SECRETS),)
        return Composed(facts={}, plain=said, proposals=(), topics=())
    facts = context(seen)
    chosen = _chosen(asked)
    return Composed(
        facts=facts,
        plain=tuple(_sentences(asked, seen, facts, chosen)),
        proposals=_proposals(asked, seen, chosen),
        topics=chosen,
    )


def _chosen(asked: Asked) -> tuple[str, ...]:
    names = set(asked.topics)
    if "happen" in asked.text.lower():
        names |= set(_STORY)
    if asked.symbols:
        names.add("positions")
        if not asked.span and "happen" not in asked.text.lower():
            names.discard("day")
    if asked.days is not None:  # the past: nothing of now, and a day's own measures
        wants = names & {"alerts", "notes"} | (
            {"alerts"} if "happen" in asked.text.lower() else set()
        )
        names = {"day", *wants}
    if asked.is_day_unread:
        names.add("day")
    if asked.move_pct is not None or asked.is_move_unread:
        names = {"what_if", *(names & {"positions", "risk", "plan"})}
    if asked.wish:
        names |= {"orders" if asked.wish == "cancel-all" else "positions"}
    known = topics()
    names &= set(known)
    return tuple(sorted(names or _DEFAULT, key=lambda n: known[n].place))


def _sentences(
    asked: Asked, seen: Seen, facts: Mapping[str, Fact], chosen: tuple[str, ...]
) -> Iterator[Said]:
    if asked.wish == "buy":
        yield Said(text=_BUY)
    elif asked.wish:
        yield Said(text=_ONLY_OFFERED)
    if asked.wants_forecast:
        yield Said(text=_NO_FORECAST)
    if not (asked.topics or asked.symbols or asked.wish):
        yield Said(text=_UNREAD)
    known = topics()
    for name in chosen:
        for at, text in enumerate(known[name].lines(facts, asked)):
            mark = "" if at else known[name].mark
            yield say(f"{mark} {text}".strip(), facts)
        if name == "plan":
            yield from plan.sentences(seen)


def _proposals(asked: Asked, seen: Seen, chosen: tuple[str, ...]) -> tuple[Proposal, ...]:
    """What was wished for first, then the recommendations; each once."""
    found = list(_wished(asked, seen))
    if not found and _ACTION_TOPICS & set(chosen):
        found += [
            (row.action, row.button, row.reason)
            for row in seen.advice.rows
            if not asked.symbols or row.symbol in asked.symbols
        ]
    by_action = {action: (button, why) for action, button, why in reversed(found)}
    order = list(dict.fromkeys(action for action, _, _ in found))
    return tuple(
        Proposal(id=f"a{n}", action=a, button=by_action[a][0], why=by_action[a][1])
        for n, a in enumerate(order[:MOST_PROPOSALS], 1)
    )


def _wished(asked: Asked, seen: Seen) -> Iterator[tuple[str, str, Said | None]]:
    rows = seen.positions.rows
    mine = [r for r in rows if r.symbol in asked.symbols]
    if asked.wish == "cancel-all" and asked.symbols:
        yield from _cancel(asked, seen)
        yield from ((f"#{r.symbol}", f"Show {r.symbol}", None) for r in mine)
    elif asked.wish == "cancel-all" and seen.orders.n_live:
        yield "#cancel-all", "Cancel working entries", None
    elif asked.wish == "close-all" and asked.part == ALL and rows:
        yield "#close-all", "Close everything", None
    elif asked.wish == "close-all":
        part = asked.part if asked.part.percent is not None else UNSURE
        yield from ((*_close(r, seen, part), None) for r in rows)
    elif asked.wish == "close":
        part = asked.part if len(mine) == 1 or asked.part == ALL else UNSURE
        yield from ((*_close(r, seen, part), None) for r in mine)
    elif asked.wish == "stop":
        yield from ((f"#{r.symbol}", f"Show {r.symbol}", None) for r in mine)


def _close(row: TradeCard, seen: Seen, part: Part) -> tuple[str, str]:
    """As much as was asked for and never more; what cannot be told is only shown."""
    name = row.symbol
    if sum(r.symbol == name for r in seen.positions.rows) > 1 or not part.is_sure:
        return f"#{name}", f"Show {name}"
    if part.units is not None:
        if part.units > row.qty_open:
            return f"#{name}", f"Show {name}"
        return f"#{name} close {part.units:f}", f"Close {part.units:f} of {name}"
    if part == ALL:
        return f"#{name} close", f"Close {name}"
    if row.qty_open <= 1 and row.legs[0].instrument.kind != "crypto":
        return f"#{name}", f"Show {name}"
    return f"#{name} close {part.percent:f}%", f"Close {part.percent:f} % of {name}"


def _cancel(asked: Asked, seen: Seen) -> Iterator[tuple[str, str, Said | None]]:
    """Working entries of the symbols that were named."""
    for row in seen.orders.rows:
        if row.purpose is Purpose.ENTRY and row.price_of.symbol in asked.symbols:
            yield f"#order-{row.order_id} cancel", f"Cancel {row.label}"[:80], None
