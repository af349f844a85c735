"""How long a message takes to read. Prints figures; asserts only what was read."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.domain.alert import Alert, Parsed
from engine.parsers import read
from tests.property.test_parsers import ADVERSARIAL, message, room
from tests.unit.parsers.generated import corpus
from tests.unit.parsers.labelled import DEFAULT_AT, profile
from tests.unit.parsers.labelled import message as posted

SHARED = Path(__file__).parents[3] / "shared/data/alerts/visible.jsonl"
ROUNDS = 5


def milliseconds(act: Callable[[], Parsed]) -> float:
    """Processor time, so that a busy machine does not spoil the figure."""
    started = time.thread_time()
    act()
    return (time.thread_time() - started) * 1000


def show(text: str) -> None:
    sys.stdout.write(text + "\n")


def report(name: str, found: list[float]) -> None:
    found.sort()
    at = {p: found[min(len(found) - 1, len(found) * p // 100)] for p in (50, 90, 99)}
    show(
        f"\n{name}: n={len(found)} mean={statistics.fmean(found):.3f} ms "
        f"p50={at[50]:.3f} p90={at[90]:.3f} p99={at[99]:.3f} max={found[-1]:.3f}"
    )


@pytest.mark.bench
def test_time_per_message_of_a_made_corpus() -> None:
    made = [one for one in corpus(1000, 5) if one.first is None]
    messages = [(posted(one.text, DEFAULT_AT), profile(one.channel)) for one in made]
    clear = [parsed for one, terms in messages if isinstance(parsed := read(one, terms), Alert)]
    assert len(clear) > 0.95 * len(messages)
    report(
        "made corpus",
        [milliseconds(lambda m=m, p=p: read(m, p)) for _ in range(ROUNDS) for m, p in messages],
    )


@pytest.mark.bench
@pytest.mark.skipif(not SHARED.exists(), reason="the shared corpus is not on this machine")
def test_time_per_message_of_the_shared_corpus() -> None:
    rows = [json.loads(line) for line in SHARED.read_text("utf-8").splitlines()]
    messages = [
        (
            posted(row["content"], row["posted_at"].replace("Z", "+00:00")),
            profile(row["channel"]),
        )
        for row in rows
    ]
    for one, terms in messages:
        read(one, terms)
    report(
        "shared corpus",
        [milliseconds(lambda m=m, p=p: read(m, p)) for _ in range(ROUNDS) for m, p in messages],
    )


@pytest.mark.bench
def test_time_of_adversarial_texts_of_4000_characters() -> None:
    found: dict[str, float] = {}
    for name, text in ADVERSARIAL.items():
        one = message(text[:4000])
        for channel in ("options", "stocks", "futures", "auto"):
            parsed = read(one, room(channel))
            assert not isinstance(parsed, Alert) or parsed.needs_human
            best = min(milliseconds(lambda o=one, c=channel: read(o, room(c))) for _ in range(3))
            found[f"{name}/{channel}"] = best
    report("adversarial, 4,000 characters", list(found.values()))
    worst = sorted(found.items(), key=lambda pair: -pair[1])[:5]
    show("slowest: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in worst))


@pytest.mark.bench
def test_time_of_the_first_message_after_a_start() -> None:
    """Word tables and holidays load on first use: paid once, before the market opens."""
    code = (
        "import time; t=time.perf_counter()\n"
        "import engine.parsers as p\n"
        "a=time.perf_counter()\n"
        "from datetime import datetime, UTC\n"
        "from engine.domain.alert import RawAlert\n"
        "from engine.domain.source import SourceProfile\n"
        "m=RawAlert(guild_id=1,channel_id=2,message_id=3,author_id=4,author_name='',"
        "posted_at=datetime(2025,8,12,14,tzinfo=UTC),received_at=datetime(2025,8,12,tzinfo=UTC),"
        "text='BTO SPY 640C 8/15 @ 2.35')\n"
        "r=p.read(m,SourceProfile(name='x',guild_id=1,channel_id=2,parser='options'))\n"
        "b=time.perf_counter()\n"
        "print(f'import {(a-t)*1000:.0f} ms, first message {(b-a)*1000:.0f} ms')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    show("\n" + done.stdout.strip())
