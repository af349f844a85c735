"""A hypothetical order before every gate: what would be sent, and which limit would say no."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.order import Intent, Verdict
from engine.reports import Figure, Frame, Missing, Stamp, unit_label, unit_word, verb


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesReport:
    """Every check's verdict, in the order of evaluation."""

    stamp: Stamp
    asked: str
    label: str
    """What would be sent: ``Buy 40 shares AAPL``; empty when nothing could be."""
    refused: str
    """Why it cannot be sent at all; empty when only the gates speak."""
    asks: str
    """Why a person would be asked; empty when it would go out at once."""
    verdicts: tuple[Verdict, ...]
    qty: Decimal | None
    sizing: str
    risk_usd: Figure
    """Lost at the stop: the most that is planned to be lost."""
    value_usd: Figure
    """Worst-case dollars tied up."""
    equity_usd: Figure

    @property
    def denied(self) -> tuple[Verdict, ...]:
        """Checks that say no."""
        return tuple(v for v in self.verdicts if not v.is_ok)


def build(
    frame: Frame,
    *,
    asked: str,
    intent: Intent | None,
    refused: str = "",
    asks: str = "",
    equity_usd: Decimal | None = None,
) -> GatesReport:
    """The report; ``intent`` as it was sized and judged, None when it came to nothing."""
    none = Missing("no size could be worked out")
    what = ""
    if intent is not None:
        word = unit_word(intent.legs, intent.qty)
        do = verb(intent.legs, intent.side, intent.purpose)
        what = f"{do} {intent.qty:f} {word} {unit_label(intent.legs)}"
    instruments = [leg.instrument for leg in intent.legs] if intent else []
    return GatesReport(
        stamp=frame.stamp("risk-check", instruments),
        asked=asked,
        label=what,
        refused=refused,
        asks=asks,
        verdicts=intent.verdicts if intent else (),
        qty=intent.qty if intent else None,
        sizing=intent.sizing if intent else "",
        risk_usd=none
        if intent is None
        else Missing("no stop")
        if intent.risk_usd is None
        else intent.risk_usd,
        value_usd=none if intent is None or intent.notional_usd is None else intent.notional_usd,
        equity_usd=Missing("equity is not known") if equity_usd is None else equity_usd,
    )
