"""The desk's figures in Prometheus' text form: the process's own, and whether the desk trades."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.app import App

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_YES_NO = {
    "ready": "Nothing is wrong but a difference in cash at most",
    "trading_ready": "Positions are protected and the books agree",
    "entries": "New entries are possible",
    "discord": "The line to Discord is up",
    "halted": "The desk is halted",
}
_COUNTS = {
    "open_trades": "Trades that hold something or are being entered",
    "pending_approvals": "Entries that wait for a person",
}
_VITALS = {
    "memory": ("memory_bytes", 1e6, "Resident memory of the process"),
    "processor": ("processor_ratio", 0.01, "Share of one core"),
    "loop lag": ("loop_lag_seconds", 0.001, "Worst lateness of the loop since the look before"),
    "books": ("store_read_seconds", 0.001, "One read of the books"),
    "reply p95": ("reply_p95_seconds", 0.001, "95 of 100 newest replies were quicker"),
}
_PROVIDERS = {
    "n_calls": ("provider_calls_total", "counter", "Calls since the start", 1.0),
    "n_limited": ("provider_limited_total", "counter", "Calls answered by 429", 1.0),
    "n_failed": ("provider_failed_total", "counter", "Calls without an answer", 1.0),
    "remaining": ("provider_calls_left", "gauge", "Calls left, as its last answer said", 1.0),
    "p95_ms": ("provider_p95_seconds", "gauge", "95 of 100 newest answers were quicker", 0.001),
}


def page(app: "App", facts: Mapping[str, object]) -> str:
    """One page; a figure that is not known is left out, never 0.

    ``facts``: as /health says them.
    """
    return "\n".join(_lines(app, facts)) + "\n"


def _lines(app: "App", facts: Mapping[str, object]) -> Iterator[str]:
    labels = {"version": version("tradestream"), "mode": str(facts["mode"])}
    yield from _family("info", "gauge", "What runs", [(labels, 1)])
    up_s = (app.clock.now() - app.started_at).total_seconds()
    yield from _family("up_seconds", "gauge", "Since the start", [({}, up_s)])
    for name, says in _YES_NO.items():
        yield from _family(name, "gauge", says, [({}, int(bool(facts[name])))])
    for name, says in _COUNTS.items():
        yield from _family(name, "gauge", says, [({}, int(str(facts[name])))])
    n_ill = len(app.desk.health)
    yield from _family("problems", "gauge", "Parts that are not well", [({}, n_ill)])
    for vital in app.vitals.report().vitals:
        if vital.name in _VITALS:
            name, factor, says = _VITALS[vital.name]
            yield from _family(name, "gauge", says, [({}, vital.now * factor)])
    apis = app.outside.apis()
    for field, (name, kind, says, factor) in _PROVIDERS.items():
        known = [(a.provider, getattr(a, field)) for a in apis]
        rows = [({"provider": who}, value * factor) for who, value in known if value is not None]
        yield from _family(name, kind, says, rows)


def _family(
    name: str, kind: str, says: str, rows: list[tuple[dict[str, str], float]]
) -> Iterator[str]:
    if not rows:
        return
    yield f"# HELP tradestream_{name} {says}"
    yield f"# TYPE tradestream_{name} {kind}"
    for labels, value in rows:
        shown = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels.items())
        yield f"tradestream_{name}{f'{{{shown}}}' if shown else ''} {value:.10g}"


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
