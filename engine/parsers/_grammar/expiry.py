"""The expiry of one option trade, from every way it may be written."""

from collections.abc import Callable
from datetime import date, timedelta
from operator import itemgetter

from engine.parsers._grammar import dates
from engine.parsers._grammar.dates import Expiry
from engine.parsers._grammar.facts import Facts, as_share, is_fraction
from engine.parsers._grammar.slips import is_slip_of
from engine.parsers._grammar.verbs import Intent

_NEAR_DAYS = 14


def read_expiries(facts: Facts, intent: Intent, today: date) -> list[Expiry]:
    """Every expiry that is stated, in reading order; words that only repeat a date are checked."""
    _settle_slashes(facts, intent, today)
    found: list[tuple[int, Expiry]] = []
    for at in facts.at("date", "slash"):
        parts = tuple([part for part in facts.take(at).value if part is not None])
        is_share = facts.kind(at) == "slash" and is_fraction(parts)
        if is_share and intent.family != "close" and facts.has("when", "ndte", "date"):
            facts.doubt("expiry", f"{facts.items[at].text} may be a date or a share")
        found.append((at, _dated(facts, at, parts, today)))
    if facts.has("ndte"):
        days = [(at, int(facts.take(at).value)) for at in facts.at("ndte")]
        found += [(at, dates.in_days(n, today)) for at, n in days]
    if not found:
        found = _dashed(facts, today)
    words = _words(facts, today, is_dated=bool(found))
    if found and words:
        _agree(facts, found, words)
    return [one for _, one in sorted(found or words, key=itemgetter(0))]


_SOON = timedelta(days=60)


def _dated(facts: Facts, at: int, parts: tuple[int, ...], today: date) -> Expiry:
    """``Jan 26`` may be a day or, as ``LEAPS Jan 26``, a month and its year."""
    one = dates.from_date(parts, today)
    is_year = len(parts) == 2 and 0 <= parts[1] - today.year % 100 <= _YEARS
    if not is_year or one.on is None or one.on - today < _SOON or one.doubt:
        return one
    if "leaps" in facts.values("when"):
        return dates.from_month(parts[0], 2000 + parts[1], today)
    if one.on.weekday() == _FRIDAY or facts.items[at].kind == "slash":
        return one
    return Expiry(one.on, f"{one.on:%b} {parts[1]} may be a day or a month and its year")


_YEARS = 3
_FRIDAY = 4


def _settle_slashes(facts: Facts, intent: Intent, today: date) -> None:
    """``1/2`` is a share of the position in a close, unless it is the only date there is."""
    if intent.family != "close":
        return
    slashes = facts.at("slash")
    shares = [at for at in slashes if is_fraction(facts.items[at].value)]
    others = facts.has("date", "ndte", "when", "occ") or len(slashes) > len(shares)
    for at in shares:
        is_date = _is_near(facts, at, today) or _is_date_place(facts, at)
        if others or _is_share_place(facts, at) or not is_date:
            facts.items[at].kind = "share"
            facts.items[at].value = as_share(facts.items[at].value)
    facts.by["share"] = [at for at, item in enumerate(facts.items) if item.kind == "share"]
    facts.by["slash"] = [at for at in facts.by.get("slash", []) if at not in facts.by["share"]]


def _is_share_place(facts: Facts, at: int) -> bool:
    """Right behind the verb, or before ``off``, ``of``, ``out``."""
    nearest = facts.items[at + 1] if at + 1 < len(facts.items) else None
    if nearest is not None and nearest.text in ("off", "of", "out", "position", "pos"):
        return True
    return facts.kind(facts.before(at)) == "verb"


_SPOKEN = ((1, 2), (1, 3), (2, 3), (1, 4), (3, 4), (1, 5), (2, 4))


def _is_date_place(facts: Facts, at: int) -> bool:
    """Labelled, or against the strike and no share that people speak of: ``515P 2/6``."""
    item = facts.items[at]
    if at and facts.items[at - 1].text == "exp":
        return True
    if item.value in _SPOKEN and item.text[0] != "0":
        return False
    around = {facts.kind(facts.before(at)), facts.kind(facts.after(at))}
    return not around.isdisjoint(("opt", "strikes", "strike"))


