"""The price of a trade: stated, a range, market, or the one number nothing else explains."""

from decimal import Decimal

from engine.parsers._grammar.facts import Facts
from engine.parsers._grammar.numbers import is_decimal_comma, is_european_thousand
from engine.parsers._grammar.verbs import Intent


class Price:
    """What the author paid or got: a price, a range, or market."""

    __slots__ = ("is_market", "range", "value")

    def __init__(self) -> None:
        self.value: Decimal | None = None
        self.range: tuple[Decimal, Decimal] | None = None
        self.is_market = False


def price(facts: Facts, intent: Intent, *, is_premium: bool) -> Price:
    """The price of the trade; doubts ``price`` when it is odd or stated twice.

    In a close the entry price (``from 2.35``, ``in at 2.35``) is only a reference.
    """
    out = Price()
    if intent.family == "update":
        return out
    stated = _stated(facts, intent)
    if facts.has("market", "paidrange", "oddprice"):
        _unusual(facts, out)
    if len(stated) > 1 or (stated and out.is_market):
        facts.doubt("price", "two prices are stated")
    for value in stated[:1]:
        out.value = value
        _zone(facts, value)
    if out.value is None:
        _unworded(facts, out, intent, is_premium)
    if out.value is not None:
        _check_price(facts, out.value, is_premium)
        _total(facts, out.value)
    return out


def _total(facts: Facts, value: Decimal) -> None:
    """``@ 1.12 ($112)``: what one contract costs."""
    for at in facts.at("money"):
        around = [facts.items[k].text for k in (at - 1, at + 1) if 0 <= k < len(facts.items)]
        if around == ["(", ")"] and facts.items[at].value == value * 100:
            facts.take(at)


def _unusual(facts: Facts, out: Price) -> None:
    """At market, a range with a price word, or a price that cannot be read."""
    for at in facts.at("market"):
        out.is_market = True
        facts.take(at)
    for at in facts.at("paidrange"):
        _range(facts, out, at)
    if facts.has("oddprice"):
        facts.doubt("price", f"the price {facts.items[facts.by['oddprice'][0]].text!r} is unclear")


def _unworded(facts: Facts, out: Price, intent: Intent, is_premium: bool) -> None:
    """No price word goes with a number: a way of the price, the one number, or none at all."""
    if intent.family == "close":
        _moved(facts, out)
    is_withdrawn = intent.family == "cancel" and facts.has("opt", "occ", "strikes")
    if out.value is None and out.range is None and not out.is_market and not is_withdrawn:
        _bare_price(facts, out, intent, is_premium)
    if facts.has("ref") and intent.family == "open" and not is_premium:
        _from(facts, out)
    is_told = out.value is not None or out.range is not None or out.is_market
    if facts.has("chart") and not is_told:
        facts.doubt("price", "is that the price, or a level of the chart?")


_HELD = frozenset(
    ("im", "i", "am", "we", "weare", "are", "still", "is", "my", "our", "have", "was")
)
"""Who says one of these tells how he stands."""


def _from(facts: Facts, out: Price) -> None:
    """``Shorted ES from 6838 stop 6846`` is an entry; ``ES short from 6838`` may be held."""
    found = facts.at("ref")
    if len(found) != 1 or out.value is not None or out.range is not None or out.is_market:
        return
    if not isinstance(facts.items[found[0]].value, Decimal):  # from 8/15: a day
        return
    is_held = any(item.text in _HELD for item in facts.items)
    is_held = is_held or {facts.text(at) for at in facts.by.get("verb", ())} <= {"long", "short"}
    if facts.has("stop", "target", "under") and not facts.has("tag") and not is_held:
        out.value = facts.take(found[0]).value
        facts.doubts.pop("price", None)


