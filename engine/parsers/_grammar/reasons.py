"""Why somebody trades: ``because the gap held`` behind an order changes nothing of it."""

from engine.parsers._grammar.items import Item

_LEADS = frozenset(("because", "bc", "cuz", "coz", "cause", "weil"))
_PAIRS = {"since": frozenset(("we", "i", "it", "the", "they", "price", "its", "this", "im")),
          "so": frozenset(("that", "we", "i"))}  # fmt: skip
_SHORT = frozenset(("BC", "CUZ", "COZ"))
"""Unknown short words are kept in capitals, as a ticker may be one."""
_TRIGGERS = _LEADS | _SHORT | _PAIRS.keys()
_ORDER = frozenset(("opt", "occ", "strikes", "paid", "paidrange", "num", "money", "range", "root",
                    "market"))  # fmt: skip
_PLAIN = frozenset(("fill", "note", "word", "cue", "emoji"))
_HARMLESS = frozenset(("recap", "status", "praise", "news", "cond", "plan", "watch", "neg", "life"))


def mute(items: list[Item]) -> list[Item]:
    """The items with every reason behind an order as one remark.

    A reason that names a number, a contract, another trade, a test or a question stays as it is.
    """
    leads = [at for at, item in enumerate(items) if item.text in _TRIGGERS and _leads(items, at)]
    for at in reversed(leads):
        end = _end(items, at)
        is_aim = end > at + 1 and items[at + 1].text == "that"
        told = [one for one in items[at:end] if not (is_aim and one.kind == "verb")]
        if end > at + 1 and _is_led(items, at) and all(map(_is_plain, told)):
            lead = items[at]
            remark = Item("note", None, lead.text, lead.sent, lead.clause)
            items = [*items[:at], remark, *items[end:]]
    return items


def _leads(items: list[Item], at: int) -> bool:
    text = items[at].text
    if text in _SHORT:
        return items[at].kind == "sym" and items[at].value == 0
    if items[at].kind not in _PLAIN or text in _LEADS:
        return text in _LEADS
    after = items[at + 1] if at + 1 < len(items) else None
    return after is not None and after.text in _PAIRS[text]


def _end(items: list[Item], at: int) -> int:
    """Where the reason ends: its clause goes on to a comma, the end of the sentence or line."""
    sent = items[at].sent
    for end in range(at + 1, len(items)):
        item = items[end]
        if item.sent != sent or item.kind in ("punct", "stopmark", "line", "para"):
            return end
    return len(items)


def _is_led(items: list[Item], at: int) -> bool:
    """A verb, and a contract or price, stand before it in the same sentence."""
    before = {item.kind for item in items[:at] if item.sent == items[at].sent}
    return "verb" in before and not before.isdisjoint(_ORDER)


def _is_plain(item: Item) -> bool:
    if item.kind == "cue":
        return item.value in _HARMLESS
    return item.kind in _PLAIN or (item.kind == "sym" and item.value == 0 and not item.is_upper)
