"""Which word is the ticker: tags and labels first, then capitals beside the contract."""

from engine.parsers._grammar.english import NAMESAKES, TICKER_WORDS
from engine.parsers._grammar.facts import Facts
from engine.parsers._grammar.items import Item
from engine.parsers._grammar.slips import code_slip

COIN_PRICE = 1000
"""``BTC`` at such a price, with no contract beside it, is the coin."""


COINS = {
    **dict.fromkeys(("BTC", "ETH"), COIN_PRICE), "SOL": 20, "LTC": 60,
    **dict.fromkeys(("XRP", "DOGE", "ADA", "AVAX", "BNB", "SHIB", "PEPE", "SUI", "LINK", "DOT"), 0),
}  # fmt: skip
"""Coin -> the price from which the share of that name is not what is meant."""

_COMPANY = frozenset(
    ("APPLE", "TESLA", "FORD", "INTEL", "VISA", "NIKE", "CHASE", "DELTA", "NVIDI", "GOLD",
     "OIL", "SPOOS", "SPOO", "GOOGLE", "DISNEY", "NASDAQ", "AMAZON", "NVIDIA", "BOEING", "SILVER")
)  # fmt: skip
"""Names people write for a ticker; which ticker is for a person to say."""


_ROOT = {
    "SPXW": "SPX",
    "NDXP": "NDX",
    "RUTW": "RUT",
    "VIXW": "VIX",
    "XSPW": "XSP",
    "BRKB": "BRK.B",
    "BRKA": "BRK.A",
}


def root_of(symbol: str) -> str:
    """``SPXW`` is ``SPX`` here: the weekly root of the same index."""
    return _ROOT.get(symbol, symbol)


_BETWEEN = frozenset(
    ("fill", "note", "kept", "punct", "emoji", "slash", "date", "when", "ndte", "right", "num",
         "money",
     "size", "spread", "part", "line", "qty", "price", "list", "month", "monthyear", "range")
)  # fmt: skip


def symbol(facts: Facts, anchor: int | None, *, is_reply: bool = False) -> str:
    """The underlying; a doubt when a word in capitals stands where the ticker belongs."""
    name = _named(facts, anchor, is_reply=is_reply)
    if code_slip(name.lower()):
        facts.doubt("symbol", f"is {name} a ticker, or an order word with a slip?")
    elif name and (other := _in_slot(facts, anchor, name)):
        facts.doubt("symbol", f"is it {name} or {other}?")  # BTO IT 243C 8/14 1.73 lotto SZE
    return name


def _in_slot(facts: Facts, anchor: int | None, name: str) -> str:
    """The word in capitals between verb and contract that is not ``name``; else empty."""
    if anchor is None or any(facts.items[at].value in (3, 4) for at in facts.by.get("sym", ())):
        return ""
    others = frozenset(("sym", "verb", "letter"))
    for at in range(anchor - 1, 0, -1):
        item = facts.items[at]
        if item.kind in PASSED:
            continue
        if item.kind == "sym" and root_of(item.text.upper()) == name:
            others |= {"part", "size"}  # STC ALL SPY 640C
            continue
        if item.text in _SMALL_WORDS:
            return ""
        is_name = item.is_upper and 1 < len(item.text) <= LONGEST and item.text.isalpha()
        before = facts.items[at - 1]
        is_namesake = item.text.upper() in TICKER_WORDS | NAMESAKES  # SOLD RWST ALL 197C
        is_led = (
            before.kind in _LEADING
            or before.text == ":"
            or (is_namesake and before.text.upper() == name)
        )
        return item.text.upper() if is_name and is_led and item.kind not in others else ""
    return ""


PASSED = frozenset(("slash", "date", "when", "ndte", "money", "num", "right", "price", "strike"))
"""What may stand between a ticker and the price or the contract."""
_LEADING = frozenset(("verb", "num", "qty", "part", "share", "pct", "slash"))
LONGEST = 5
"""Letters of a ticker."""


