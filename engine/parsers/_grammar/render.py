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
    words = [f"${signal.symbol}"] if signal.symbol else []
    if signal.expiry is not None:
        words.append(signal.expiry.isoformat())
    if signal.strike is not None:
        words.append(f"{plain(signal.strike)}{signal.right or ''}")
    elif signal.right is not None:
        words.append("calls" if signal.right == "C" else "puts")
    return " ".join(words)


def _spread(signal: Signal) -> str:
    """Legs as they stand while the spread is open: ``buy`` is a long leg, also in a close."""
    if signal.expiry is not None:
        legs = " ".join(map(_leg, signal.legs))
        return f"${signal.symbol} {signal.expiry.isoformat()} spread {legs}"
    if len({(leg.strike, leg.right) for leg in signal.legs}) == 1:
        one = signal.legs[0]
        days = " ".join(f"{_side(leg)} {leg.expiry.isoformat()}" for leg in signal.legs)
        return f"${signal.symbol} calendar {plain(one.strike)}{one.right}: {days}"
    legs = " ".join(
        f"{_side(leg)} {leg.expiry.isoformat()} {_contract(leg)}" for leg in signal.legs
    )
    return f"${signal.symbol} diagonal {legs}"


def _leg(leg: SignalLeg) -> str:
    ratio = f"{leg.ratio}x " if leg.ratio != 1 else ""
    return f"{_side(leg)} {ratio}{_contract(leg)}"


def _side(leg: SignalLeg) -> str:
    return "buy" if leg.action in (Action.BTO, Action.STC) else "sell"


def _contract(leg: SignalLeg) -> str:
    return f"{plain(leg.strike)}{leg.right}"


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
