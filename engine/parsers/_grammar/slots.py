"""Filling the slots that every kind of trade has: quantity, share, levels, size."""

from decimal import Decimal
from typing import cast

from engine.domain.alert import Level, Signal, SizeClass
from engine.domain.copying import replace
from engine.parsers._grammar.facts import Facts, as_share, is_fraction, is_whole
from engine.parsers._grammar.singles import is_single
from engine.parsers._grammar.symbols import closes, root_of
from engine.parsers._grammar.verbs import Intent

MAX_QTY = {"option": 500, "spread": 500, "future": 100, "stock": 100_000}
"""Stated sizes above these are taken for a slip: a person confirms them."""


# --- symbol -------------------------------------------------------------------------------------


# --- price --------------------------------------------------------------------------------------


# --- amount -------------------------------------------------------------------------------------


class Amount:
    """How much: a count, a share of the position, or a partial of unknown size."""

    __slots__ = ("fraction", "is_partial", "quantity")

    def __init__(self) -> None:
        self.quantity: Decimal | None = None
        self.fraction: Decimal | None = None
        self.is_partial = False


_SHARE_WORDS = (" shares", " share", " shs", " sh")


def quantity(facts: Facts, intent: Intent, anchor: int | None, *, kind: str) -> Decimal | None:
    """The stated count: ``5x``, ``3 contracts``, or the number right behind the verb.

    ``anchor``: position of the symbol or contract; a bare number counts only before it.
    """
    values = set()
    for at in facts.at("qty"):
        item = facts.take(at)
        values.add(item.value)
        if kind != "stock" and item.text.endswith(_SHARE_WORDS):
            facts.doubt("quantity", "shares are counted of what is no share")
        if intent.family != "close" and " of " in item.text:
            facts.doubt("quantity", "a part of a position cannot be bought")
    slot = _slot_quantity(facts, anchor, MAX_QTY[kind])
    if slot is not None:
        item = facts.take(slot)
        values.add(item.value)
        if item.kind == "gain" and (item.text[0] == "-") != _is_selling(facts):
            facts.doubt("quantity", f"{item.text} does not fit the verb")
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


def _is_selling(facts: Facts) -> bool:
    """The sign of a count says whether it is bought or sold, as thinkorswim writes it."""
    codes = {str(code) for code in facts.values("verb")}
    return not codes.isdisjoint(("sell", "stc!", "sto!", "short", "write", "out", "close", "trim"))


def _slot_quantity(facts: Facts, anchor: int | None, most: int) -> int | None:
    for at in facts.at("num", "gain"):
        item = facts.items[at]
        is_tos = item.kind == "gain" and item.text.lstrip("+-").isdigit()
        if item.kind == "gain" and not is_tos:
            continue
        last = facts.before(at)
        if _is_bracketed(facts, at) and is_whole(item.value):
            return at
        if last is None and _opens_line(facts, at, most):
            return at
        if facts.kind(last) in ("", "tag") and _is_before_out(facts, at):
            return at
        if last is None or facts.kind(last) not in _COUNT_LEADS or not is_whole(item.value):
            continue
        if "." in item.text:
            continue
        if anchor is not None and (at < anchor or _is_behind_code(facts, at, last)):
            return at
        if anchor is None and _is_followed_by_amount_word(facts, at):
            return at
    return None


def _is_bracketed(facts: Facts, at: int) -> bool:
    """``AAPL 230C 8/15 (2) @ 1.20``: a count in brackets, and the price elsewhere."""
    items = facts.items
    if not 0 < at < len(items) - 1 or items[at - 1].text != "(" or items[at + 1].text != ")":
        return False
    return items[at].text.isdigit() and facts.has("paid", "market")


def _is_before_out(facts: Facts, at: int) -> bool:
    """``2 out @ 7.50``, ``2 more sold at 8``: a count, then the verb and a price."""
    after = facts.items[at + 1] if at + 1 < len(facts.items) else None
    is_count = facts.items[at].text.isdigit() and is_whole(facts.items[at].value)
    if is_count and after is not None and after.text == "more" and at + 2 < len(facts.items):
        after = facts.items[at + 2]
    is_gone = after is not None and after.text in ("out", "sold", "closed", "covered", "trimmed")
    return is_count and is_gone and facts.has("paid")