def _named(facts: Facts, anchor: int | None, *, is_reply: bool) -> str:
    """The underlying: a cash tag, a labelled ticker, or the capitals beside the contract.

    ``anchor`` is the position of the contract (options) or price (others); None when unknown.
    In a reply only a certain symbol counts; without one the alert answered is meant.
    Doubts ``symbol`` when two are named or only an everyday word could be meant.
    """
    found = facts.at("sym")
    best = max([facts.items[at].value for at in found], default=-1)
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
    for at in found:
        if root_of(facts.items[at].text) == name:
            _check_space(facts, at)
            facts.take(at)
    return _checked(facts, name)


_TAILS = frozenset(
    ("go", "in", "on", "it", "up", "me", "or", "he", "an", "at", "am", "pm", "be", "to", "by", "is",
     "as", "we", "us", "so", "no", "et", "i", "a")
)  # fmt: skip
_HEADS = frozenset(("i", "a", "am", "an", "so", "he", "be", "avg", "go", "it"))


def _check_space(facts: Facts, at: int) -> None:
    """``AV GO 350C``, ``I WM 200P``: a scrap in capitals beside it may belong to the ticker."""
    name, after, before = facts.items[at], _beside(facts, at, 1), _beside(facts, at, -1)
    is_twice = after is not None and after.kind == "sym" and after.text == name.text
    is_tail = after is not None and _is_scrap(after, _TAILS) and _is_tail(facts, at, after)
    is_scrap = _is_scrap(before, _HEADS) and _is_head(facts, at)
    if is_twice or is_tail or is_scrap or _is_second(facts, at):
        facts.doubt("symbol", f"is {name.text} the whole of the symbol?")


def _is_second(facts: Facts, at: int) -> bool:
    """``OPEN/AFRM``, ``ON, CHWY``: the word before the stroke may be a ticker of its own."""
    stroke, word = _beside(facts, at, -1), _beside(facts, at, -1, 2)
    if stroke is None or word is None:
        return False
    if stroke.is_upper and stroke.text.upper() in TICKER_WORDS:
        return word.kind == "verb" and stroke.kind == "note"  # BTO FAST CRWD
    if not word.is_upper or stroke.text not in ("/", ","):
        return False
    is_ticker = word.text.upper() in TICKER_WORDS | NAMESAKES
    return is_ticker if stroke.text == "," else not str(word.value).endswith("!")


def _is_tail(facts: Facts, at: int, after: Item) -> bool:
    """The contract or price stands behind the scrap, as if that belonged to the name."""
    beyond = _beside(facts, at, 1, 2)
    if beyond is None or beyond.kind not in _BEHIND:
        return False
    is_entry = after.kind == "verb" and facts.by["verb"][0] > at
    return not (is_entry and beyond.kind in ("num", "paid", "price"))  # TSLA IN @ 330


def _is_head(facts: Facts, at: int) -> bool:
    """The order begins before the scrap."""
    lead = _beside(facts, at, -1, 2)
    return lead is None or lead.kind in ("verb", "qty", "num")


def _beside(facts: Facts, at: int, way: int, places: int = 1) -> Item | None:
    """The item so many places on; a new line alone is no place."""
    items = facts.items
    for _ in range(places):
        at += way
        if 0 <= at < len(items) and items[at].kind == "line":
            at += way
    return items[at] if 0 <= at < len(items) else None


def _is_scrap(item: Item | None, words: frozenset[str]) -> bool:
    return item is not None and item.is_upper and item.text.lower() in words


