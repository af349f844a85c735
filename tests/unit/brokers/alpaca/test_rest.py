"""How the library's HTTP ended, and what that proves."""

import ssl
from typing import Any

import pytest
from requests import exceptions as http
from urllib3.exceptions import MaxRetryError, NameResolutionError, SSLError

from engine.brokers.alpaca import rest
from engine.domain.errors import BrokerUnavailable, OrderStateUnknown


def ended(reason: Exception) -> MaxRetryError:
    pool: Any = None
    return MaxRetryError(pool, "/v2/orders", reason)


UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (http.SSLError(ended(SSLError(UNTRUSTED))), "its certificate is not trusted (TLS)"),
        (
            http.ConnectionError(ended(NameResolutionError("h", None, OSError()))),  # type: ignore[arg-type]
            "its name is not known (DNS)",
        ),
    ],
)
def test_what_ends_before_a_line_is_there_leaves_no_order_in_doubt(
    error: Exception, said: str
) -> None:
    meant = rest._meaning("alpaca", error)
    assert isinstance(meant, BrokerUnavailable)
    assert str(meant) == f"alpaca: no connection, {said}"


def test_what_breaks_on_a_line_may_have_left() -> None:
    broken = http.SSLError(ended(SSLError(ssl.SSLError(1, "record layer failure"))))
    assert isinstance(rest._meaning("alpaca", broken), OrderStateUnknown)
