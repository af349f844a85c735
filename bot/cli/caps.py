"""``tradestream caps``: what each broker can do, as its adapter declares it, in Markdown.

docs/brokers/README.md is this output: ``tradestream caps > docs/brokers/README.md``.
"""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr

HELP = "Print the table of what each broker can do (docs/brokers/README.md)."

_INTRO = """# Brokers

Written by `tradestream caps` from what the adapters declare; a test fails when it is out of date.
What a broker lacks is made up for by the desk (brackets, OCO, trailing, reduce-only are then kept
by the desk itself) or refused in one sentence; it is never sent as something else.
"""
_HOW = """
| Broker | Same id twice | Finds by our id | Told unasked | Preview | Entries/min |
|---|---|---|---|---|---|
"""
_WHAT = (
    *("Broker", "Kind", "Order types", "Time in force", "Legs", "OCO", "Brackets", "Replace"),
    *("Parts of one", "Exit binds units"),
)
_WORDS = """
**Same id twice**: whether the broker itself refuses a client id that was used. **Finds by our id**:
whether an order without an answer can be looked up by our id; if not, by what it is and when it
came. **Told unasked**: by a stream; if not, the desk polls. **OCO** *in pairs*: one target with one
stop, sent together. **Brackets** *once whole*: the exits start when the entry has filled whole.
**Replace** *prices*: another quantity needs a cancel and a new order. **Exit binds units**: a
working exit holds what it would sell, a second one is refused. **Entries/min**: so many new
entries our own lanes let out, within the broker's limit and beside the part that exits keep.
"""

_OFFERED = """
## Changed while the desk runs

`/broker settings` opens a form of these, and `/settings set brokers.<broker>.<key>` does the same:
judged as config.yaml is, asked once, kept as a version, undone by `/settings rollback`. An outside
broker is tried with the new terms first; where it does not let us in, terms and connection stay.

| Broker | Key | What it means |
|---|---|---|
"""
_NEVER = """
Addresses, keys, account numbers and the environment are never typed in Discord: keys go where an
address says, so one that was typed by mistake, or by somebody else in an admin's name, would hand
them to a stranger. They stand in config.yaml and need a restart; new keys need `/broker rotate`.
Nothing beside these: {}.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb: none."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print the page."""
    del args
    print(page(), end="")
    return 0


def page() -> str:
    """The whole page, as it stands in docs/brokers."""
    from engine import registry

    found = {name: _caps(name) for name in registry.names("engine.brokers")}
    how = "".join(_how(name, caps) for name, caps in found.items())
    what = "".join(
        _what(name, kind, caps) for name, of in found.items() for kind, caps in of.by_kind.items()
    )
    head = f"\n{_row(*_WHAT)}{'|---' * len(_WHAT)}|\n"
    may = "".join(_row(name, f"`{key}`", said) for name in found for key, said in _offered(name))
    never = _NEVER.format(", ".join(n for n in found if not list(_offered(n))))
    return _INTRO + _HOW + how + head + what + _WORDS + _OFFERED + may + never


def _offered(name: str) -> Iterable[tuple[str, str]]:
    from bot.config import adapters
    from bot.config.sections import PaperConfig

    kind = adapters.broker_kind(name)
    return adapters.offered(PaperConfig() if kind is None else kind.Settings()).items()


def _caps(name: str) -> Any:
    """As the live side declares it; made, never connected."""
    from bot.config import adapters
    from engine.brokers import Setup
    from engine.clock import SystemClock

    kind = adapters.broker_kind(name)
    if kind is None:
        return _paper()
    setup = Setup(
        name=name,
        clock=SystemClock(),
        accounts={},
        secrets={secret: SecretStr("none") for secret in kind.secrets},
        tokens=_NoTokens(),
    )
    agreed = {"own_machine": True} if "own_machine" in kind.Settings.model_fields else {}
    made: Any = kind(kind.Settings(environment="live", **agreed), setup)
    return made.caps


def _paper() -> Any:
    from engine.brokers.paper import PaperBroker, PaperSettings
    from engine.clock import SystemClock
    from engine.feeds import QuoteBoard

    settings = PaperSettings(start_cash_usd={})
    broker = PaperBroker(
        clock=SystemClock(), board=QuoteBoard(), vault=_NoVault(), settings=settings
    )
    return broker.caps


class _NoTokens:
    async def load(self, name: str) -> str | None:
        del name
        return None

    async def save(self, name: str, text: str) -> None:
        """Nothing is connected, nothing kept."""

    async def append(self, name: str, text: str) -> None:
        """Nothing is connected, nothing kept."""


class _NoVault:
    async def load(self) -> dict[str, str]:
        return {}

    async def save(self, puts: Mapping[str, str | None]) -> None:
        """Nothing is traded, nothing kept."""


def _how(name: str, caps: Any) -> str:
    return _row(
        _linked(name),
        "refused" if caps.dedupes_client_id else "**not refused**",
        _yes(caps.finds_by_client_id),
        _yes(caps.has_stream),
        _yes(caps.has_preview),
        "no limit" if caps.entries_per_min is None else str(caps.entries_per_min),
    )


def _what(name: str, kind: str, caps: Any) -> str:
    replaces = "no" if not caps.has_replace else "yes" if caps.replaces_qty else "prices"
    return _row(
        name,
        kind,
        _words(caps.order_types),
        _words(caps.tifs),
        str(caps.max_legs),
        "yes" if caps.has_oco else "in pairs" if caps.has_oco_pairs else "no",
        "no" if not caps.has_brackets else "once whole" if caps.waits_for_whole else "yes",
        replaces,
        _yes(caps.is_fractional),
        _yes(caps.locks_units),
    )


def _linked(name: str) -> str:
    return "paper ([fill model](../fill-model.md))" if name == "paper" else f"[{name}]({name}.md)"


def _words(members: Iterable[Any]) -> str:
    """In the order in which they are defined, not by chance."""
    of = list(members)
    ordered = [m for m in type(of[0]) if m in of] if of else []
    return ", ".join(str(m.value).replace("_", "-") for m in ordered) or "-"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