def _opens_line(facts: Facts, at: int, most: int) -> bool:
    """``3 MES long 6950``, or a verb on a line of its own and ``10 SNAP 11C`` on the next."""
    items = facts.items
    item, after = items[at], (items[at + 1] if at + 1 < len(items) else None)
    is_first = at == 0 or items[at - 1].kind in ("line", "para", "emoji")
    is_count = item.kind == "num" and item.text.isdigit() and 0 < item.value <= most
    is_named = after is not None and after.kind in ("sym", "root", "occ")
    is_led = bool(facts.by.get("verb")) and facts.by["verb"][0] < at
    is_option = facts.has("opt", "occ", "strikes")
    is_priced = not is_option and len(facts.at("num", "paid")) > 1
    return is_first and is_count and is_named and (is_led or is_priced)


_COUNT_LEADS = ("verb", "size", "part")


def _is_behind_code(facts: Facts, at: int, verb: int) -> bool:
    """``... @ 1.60 credit, STO 2``, ``SPY 640C BTO 3 @ 1.00``: a count behind an order word."""
    is_code = str(facts.items[verb].value).endswith("!")
    after = facts.after(at)
    is_priced = facts.kind(after) == "paid" and facts.items[at].text.isdigit()
    is_traded = facts.items[verb].value in ("buy", "sell", "short", "cover")
    is_traded = is_code or (is_traded and facts.text(after).startswith(("@", "at ")))
    return (is_traded and is_priced) or (is_code and after is None and facts.has("paid"))


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
    kept, is_free = _kept(facts)
    if count is not None:
        if "pct" in facts.by and shares:
            facts.doubt("quantity", "a count and a share are stated")
        return out
    if Decimal(1) in shares and kept is not None:
        facts.doubt("fraction", "all is sold and something is kept")
    if len(shares) > 1:
        facts.doubt("fraction", "two shares of the position are stated")
    elif shares:
        out.fraction = shares.pop()
    elif is_some or intent.is_trim:
        out.is_partial = True
    elif kept is not None:
        out.fraction = 1 - kept if kept else None
        out.is_partial = not kept
    else:
        _check_whole(facts, is_free)
        out.fraction = Decimal(1)
    if out.fraction is not None and not 0 < out.fraction <= 1:
        facts.doubt("fraction", f"{out.fraction:%} of a position is impossible")
    return out


def _check_whole(facts: Facts, is_free: bool) -> None:
    if is_free:
        facts.doubt("fraction", "is a part of it kept?")
    if any(facts.items[at].value == "half" for at in facts.by.get("size", ())):
        facts.doubt("fraction", "is half of it closed, or is it a half-sized position?")
    if is_single(facts):
        facts.doubt("fraction", "is only one of them closed?")


def _kept(facts: Facts) -> tuple[Decimal | None, bool]:
    """(share that stays, 0 when only that something stays, None when nothing; is it risk-free)."""
    found = [item for item in facts.items if item.kind == "kept"]
    told = [item.value for item in found if item.value != "free"]
    shares = {value for value in told if value}
    share = shares.pop() if len(shares) == 1 else Decimal(0)
    return (share if told else None), len(told) < len(found)


def _shares(facts: Facts) -> tuple[set[Decimal], bool]:
    shares: set[Decimal] = set()
    is_some = False
    for at in facts.at("part"):
        code = str(facts.take(at).value)
        if code in _SHARES and facts.kind(_behind_of(facts, at)) in ("part", "share"):
            facts.doubt("fraction", "a part of a part")
        is_some = is_some or code == "some"
        if code in _SHARES and not _is_protected(facts, at):
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


