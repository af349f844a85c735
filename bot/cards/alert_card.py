"""An alert's story: what was said, how far it came, why it stands where it stands."""

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line, signed, tone_of
from engine.domain.desk import AlertState
from engine.reports import Missing
from engine.reports.alert_card import AlertCard, Leaning, Step, StepState

VERDICTS: dict[AlertState, tuple[str, Tone]] = {
    AlertState.RECEIVED: ("received", Tone.WAIT),
    AlertState.PARSED: ("read, not traded", Tone.QUIET),
    AlertState.REJECTED: ("not traded", Tone.QUIET),
    AlertState.HELD: ("waits for a person", Tone.WAIT),
    AlertState.RISK_REJECTED: ("refused by risk", Tone.BAD),
    AlertState.ROUTED: ("order on its way", Tone.INFO),
    AlertState.ORDERED: ("order working", Tone.INFO),
    AlertState.PARTIAL: ("partly filled", Tone.INFO),
    AlertState.FILLED: ("filled", Tone.GOOD),
    AlertState.MANAGED: ("position managed", Tone.GOOD),
    AlertState.CLOSED: ("closed", Tone.QUIET),
    AlertState.WITHDRAWN: ("withdrawn", Tone.QUIET),
    AlertState.ERROR: ("needs a look", Tone.BAD),
}
_MARK = {
    StepState.DONE: "✓",
    StepState.NOW: "▸",
    StepState.FAILED: "✗",
    StepState.SKIPPED: "–",
    StepState.AHEAD: "·",
}


def show(report: AlertCard) -> discord.Embed:
    """The card of one alert; edited in place as it advances."""
    shown = report.leanings[:5]
    more = len(report.leanings) - len(shown)
    return card(
        tone=_tone(report),
        title=title(report),
        stamp=report.stamp,
        lines=[
            one_line("Why", text.safe_line(report.reason, 400)),
            _head(report),
            text.quoted(report.raw_text, 700),
            *(_leaning(leaning) for leaning in shown),
            f"and {more} more trades" if more else "",
            "\n".join(_step(step) for step in report.steps),
        ],
    )


def title(report: AlertCard) -> str:
    """``SPY · filled``; a closed one says what it made."""
    word, _ = VERDICTS[report.state]
    symbol = text.safe_line(report.symbol, 40) or "Alert"
    if report.state is AlertState.CLOSED and not isinstance(report.realised_usd, Missing):
        in_r = "" if isinstance(report.r_realised, Missing) else f" ({text.r(report.r_realised)})"
        return f"{symbol} · closed {signed(report.realised_usd)}{in_r}"
    return f"{symbol} · {word}"


def _tone(report: AlertCard) -> Tone:
    if report.state is AlertState.CLOSED:
        return tone_of(report.realised_usd)
    return VERDICTS[report.state][1]


def _head(report: AlertCard) -> str:
    who = text.safe_line(report.author_name, 60) or "unknown author"
    parts = [f"**{who}** in {text.safe_line(report.source, 60)}", text.ago(report.posted_at)]
    if report.n_edits:
        parts.append(f"edited {report.n_edits}×")
    if report.is_caught_up:
        parts.append("read after a gap")
    return " · ".join(parts)


def _leaning(leaning: Leaning) -> str:
    """One trade: the order in words, then alerted → achievable → filled."""
    of = leaning.price_of
    prices = (
        ("alerted", leaning.alerted),
        ("achievable", leaning.achievable),
        ("limit", leaning.limit),
        ("filled", leaning.filled),
    )
    steps = [f"{word} {text.price(p, of)}" for word, p in prices if not isinstance(p, Missing)]
    lines = [f"**{text.safe_line(leaning.words, 160)}**", " → ".join(steps)]
    if not isinstance(leaning.worse_usd, Missing) and leaning.worse_usd != 0:
        word = "worse" if leaning.worse_usd > 0 else "better"
        away = text.usd(abs(leaning.worse_usd))
        by = ""
        if not isinstance(leaning.worse_pct, Missing):
            by = f" ({text.pct(abs(leaning.worse_pct), sign=False)})"
        lines.append(f"-# achievable was {away}{by} {word} than alerted")
    return "\n".join(line for line in lines if line)


def _step(step: Step) -> str:
    name = f"{_MARK[step.state]} {step.name}"
    if step.state is StepState.NOW:
        name = f"**{name}**"
    words = _step_text(step)
    when = f" {text.clock_time(step.at)}" if step.at is not None else ""
    return f"{name}{when}{f' · {words}' if words else ''}"


def _step_text(step: Step) -> str:
    """Steps hold one mention of ours (who decided); everything else in them may be foreign."""
    head, mark, tail = step.text.rpartition(" by <@")
    if mark and tail.endswith(">") and tail[:-1].isdigit():
        return f"{text.safe_line(head, 200)}{mark}{tail}"
    return text.safe_line(step.text, 240)
