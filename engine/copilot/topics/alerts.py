"""The day's alerts: how many came, what became of them, and why some were refused."""

from collections.abc import Iterable, Iterator

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.domain.words import ALERT
from engine.reports._said import Fact, foreign, number, words
from engine.reports.day import DayReport

_KNOWN = 12
_SHOWN = 6
_REASONS = 4


class Alerts(Topic):
    """Alerts and their verdicts."""

    words = (
        r"\b(alerts?|signals?|rooms?|authors?|rejected|refused|denied|skipped|ignored|missed|"
        r"not taken|why (was|were|did|didn)|callouts?|calls?)\b"
    )
    place = 25
    mark = "📣"
    source = "/alerts list"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Counts of both days, reasons of refusal, and today's alerts one by one."""
        yield from _counts("alerts", "today", seen.today)
        yield from _counts("last_alerts", "the last trading day", seen.yesterday)
        if seen.then is not None:
            yield from _counts("then_alerts", "the days asked for", seen.then)
        for n, row in enumerate(seen.today.alerts[:_KNOWN], 1):
            key, source = f"alerts.t{n}", self.source
            name = row.read_as or "not a trade"
            yield words(f"{key}.name", "how an alert was read", name, source)
            yield words(f"{key}.state", "its verdict", ALERT[row.state], source)
            yield words(f"{key}.reason", "why", row.reason or "no reason noted", source)
            yield foreign(f"{key}.text", "an alert as written", row.text, source)
            yield foreign(f"{key}.author", "who wrote it", row.author_name, source)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Counts, reasons, then the newest ones."""
        is_before = asked.span == "yesterday" or asked.days is not None
        key, when = ("last_alerts", "that day") if is_before else ("alerts", "today")
        if asked.days is not None and "then_alerts.n" in facts:
            key, when = "then_alerts", "then"
        yield (
            f"Alerts {when}: {{{key}.n}}; taken {{{key}.taken}}, refused {{{key}.refused}}, "
            f"waiting or withdrawn {{{key}.waiting}}."
        )
        reasons = [f"{{{r}.name}} ({{{r}.n}})" for r in several(facts, f"{key}.why")]
        if reasons:
            yield "Refused because: " + " · ".join(reasons) + "."
        if "alerts" in asked.topics and not is_before:
            for row in several(facts, "alerts.t")[:_SHOWN]:
                yield f"{{{row}.name}}: {{{row}.state}}, {{{row}.reason}}."


def _counts(key: str, name: str, day: DayReport) -> Iterator[Fact]:
    source = Alerts.source
    yield number(f"{key}.n", f"alerts of {name}", day.n_alerts, "n", source)
    yield number(f"{key}.taken", f"of them taken, {name}", day.n_taken, "n", source)
    yield number(f"{key}.refused", f"of them refused, {name}", day.n_refused, "n", source)
    yield number(f"{key}.waiting", f"of them waiting, {name}", day.n_waiting, "n", source)
    for n, (reason, count) in enumerate(day.refusals[:_REASONS], 1):
        yield words(f"{key}.why{n}.name", "a reason of refusal", reason, source)
        yield number(f"{key}.why{n}.n", "how often", count, "n", source)
