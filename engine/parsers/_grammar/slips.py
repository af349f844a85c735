"""Typing slips: the order word that a misspelt word is meant to be, when only one can be meant."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from engine.parsers._grammar import english
from engine.parsers._grammar.words import meaning, phrases, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.parsers._grammar.items import Itemiser

_MIN_FUZZY = 5


@cache
def _near() -> dict[str, tuple[str, ...]]:
    """Every one-slip spelling key of the longer words -> the words it may be."""
    table: dict[str, tuple[str, ...]] = {}
    for word in words():
        if len(word) >= 4 and word.isalpha():
            for key in _slips(word):
                table[key] = (*table.get(key, ()), word)
    return table


def _candidates(word: str) -> set[str]:
    near = _near()
    return {hit for key in _slips(word) for hit in near.get(key, ())}


def _slips(word: str) -> set[str]:
    """The word itself, and the word with one letter (but the first) left out."""
    return {word} | {word[:at] + word[at + 1 :] for at in range(1, len(word))}


@lru_cache(maxsize=4096)
def corrected(word: str) -> str | None:
    """The known word that ``word`` is one slip away from: a letter more, less, other or swapped.

    English words and short words are left alone; so is a slip that fits two known words.
    """
    if len(word) < 4 or len(word) > 16 or not word.isalpha() or word in english.COMMON:
        return None
    found = {hit for hit in _candidates(word) if _is_one_slip(word, hit)}
    if len(word) > _MIN_FUZZY and (twice := _struck_twice(word)):
        return None if _has_rival(twice, found) else twice
    if len(found) > 1:
        found = _best(word, found)
    best = _commonest(found) if found else None
    return None if best is None or _has_rival(best, misled_all(word)) else best


def _has_rival(best: str, others: set[str]) -> bool:
    """``stoppe`` is ``stop`` or ``stopped``, ``wxiting`` is ``writing`` or ``exiting``."""
    said = meaning(best)
    kinds = _MEANT | {"cue"}  # eaiting: exiting or waiting?
    found = [one for one in map(meaning, others) if one is not None]
    return any(one.kind in kinds and one != said for one in found) or any(
        meaning(one) is None and any(entry.kind == "verb" for _, entry in phrases(one) or ())
        for one in others
    )


@cache
def _by_tail() -> dict[str, tuple[str, ...]]:
    """Every longer word without its first letter -> the words that end so."""
    table: dict[str, tuple[str, ...]] = {}
    for word in words():
        if len(word) >= 4 and word.isalpha():
            table[word[1:]] = (*table.get(word[1:], ()), word)
    return table


def misled_all(word: str) -> set[str]:
    """The known words that ``word`` is if its first letter is wrong, lost or one too many."""
    tails = _by_tail()
    found = {*tails.get(word[1:], ()), *tails.get(word, ())}
    turned = word[1] + word[0] + word[2:]
    return found | {one for one in (word[1:], turned) if len(one) >= 4 and phrases(one)}


def is_slip_of(word: str, known: str) -> bool:
    """Whether ``word`` is ``known`` with a letter more, less, other or swapped, or ``known``."""
    if len(word) == len(known):
        wrong = [at for at in range(len(word)) if word[at] != known[at]]
        is_swap = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and sorted(word) == sorted(known)
        return len(wrong) < 2 or is_swap
    long, short = (word, known) if len(word) > len(known) else (known, word)
    is_near = len(long) == len(short) + 1
    return is_near and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))


@lru_cache(maxsize=4096)
def mistyped(word: str) -> str | None:
    """As :func:`corrected` for what is as short as a ticker: only where none can stand."""
    if word in _SHORTENED or word in _three_letters():
        return _SHORTENED.get(word) or _three_letters()[word]
    if not 4 <= len(word) <= _MIN_FUZZY or not word.isalpha() or word in english.COMMON:
        return None
    if any(sorted(hit) == sorted(word) for hit in _candidates(word)):
        return None  # two letters swapped
    return _struck_twice(word) or _short(word)


@lru_cache(maxsize=4096)
def misled(word: str) -> str | None:
    """``tsop``, ``SSold``, ``nEtered``: the first letter struck twice, or after the second."""
    if not 4 <= len(word) <= 16 or not word.isalpha() or word in english.COMMON:
        return None
    one = word[1:] if word[0] == word[1] else word[1] + word[0] + word[2:]
    if len(one) >= 4 and _is_order(one):
        return one
    return _first_missed(word) if len(word) >= _MIN_FUZZY else None


def _first_missed(word: str) -> str | None:
    """``rarget``, ``vovered``: the first key missed for the one beside it; ``eekly``: not hit.

    ``topped`` is no ``stopped``, ``pocked`` may be ``locked`` or ``picked``.
    """
    near = [key + word[1:] for key in _beside().get(word[0], "")] if len(word) > _MIN_FUZZY else []
    lost = [one for key in _LETTERS if not _is_verb(one := key + word)]
    found = {one for one in (*near, *lost) if phrases(one)}
    is_clear = len(found) == 1 or _mean_the_same(found)
    if not is_clear or not all(map(_is_order, found)):
        return None
    best = _commonest(found)
    others = {hit for hit in _candidates(word) if _is_one_slip(word, hit)}
    return None if _has_rival(best, others) else best


def _is_verb(word: str) -> bool:
    found = meaning(word)
    return found is not None and found.kind == "verb"


_SHORTENED = {
    "hlf": "half", "haf": "half", "rst": "rest", "shrt": "short", "sod": "sold", "sll": "sell",
    "sel": "sell", "sop": "stop", "flt": "flat", "trm": "trim", "opn": "open", "cll": "call",
}  # fmt: skip
"""Too short for the rules, and nothing else in a room."""
_THREE = ("the", "and", "for", "off", "out", "buy", "cut", "hit", "put", "all", "day", "exp")


@cache
def _three_letters() -> dict[str, str]:
    """``teh``, ``forr``, ``otu``: two letters swapped or one struck twice, and nothing else."""
    found: dict[str, set[str]] = {}
    for word in _THREE:
        turned = (word[1] + word[0] + word[2], word[0] + word[2] + word[1])
        twice = [word[: at + 1] + word[at:] for at in range(3)]
        for one in (*turned, *twice):
            if one != word and one not in english.COMMON and not phrases(one):
                found.setdefault(one, set()).add(word)
    return {slip: meant.pop() for slip, meant in found.items() if len(meant) == 1}


def _struck_twice(word: str) -> str | None:
    """``solld`` is ``sold``, ``targget`` is ``target``: a key struck twice, but not the first."""
    for at in range(2, len(word)):
        if word[at] == word[at - 1]:
            single = word[:at] + word[at + 1 :]
            if phrases(single) and len(single) > 3:
                return single
    return None


_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@cache
def _beside() -> dict[str, str]:
    """The letters whose keys touch the key of a letter."""
    at = {key: (x + y / 2, y) for y, row in enumerate(_KEYS) for x, key in enumerate(row)}
    return {
        one: "".join(
            other for other, (x, y) in at.items()
            if other != one and abs(x - at[one][0]) <= 1 and abs(y - at[one][1]) <= 1
        )
        for one in at
    }  # fmt: skip


def _short(word: str) -> str | None:
    """The known word of four or five letters that ``word`` is a slip of the finger away from.

    So short, only the key beside the right one or a letter left out counts, and not when an
    English word is as near.
    """
    if len(word) != 4 or not word.isascii():
        return None
    for slips in (beside_keys(word), _left_out(word)):
        near = {one for one in slips if phrases(one) or one in english.COMMON}
        if near:
            is_clear = len(near) == 1 or _mean_the_same(near)
            return _commonest(near) if is_clear and all(map(_is_order, near)) else None
    return None


def beside_keys(word: str) -> Iterator[str]:
    """What was meant if one finger, though not the first, hit the key beside."""
    for at in range(1, len(word)):
        yield from (word[:at] + key + word[at + 1 :] for key in _beside()[word[at]])


def _left_out(word: str) -> Iterator[str]:
    """What was meant if a letter, though not the first, was left out."""
    for at in range(1, len(word)):
        yield from (word[:at] + key + word[at:] for key in _LETTERS)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"


_TELLING = frozenset(("verb", "level", "part", "even", "right", "price"))


@lru_cache(maxsize=4096)
def is_nearly(word: str) -> bool:
    """Whether an unknown word may be a slip of an order word too short to be corrected."""
    if not 4 <= len(word) <= 16 or not word.isalpha() or word in english.COMMON:
        return False
    meanings = map(meaning, _candidates(word))
    return any(one is not None and one.kind in _TELLING for one in meanings)


_ORDER_WORDS = frozenset(("right", "verb", "level", "label", "price"))
_MEANT = _ORDER_WORDS | frozenset(("part", "even", "size", "when", "spread", "unit", "effect"))


def _best(word: str, found: set[str]) -> set[str]:
    """Of several known words the one of an order, then the one with the same letters."""
    orders = {hit for hit in found if (one := meaning(hit)) and one.kind in _ORDER_WORDS}
    if len(orders) == 1 or (orders and _mean_the_same(orders)):
        is_verb = any(map(_is_verb, orders))
        return set() if is_verb and orders != found else orders  # scalo: scale or scalp?
    if _mean_the_same(found):
        return found
    return {hit for hit in found if sorted(hit) == sorted(word)}


def _commonest(words: set[str]) -> str:
    """Of several spellings of one meaning the one that opens the most phrases."""
    return max(sorted(words), key=lambda word: len(phrases(word) or ()))


def _mean_the_same(words: set[str]) -> bool:
    meanings = {meaning(word) for word in words}
    return len(meanings) == 1 and None not in meanings


def _is_level(word: str) -> bool:
    """Whether the word is a stop, a target or their like."""
    found = meaning(word)
    return found is not None and found.kind == "level"


def _is_order(word: str) -> bool:
    found = meaning(word)
    return found is not None and found.kind in _MEANT


def _is_one_slip(word: str, known: str) -> bool:
    is_short = min(len(word), len(known)) < _MIN_FUZZY
    return is_slip_of(word, known) and (not is_short or sorted(word) == sorted(known))


# --- in its place in the text ---------------------------------------------------------------------

_SURE = 2
"""From this strength on a symbol needs nothing beside it."""
_SHARES = frozenset(("1/2", "1/3", "2/3", "1/4", "3/4"))
_DATED = frozenset(("day", "iso", "dots", "mday", "nday", "occ", "glued"))
_RIGHTS = frozenset(("c", "p", "call", "calls", "put", "puts", "cs", "ps"))
_CAPITALS = re.compile(r"[A-Z]{1,5}\Z")


def meant(reader: Itemiser, at: int) -> str | None:
    """The order word that a word as short as a ticker is meant to be, where no ticker can stand."""
    token = reader.tokens[at]
    better = mistyped(token.low)
    if better is None:
        return None
    is_before_contract = _leads_contract(reader, at + 1)
    if not token.text.isupper():
        return None if is_before_contract else better
    if reader.is_mixed:
        return None
    last = reader.items[-1] if reader.items else None
    if last is not None and last.kind == "sym":
        return better if last.value >= _SURE else None
    if reader.is_label(at + 1) and not is_before_contract:
        return better if _is_level(better) else None
    is_first = last is None or last.kind in ("line", "para", "emoji")
    return better if is_first and (_is_name(reader, at + 1) or _is_share(reader, at + 1)) else None


_CODES = ("bto", "stc", "sto", "btc")


@lru_cache(maxsize=4096)
def code_slip(word: str) -> str | None:
    """``TBO``, ``BTTO``: the one order code whose letters were swapped or struck twice."""
    if word in _CODES or phrases(word) or word in english.COMMON:
        return None
    slips: tuple[str, ...] = ()
    if len(word) == 3:
        slips = (word[1] + word[0] + word[2], word[0] + word[2] + word[1])
    elif len(word) == 4:
        slips = tuple(word[:at] + word[at + 1 :] for at in range(1, 4) if word[at] == word[at - 1])
    found = {one for one in slips if one in _CODES}
    return found.pop() if len(found) == 1 else None


def meant_code(reader: Itemiser, at: int) -> str | None:
    """The order code that the first word is meant to be, where the ticker stands behind it."""
    if any(item.kind not in _AHEAD for item in reader.items):
        return None
    code = code_slip(reader.tokens[at].low)
    if code is None:
        return None
    after = reader.look(at + 1)
    if after is not None and after.kind == "num" and after.text.isdigit() and after.gap:
        at += 1
        after = reader.look(at + 1)
    if after is not None and after.low in ("x", "$", "."):
        after = reader.look(at + 2)
    is_name = after is not None and after.kind == "word" and len(after.text) <= _MIN_FUZZY
    is_bare = is_name and after is not None and not phrases(after.low)
    is_bare = is_bare or (after is not None and after.text in english.TICKER_WORDS)
    return code if is_bare or (after is not None and after.kind == "occ") else None


_AHEAD = frozenset(("line", "para", "emoji", "punct"))


def may_be_part(reader: Itemiser, at: int) -> bool:
    """``HAKF out``: a ticker, or a part of the position."""
    token, after = reader.tokens[at], reader.look(at + 1)
    if after is None or after.low not in ("out", "off", "here"):
        return False
    found = meaning(mistyped(token.low) or "")
    return found is not None and found.kind == "part"


def _is_name(reader: Itemiser, at: int) -> bool:
    """Capitals that no table knows: the ticker itself."""
    token = reader.look(at)
    return token is not None and bool(_CAPITALS.match(token.text)) and not phrases(token.low)


def _is_share(reader: Itemiser, at: int) -> bool:
    """``1/2`` of a position."""
    return "".join([token.text for token in reader.tokens[at : at + 3]]) in _SHARES


def _leads_contract(reader: Itemiser, at: int) -> bool:
    """``25c``, ``8/15``, ``Aug 15`` or ``$25 calls`` come next: behind a ticker they would."""
    token = reader.look(at)
    if token is not None and token.text == "$":
        at += 1
        token = reader.look(at)
    after = reader.look(at + 1)
    if token is None or token.kind != "num":
        return token is not None and (token.kind in _DATED or _is_month(token.low))
    is_slashed = after is not None and after.text == "/" and not after.gap
    is_date = is_slashed and not _is_share(reader, at)
    return is_date or (after is not None and after.low in _RIGHTS)


def _is_month(word: str) -> bool:
    found = meaning(word)
    return found is not None and found.kind == "month"
