"""The kill -9 campaign against SQLite and PostgreSQL; a few kills in the default suite (P-02).

``make chaos`` runs CHAOS_KILLS lives each (200 unless said), CHAOS_SEED chooses the chances.
"""

import os

import pytest

from tests.chaos import campaign
from tests.unit.storage.postgres import server


def percentiles(values: list[float]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "n/a"
    p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
    return f"p50 {ordered[len(ordered) // 2]:.2f} s, p95 {p95:.2f} s"


async def run(folder, url, kills, capsys):
    tally, said = await campaign.run(folder, url, kills, int(os.environ.get("CHAOS_SEED", "7")))
    with capsys.disabled():
        print(  # noqa: T201 - the campaign's result
            f"\n{url.partition(':')[0]}: {said}\n"
            f"  crash to ready to trade {percentiles(tally.trading_s)}; "
            f"to connected with Discord {percentiles(tally.connected_s)}"
        )


def kills() -> int:
    return int(os.environ.get("CHAOS_KILLS", "200"))


@pytest.mark.slow
async def test_kill_campaign_on_sqlite(tmp_path, capsys):
    await run(tmp_path, "sqlite:///desk.db", kills(), capsys)


@pytest.mark.slow
async def test_kill_campaign_on_postgres(tmp_path, capsys):
    name = server().new_database("template1")  # empty: the bot makes its own schema
    await run(tmp_path, name.replace("://postgres:@/", "://postgres@localhost/"), kills(), capsys)


async def test_five_kills_lose_and_double_nothing(tmp_path, capsys):
    await run(tmp_path, "sqlite:///desk.db", 5, capsys)
