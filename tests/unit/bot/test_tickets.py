"""What is said to whoever has just sent an order."""

from typing import Any

import pytest

from bot import tickets
from engine.domain.order import OrderState
from tests.unit.reports.examples import order


@pytest.mark.parametrize(
    ("changes", "begins", "says"),
    [
        ({"state": OrderState.UNKNOWN}, "⚠ ", "no answer yet, it is looked up; do not send it"),
        ({"state": OrderState.REJECTED, "reason": "1508: halted"}, "⚠ ", "1508: halted"),
        ({"state": OrderState.ACCEPTED}, "✔ ", "sent. Its card shows the fill"),
        ({"state": OrderState.PARTIAL}, "✔ ", "filling. Its card shows the fill"),
    ],
)
def test_an_order_without_an_answer_is_not_told_as_done(
    changes: dict[str, Any], begins: str, says: str
) -> None:
    said = tickets.said(order(**changes), "SPY 603C")
    assert said.startswith(begins)
    assert says in said
    assert ("✔" in said) is not ("⚠" in said)