def _is_near(facts: Facts, at: int, today: date) -> bool:
    found = dates.from_date(facts.items[at].value, today)
    return found.on is not None and not found.doubt and (found.on - today).days <= _NEAR_DAYS


def _dashed(facts: Facts, today: date) -> list[tuple[int, Expiry]]:
    """``8-15`` as a date, when a price stands elsewhere."""
    if not facts.has("paid", "market") and len(facts.at("num", "money")) != 1:
        return []
    for at in facts.at("range"):
        texts = facts.items[at].text.split("-")
        if all(text.isdigit() and len(text) <= 2 for text in texts):
            facts.take(at)
            return [(at, dates.from_date(tuple(map(int, texts)), today))]
    return []


# --- words --------------------------------------------------------------------------------------

Word = tuple[int, Expiry]


def _words(facts: Facts, today: date, *, is_dated: bool) -> list[Word]:
    found: list[Word] = []
    if not facts.has("when", "month", "monthyear"):
        return found
    months = _months(facts)
    for at in facts.at("when"):
        code = str(facts.items[at].value)
        facts.take(at)
        if is_dated and _is_remark(facts, at, code):
            if code.startswith("day:") or code in ("vague", "tomorrow"):
                facts.doubt("text", f"{facts.items[at].text!r} may tell when it was done")
            continue
        found.append((at, _word(facts, at, code, months, today)))
    for at in facts.at("monthyear", "month"):
        if found:
            facts.take(at)
        elif not is_dated:
            facts.take(at)
            facts.doubt("expiry", "a month is no expiry")
    return found


def _months(facts: Facts) -> list[tuple[int, int | None]]:
    months = [facts.items[at].value for at in facts.by.get("month", [])]
    named: list[tuple[int, int | None]] = [(month, None) for month in months]
    named += [facts.items[at].value for at in facts.by.get("monthyear", [])]
    return named


def _is_remark(facts: Facts, at: int, code: str) -> bool:
    """Behind date and price, ``today`` or ``Friday`` tells when something happens."""
    is_time = facts.items[at].text in ("today", "todays", "tomorrow") or code.startswith("day:")
    prices = facts.by.get("paid", []) + facts.by.get("num", []) + facts.by.get("money", [])
    return (is_time or code == "vague") and any(price < at for price in prices)


def _word(
    facts: Facts, at: int, code: str, months: list[tuple[int, int | None]], today: date
) -> Expiry:
    if code in ("monthly", "leaps"):
        if len(months) == 1:
            return dates.from_month(*months[0], today)
        if months or code == "leaps":
            return Expiry(None, "LEAPS of which month?")
    said = (item.text for item in facts.items[at - 1 :: -1] if item.kind not in _MARKS)
    is_next = at > 0 and is_slip_of(next(said, "").lower(), "next")  # net Friday: which one?
    return dates.from_word(code, today, is_next)


_MARKS = frozenset(("punct", "line", "para", "emoji"))
_FITS: dict[str, Callable[[date], bool]] = {
    "weekly": dates.is_weekly,
    "monthly": dates.is_monthly,
}


def _agree(facts: Facts, found: list[Word], words: list[Word]) -> None:
    """A date and a word must not contradict each other."""
    for at, said in words:
        after = facts.text(at + 1) if at + 1 < len(facts.items) else ""
        if after == ":" and facts.has("verb") and at < facts.by["verb"][0]:
            facts.doubt("text", f"{facts.items[at].text!r} may tell when it is to be done")
        code = str(facts.items[at].value)
        fits = _FITS.get(code)
        days = [one.on for _, one in found if one.on is not None]
        is_fine = any(fits(day) for day in days) if fits else said.on in days
        if days and not is_fine and (code != "leaps" or said.on is not None):
            facts.doubt("expiry", f"the date and {facts.items[at].text!r} do not agree")
