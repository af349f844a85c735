"""Discord's limits hold for every card, whatever foreign text and however much of it comes in."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import text
from bot.cards import (
    Tone,
    alert_card,
    alerts,
    approval_card,
    card,
    closing,
    message,
    mirror,
    pnl,
    positions,
    status,
    trace,
    trade_card,
    trades,
)
from engine import reports as r
from engine.domain.alert import Alert, RawAlert
from engine.domain.desk import AlertState, ApprovalState, Candidate, Intake
from engine.domain.order import PlannedTarget, Verdict
from engine.domain.record import Event
from engine.reports import alert_card as alert_report
from engine.reports import alerts as alerts_report
from engine.reports import approval_card as approval_report
from engine.reports import closing as closing_report
from engine.reports import pnl as pnl_report
from engine.reports import positions as positions_report
from engine.reports import status as status_report
from engine.reports import trace as trace_report
from engine.reports import trade_card as trade_report
from engine.reports import trades as trades_report
from engine.store import Journaled
from tests.unit.reports import examples as ex

D = Decimal
STAMP = r.Stamp(at=ex.NOW, ref="A-1")
EVIL = "@everyone ```\n**x** <@1> [a](https://e.example) `" * 200
FRAME = ex.frame(ex.quote(ex.SPY_CALL, "3.08", "3.12", source=EVIL[:300]), is_synthetic=True)


def check(embed: discord.Embed) -> None:
    """What Discord would refuse, and what would ping or break the layout."""
    assert 0 < len(embed.title or "") <= 256
    assert 0 < len(embed.description or "") <= 4096
    assert len(embed.fields) <= 25
    assert len(embed) <= 6000
    assert embed.footer.text
    assert len(embed.footer.text) <= 2048
    whole = f"{embed.title}\n{embed.description}"
    assert "@everyone" not in whole
    assert "@here" not in whole
    assert "<@1>" not in whole.replace("\\<@1", "")
    assert whole.count("```") % 2 == 0
    assert "PAPER" in (embed.author.name or "")
    assert "as of <t:" in (embed.description or "")
    for line in code_lines(embed.description or ""):
        assert len(line) <= text.TABLE_WIDTH


def code_lines(description: str) -> list[str]:
    """Lines inside code blocks."""
    return [line for block in description.split("```")[1::2] for line in block.splitlines()]


def hostile(words: str, n: int) -> list[discord.Embed]:
    """Every card, fed with the same hostile words in every place they can reach."""
    verdicts = tuple(
        Verdict(check=f"{words[:30]}{i}", is_ok=i % 2 == 0, code=words, detail=words)
        for i in range(n)
    )
    intents = [
        ex.intent(
            intent_id=f"A-1/{i}",
            guard=words,
            sizing=words,
            trail=words,
            verdicts=verdicts,
            account=words,
            targets=tuple(PlannedTarget(price=D("3.20"), qty=D(1)) for _ in range(n)),
        )
        for i in range(n)
    ]
    record = ex.alert(
        text=words,
        author_name=words,
        source=words,
        symbol=words,
        reason=words,
        state=AlertState.REJECTED,
        parsed=Alert(signals=(ex.signal(symbol=words, contract=words),), question=words),
    )
    candidates = tuple(Candidate(trade_id=f"T-{i}", label=words) for i in range(n))
    question = ex.approval(question=words, decision=words, candidates=candidates, alert_id=words)
    decided = replace(question, state=ApprovalState.REJECTED, decided_by=102)
    trade = ex.trade(
        account=words,
        source=words,
        alert_id=words,
        close_reason=words,
        targets=tuple(PlannedTarget(price=D("3.20"), qty=D(1)) for _ in range(n)),
    )
    over = [ex.closed(i, "1.00", close_reason=words, source=words) for i in range(n)]
    held = [ex.position(ex.SPY_CALL, ex.lot("2", "2.55", "1.30"))]
    _, entries, account = ex.book(["1.00"] * n)
    account = replace(account, name=words, broker=words, day_start_equity_usd=D(10000))
    build_approval, build_alert = approval_report.build, alert_report.build
    story = {"intents": intents, "approvals": [decided], "trades": [trade]}
    part = status_report.Part(name=words, condition="bad", text=words)
    journal = [
        Journaled(
            seq=i,
            event=Event(
                kind=words, ref=words, at=ex.NOW, actor=words, data={words: words}, puts=(trade,)
            ),
        )
        for i in range(n)
    ]
    hops = trace_report.build(FRAME, ref=words, events=journal, asked=words)
    build_pnl = pnl_report.build
    sums: dict[str, Any] = {"trades": over, "entries": entries, "accounts": [account]}
    cards = [
        alert_card.show(build_alert(record, FRAME, **story)),
        approval_card.show(build_approval(question, FRAME, intent=ex.intent(), alert=record)),
        approval_card.show(build_approval(decided, FRAME, alert=record)),
        trade_card.show(trade_report.build(trade, FRAME, positions=held)),
        positions.show(positions_report.build(FRAME, trades=[trade] * n, positions=held)),
        trades.show(trades_report.build(FRAME, trades=over, limit=25)),
        alerts.show(alerts_report.build(FRAME, alerts=[record] * n, per_page=25)),
        pnl.show(build_pnl(FRAME, **sums)),
        pnl.show(build_pnl(FRAME, **sums, by="source")),
        closing.show(closing_report.build(FRAME, **sums, positions=held)),
        status.show(
            status_report.build(
                FRAME,
                halted=words,
                parts=[part] * n,
                problems={f"{words}{i}": words for i in range(n)},
                queues={f"{words}{i}": i for i in range(n)},
                accounts=[account] * n,
                last_alert=record,
                version=words,
            )
        ),
        message.question(
            title=text.safe_line(words, 300),
            lines=[text.safe(words, 900)] * n,
            stamp=STAMP,
            ends_at=ex.NOW,
            again=words,
        ),
    ]
    return cards if hops is None else [*cards, trace.show(hops)]


@pytest.mark.parametrize("n", [1, 7, 40])
def test_hostile_words_in_every_place(n):
    for embed in hostile(EVIL, n):
        check(embed)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=1500), st.integers(min_value=0, max_value=12))
def test_any_words_in_every_place(words, n):
    for embed in hostile(words, n):
        check(embed)


@given(
    st.lists(st.text(min_size=1, max_size=3000), max_size=12),
    st.lists(st.tuples(st.text(max_size=500), st.text(max_size=2000)), max_size=40),
    st.text(max_size=400),
)
def test_the_maker_of_embeds_holds_the_limits_by_itself(lines, fields, title):
    embed = card(tone=Tone.INFO, title=title or "t", stamp=STAMP, lines=lines, fields=fields)
    assert len(embed) <= 6000
    assert len(embed.description or "") <= 4096
    assert len(embed.fields) <= 25
    assert len(embed.title or "") <= 256


def test_what_does_not_fit_is_cut_and_said():
    embed = card(tone=Tone.INFO, title="t", stamp=STAMP, lines=["x" * 1500] * 4)
    assert "shortened" in (embed.description or "")
    assert (embed.description or "").endswith("as of <t:1769785200:R>")


@given(st.text(max_size=3000), st.text(max_size=300))
def test_the_mirror_is_one_short_line(words, name):
    said = RawAlert(
        guild_id=1,
        channel_id=11,
        message_id=5,
        author_id=7,
        author_name=name,
        posted_at=ex.NOW,
        received_at=ex.NOW,
        text=words,
    )
    line = mirror.line(Intake(source="x", message=said, content_hash="h", verdict=words))
    assert len(line) <= mirror.LINE_MAX
    assert "\n" not in line
    assert "@everyone" not in line