def _is_protected(facts: Facts, at: int) -> bool:
    """``BE on rest``: not sold, but given a stop."""
    if facts.items[at].value not in ("rest", "runner") or at < 2:
        return False
    is_on = facts.items[at - 1].text in ("on", "for", "on the")
    return is_on and (facts.items[at - 2].kind == "even" or facts.items[at - 2].text == "be")


def _behind_of(facts: Facts, at: int) -> int | None:
    """What follows ``half of my``; ``half of`` is one word of ours."""
    for k in range(at + 1, min(at + 4, len(facts.items))):
        if facts.items[k].text not in ("of", "my", "the"):
            return k
    return None


def _is_share(facts: Facts, at: int) -> bool:
    """``sold 50%``, ``33% of``, ``25% off`` are shares; a bare ``50%`` behind a price is not."""
    nearest = facts.items[at + 1] if at + 1 < len(facts.items) else None
    if nearest is not None and nearest.text in ("of", "off", "position", "of my"):
        return True
    return facts.kind(facts.before(at)) == "verb"


_EVEN = frozenset(("breakeven", "break even", "b/e", "bep", "be", "brekeven"))
_RESULT = frozenset(("at", "@", "for", "near", "around", "out", "about", "~"))


def even_stop(facts: Facts, intent: Intent, signal: Signal) -> Signal:
    """``sold half, BE now``: the stop of what is left; ``sold half at breakeven`` is the price."""
    if intent.family != "close" or signal.stop is not None:
        return signal
    for at in facts.at("even"):
        last = facts.items[at - 1] if at else None
        is_price = last is not None and (last.text in _RESULT or last.kind == "verb")
        if facts.items[at].text not in _EVEN or (is_price and last and last.text not in _MOVES):
            continue
        is_part = signal.is_partial or signal.quantity is not None or signal.fraction != 1
        if is_part:
            facts.take(at)
            return replace(signal, stop=Level(kind="breakeven"))
        if last is not None and (last.text == "to" or last.text in _MOVES):
            facts.doubt("stop", "is it closed, or is its stop moved to the entry?")
    return signal


_MOVES = frozenset(("moved", "moving", "move", "raised", "raising", "raise", "set"))


# --- levels and size ----------------------------------------------------------------------------


class Levels:
    """Stops and targets as written."""

    __slots__ = ("stop", "targets", "trail", "under")

    def __init__(self) -> None:
        self.stop: Level | None = None
        self.targets: tuple[Level, ...] = ()
        self.under: Decimal | None = None
        self.trail: str | None = None


def levels(
    facts: Facts,
    *,
    own: str,
    is_derivative: bool,
    entry: Decimal | None = None,
    strike: Decimal | None = None,
) -> Levels:
    """Collect stops, targets and trail; ``own`` is the traded symbol.

    ``entry`` and ``strike`` tell a level of the option from one of its underlying.
    """
    out = Levels()
    if not facts.has("stop", "under", "target", "trail", "oddlevel"):
        return out
    for at in facts.at("stop"):
        _add_stop(facts, out, facts.take(at).value)
    for at in facts.at("under"):
        value, name = facts.take(at).value
        if is_derivative and not name and _is_premium(value, entry, strike):
            _add_stop(facts, out, Level(kind="price", value=value))
            continue
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


def _is_premium(value: Decimal, entry: Decimal | None, strike: Decimal | None) -> bool:
    """Of the size of the premium paid, and far from the strike."""
    if not entry or not strike or not value:
        return False
    return entry / 8 <= value <= entry * 3 and value * 3 < strike


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
    found = _half_size(facts)
    for at in facts.at("size"):
        found.add(str(facts.take(at).value))
    if not found:
        return None
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
        if nearest is None or nearest.text not in _SIZE_WORDS:
            continue
        if facts.has("opt", "occ", "paid"):
            item = facts.items[at]
            if item.value in ((1, 2), Decimal(50)) and not closes(facts):
                facts.take(at)
                return {"half"}
    return set()


_SIZE_WORDS = frozenset(("size", "qty", "position", "sized", "position size"))
