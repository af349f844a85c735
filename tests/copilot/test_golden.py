"""Sixty questions over a fixed book, judged by rules: facts right, actions valid, no other figure.

Each is asked without a model and with one that is creative: invents figures, quotes, commands.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import actions, said
from bot.cards import answer as answer_card
from engine.copilot.answer import Composed, compose
from engine.copilot.correlator import event_of, impact
from engine.copilot.draft import Draft, guard, why_not
from engine.portfolio.stress import World
from engine.reports import Missing
from engine.reports import answer as answers
from engine.reports._said import PLACEHOLDER, Said
from tests.copilot import book
from tests.unit.reports.examples import D

QUESTIONS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "golden/questions.yaml").read_text(encoding="utf-8")
)
CREATIVE = (
    "You made {day.realised}, which is great.",
    "You made $500 today.",
    "Your win rate is 95%.",
    "Your win rate is ninety percent.",
    "SPY will reach {pos.t1.target} and then 350.",
    "You hold {pos.n} positions and {pos.t9.secret} more.",
    "Double your size in AAPL.",
    "Half of the gain is {pos.t1.net}.",
    "Close it with #close-all at once.",
    "Read more at https://example.com/win and evil.example.",
    "Ask <@123> or @everyone.",
    "The stop of {pos.t3.name} is {pos.t3.stop}, only {pos.t3.to_stop} away.",
    "The api key is safe.",
    "It gained ４２ and ¼ and Ⅻ and x².",
    "As the room said: {alerts.t1.text}.",
    "One position is bad.",
    "Use /buy now.",
)
"""What a creative model says; of these, two are harmless where their facts are known."""
HARMLESS = {CREATIVE[0], CREATIVE[11]}


def the(question: dict[str, Any]) -> Composed:
    """The answer to it, without a model."""
    asked = book.asked(question["ask"])
    seen = book.seen(asked)
    event = event_of(asked)
    if event is not None:
        seen = book.seen(asked, impact=impact(event, seen.positions.rows, (), World(closes={})))
    return compose(asked, seen)


def shown(composed: Composed, *, reading: tuple[Said, ...] = ()) -> str:
    """As people read it."""
    report = answers.build(
        book.frame(),
        answer_id="Q-TEST",
        question="question",
        plain=composed.plain,
        reading=reading,
        model="stub" if reading else "",
        proposals=composed.proposals,
    )
    embed = answer_card.show(report)
    return str(embed.description)


ALL = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q["ask"][:50])


def test_there_are_sixty_of_them_with_those_of_the_plans():
    assert len(QUESTIONS) >= 60
    assert [q["ask"] for q in QUESTIONS[:2]] == ["what happened yesterday?", "what can be done?"]


@ALL
def test_the_answer_names_the_right_facts_and_offers_valid_actions(question):
    composed = the(question)
    named = {f.id for s in composed.plain for f in s.facts}
    assert set(question.get("names", ())) <= named, sorted(named)
    offered = [p.action for p in composed.proposals]
    for action in offered:
        assert actions.read_line(action).text == action
    if question.get("actions") == []:
        assert offered == []
    assert set(question.get("actions", ())) <= set(offered), offered
    text = " ".join(s.text for s in composed.plain)
    everything = text + " ".join(said.sentence(s) for s in composed.plain)
    assert question.get("says", "") in everything
    assert not any(s.unknown for s in composed.plain)


@ALL
def test_no_sentence_has_a_figure_of_its_own(question):
    composed = the(question)
    for sentence in composed.plain:
        assert not re.search(r"\d", PLACEHOLDER.sub("", sentence.text)), sentence.text
    only_facts(composed, shown(composed))


@ALL
def test_a_creative_model_adds_no_figure_link_or_action(question):
    composed = the(question)
    wild = Draft(
        sentences=list(CREATIVE), proposals=["a1", "a99", "#close-all", "a1"], confidence="high"
    )
    kept = guard(wild, composed.facts, [p.id for p in composed.proposals])
    allowed = {s for s in HARMLESS if not why_not(s, composed.facts)}
    assert {s.text for s in kept.reading} <= allowed
    assert set(kept.proposals) <= {p.id for p in composed.proposals}
    assert len(kept.proposals) <= 1
    text = shown(composed, reading=kept.reading)
    only_facts(composed, text)
    for word in ("example.com", "@everyone", "#close-all at once", "/buy now"):
        assert word not in text


def only_facts(composed: Composed, text: str) -> None:
    """Every number of a card is one of a fact that was known for this question."""
    words = " ".join(said.words(f) for f in composed.facts.values())
    assert numbers(text) <= numbers(words), numbers(text) - numbers(words)


def numbers(text: str) -> set[str]:
    """The numbers in a text; times that Discord counts are the card's own."""
    return set(re.findall(r"\d[\d,.]*\d|\d", re.sub(r"<t:\d+:R>", " ", text)))