def _stated(facts: Facts, intent: Intent) -> list[Decimal]:
    """Different prices that carry a price word, references left out."""
    plain: list[Decimal] = []
    entry: list[Decimal] = []
    for at in facts.at("paid"):
        flavour, value = facts.take(at).value
        was_paid = intent.family == "close" and facts.items[at].text.startswith("paid ")
        (entry if flavour == "entry" or was_paid else plain).append(value)
    is_other = plain or facts.at("num", "money")
    if intent.family == "close" and entry and not plain:
        _check_entry(facts, intent)
    if intent.family in ("close", "update") or (intent.is_add and is_other):
        entry = []
    return list(dict.fromkeys(plain + entry))


def _check_entry(facts: Facts, intent: Intent) -> None:
    """An exit with no price but that of an entry."""
    texts = [facts.text(at) for at in facts.by["paid"]]
    if any(text.endswith((" avg", " average")) for text in texts):
        facts.doubt("price", "is that the average of the exit?")
    if intent.is_sell and any(text.startswith("entry") for text in texts):
        facts.doubt("action", "does it sell to open, or close what was entered there?")


def _moved(facts: Facts, out: Price) -> None:
    """``STC ... 1.00 -> 1.50``: from the entry to the exit."""
    moved = facts.at("moved")
    if len(moved) == 1 and not facts.at("num"):
        out.value = facts.take(moved[0]).value[1]


def _zone(facts: Facts, value: Decimal) -> None:
    """``5790-5792 zone filled 5791``: the zone only says where the price came from."""
    for at in facts.at("range"):
        low, high = sorted(facts.items[at].value)
        if low <= value <= high <= low * Decimal("1.05"):
            facts.take(at)


def _range(facts: Facts, out: Price, at: int) -> None:
    _, (low, high) = "", facts.take(at).value
    if out.range is not None or out.value is not None:
        facts.doubt("price", "two prices are stated")
    if low > high:
        low, high = high, low
    if high > low * 2 or low <= 0:
        facts.doubt("price", f"{low}-{high} is a wide range")
    out.range = (low, high)


def _bare_price(facts: Facts, out: Price, intent: Intent, is_premium: bool) -> None:
    """A number without a price word: the only one left, behind the verb or contract."""
    ranges = facts.at("range")
    left = facts.at("num", "money")
    if len(ranges) == 1 and not left:
        first, _, second = facts.items[ranges[0]].text.partition("-")
        if is_premium and intent.family == "close" and first.isdigit() and not second.isdigit():
            facts.doubt("price", f"{first} may be a count")
        _range(facts, out, ranges[0])
        if intent.family == "open" and any("zone" in item.text for item in facts.items):
            facts.doubt("price", "is that the price, or a zone to wait for?")
        return
    if len(left) != 1:
        if len(left) > 1:
            facts.doubt("price", "several numbers could be the price")
        return
    item = facts.take(left[0])
    out.value = item.value
    if intent.family == "open" and facts.text(left[0] - 1 if left[0] else None).endswith("to"):
        facts.doubt("price", f"is {item.text} the price, or where it should go?")
    if left[0] and facts.items[left[0] - 1].text in ("<", ">", "<=", ">="):
        facts.doubt("price", f"{facts.items[left[0] - 1].text}{item.text} is a limit, not a price")
    is_count = is_premium and item.kind == "num" and "." not in item.text and "," not in item.text
    is_told = intent.family == "close" and facts.kind(facts.before(left[0])) == "verb"
    last = facts.items[left[0] - 1].text if left[0] else ""
    is_told = is_told or last in ("of", "my", "of my", "of the")
    named = [at for kind in ("opt", "occ", "strikes") for at in facts.by.get(kind, ())]
    if is_count and (is_told or (named and left[0] < min(named))):
        facts.doubt("price", f"{item.text} may be a price or a count")


def _check_price(facts: Facts, value: Decimal, is_premium: bool) -> None:
    if value <= 0:
        facts.doubt("price", "the price is zero")
    for item in facts.items:
        if item.kind in _PRICE_KINDS:
            text = item.text.split()[-1].lstrip("$@")
            if is_premium and is_european_thousand(text):
                facts.doubt("price", "the price may have a thousands point")
            elif not is_premium and is_decimal_comma(text):
                facts.doubt("price", "the comma of the price is unclear")


_PRICE_KINDS = frozenset(("paid", "num", "money"))
