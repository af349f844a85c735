"""One suite for every file of engine/risk: what a check has to be, whatever it limits.

A new file is tested here unasked. It has to let ordinary entries through, deny at least one of
the situations below (a gate that cannot deny gates nothing), and never raise, whatever the facts.
"""

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from engine import registry
from engine.domain.curbs import Freeze
from engine.domain.errors import ConfigError
from engine.domain.order import Intent, OrderType, Purpose, Side
from engine.quality import Grade, Report
from engine.risk import Denial, Facts, RecentExit, Remark, RiskCheck, run_checks
from engine.risk.load import check_names, load_checks
from tests.unit.risk.facts import (
    AAPL,
    NOW,
    PUT_SPREAD,
    account,
    coins,
    credit_spread,
    ended,
    facts,
    held,
    intent,
    micro,
    pending,
    prop,
    quote,
    shares,
    trade,
)

D = Decimal
CHECKS = dict(load_checks({}))
NAMES = sorted(CHECKS)
BAD = (None, D("NaN"), D("-NaN"), D("Infinity"), D("-Infinity"), D(-1), D("-1e30"))
ENTRIES = (intent(), shares(), micro(), credit_spread(), coins())
ORDINARY = facts(quote=quote("2.36", "2.37"))
BUSY = facts(
    **held(*(trade(f"T-{i}x") for i in range(2)), trade("T-s", legs=PUT_SPREAD, direction=-1)),
    pending=(pending("T-p", legs=AAPL),),
    recent_exits=(ended(minutes_ago=100), ended("AAPL", minutes_ago=200)),
    recent_entries=((NOW, "102|1xAAPL|buy", "A-9", D(5)),),
)


def report(grade: Grade) -> Report:
    return Report(grade=grade, score=50.0, parts={}, sources=("test",))


def _hostile() -> Iterator[tuple[str, Facts]]:
    """Facts with one figure broken at a time."""
    for base in (ORDINARY, BUSY):
        for field, bad in product(("equity_usd", "buying_power_usd", "open_pnl_usd"), BAD):
            yield f"{field}={bad}", replace(base, **{field: bad})
        for field in ("session_on", "minutes_after_open", "minutes_to_close", "quote", "data"):
            yield f"{field}=None", replace(base, **{field: None})
        for grade in Grade:
            yield f"data {grade}", replace(base, data=report(grade))
        yield "minutes<0", replace(base, minutes_after_open=-5, minutes_to_close=-5)
        for field, bad in product(
            ("day_start_equity_usd", "peak_equity_usd", "realised_today_usd", "cash_usd"), BAD
        ):
            yield f"account.{field}={bad}", replace(base, account=account(**{field: bad}))
        for n in (None, -1, 10**9):
            yield f"account.n={n}", replace(base, account=account(n_trades_today=n))
        for bid, ask in product(("NaN", "-1", "0", "Infinity", "2.36"), repeat=2):
            yield f"quote {bid}/{ask}", replace(base, quote=quote(bid, ask))
        for bad in BAD:
            notional = {**base.notional_by_trade, "T-0x": bad, "T-other": bad}
            yield f"notional={bad}", replace(base, notional_by_trade=notional)
            exits = (ended(was_stopped=True), ended())
            broken = tuple(replace(e, realised_usd=bad) for e in exits)
            yield f"realised={bad}", replace(base, recent_exits=broken)
            entries = ((NOW, "101|1xAAPL|buy", "A-9", bad),)
            yield f"entry price={bad}", replace(base, recent_entries=entries)
        yield "no exposure", replace(base, notional_by_trade={})
        yield "halted=None", replace(base, halted=None)
        yield "reconciled=None", replace(base, is_reconciled=None)
        for field, bad in product(("equity_usd", "at_stops_usd", "contracts"), BAD):
            yield f"prop.{field}={bad}", replace(base, prop=replace(prop(), **{field: bad}))
        yield "prop.state=None", replace(base, prop=replace(prop(), state=None))
        yield "is_paper_broker=None", replace(base, is_paper_broker=None)
        yield "clock back", replace(base, now=NOW - timedelta(hours=1))
        yield "clock on", replace(base, now=NOW + timedelta(days=2))


def _hostile_intents() -> Iterator[tuple[str, Intent]]:
    for entry in ENTRIES:
        for field in ("qty", "limit", "stop", "risk_usd", "notional_usd", "alerted_price"):
            for bad in (*BAD, D(0), D("1e400")):
                yield f"{entry.symbol}.{field}={bad}", replace(entry, **{field: bad})
        yield f"{entry.symbol} at market", replace(entry, type=OrderType.MARKET, limit=None)
        yield f"{entry.symbol} sold", replace(entry, side=entry.side.opposite)
        for bad in BAD:
            targets = tuple(replace(t, price=bad, qty=bad) for t in entry.targets)
            yield f"{entry.symbol} targets={bad}", replace(entry, targets=targets)


