"""One message as lines of text: content, every part of every embed, and JSON as ``key: value``."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.domain.alert import EmbedText, RawAlert
from engine.parsers._grammar.text import (
    hidden,
    normalise,
    split_quoted,
    split_struck,
    strip_markup,
)

MAX_CHARS = 12_000
"""Discord's content plus embeds stay under this; the rest of a longer text is not read."""


@dataclass(slots=True)
class Flat:
    """A message without its wrapping."""

    blocks: list[str] = field(default_factory=list)
    """Texts that each stand alone: the content, then each embed."""
    struck: str = ""
    quoted: str = ""
    footer: str = ""
    hidden: str = ""
    """Why the visible text may deceive; empty when it does not."""
    is_json: bool = False
    odd_json: str = ""
    """Why a JSON payload cannot be trusted; empty when it can."""


def flatten(message: RawAlert) -> Flat:
    """Take content and embeds apart; nothing of what a reader sees is lost."""
    flat = Flat()
    _add(flat, message.text)
    for embed in message.embeds:
        _add(flat, _embed(embed))
        flat.footer += " " + normalise(embed.footer)
    return flat


def _add(flat: Flat, raw: str) -> None:
    raw = raw[:MAX_CHARS]
    flat.hidden = flat.hidden or hidden(raw)
    text = normalise(raw)
    if "{" in text or "[" in text:
        text = _unfold_json(flat, text)
    text, quoted = split_quoted(text)
    text, struck = split_struck(text)
    if quoted:
        flat.quoted = _join(flat.quoted, strip_markup(quoted))
    if struck:
        flat.struck = _join(flat.struck, strip_markup(struck))
    text = _tables(_CREDITS.sub("", strip_markup(text)))
    if text.strip() and text not in flat.blocks:
        flat.blocks.append(text)


_CREDITS = re.compile(
    r"^ *(?:(?:analyst|trader|author|caller|posted by|alerted by|alert by|trade id|alert id) *:.*"
    r"|status *: *(?:open|active|live|new|opened) *"
    r"|(?:exit|exit price|close price|sold|sold at|closed|closed at|exit date) *:"
    r"[ *_]*(?:-+|n/?a|none|tbd|tba|pending|open|null|\?+)[ *_]*"
    r"|(?:posted|posted at|timestamp) *:[0-9/:. apmet,-]*"
    r"|risk(?: level)? *: *(?:very )?(?:low|medium|med|high) *)$",
    re.IGNORECASE | re.MULTILINE,
)
"""Lines of a form that only say who posts it and when, that it is new, or that nothing is sold."""


def _join(one: str, two: str) -> str:
    return f"{one}\n{two}".strip() if two else one


_AUTHOR_VERBS = (
    "entered long", "entered short", "closed long", "closed short", "averaged long",
    "averaged short", "stopped out", "trimmed long", "trimmed short",
)  # fmt: skip


def _author(name: str) -> str:
    """What a relay says in the author line after the trader's name; the name itself is no word."""
    low = name.lower().rstrip(" .!:")
    return next((verb for verb in _AUTHOR_VERBS if low.endswith(verb)), "")


_EXITS = frozenset(("exit", "exit price", "close price", "sold", "sold at", "closed", "closed at"))
"""Fields of a form that stay empty until the trade is over."""


def _embed(embed: EmbedText) -> str:
    fields = (
        f"{name.strip().rstrip(':')}: {_bare(value)}" for name, value in embed.fields
        if normalise(value).strip(" *_") or name.strip().rstrip(":").lower() not in _EXITS
    )  # fmt: skip
    parts = (_author(normalise(embed.author)), embed.title, embed.description, *fields)
    return "\n".join(part for part in parts if part and part.strip())


_FENCE = re.compile(r"\A```(?:[a-z]{1,10}\n)?|```\Z")


def _bare(value: str) -> str:
    """The value of a field without the code block around it, so that it stays beside its name."""
    return _FENCE.sub("", value.strip()).strip()


# --- tables -------------------------------------------------------------------------------------

_HEADINGS = frozenset(
    ("action", "side", "ticker", "symbol", "strike", "type", "exp", "expiry", "expiration",
     "price", "entry", "qty", "quantity", "stop", "target", "sl", "pt", "tp", "cp", "c/p",
     "right", "contracts", "date")
)  # fmt: skip


