"""C-01, I-36: cards, lists, P&L and the closing table say what the ledger says, to the cent."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bot import text
from bot.cards import closing as closing_card
from bot.cards import pnl as pnl_card
from bot.cards import trade_card as trade_embed
from engine import ledger
from engine.domain.instrument import Instrument
from engine.domain.money import cents
from engine.domain.order import Order, OrderState, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import Account, Execution, LedgerEntry, Position, Trade, TradeState
from engine.reports import Missing, closing, pnl, positions, trade_card, trades
from tests.unit.reports.examples import AAPL, MES, NOW, SPY_CALL, D, frame, order, quote, trade

INSTRUMENTS = {SPY_CALL: ("1.00", "9.00"), AAPL: ("150", "220"), MES: ("6000", "6600")}


@dataclass
class Desk:
    """The ledger driven by hand: what the flows do, without any of their machinery."""

    account: Account = field(
        default_factory=lambda: Account(
            name="main", broker="paper", cash_usd=D(100000), deposits_usd=D(100000)
        )
    )
    trades: dict[str, Trade] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    entries: list[LedgerEntry] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)

    def fill(self, sent: Order, qty: Decimal, price: Decimal, fee: Decimal) -> Order:
        """Book one fill of a single-leg order; the order as it is then."""
        n = len(self.executions)
        at = NOW - timedelta(hours=2) + timedelta(seconds=n)
        execution = Execution(
            execution_id=f"E{n}",
            order_id=sent.order_id,
            trade_id=sent.trade_id,
            account="main",
            instrument=sent.legs[0].instrument,
            side=sent.side,
            qty=qty,
            price=price,
            fee_usd=fee,
            executed_at=at,
        )
        key = f"{sent.trade_id}|{execution.instrument.key}"
        booked = ledger.book(
            execution,
            order=sent,
            trade=self.trades[sent.trade_id],
            position=self.positions.get(key),
            account=self.account,
            now=at,
        )
        self.account = booked.account
        self.trades[sent.trade_id] = booked.trade
        self.positions[key] = booked.position
        self.entries.append(booked.entry)
        self.executions.append(booked.execution)
        return booked.order


@dataclass(frozen=True)
class Trip:
    """One round trip to be played: fills in, fills out, mark at the end."""

    instrument: Instrument
    is_long: bool
    ins: list[tuple[Decimal, Decimal, Decimal]]
    outs: list[tuple[Decimal, Decimal, Decimal]]
    mark: Decimal


def money(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=low, max_value=high, places=2)


@st.composite
def trips(draw: st.DrawFn) -> Trip:
    instrument = draw(st.sampled_from(list(INSTRUMENTS)))
    low, high = INSTRUMENTS[instrument]
    price, fee = money(low, high), money("0", "3")
    count = st.integers(min_value=1, max_value=5).map(Decimal)
    ins = draw(st.lists(st.tuples(count, price, fee), min_size=1, max_size=4))
    left = sum((qty for qty, _, _ in ins), D(0))
    outs = []
    for qty, at, cost in draw(st.lists(st.tuples(count, price, fee), max_size=4)):
        take = min(qty, left)
        if take > 0:
            outs.append((take, at, cost))
            left -= take
    return Trip(instrument, draw(st.booleans()), ins, outs, draw(price))


def play(played: list[Trip]) -> Desk:
    """All round trips, booked fill by fill."""
    desk = Desk()
    for number, trip in enumerate(played):
        legs = (Leg(instrument=trip.instrument),)
        wanted = sum((qty for qty, _, _ in trip.ins), D(0))
        name = f"T-{number}"
        stop = trip.ins[0][1] * (D("0.9") if trip.is_long else D("1.1"))
        desk.trades[name] = trade(
            trade_id=name,
            alert_id=f"A-{number}",
            legs=legs,
            symbol=trip.instrument.symbol,
            direction=1 if trip.is_long else -1,
            state=TradeState.PENDING,
            qty_wanted=wanted,
            qty_opened=D(0),
            qty_open=D(0),
            entry_price=None,
            initial_stop=stop,
            risk_usd=None,
            stop=None,
            targets=(),
            fees_usd=D(0),
            opened_at=None,
        )
        entry = order(
            order_id=f"O{number}",
            trade_id=name,
            legs=legs,
            qty=wanted,
            side=Side.BUY if trip.is_long else Side.SELL,
            state=OrderState.ACCEPTED,
            leg_filled=(),
        )
        for qty, price, fee in trip.ins:
            entry = desk.fill(entry, qty, price, fee)
        leave = replace(
            entry,
            order_id=f"X{number}",
            purpose=Purpose.CLOSE,
            side=entry.side.opposite,
            state=OrderState.ACCEPTED,
            leg_filled=(),
            avg_price=None,
            reason="target",
        )
        for qty, price, fee in trip.outs:
            leave = desk.fill(leave, qty, price, fee)
    return desk


@settings(max_examples=120, deadline=None)
@given(st.lists(trips(), min_size=1, max_size=4))
def test_every_surface_says_what_the_ledger_says(played):
    desk = play(played)
    marks = {trip.instrument.key: trip for trip in played}
    seen = frame(
        *(quote(t.instrument, str(t.mark), str(t.mark)) for t in marks.values()),
    )
    held = list(desk.positions.values())
    truth = ledger.rebuild(desk.executions)
    cards = {
        name: trade_card.build(made, seen, positions=held) for name, made in desk.trades.items()
    }

    net = D(0)
    for name, card in cards.items():
        own = [p for p in held if p.trade_id == name]
        now = ledger.unrealised(own, seen.marks(own))
        assert now is not None
        assert not isinstance(card.realised_usd, Missing)
        assert not isinstance(card.net_usd, Missing)
        assert cents(card.realised_usd) == cents(truth.trades[name].realised_usd)
        assert card.open_usd == now
        assert cents(card.fees_usd) == cents(truth.trades[name].fees_usd)
        net += card.net_usd
        embed = trade_embed.show(card)
        assert text.usd(card.net_usd, sign=True) in (embed.title or "")
        assert text.usd(card.net_usd, sign=True) in (embed.description or "")

    given_ = {
        "trades": desk.trades.values(),
        "entries": desk.entries,
        "accounts": [desk.account],
        "positions": held,
    }
    report = pnl.build(seen, period="all", **given_)
    assert not isinstance(report.net_usd, Missing)
    assert cents(report.net_usd) == cents(net)
    assert report.check.is_ok is True
    worth = ledger.equity(desk.account, held, seen.marks(held))
    assert worth is not None
    assert cents(worth - desk.account.deposits_usd) == cents(net)
    for row in report.rows:
        assert cents(row.realised_usd) == cents(truth.trades[row.trade_id].realised_usd)
    assert "Adds up" in (pnl_card.show(report).description or "")

    today = pnl.build(seen, period="today", **given_)
    assert today.realised_usd == report.realised_usd
    assert today.check.is_ok is True

    listed = trades.build(seen, trades=desk.trades.values(), positions=held, limit=99)
    assert {r.trade_id: r.net_usd for r in listed.rows} == {
        name: card.net_usd for name, card in cards.items()
    }
    is_open = [c.net_usd for c in cards.values() if c.is_open]
    held_now = positions.build(seen, trades=desk.trades.values(), positions=held)
    assert held_now.net_usd == sum(is_open, D(0))

    # the deposit was not booked here, so the account's own total is short of it
    whole = replace(desk.account, cash_usd=desk.account.cash_usd - desk.account.deposits_usd)
    end = closing.build(
        seen,
        **(given_ | {"accounts": [replace(whole, deposits_usd=D(0))]}),
        executions=desk.executions,
    )
    assert end.is_ok, [c for c in end.checks if c.is_ok is False]
    assert (closing_card.show(end).title or "").startswith("Closing · ")