HOSTILE = [*_hostile()]
HOSTILE_INTENTS = [*_hostile_intents()]
EXTREME = [
    (intent(), facts(halted="by hand")),
    (intent(), facts(freezes=(Freeze(scope="all", by="ada", at=NOW, reason="news"),))),
    (shares(), facts(**held(trade("T-x")), is_paper_broker=False)),  # moves together? not known
    (intent(), facts(is_paper_broker=False)),
    (replace(intent(), qty=D("NaN")), ORDINARY),
    (intent(), facts(session_on=None, minutes_after_open=None, minutes_to_close=None)),
    (intent(), facts(quote=None)),
    (intent(), facts(data=report(Grade.D))),
    (intent(), facts(equity_usd=D(50_000), open_pnl_usd=D(-50_000), buying_power_usd=D(0))),
    (
        intent(),
        facts(
            recent_entries=(
                (NOW, f"101|1x{intent().legs[0].instrument.key}|buy", "A-0", D("2.35")),
            )
        ),
    ),
    (intent(), facts(unknown_symbols=frozenset({"SPY"}))),
    (intent(), facts(recent_exits=(ended(minutes_ago=1),))),
    (intent(), facts(**held(*(trade(f"T-{i}x") for i in range(30)), usd="5000"))),
    (intent(), facts(account=account(n_trades_today=99))),
    (intent(side=Side.SELL, stop=D(4)), facts(**held(trade("T-x")))),
    (shares(qty=D(10_000), stop=D(90)), ORDINARY),
    (micro(), facts(prop=prop(equity_usd=D(47_900), at_stops_usd=D(47_900)))),
    (micro(), facts(prop=prop(contracts=D(9)))),
    (micro(), facts(prop=prop(), now=NOW.replace(hour=21, minute=30))),
    (shares(targets=tuple(replace(t, price=D(181)) for t in shares().targets)), ORDINARY),
]


@pytest.mark.parametrize("name", NAMES)
def test_has_a_stage_a_sentence_and_strict_settings(name: str) -> None:
    check = CHECKS[name]
    assert type(check).__name__ == registry.class_name(name)
    assert 1 <= check.stage <= 12
    assert (type(check).__doc__ or "").startswith("Deny ")
    assert issubclass(type(check).Settings, RiskCheck.Settings)
    with pytest.raises(ConfigError, match=rf"^risk\.{name}\.no_such_key: "):
        load_checks({name: {"no_such_key": 1}})


@pytest.mark.parametrize("name", NAMES)
def test_lets_an_ordinary_entry_through(name: str) -> None:
    entries = {
        "2.36": intent(),
        "179.95": shares(),
        "6325.75": micro(),
        "0.60": credit_spread(),
        "99990": coins(),
    }
    for bid, entry in entries.items():
        ask = entry.limit if entry.side is Side.BUY else D("0.64")
        assert CHECKS[name].check(entry, facts(quote=quote(bid, str(ask)))) is None


@pytest.mark.parametrize("name", NAMES)
def test_can_deny_and_says_why_in_a_sentence(name: str) -> None:
    said = [CHECKS[name].check(entry, seen) for entry, seen in EXTREME]
    denials = [d for d in said if isinstance(d, Denial)]
    assert denials, f"{name} denies none of the extreme situations: it gates nothing"
    for denial in denials:
        assert denial.code.startswith(f"{name}.")
        assert denial.code.removeprefix(f"{name}.").replace("_", "").isalpha()
        assert len(denial.detail) > 10
        assert "\n" not in denial.detail


@pytest.mark.parametrize("name", NAMES)
def test_never_raises_whatever_the_facts(name: str) -> None:
    for what, seen in HOSTILE:
        for entry in ENTRIES:
            _answers(name, entry, seen, what)


@pytest.mark.parametrize("name", NAMES)
def test_never_raises_whatever_the_intent(name: str) -> None:
    for what, entry in HOSTILE_INTENTS:
        for seen in (ORDINARY, BUSY):
            _answers(name, entry, seen, what)


def _answers(name: str, entry: Intent, seen: Facts, what: str) -> None:
    denial = CHECKS[name].check(entry, seen)
    assert denial is None or isinstance(denial, Denial | Remark), what
    assert isinstance(CHECKS[name].warning(seen), str), what


NEEDS: dict[str, tuple[str, ...]] = {
    "equity_usd": ("daily_loss", "drawdown", "risk_per_trade", "position_size", "allocation"),
    "buying_power_usd": ("buying_power",),
    "open_pnl_usd": ("daily_loss",),
}


@pytest.mark.parametrize("field", NEEDS)
@pytest.mark.parametrize("bad", [None, D("NaN"), D("Infinity"), D("-Infinity")], ids=str)
def test_an_unknown_figure_is_denied_by_every_check_that_needs_it(field: str, bad: Any) -> None:
    seen = replace(ORDINARY, **{field: bad})
    for name in NEEDS[field]:
        denial = CHECKS[name].check(intent(), seen)
        assert isinstance(denial, Denial), f"{name} let {field}={bad} pass"
        assert denial.code == f"{name}.unknown"


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_of_zero_is_a_limit(name: str) -> None:
    """0 never reads as "no limit": the check then denies more, not less."""
    kind = type(CHECKS[name])
    for key, field in kind.Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, bool) or not isinstance(default, int | Decimal):
            continue
        zero = dict(load_checks({name: {key: 0}}))[name]
        for entry, seen in EXTREME:
            if CHECKS[name].check(entry, seen) is None or _loosens(key):
                continue
            assert zero.check(entry, seen) is not None, f"{name}.{key}=0 let an entry pass"


