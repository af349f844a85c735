"""``tradestream replay``: alerts of the past against the quotes of the past."""

import argparse
import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.replay import Played, Terms
    from engine.domain.desk import AlertRecord
    from engine.domain.trade import Trade
    from engine.reports.replay import ReplayReport

HELP = "Play recorded alerts against recorded quotes: alerted, achievable, and with our guards."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("alerts", type=Path, help="messages, JSON lines as `parse --jsonl` reads")
    parser.add_argument("--quotes", type=Path, action="append", required=True, metavar="FILE")
    parser.add_argument("--config", type=Path, default=None, help="config.yaml whose terms apply")
    parser.add_argument("--half-spread", type=Decimal, default=None, metavar="USD")
    parser.add_argument("--out", type=Path, default=Path("replay-out"), help="where charts go")


def run(args: argparse.Namespace) -> int:
    """0 when it was played; 2 when a file cannot be read."""
    from engine.domain.errors import ConfigError

    try:
        return asyncio.run(_run(args))
    except (ConfigError, ValueError, OSError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return 2


async def _run(args: argparse.Namespace) -> int:
    from bot import replay

    messages = await asyncio.to_thread(replay.read_alerts, args.alerts)
    if not messages:
        raise ValueError(f"{args.alerts}: no messages")
    terms = _terms(args)
    ours = await replay.play(messages, terms, guarded=True)
    free = await replay.play(messages, terms, guarded=False)
    report = _report(ours, free, args.alerts.name)
    _print(ours, free, report)
    await asyncio.to_thread(args.out.mkdir, parents=True, exist_ok=True)
    await _draw(report, args.out)
    return 0


def _terms(args: argparse.Namespace) -> "Terms":
    """Terms of the configuration: limits, exit rules, paper terms, and one room of each kind."""
    from bot import parts
    from bot.config import load
    from bot.replay import Terms
    from engine.risk.load import load_checks

    config = load(args.config)
    half = args.half_spread if args.half_spread is not None else config.feed.half_spread_usd
    return Terms(
        profiles=_profiles(config.profiles()),
        quotes=args.quotes,
        paper=parts.paper(config),
        checks=load_checks(config.risk),
        exit_rules=parts.exit_rules(config.exits),
        settings=parts.settings(config),
        half_spread=half,
    )


def _profiles(configured: dict) -> dict:  # type: ignore[type-arg]
    from engine.domain.source import SourceProfile

    found = {}
    for kind in ("options", "futures", "stocks"):
        fitting = [p for p in configured.values() if p.parser == kind]
        found[kind] = (
            fitting[0]
            if fitting
            else SourceProfile(name=kind, guild_id=None, channel_id=0, parser=kind)
        )
    return found


def _report(ours: "Played", free: "Played", title: str) -> "ReplayReport":
    from bot.replay import cases
    from engine.reports import Frame
    from engine.reports.replay import build

    found = cases(ours, free)
    last = max((c.at for c in found), default=next(iter(free.alerts.values())).posted_at)
    return build(Frame(now=last), cases=found, title=title)


def _print(ours: "Played", free: "Played", report: "ReplayReport") -> None:
    from bot.replay import openings, trades_of, why_not
    from bot.text import usd

    for alert in openings(free.alerts.values()):
        print(f"\n{alert.posted_at:%Y-%m-%d %H:%M:%S}Z  {alert.author_name}: {alert.text[:70]}")
        followed = trades_of(free, alert.alert_id)
        if not followed:
            print(f"  achievable  n/a ({why_not(free, alert)})")
            print(f"  ours        not traded: {why_not(ours, alert)}")
        for trade in followed:
            _print_ways(trade, ours, free, alert)
    print()
    for name, line in (
        ("alerted", report.alerted),
        ("achievable", report.achievable),
        ("ours", report.ours),
    ):
        print(f"{name:<11} {usd(line.total_usd, sign=True)} before fees")
    print(f"over {report.n} trades; {report.n_left_out} left out, a figure of theirs is not known")
    _print_guards(ours, free)


def _print_ways(trade: "Trade", ours: "Played", free: "Played", alert: "AlertRecord") -> None:
    """One trade as alerted, as it could be had, and as our guards traded it."""
    from bot.replay import alerted_usd, gross_usd, why_not
    from bot.text import price, usd
    from engine.reports import Missing

    tick = trade.legs[0].instrument
    entry = price(trade.alerted_price or Missing("market"), tick)
    leave = price(trade.alerted_exit or Missing("no exit alert"), tick)
    made = alerted_usd(trade, free)
    shown = usd(made if made is not None else Missing("not closed"), sign=True)
    print(f"  alerted     {trade.qty_opened:f} × {entry} → {leave}  {shown}")
    _print_trade("achievable", trade, gross_usd(trade))
    intent = ours.intents.get(trade.trade_id)
    if intent is not None:
        print(f"  guard       {intent.guard}")
    mine = ours.trades.get(trade.trade_id)
    if mine is None:
        print(f"  ours        not traded: {why_not(ours, alert, trade.trade_id)}")
    else:
        _print_trade("ours", mine, gross_usd(mine))


def _print_trade(name: str, trade: "Trade", gross: Decimal | None) -> None:
    from bot.text import price, usd
    from engine.reports import Missing

    tick = trade.legs[0].instrument
    entry = price(trade.entry_price if trade.entry_price is not None else Missing("no fill"), tick)
    leave = price(trade.exit_price if trade.exit_price is not None else Missing("open"), tick)
    made = usd(gross if gross is not None else Missing("not closed"), sign=True)
    print(
        f"  {name:<11} {trade.qty_opened:f} × {entry} → {leave}  {made}, "
        f"fees {usd(trade.fees_usd)}  ({trade.close_reason or 'open'})"
    )


def _print_guards(ours: "Played", free: "Played") -> None:
    """What each reason not to trade saved or cost, at achievable prices."""
    from bot.replay import guards
    from bot.text import usd

    for code, n, total in guards(ours, free):
        verb = "cost" if total > 0 else "saved"
        print(f"not traded because of {code}: {n}, which {verb} {usd(abs(total))}")


async def _draw(report: "ReplayReport", out: Path) -> None:
    from bot.charts import Charts, Theme

    charts = Charts()
    try:
        for theme in Theme:
            png = await charts.render("replay", report, theme)
            await asyncio.to_thread((out / f"replay-{theme}.png").write_bytes, png)
    finally:
        await charts.close()
    print(f"charts: {out}/replay-dark.png, {out}/replay-light.png")
