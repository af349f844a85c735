"""Filling the slots that every kind of trade has: symbol, price, amount, levels, size."""

from decimal import Decimal
from typing import cast

from engine.domain.alert import Level, SizeClass
from engine.parsers._grammar.facts import Facts, as_share, is_fraction, is_whole
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.numbers import is_decimal_comma, is_european_thousand
from engine.parsers._grammar.verbs import Intent

MAX_QTY = {"option": 500, "spread": 500, "future": 100, "stock": 100_000}
"""Stated sizes above these are taken for a slip: a person confirms them."""

COIN_PRICE = 1000
"""``BTC`` at such a price, with no contract beside it, is the coin."""

_COMPANY = frozenset(
    ("APPLE", "TESLA", "GOOGL E", "FORD", "INTEL", "VISA", "NIKE", "CHASE", "DELTA", "NVIDI", "GOLD",
     "OIL", "SPOOS", "SPOO", "GOOGLE", "DISNEY", "NASDAQ", "AMAZON", "NVIDIA", "BOEING", "SILVER")
)  # fmt: skip
"""Names people write for a ticker; which ticker is for a person to say."""
_ROOT = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX", "XSPW": "XSP"}


def root_of(symbol: str) -> str:
    """``SPXW`` is ``SPX`` here: the weekly root of the same index."""
    return _ROOT.get(symbol, symbol)


# --- symbol -------------------------------------------------------------------------------------

_BETWEEN = frozenset(
    ("fill", "note", "punct", "emoji", "slash", "date", "when", "ndte", "right", "num", "money",
     "size", "spread", "part", "line", "qty", "price", "list", "month", "monthyear")
)  # fmt: skip


def symbol(facts: Facts, anchor: int | None, *, is_reply: bool = False) -> str:
    """The underlying: a cash tag, a labelled ticker, or the capitals beside the contract.

    ``anchor`` is the position of the contract (options) or price (others); None when unknown.
    In a reply only a certain symbol counts; without one the alert answered is meant.
    Doubts ``symbol`` when two are named or only an everyday word could be meant.
    """
    found = facts.at("sym")
    best = max((facts.items[at].value for at in found), default=-1)
    if best < 2 and is_reply:
        return ""
    if best < 2:
        return _weak_symbol(facts, found, anchor)
    strong = [at for at in found if facts.items[at].value >= 2]
    names = {root_of(facts.items[at].text.strip("/")) for at in strong}
    if len(names) > 1:
        strong = _nearest(facts, strong, anchor)
        names = {root_of(facts.items[at].text.strip("/")) for at in strong}
    if len(names) != 1:
        facts.doubt("symbol", "more than one symbol is named")
        return ""
    name = names.pop()
    for at in facts.at("sym"):
        if root_of(facts.items[at].text) == name:
            facts.take(at)
    return _checked(facts, name)


def _checked(facts: Facts, name: str) -> str:
    if name in _COMPANY:
        facts.doubt("symbol", f"{name} is a name, not a ticker")
    return name


def _nearest(facts: Facts, found: list[int], anchor: int | None) -> list[int]:
    """Of several symbols the one written against the contract; cash tags go first."""
    tagged = [at for at in found if facts.items[at].value >= 3]
    if len(tagged) == 1:
        return tagged
    if anchor is None:
        return found
    joined = [at for at in found if _is_joined(facts, at, anchor)]
    return joined if len(joined) == 1 else found


def _is_joined(facts: Facts, at: int, anchor: int) -> bool:
    low, high = min(at, anchor), max(at, anchor)
    return all(facts.items[k].kind in _BETWEEN for k in range(low + 1, high))


def _weak_symbol(facts: Facts, found: list[int], anchor: int | None) -> str:
    """Small letters, everyday words in capitals and single letters need the right place."""
    joined = [at for at in _slot(facts, anchor) if _stands_alone(facts, at, anchor)]
    if len(joined) == 1:
        item = facts.take(joined[0])
        return _checked(facts, root_of(item.text.upper()))
    if joined or found:
        facts.doubt("symbol", "it is not certain which word is the symbol")
        return ""
    word = _word_as_symbol(facts, anchor)
    if not word:
        facts.doubt("symbol", "no symbol is named")
    return word