def _tables(text: str) -> str:
    """A pipe table with a heading row as ``heading: cell`` lines; other text as it is."""
    if "\n" not in text:
        return text
    lines = text.split("\n")
    for at, line in enumerate(lines[:-1]):
        heads = _cells(line)
        if len(heads) < 3 or not all(head.lower() in _HEADINGS for head in heads):
            continue
        rows = [row for row in map(_cells, lines[at + 1 :]) if any(c.strip("-: ") for c in row)]
        if rows and all(len(row) == len(heads) for row in rows):
            table = ["\n".join(map(": ".join, zip(heads, row, strict=True))) for row in rows]
            return "\n".join([*lines[:at], "\n\n".join(table)])
    return text


def _cells(line: str) -> list[str]:
    if "|" not in line:
        return line.split()
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


# --- JSON ---------------------------------------------------------------------------------------

_SAME: dict[str, str] = {
    "action": "action", "side": "action", "signal": "action", "order": "action",
    "orderaction": "action", "direction": "action", "instruction": "action",
    "ticker": "ticker", "symbol": "ticker", "underlying": "ticker", "instrument": "ticker",
    "strike": "strike", "strikeprice": "strike",
    "right": "type", "optiontype": "type", "putcall": "type", "callput": "type", "cp": "type",
    "expiration": "exp", "expiry": "exp", "exp": "exp", "expirationdate": "exp",
    "expdate": "exp", "expirydate": "exp",
    "price": "price", "limitprice": "price", "limit": "price", "entry": "price",
    "entryprice": "price", "premium": "price",
    "quantity": "qty", "qty": "qty", "contracts": "qty", "shares": "qty", "amount": "qty",
    "stop": "stop", "sl": "stop", "stoploss": "stop", "stopprice": "stop",
    "target": "target", "tp": "target", "takeprofit": "target", "profittarget": "target",
    "targets": "target", "targetprice": "target",
    "quantitytype": "quantitytype", "ordertype": "ordertype",
    "type": "type", "option": "contract", "contract": "contract",
}  # fmt: skip
_IDLE = frozenset(
    ("id", "time", "timenow", "timestamp", "interval", "exchange", "strategy", "secret",
     "passphrase", "key", "token", "source", "name", "currency", "tif", "timeinforce", "duration",
     "assettype", "asset", "securitytype", "extras", "delay", "version", "account", "accounttype")
)  # fmt: skip
_REAL = frozenset(("live", "islive", "real"))
_MOCK = _REAL | frozenset(
    ("dryrun", "test", "istest", "testing", "testmode", "paper", "ispaper", "papertrade",
     "papertrading", "simulated", "simulation", "issimulated", "sim", "demo", "isdemo", "sandbox",
     "backtest", "isbacktest", "preview", "validateonly", "example", "mock")
)  # fmt: skip
"""Keys that say the order is not to be carried out, or (``live``) that it is."""
_NUMERIC = frozenset(("price", "qty", "strike", "stop", "target"))
_IN_WORDS = frozenset(("market", "mkt", "be", "breakeven", "all", "half"))
_ORDER_TYPES = frozenset(("limit", "lmt", "market", "mkt"))


def _unfold_json(flat: Flat, text: str) -> str:
    start = min(at for at in (text.find("{"), text.find("[")) if at >= 0)
    end = max(text.rfind("}"), text.rfind("]")) + 1
    if end <= start or not text[start + 1 : end].lstrip().startswith(('"', "{", "}")):
        return text
    odd: list[str] = []

    def constant(name: str) -> str:
        odd.append(f"{name} is not a number")
        return name

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [_key(key) for key, _ in found]
        if len(set(keys)) < len(keys):
            odd.append("a key of the payload occurs twice")
        return dict(zip(keys, (value for _, value in found), strict=True))

    try:
        payload = json.loads(
            text[start:end],
            parse_int=str,
            parse_float=str,
            parse_constant=constant,
            object_pairs_hook=pairs,
        )
        lines = "\n\n".join(_order(one, odd) for one in _orders(payload))
    except (ValueError, RecursionError):
        return text
    flat.is_json, flat.odd_json = True, "; ".join(odd)
    return f"{text[:start]}\n{lines}\n{text[end:]}"