def _loosens(key: str) -> bool:
    """Lower bounds and waiting times: 0 asks for less by its meaning."""
    return key.startswith(("min_", "after_", "window_")) or "_min_" in key


def test_every_file_of_the_folder_is_loaded_in_the_order_of_evaluation() -> None:
    loaded = load_checks({})
    assert sorted(name for name, _ in loaded) == check_names()
    stages = [check.stage for _, check in loaded]
    assert stages == sorted(stages)
    assert [loaded[0][0], loaded[-1][0]] == ["kill_switch", "buying_power"]


def test_no_check_imports_a_loop_a_clock_or_chance() -> None:
    spec = importlib.util.find_spec("engine.risk")
    assert spec is not None
    assert spec.origin is not None
    for file in Path(spec.origin).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {"asyncio", "time", "random", "os", "logging"} & set(names), file


# -- run_checks --------------------------------------------------------------------------------


class _Broken(RiskCheck):
    stage = 1

    def __init__(self, answer: Any) -> None:
        super().__init__(RiskCheck.Settings())
        self.answer = answer

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [ValueError("x"), RecursionError(), True, "no", False])
def test_a_check_that_raises_or_answers_nonsense_has_denied(answer: Any) -> None:
    verdicts = run_checks([("broken", _Broken(answer))], intent(), ORDINARY)
    assert [(v.check, v.is_ok, v.code) for v in verdicts] == [("broken", False, "broken.error")]


def test_a_check_that_takes_more_than_a_second_has_denied() -> None:
    ticks = iter([0.0, 1.01, 1.9])
    checks = [("slow", _Broken(None)), ("quick", _Broken(None))]
    verdicts = run_checks(checks, intent(), ORDINARY, monotonic=lambda: next(ticks))
    assert [(v.is_ok, v.code) for v in verdicts] == [(False, "slow.slow"), (True, "")]


def test_all_verdicts_are_recorded_not_only_the_first_denial() -> None:
    seen = facts(halted="by hand", quote=None)
    verdicts = run_checks(load_checks({}), intent(), seen)
    assert len(verdicts) == len(NAMES)
    assert [v.code for v in verdicts if not v.is_ok] == [
        "kill_switch.halted",
        "data_fresh.no_quote",
    ]


@pytest.mark.parametrize("purpose", [Purpose.CLOSE, Purpose.STOP])
def test_exits_pass_whatever_the_facts(purpose: Purpose) -> None:
    """R-01, I-21, I-22: a halt, a loss limit or a missing figure never holds up an exit."""
    exit_ = replace(intent(), purpose=purpose)
    for _, seen in [("halted", facts(halted="by hand", is_reconciled=False)), *HOSTILE]:
        assert all(v.is_ok for v in run_checks(load_checks({}), exit_, seen))


def test_a_limit_that_is_near_passes_and_is_named_in_its_verdict() -> None:
    seen = facts(
        account=account(realised_today_usd=D(-2500), peak_equity_usd=D(110_000)),
        equity_usd=D(97_500),
        quote=quote("2.36", "2.37"),
    )
    verdicts = run_checks(load_checks({}), intent(), seen)
    near = {v.check: v for v in verdicts if v.code.endswith(".near")}
    assert sorted(near) == ["daily_loss", "drawdown"]
    assert all(v.is_ok and v.detail for v in near.values())
    assert "entries stop at -3 %" in near["daily_loss"].detail
    assert "entries stop at 15 %" in near["drawdown"].detail


def test_a_warning_that_breaks_or_says_nonsense_denies() -> None:
    class Broken(RiskCheck):
        stage = 1

        def check(self, intent: Intent, facts: Facts) -> Denial | None:
            return None

        def warning(self, facts: Facts) -> str:
            raise ZeroDivisionError

    class Mute(Broken):
        def warning(self, facts: Facts) -> str:
            return 7  # type: ignore[return-value]

    for kind in (Broken, Mute):
        (verdict,) = run_checks([("near", kind(None))], intent(), ORDINARY)
        assert not verdict.is_ok


def test_every_field_of_recent_exit_and_facts_that_may_be_unknown_is_tried() -> None:
    tried = {what.split("=")[0].removeprefix("account.") for what, _ in HOSTILE}
    optional = {f.name for f in fields(Facts) if "None" in str(f.type)}
    covered = {"session_on", "minutes_after_open", "minutes_to_close", "quote", "data"}
    covered |= {"is_paper_broker"} | set(NEEDS)
    assert optional - {"recent_entries", "prop"} <= covered  # without a prop firm it is known
    assert covered <= tried | {"minutes_after_open"}
    assert {f.name for f in fields(RecentExit)} >= {"opened_at", "realised_usd"}
