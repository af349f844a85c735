"""kill -9 at every outside broker; ``make chaos BROKER=alpaca`` runs one with 200 kills.

CHAOS_KILLS says how many, CHAOS_SEED chooses the chances.
"""

import os

import pytest

from tests.chaos.abroad import Abroad
from tests.chaos.test_kill import kills, percentiles

NAMES = ("alpaca", "etrade", "schwab", "tastytrade", "topstepx", "webull")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
async def test_kill_campaign_at(name, tmp_path, capsys):
    if os.environ.get("BROKER") not in (None, "", name):
        pytest.skip(f"only {os.environ['BROKER']} was asked for")
    abroad = Abroad(name, tmp_path)
    said = await abroad.run(kills(), int(os.environ.get("CHAOS_SEED", "7")))
    with capsys.disabled():
        print(  # noqa: T201 - the campaign's result
            f"\n{name}: {said}\n  crash to ready to trade {percentiles(abroad.tally.trading_s)} "
            f"(n={len(abroad.tally.trading_s)}); forked {percentiles(abroad.forked_s)}"
        )