_BEHIND = frozenset(
    ("opt", "slash", "date", "strike", "num", "paid", "price", "when", "ndte", "range", "paidrange")
)


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
    anchors = [anchor, *facts.by.get("slash", ()), *facts.by.get("date", ())]
    joined = [
        at
        for at in facts.at("sym", "letter")
        if any(_is_beside(facts, at, one) and _stands_alone(facts, at, one) for one in anchors)
    ]
    if len(joined) == 1:
        item = facts.take(joined[0])
        _check_space(facts, joined[0])
        return _checked(facts, root_of(item.text.upper()))
    if joined or found:
        facts.doubt("symbol", "it is not certain which word is the symbol")
        return ""
    word = _word_as_symbol(facts, anchor)
    if not word:
        facts.doubt("symbol", "no symbol is named")
    return word


_TIES = frozenset(("", "exp", "expiry", "expiring", "expires", "expiration", "for"))
_LEADS = frozenset(
    ("verb", "num", "qty", "part", "share", "pct", "size", "slash", "date", "punct", "emoji",
     "line",     "para", "when", "note", "kept", "opt", "entryword", "paid", "spread")
)  # fmt: skip


def _stands_alone(facts: Facts, at: int, anchor: int | None) -> bool:
    """A weak symbol touches the contract, and no capitals that mean nothing stand before it."""
    if anchor is None:
        return False
    between = facts.items[min(at, anchor) + 1 : max(at, anchor)]
    if any(item.kind in ("note", "kept", "month") or _is_loose(item) for item in between):
        return False
    before = facts.items[at - 1] if at else None
    if before is None or before.kind in _LEADS:
        return True
    return before.kind == "fill" and (not before.is_upper or before.text in ("of", "in", "my"))


def _is_loose(item: Item) -> bool:
    """A filler that does not tie a symbol to its contract."""
    return item.kind == "fill" and item.text not in _TIES


def _is_beside(facts: Facts, at: int, anchor: int | None) -> bool:
    return anchor is not None and _is_joined(facts, at, anchor)


def _word_as_symbol(facts: Facts, anchor: int | None) -> str:
    """``BTO NOW 950C``: a known word in capitals, alone between verb and contract."""
    if anchor is None:
        return ""
    for at in range(anchor - 1, -1, -1):
        item = facts.items[at]
        if item.kind in ("slash", "date", "when", "ndte", "money", "num", "right"):
            continue
        if item.text == "exp":
            continue
        before = facts.items[at - 1] if at else None
        is_slot = before is not None and before.kind in (
            "verb", "num", "qty", "part", "share", "pct"
        )  # fmt: skip
        is_slot = is_slot or (before is not None and before.text in ("of", "my", "of my"))
        shouts = sum(one.is_upper for one in facts.items if one.kind in ("fill", "note", "part"))
        is_shaped = (
            item.is_upper
            and item.text not in _SMALL_WORDS
            and len(item.text) <= 5
            and item.kind in _TICKER_KINDS
        )
        if is_shaped and is_slot and shouts <= 1:
            return _as_symbol(facts, at, item)
        return ""
    return ""


_SMALL_WORDS = frozenset(("of", "in", "my", "the", "some", "more", "this", "these", "those", "at",
                          "for", "to", "and", "with", "from", "our"))  # fmt: skip
"""No tickers, though all of a message be in capitals."""
_TICKER_KINDS = frozenset(
    ("fill", "note", "cue", "part", "size", "verb", "barelevel", "paid", "month", "keep")
)


def _as_symbol(facts: Facts, at: int, item: Item) -> str:
    lead = facts.items[at - 1] if at else item
    is_said = item.text == "now" and lead.text in ("buy", "sell") and not facts.has("opt")
    if is_said or (item.text == "on" and lead.value in ("add", "trim")):
        facts.doubt("symbol", f"is {item.text.upper()} a symbol?")  # SELL NOW 100, ADD ON 46C
        return ""
    if item.kind == "part" and closes(facts):
        facts.doubt("symbol", f"{item.text.upper()} may be a symbol or an amount")
        return ""
    facts.take(at)
    item.kind = "sym"
    return item.text.upper()


def closes(facts: Facts) -> bool:
    """Whether a verb of closing was written."""
    return any(code in ("sell", "stc!", "trim", "close", "out") for code in facts.values("verb"))
