"""One spelling for every signal, which the parsers read back to the same signal."""

from decimal import Decimal

from engine.domain.alert import Action, Level, Signal, SignalLeg


def render(signal: Signal) -> str:
    """The signal as one line of text in the rooms' own words; reading it gives it back.

    Tags and ambiguities are not rendered; a signal with gaps renders with the same gaps.
    """
    parts = [_verb(signal), _amount(signal), _instrument(signal), _price(signal), _size(signal)]
    parts += [_levels(signal)]
    return " ".join(part for part in parts if part)


def plain(value: Decimal) -> str:
    """Digits without an exponent."""
    return f"{value:f}"


def _verb(signal: Signal) -> str:
    if signal.action is Action.UPDATE:
        return "exit update"
    return str(signal.action.value) if signal.action is not Action.CANCEL else "cancel"


def _amount(signal: Signal) -> str:
    if signal.quantity is not None:
        return f"{plain(signal.quantity)}x"
    if signal.is_partial:
        return "partial"
    if signal.fraction is not None and signal.fraction != 1:
        return f"{plain(signal.fraction * 100)}% of"
    return ""


def _instrument(signal: Signal) -> str:
    if signal.legs:
        return _spread(signal)
    if signal.asset == "future":
        return signal.contract or f"/{signal.symbol}"
    words = [signal.symbol]
    if signal.expiry is not None:
        words.append(signal.expiry.isoformat())
    if signal.strike is not None:
        words.append(f"{plain(signal.strike)}{signal.right or ''}")
    elif signal.right is not None:
        words.append("calls" if signal.right == "C" else "puts")
    return " ".join(words)


def _spread(signal: Signal) -> str:
    legs = ", ".join(map(_leg, signal.legs))
    return f"{signal.symbol} spread {legs}"


def _leg(leg: SignalLeg) -> str:
    word = "buy" if leg.action in (Action.BTO, Action.STC) else "sell"
    return f"{word} {leg.ratio}x {leg.expiry.isoformat()} {plain(leg.strike)}{leg.right}"


def _price(signal: Signal) -> str:
    if signal.price_range is not None:
        low, high = signal.price_range
        text = f"@ {plain(low)}-{plain(high)}"
    elif signal.price is not None:
        text = f"@ {plain(signal.price)}"
    else:
        return ""
    return f"{text} {signal.price_effect}" if signal.price_effect else text


def _size(signal: Signal) -> str:
    size = signal.size_class
    if size is None:
        return ""
    return f"size {size}" if size in ("A", "B", "C") else f"{size} size"


def _levels(signal: Signal) -> str:
    parts = []
    if signal.stop is not None:
        parts.append(f"SL {level(signal.stop)}")
    if signal.stop_underlying is not None:
        parts.append(f"stop if {signal.symbol} < {plain(signal.stop_underlying)}")
    if signal.trail:
        parts.append(f"trail {signal.trail}")
    if signal.targets:
        parts.append("PT " + " / ".join(map(level, signal.targets)))
    return " ".join(parts)


def level(value: Level) -> str:
    """A stop or target as rooms write it: ``6308``, ``BE``, ``25%``, ``8 pts``."""
    if value.kind == "breakeven" or value.value is None:
        return "BE"
    unit = {"price": "", "percent": "%", "points": " pts"}[value.kind]
    return plain(value.value) + unit
