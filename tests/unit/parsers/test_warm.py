"""A process that has just started: what the first alert would otherwise have to load."""

import subprocess
import sys

_CODE = """
import sys
from datetime import UTC, datetime
from engine import market, parsers
from engine.domain.alert import Alert, RawAlert
from engine.domain.source import SourceProfile
from engine.parsers._grammar import slips, words

at = datetime(2025, 12, 12, 15, tzinfo=UTC)
parsers.warm(at)
def known():
    caches = (market._holidays, words._compiled, slips._near, slips._by_tail, parsers._loaded)
    return sorted(sys.modules), [one.cache_info().currsize for one in caches]
before = known()
text = "BTO SPY 640C 1/16/26 @ 2.35, stop 1.20 targt 3.50"
message = RawAlert(guild_id=1, channel_id=2, message_id=3, author_id=4, author_name="",
                   posted_at=at, received_at=at, text=text)
for room in ("options", "stocks", "futures", "auto"):
    terms = SourceProfile(name="x", guild_id=1, channel_id=2, parser=room)
    parsed = parsers.read(message, terms)
assert isinstance(parsed, Alert), parsed
print("nothing" if known() == before else [set(a) ^ set(b) for a, b in zip(known(), before)])
"""


def test_the_first_alert_after_a_start_loads_nothing_once_the_parsers_are_warm() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "nothing"