_LEADS = frozenset(
    ("verb", "num", "qty", "part", "share", "pct", "size", "slash", "date", "punct", "emoji", "line",
     "para", "when", "note", "opt", "entryword", "paid")
)  # fmt: skip


def _stands_alone(facts: Facts, at: int, anchor: int | None) -> bool:
    """A weak symbol touches the contract, and no capitals that mean nothing stand before it."""
    if anchor is None:
        return False
    between = facts.items[min(at, anchor) + 1 : max(at, anchor)]
    if any(item.kind in ("fill", "note", "month") and item.text for item in between):
        return False
    before = facts.items[at - 1] if at else None
    if before is None or before.kind in _LEADS:
        return True
    return before.kind == "fill" and (not before.is_upper or before.text in ("of", "in", "my"))


def _slot(facts: Facts, anchor: int | None) -> list[int]:
    if anchor is None:
        return []
    return [at for at in facts.at("sym", "letter") if _is_joined(facts, at, anchor)]


def _word_as_symbol(facts: Facts, anchor: int | None) -> str:
    """``BTO NOW 950C``: a known word in capitals, alone between verb and contract."""
    if anchor is None:
        return ""
    for at in range(anchor - 1, -1, -1):
        item = facts.items[at]
        if item.kind in ("slash", "date", "when", "ndte", "money", "num", "right"):
            continue
        before = facts.items[at - 1] if at else None
        is_slot = before is not None and before.kind in (
            "verb", "num", "qty", "part", "share", "pct"
        )  # fmt: skip
        is_slot = is_slot or (before is not None and before.text in ("of", "my", "of my"))
        shouts = sum(one.is_upper for one in facts.items if one.kind in ("fill", "note", "part"))
        if item.is_upper and is_slot and len(item.text) <= 5 and shouts <= 1:
            if item.kind in _TICKER_KINDS:
                return _as_symbol(facts, at, item)
        return ""
    return ""


_TICKER_KINDS = frozenset(
    ("fill", "note", "cue", "part", "size", "verb", "barelevel", "paid", "month", "keep")
)


def _as_symbol(facts: Facts, at: int, item: Item) -> str:
    if item.kind == "part" and _closes(facts):
        facts.doubt("symbol", f"{item.text.upper()} may be a symbol or an amount")
        return ""
    facts.take(at)
    item.kind = "sym"
    return item.text.upper()


# --- price --------------------------------------------------------------------------------------


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
    if facts.at("market"):
        out.is_market = True
        for at in facts.at("market"):
            facts.take(at)
    for at in facts.at("paidrange"):
        _range(facts, out, at)
    if facts.has("oddprice"):
        facts.doubt("price", f"the price {facts.items[facts.by['oddprice'][0]].text!r} is unclear")
    if len(stated) > 1 or (stated and out.is_market):
        facts.doubt("price", "two prices are stated")
    for value in stated[:1]:
        out.value = value
        _zone(facts, value)
    is_withdrawn = intent.family == "cancel" and facts.has("opt", "occ", "strikes")
    if out.value is None and out.range is None and not out.is_market and not is_withdrawn:
        _bare_price(facts, out, intent, is_premium)
    if out.value is not None:
        _check_price(facts, out, is_premium)
    return out


def _stated(facts: Facts, intent: Intent) -> list[Decimal]:
    """Different prices that carry a price word, references left out."""
    plain: list[Decimal] = []
    entry: list[Decimal] = []
    for at in facts.at("paid"):
        flavour, value = facts.take(at).value
        (entry if flavour == "entry" else plain).append(value)
    is_other = plain or facts.at("num", "money")
    if intent.family in ("close", "update") or (intent.is_add and is_other):
        entry = []
    found = list(dict.fromkeys(plain + entry))
    return found


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
        _range(facts, out, ranges[0])
        return
    if len(left) != 1:
        if len(left) > 1:
            facts.doubt("price", "several numbers could be the price")
        return
    item = facts.take(left[0])
    out.value = item.value
    is_count = is_premium and item.kind == "num" and "." not in item.text and "," not in item.text
    if is_count and intent.family == "close" and facts.kind(facts.before(left[0])) == "verb":
        facts.doubt("price", f"{item.text} may be a price or a count")