# -- the figures themselves, from the ledger alone -------------------------------------------------


def expected() -> dict[str, Any]:
    """Recomputed from bookings, quotes and lots, by hand."""
    before = [D(r) for r in book.RESULTS_BEFORE.values()]
    today = [D(r) for r in book.RESULTS_TODAY.values()]
    spy = (D("3.16") - D("2.55")) * 2 * 100
    aapl = -(D("187.02") - D("185.20")) * 100
    mes = (D("6320.125") - D("6324.25")) * 2 * 5
    fees = {"spy": D("1.30"), "aapl": D("0.50"), "mes": D("1.24")}
    worth = 2 * 100 * D("3.16") - 100 * D("187.02") + mes
    return {
        "last.realised": sum(before),
        "last.closed": D(3),
        "last.wins": D(2),
        "last.losses": D(1),
        "last.fees": D("0.65") * 3,
        "last.best_pnl": max(before),
        "last.worst_pnl": min(before),
        "day.realised": sum(today),
        "day.fees": D("0.65") * 2,
        "day.wins": D(1),
        "day.best_pnl": max(today),
        "pos.n": D(3),
        "pos.open": spy + aapl + mes,
        "pos.net": spy + aapl + mes - sum(fees.values()),
        "pos.unprotected": D(1),
        "pos.t1.net": spy - fees["spy"],
        "pos.t1.r": (spy - fees["spy"]) / 90,
        "pos.t2.net": mes - fees["mes"],
        "pos.t3.net": aapl - fees["aapl"],
        "pos.t3.to_stop": D("187.20") - D("187.02"),
        "pos.t3.at_stop": -(D("187.20") - D("185.20")) * 100 - fees["aapl"],
        "acct.equity": D(100_000) + sum(before) + sum(today) + worth,
        "risk.t1.used": D(85),
        "alerts.n": D(3),
        "alerts.taken": D(1),
        "alerts.refused": D(1),
        "alerts.waiting": D(1),
        "perf.n": D(5),
        "perf.realised": sum(before) + sum(today),
        "perf.win_rate": D(60),
        "perf.factor": (D("84.70") + D("210.05") + D("120.40")) / (D("40.30") + D("51.30")),
        "perf.win": (D("84.70") + D("210.05") + D("120.40")) / 3,
        "perf.loss": -(D("40.30") + D("51.30")) / 2,
        "perf.streak": D(1),
        "do.n3.way": (D("3.16") - D("2.55")) / (D("3.20") - D("2.55")) * 100,
        "moves.t1.pct": D("0.84"),
    }


def test_every_figure_equals_the_ledger():
    asked = book.asked("what is my performance this month?")
    facts = compose(asked, book.seen(asked)).facts
    wanted = expected()
    wrong = {k: (facts[k].value, v) for k, v in wanted.items() if not near(facts[k].value, v)}
    assert wrong == {}
    assert isinstance(facts["news.n"].value, Missing)
    assert isinstance(facts["pos.at_stops"].value, Missing), "a position without a stop has no end"


def near(value: Any, wanted: Any) -> bool:
    """The same to a hundredth of a cent."""
    return not isinstance(value, Missing) and abs(value - wanted) < D("0.0001")