def _key(key: str) -> str:
    return "".join(filter(str.isalnum, key)).lower()


def _orders(payload: Any) -> Iterable[dict[str, Any]]:
    if isinstance(payload, dict):
        for key in ("order", "signal", "alert", "data"):
            if isinstance(payload.get(key), dict) and not payload.keys() & {"ticker", "symbol"}:
                payload = payload[key]
        payload = [payload]
    if not isinstance(payload, list) or not all(isinstance(one, dict) for one in payload):
        raise ValueError("the payload is not an order")
    return payload


def _order(payload: dict[str, Any], odd: list[str]) -> str:
    """One order as lines. Keys that mean nothing to us are named, so nothing is skipped."""
    lines: list[str] = []
    for key, value in payload.items():
        if value is None or value == "" or key in _IDLE or key == "sentiment":
            continue
        name = _SAME.get(key, key)
        if key in _MOCK:
            lines.append("paper trade" if _is_on(value) != (key in _REAL) else "")
        elif name == "action":
            lines.append(_action(str(value), str(payload.get("sentiment") or "")))
        elif name == "type" and str(value).lower() in _ORDER_TYPES:
            lines.append("" if str(value).lower()[0] == "l" else "price: market")
        elif name == "ordertype":
            lines.append(_order_type(str(value)))
        elif name == "quantitytype":
            odd += _unmeasured(payload)
        else:
            lines.append(_line(name, _value(name, value, odd), payload, odd))
    return "\n".join(line for line in lines if line)


def _is_on(value: Any) -> bool:
    return str(value).lower() not in ("false", "0", "no", "off", "none", "")


_SENTIMENTS = {
    ("sell", "short"): "short", ("sell", "bearish"): "short", ("sell", "flat"): "sell",
    ("sell", "long"): "trim", ("buy", "long"): "buy", ("buy", "bullish"): "buy",
    ("buy", "flat"): "cover", ("buy", "short"): "cover some",
}  # fmt: skip
"""What a webhook means by its action and the position it wants to end in."""


def _action(action: str, sentiment: str) -> str:
    """``sell`` with the sentiment ``short`` opens a short, with ``flat`` it closes a long."""
    words = action.lower().replace("_", " ").replace("-", " ")
    if not sentiment:
        return f"action: {words}"
    known = _SENTIMENTS.get((words, sentiment.lower()))
    return f"action: {known}" if known else f"action: {words} sentiment {sentiment}"


def _order_type(value: str) -> str:
    plain = value.lower()
    if plain in ("limit", "lmt"):
        return ""
    return "price: market" if plain in ("market", "mkt") else f"order type {plain}"


def _value(name: str, value: Any, odd: list[str]) -> str:
    if name in _NUMERIC and not isinstance(value, dict | list) and not _is_numeric(value):
        odd.append(f"the {name} {str(value)[:20]!r} is no number")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return _level(value, odd)
    if isinstance(value, list):
        return " / ".join(_value(name, one, odd) for one in value)
    return str(value)


def _is_numeric(value: Any) -> bool:
    text = str(value).lower()
    is_number = any(map(str.isdigit, text)) and not isinstance(value, bool)
    return is_number or text.strip() in _IN_WORDS


def _level(value: dict[str, Any], odd: list[str]) -> str:
    """Bracket objects such as ``{"type": "stop", "stopPrice": 103}``."""
    for key, one in value.items():
        if key in ("stopprice", "limitprice", "price", "value"):
            return str(one)
        if key in ("percent", "percentage"):
            return f"{one}%"
    odd.append("a bracket of the payload has no price")
    return ""


def _unmeasured(payload: dict[str, Any]) -> list[str]:
    """A unit of the quantity, and the quantity under a name that is not known."""
    is_stated = any(_SAME.get(key) == "qty" for key in payload)
    return [] if is_stated else ["a kind of quantity is stated, and no quantity"]


def _line(name: str, value: str, payload: dict[str, Any], odd: list[str]) -> str:
    if name == "qty":
        kind = _key(str(payload.get("quantitytype", "")))
        if "percent" in kind:
            return f"fraction: {value}%"
        if kind not in ("", "fixedquantity", "contracts", "shares"):
            odd.append(f"the quantity is stated as {kind}")
    return f"{name}: {value}"