def _check_price(facts: Facts, out: Price, is_premium: bool) -> None:
    value = out.value
    if value is None:
        return
    if value <= 0:
        facts.doubt("price", "the price is zero")
    texts = [
        item.text.split()[-1].lstrip("$@") for item in facts.items if item.kind in _PRICE_KINDS
    ]
    if is_premium and any(is_european_thousand(text) for text in texts):
        facts.doubt("price", "the price may have a thousands point")
    if not is_premium and any(is_decimal_comma(text) for text in texts):
        facts.doubt("price", "the comma of the price is unclear")


_PRICE_KINDS = frozenset(("paid", "num", "money"))


# --- amount -------------------------------------------------------------------------------------


class Amount:
    """How much: a count, a share of the position, or a partial of unknown size."""

    __slots__ = ("fraction", "is_partial", "quantity")

    def __init__(self) -> None:
        self.quantity: Decimal | None = None
        self.fraction: Decimal | None = None
        self.is_partial = False


def quantity(facts: Facts, intent: Intent, anchor: int | None, *, kind: str) -> Decimal | None:
    """The stated count: ``5x``, ``3 contracts``, or the number right behind the verb.

    ``anchor``: position of the symbol or contract; a bare number counts only before it.
    """
    found = [facts.take(at) for at in facts.at("qty")]
    values = {item.value for item in found}
    if intent.family != "close" and any(" of " in item.text for item in found):
        facts.doubt("quantity", "a part of a position cannot be bought")
    slot = _slot_quantity(facts, anchor)
    if slot is not None:
        values.add(facts.take(slot).value)
    if len(values) > 1:
        facts.doubt("quantity", "two quantities are stated")
        return None
    if not values:
        return None
    value = cast("Decimal", values.pop())
    if not is_whole(value):
        facts.doubt("quantity", f"{value} is no whole number")
    elif value > MAX_QTY[kind]:
        facts.doubt("quantity", f"the quantity {value} is too large to be meant")
    return value


def _slot_quantity(facts: Facts, anchor: int | None) -> int | None:
    for at in facts.at("num", "gain"):
        item = facts.items[at]
        is_tos = item.kind == "gain" and item.text.lstrip("+-").isdigit()
        if item.kind == "gain" and not is_tos:
            continue
        last = facts.before(at)
        if last is None or facts.kind(last) not in _COUNT_LEADS or not is_whole(item.value):
            continue
        if anchor is not None and (at < anchor or _is_alone_behind_code(facts, at, last)):
            return at
        if anchor is None and _is_followed_by_amount_word(facts, at):
            return at
    return None


_COUNT_LEADS = ("verb", "size", "part")


def _is_alone_behind_code(facts: Facts, at: int, verb: int) -> bool:
    """``... @ 1.60 credit, STO 2``: a count behind an order word at the end."""
    is_code = str(facts.items[verb].value).endswith("!")
    return is_code and facts.after(at) is None and facts.has("paid")


def _is_followed_by_amount_word(facts: Facts, at: int) -> bool:
    """Without a contract behind it: ``trim 1 @ 1.45``, ``taking 2 off``, ``2 more @ 2.40``."""
    if facts.kind(facts.after(at)) in ("paid", "paidrange", "market"):
        return True
    nearest = facts.items[at + 1] if at + 1 < len(facts.items) else None
    return nearest is not None and nearest.text in ("more", "off", "of")


_SHARES = {
    "all": Decimal(1), "rest": Decimal(1), "runner": Decimal(1), "half": Decimal("0.5"),
    "third": Decimal("0.33"), "quarter": Decimal("0.25"), "twothirds": Decimal("0.67"),
    "threequarters": Decimal("0.75"),
}  # fmt: skip


def amount(facts: Facts, intent: Intent, count: Decimal | None) -> Amount:
    """How much of the position is closed; a close without amount words means all of it."""
    out = Amount()
    out.quantity = count
    shares, is_some = _shares(facts)
    if count is not None:
        if "pct" in facts.by and shares:
            facts.doubt("quantity", "a count and a share are stated")
        return out
    if len(shares) > 1:
        facts.doubt("fraction", "two shares of the position are stated")
    elif shares:
        out.fraction = shares.pop()
    elif is_some or intent.is_trim:
        out.is_partial = True
    else:
        out.fraction = Decimal(1)
    if out.fraction is not None and not 0 < out.fraction <= 1:
        facts.doubt("fraction", f"{out.fraction:%} of a position is impossible")
    return out


