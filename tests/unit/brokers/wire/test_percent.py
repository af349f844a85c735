"""Percent-encoding for signatures."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from engine.brokers._wire.percent import percent


@given(st.text())
def test_it_writes_what_the_standard_library_writes(text: str) -> None:
    assert percent(text) == quote(text, safe="")
