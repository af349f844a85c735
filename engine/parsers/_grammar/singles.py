"""One of several: ``one out``, ``sold another``, ``next one gone`` close a piece, not the whole."""

from engine.parsers._grammar.facts import Facts

_ONE = frozenset(
    ("one", "another", "another one", "a contract", "one more", "next one", "first one", "a con",
     "second one", "third one", "each", "next", "a share", "1 more", "first trade", "one and done")
)  # fmt: skip
_BETWEEN = frozenset(("of", "here", "now", "just", "more", "one", "another", "first", "second",
                      "third", "next", ",", "off", "the"))  # fmt: skip
_CLOSES = frozenset(("sell", "stc!", "btc!", "cover", "close", "out", "trim"))


def is_single(facts: Facts) -> bool:
    """Whether a word for one stands beside the verb that closes."""
    for at, item in enumerate(facts.items):
        if item.kind in ("fill", "note") and item.text in _ONE and _is_beside(facts, at):
            return True
    return False


def _is_beside(facts: Facts, at: int) -> bool:
    return any(_verb(facts, at, step) for step in (-1, 1))


def _verb(facts: Facts, at: int, step: int) -> bool:
    """The nearest item that way, small words left out, is a verb that closes."""
    items, k = facts.items, at + step
    while 0 <= k < len(items) and items[k].text in _BETWEEN:
        k += step
    return 0 <= k < len(items) and items[k].kind == "verb" and items[k].value in _CLOSES
