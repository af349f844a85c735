"""What could be done now: the recommendations, in order, and what speaks against anything new."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic
from engine.reports._said import Fact, Said, number, under, words

_SHOWN = 5


class Plan(Topic):
    """Recommendations."""

    words = (
        r"\b(what (can|should|could|shall|do|must)|(should|shall|could) i|can be done|do now|"
        r"recommend\w*|advice|advise|"
        r"suggest\w*|actions?|next step|take profits?|cut (my )?loss\w*|improve|rebalance|ideas?|"
        r"opportunit\w+|help|happened|yesterday|plan|todo|to do)\b"
    )
    place = 70
    source = "/what-to-do"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """The sentences' own facts under ids of their own."""
        advice = seen.advice
        yield number("do.n", "recommendations now", advice.n_in_all, "n", self.source)
        for n, row in enumerate(advice.rows, 1):
            yield from under(row.reason, f"do.n{n}").facts
            yield words(f"do.n{n}.why", "the rule behind it", row.rule, self.source)
            yield number(
                f"do.n{n}.stake",
                f"dollars at stake in {row.label}",
                row.at_stake_usd,
                "pnl",
                "/why",
            )
        if advice.risk_note is not None:
            yield from under(advice.risk_note, "do.note").facts

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Nothing of its own: the answer puts the recommendations' sentences here."""
        del asked
        if not facts["do.n"].value:
            yield "Nothing asks for action by the rules of the desk."


def sentences(seen: Seen) -> list[Said]:
    """One sentence per recommendation, as it stands in the context, and the note on risk."""
    rows = [_marked("▸", row.reason, f"do.n{n}") for n, row in enumerate(seen.advice.rows, 1)]
    note = seen.advice.risk_note
    return rows[:_SHOWN] if note is None else [*rows[:_SHOWN], _marked("⚠", note, "do.note")]


def _marked(mark: str, said: Said, prefix: str) -> Said:
    own = under(said, prefix)
    return Said(text=f"{mark} {own.text}", facts=own.facts)
