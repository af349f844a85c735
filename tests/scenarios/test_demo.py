"""`make demo` keeps its promises: it runs through, proves its figures, leaves nothing behind."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.demo import books
from bot.demo.markdown import Markdown
from bot.demo.market import Market
from bot.demo.stage import Missed, _prepare, set_up
from bot.market_plan import synthetic_feed
from bot.sandbox.posting import Sender
from engine.clock import ManualClock, SystemClock
from engine.domain.instrument import stock
from engine.domain.quote import Leg
from engine.market import NYSE

ROOT = Path(__file__).parents[2]


def play(out: Path, *more: str, **env: str) -> subprocess.Popen[str]:
    """The demo as a process of its own, on a free port, with nobody's settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TS_", "TRADESTREAM_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", "--port", "0", "--out", str(out), *more],
        cwd=ROOT,
        env=clean | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if not found.exists():
        pytest.skip("needs /proc")
    return [int(word) for word in found.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until(check, timeout_s=60.0):
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        if value := check():
            return value
        time.sleep(0.05)
    raise AssertionError("it never came about")


# -- the whole of it --------------------------------------------------------------------------


def test_the_demo_plays_crashes_recovers_and_proves_every_figure(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with play(out) as demo:
        said = demo.communicate(timeout=280)[0]
    assert demo.returncode == 0, said
    assert said.count("✓") == 4
    assert "KILL -9" in said
    assert re.search(r"7 trades, \d+% won", said)
    net = re.search(r"= deposit \$100,000\.00 \+ (\$[\d,.]+)", said)
    assert net is not None, said
    page = (out / "transcript.html").read_text()
    assert f"+{net[1]}" in page
    assert page.count("data:image/png;base64,") >= 9
    assert "kill -9: the bot is dead" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page), "one file, nothing from elsewhere"
    assert "<script>alert" not in page
    names = {file.name for file in out.iterdir()}
    assert {"config.yaml", "desk.db", "pnl-dark.png", "pnl-light.png"} <= names
    assert (out / "pnl-dark.png").read_bytes() != (out / "pnl-light.png").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_demo_that_is_ended_early_takes_its_bot_along(tmp_path: Path, number: int) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(
            "these tests were started by something like nohup, which the demo obeys as well"
        )
    with play(tmp_path / "out") as demo:
        bots = wait_until(lambda: children(demo.pid))
        time.sleep(0.3)
        demo.send_signal(number)
        demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert not [pid for pid in bots if is_alive(pid)]


def test_a_second_demo_in_the_same_folder_does_not_start(tmp_path: Path, capsys) -> None:
    from bot.demo.run import Options, main

    _prepare(tmp_path)
    assert main(Options(folder=tmp_path, port=0)) == 1
    assert "another demo is at work" in capsys.readouterr().out


async def test_a_bot_that_dies_by_itself_ends_the_demo_with_its_exit_code(tmp_path: Path) -> None:
    stage = await set_up(tmp_path, SystemClock(), 0)
    try:
        stage.config.write_text("mode: live\n")
        with pytest.raises(Missed, match="exit code 78"):
            await stage.start_bot()
    finally:
        await stage.close()


async def test_a_step_that_never_comes_names_what_was_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("bot.demo.stage.PATIENCE_S", 0.1)
    stage = await set_up(tmp_path, SystemClock(), 0)
    try:
        stage.user("rhea").say("options-room", "hello there")
        with pytest.raises(Missed, match=r"(?s)never showed SPY.*there: hello there"):
            await stage.see("options-room", "SPY")
    finally:
        await stage.close()


async def test_the_page_moves_to_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    one = await set_up(tmp_path / "one", SystemClock(), 0)
    two = await set_up(tmp_path / "two", SystemClock(), one.sandbox.port)
    try:
        assert two.sandbox.port != one.sandbox.port
        assert f":{two.sandbox.port}/" in two.config.read_text()
    finally:
        await one.close()
        await two.close()


# -- the proof --------------------------------------------------------------------------------


def witness(**changed: str):
    """What `db verify --report --json` says of one trade that made 10 dollars."""
    trade = {"trade_id": "T-1", "realised_usd": "10.00", "fees_usd": "1.30"} | changed
    account = {
        "realised_usd": "10.00", "fees_usd": "1.30", "cash_usd": "100010", "deposits_usd": "100000",
    }  # fmt: skip
    return {"is_ok": True, "table": {"trades": [trade], "accounts": [account]}}


def closing():
    row = SimpleNamespace(
        trade_id="T-1", alert_id="A-1", label="SPY", net_usd=Decimal(10), fees_usd=Decimal("1.30")
    )
    pnl = SimpleNamespace(realised_usd=Decimal(10), fees_usd=Decimal("1.30"), n_open=0)
    return SimpleNamespace(
        rows=(row,), pnl=pnl, equity_usd=Decimal(100_010), deposits_usd=Decimal(100_000), checks=()
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"realised_usd": "10.004"}, ""),
        ({"realised_usd": "10.01"}, "SPY realised: 10 in the table, 10.01 by db verify"),
        ({"fees_usd": "1.31"}, "SPY fees"),
        ({"trade_id": "T-2"}, "db verify has 1 trades"),
    ],
)
def test_a_cent_between_table_and_executions_is_found(changed: dict[str, str], said: str) -> None:
    made = books.Books(report=closing(), trades=(), verified=witness(**changed), audited="")
    wrong = books._against_executions(made)
    assert (said in " ".join(wrong)) if said else wrong == []