def _shares(facts: Facts) -> tuple[set[Decimal], bool]:
    shares: set[Decimal] = set()
    is_some = False
    for at in facts.at("part"):
        code = str(facts.take(at).value)
        is_some = is_some or code == "some"
        if code in _SHARES:
            shares.add(_SHARES[code])
    for at in facts.at("slash"):
        if is_fraction(facts.items[at].value):
            shares.add(as_share(facts.take(at).value))
    for at in facts.at("share"):
        shares.add(facts.take(at).value)
    for at in facts.at("pct"):
        if _is_share(facts, at):
            shares.add(facts.take(at).value / 100)
        else:
            facts.doubt("fraction", f"{facts.items[at].text} may be a share or a result")
    return shares, is_some


def _is_share(facts: Facts, at: int) -> bool:
    """``sold 50%``, ``33% of``, ``25% off`` are shares; a bare ``50%`` behind a price is not."""
    nearest = facts.items[at + 1] if at + 1 < len(facts.items) else None
    if nearest is not None and nearest.text in ("of", "off", "position", "of my"):
        return True
    return facts.kind(facts.before(at)) == "verb"


# --- levels and size ----------------------------------------------------------------------------


class Levels:
    """Stops and targets as written."""

    __slots__ = ("stop", "targets", "trail", "under")

    def __init__(self) -> None:
        self.stop: Level | None = None
        self.targets: tuple[Level, ...] = ()
        self.under: Decimal | None = None
        self.trail: str | None = None


def levels(facts: Facts, *, own: str, is_derivative: bool) -> Levels:
    """Collect stops, targets and trail; ``own`` is the traded symbol."""
    out = Levels()
    for at in facts.at("stop"):
        _add_stop(facts, out, facts.take(at).value)
    for at in facts.at("under"):
        value, name = facts.take(at).value
        _add_under(facts, out, value, name, own if not is_derivative else "")
        if own and name and root_of(name) != root_of(own):
            facts.doubt("stop", f"the stop names {name}, the trade {own}")
    for at in facts.at("target"):
        out.targets += facts.take(at).value
    for at in facts.at("trail"):
        if out.trail is not None:
            facts.doubt("trail", "two trailing amounts are stated")
        out.trail = facts.take(at).value
    for at in facts.at("oddlevel"):
        facts.doubt(str(facts.take(at).value), "a level is spelled unclearly")
    return out


def _add_stop(facts: Facts, out: Levels, level: Level) -> None:
    if out.stop is not None and out.stop != level:
        facts.doubt("stop", "two stops are stated")
    out.stop = level


def _add_under(facts: Facts, out: Levels, value: Decimal, name: str, own: str) -> None:
    """A level of the underlying; for stocks and futures that is the price itself."""
    if own and root_of(name) in ("", own):
        _add_stop(facts, out, Level(kind="price", value=value))
        return
    if not name:
        facts.doubt("stop", "it is not said whether the stop is on the option or on the stock")
    if out.under is not None:
        facts.doubt("stop", "two stops are stated")
    out.under = value


def size_class(facts: Facts) -> SizeClass | None:
    """``lotto``, ``small``, ``half``, ``full``; a size without a class of ours is doubted."""
    found = {str(facts.take(at).value) for at in facts.at("size")}
    found |= _half_size(facts)
    if "odd" in found:
        facts.doubt("size_class", "the size is stated in words we have no class for")
        found.discard("odd")
    if found == {"lotto", "small"}:
        found = {"lotto"}
    if len(found) > 1:
        facts.doubt("size_class", "two sizes are stated")
    return cast("SizeClass", found.pop()) if len(found) == 1 else None


def _half_size(facts: Facts) -> set[str]:
    """``1/2 size``: half of the usual size, not half of a position."""
    for at in facts.at("slash", "pct"):
        nearest = facts.items[at + 1] if at + 1 < len(facts.items) else None
        if nearest is None or nearest.text not in ("size", "position", "sized", "position size"):
            continue
        if facts.has("opt", "occ") or facts.has("paid"):
            item = facts.items[at]
            if item.value in ((1, 2), Decimal(50)) and not _closes(facts):
                facts.take(at)
                return {"half"}
    return set()


def _closes(facts: Facts) -> bool:
    return any(code in ("sell", "stc!", "trim", "close", "out") for code in facts.values("verb"))