async def test_a_card_that_shows_another_figure_is_found(tmp_path: Path) -> None:
    stage = await set_up(tmp_path, SystemClock(), 0)
    try:
        sandbox = stage.sandbox
        bot = Sender(user=sandbox.state.bot)

        def post(where: str, words: str) -> None:
            sandbox.posting.create(sandbox.channel(where), bot, {"content": words})

        for where in ("trade-alerts", "orders"):
            post(where, "PAPER\nSPY · ▲ +$10.00\nref A-1")
        post("activity", "PAPER\nP&L · ▲ +$10.00 net\nfees $1.30\nAdds up")
        assert books._against_cards(closing(), stage) == []
        post("orders", "PAPER\nSPY · ▲ +$10.01\nref A-1")
        assert "the table says ▲ +$10.00" in books._against_cards(closing(), stage)[0]
    finally:
        await stage.close()


# -- the market -------------------------------------------------------------------------------


async def test_demo_and_bot_see_the_same_market_while_it_is_led(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    market = Market(tmp_path / "market.json", clock)
    theirs = synthetic_feed(market.file, 7, clock)
    await theirs.connect()
    share = stock("NVDA")
    await market.lead(share, Decimal("170.00"), 2)
    for _ in range(40):
        await asyncio.sleep(0)
        clock.advance(0.1)
        await asyncio.sleep(0)
    assert (await theirs.quote(share)).mid == await market.mid(share)
    assert abs(await market.mid(share) - 170) < Decimal("0.5")
    assert market.arrives_at <= clock.now()
    await theirs.close()


async def test_options_follow_their_underlying_to_where_they_are_led(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    market = Market(tmp_path / "market.json", clock)
    call = await market.strike("SPY", market.near, Decimal("2.20"), 1)
    assert abs(await market.mid(call) - Decimal("2.20")) < Decimal("0.30")
    unit = (Leg(instrument=call),)
    await market.lead_unit(unit, Decimal("3.30"), 2)
    clock.advance(2.5)
    assert abs(await market.mid(call) - Decimal("3.30")) < Decimal("0.06")
    path = await market.history(unit, clock.now() - timedelta(hours=1), clock.now())
    assert path[0][0] == market.starts_at
    assert path[-1][1] == await market.mid(call)


@pytest.mark.parametrize("days", range(0, 400, 13))
def test_expiries_are_real_trading_days_well_ahead(tmp_path: Path, days: int) -> None:
    clock = ManualClock(SystemClock().now() + timedelta(days=days))
    market = Market(tmp_path / "market.json", clock)
    today = clock.now().date()
    for expiry, least, most in ((market.near, 6, 15), (market.far, 20, 60)):
        assert NYSE.is_trading_day(expiry)
        assert least <= (expiry - today).days <= most
    assert json.loads(market.file.read_text())["starts_at"] == market.starts_at.isoformat()


# -- the transcript ---------------------------------------------------------------------------

MARKS = Markdown({"5": "@Tom", "6": "#orders"})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**Open** 2 of 2", "<p><b>Open</b> 2 of 2</p>"),
        ("```\na  b\n```", "<pre>a  b</pre>"),
        ("> said\n-# small", "<blockquote>said</blockquote><small>small</small>"),
        ("by <@5>", '<p>by <span class="mention">@Tom</span></p>'),
        ("in <#6>", '<p>in <span class="mention">#orders</span></p>'),
        ("at <t:1769785200:R>", "<p>at <time>10:00:00</time></p>"),
        (r"\*not bold\*", "<p>*not bold*</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("```</pre><script>alert(1)</script>```",
         "<pre>&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;</pre>"),
        ("a `<b>`", "<p>a <code>&lt;b&gt;</code></p>"),
        ("\ue0000\ue001", "<p>0</p>"),
    ],
)  # fmt: skip
def test_discord_markdown_becomes_harmless_html(text: str, shown: str) -> None:
    assert MARKS.html(text) == shown
