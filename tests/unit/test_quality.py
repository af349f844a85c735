"""Grades of market data: each part by its own measure, A to F at their borders, bounded memory."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.instrument import future, option, stock
from engine.domain.quote import Leg, Quote
from engine.feeds import QuoteBoard
from engine.quality import Grade, Quality
from tests.rig import START

D = Decimal
SPY, QQQ, SPX = stock("SPY"), stock("QQQ"), stock("SPX")
CALL = option("SPY", date(2025, 1, 31), D(603), "C")


def quote(bid="100.00", ask="100.02", *, after_s=0.0, source="one", instrument=SPY, **more):
    at = START + timedelta(seconds=after_s)
    return Quote(
        instrument=instrument,
        bid=D(bid),
        ask=D(ask),
        exchange_at=at,
        received_at=at,
        source=source,
        **more,
    )


def heard(*quotes):
    quality = Quality()
    for one in quotes:
        quality.heard(one)
    return quality


def wide(bid):
    """An ask two cents above."""
    return str(D(bid) + D("0.02"))


def grade(quality, after_s=0.0, instrument=SPY):
    return quality.of(instrument, START + timedelta(seconds=after_s))


def test_nothing_is_known_of_what_was_never_quoted():
    assert grade(Quality()) is None
    assert Quality().worst((Leg(instrument=SPY),), START) is None


def test_one_source_that_does_all_well_is_b_and_two_that_agree_are_a():
    alone = heard(quote())
    assert (grade(alone).grade, grade(alone).score) == (Grade.B, 94)
    assert grade(alone).parts["agreement"] is None
    both = heard(quote(), quote(source="two"))
    assert (grade(both).grade, grade(both).score) == (Grade.A, 100)
    assert set(grade(both).sources) == {"one", "two"}


@pytest.mark.parametrize(("age_s", "part"), [(0, 1), (2, 1), (6, 0.5), (10, 0), (100, 0)])
def test_freshness_falls_from_one_interval_to_five(age_s, part):
    assert grade(heard(quote()), age_s).parts["freshness"] == part


def test_data_that_stopped_is_d_and_opens_nothing():
    """M-01."""
    stopped = grade(heard(quote()), 11)
    assert stopped.grade is Grade.D
    assert not stopped.grade.allows_entries


@pytest.mark.parametrize(("bp", "part"), [(0, 1), (5, 1), (27.5, 0.5), (50, 0), (500, 0)])
def test_agreement_falls_from_five_to_fifty_basis_points(bp, part):
    mid = D(100) * (1 + D(str(bp)) / 20_000) / (1 - D(str(bp)) / 20_000)
    both = heard(quote("100", "100"), quote(str(mid), str(mid), source="two"))
    assert grade(both).parts["agreement"] == pytest.approx(part, abs=1e-6)


def test_sources_that_say_different_things_are_not_both_believed():
    apart = grade(heard(quote(), quote("103.00", "103.02", source="two")))
    assert apart.grade is Grade.C
    assert apart.parts["agreement"] == 0


def test_a_source_that_fell_silent_is_not_compared_with():
    both = heard(quote(source="two"), quote("103.00", "103.02", after_s=20))
    assert grade(both, 20).parts["agreement"] is None


@pytest.mark.parametrize(
    ("n_bad", "expected"), [(0, Grade.B), (1, Grade.B), (4, Grade.C), (40, Grade.D)]
)
def test_quotes_that_make_no_sense_cost_completeness(n_bad, expected):
    quality = heard(*(quote() for _ in range(3)), *(quote("NaN") for _ in range(n_bad)), quote())
    assert grade(quality).grade is expected


@pytest.mark.parametrize(
    ("bid", "ask"), [("NaN", "1"), ("0", "1"), ("-1", "1"), ("2", "1"), ("1", "Infinity")]
)
def test_a_quote_that_makes_no_sense_never_reaches_the_board(bid, ask):
    """M-02."""
    board = QuoteBoard(Quality())
    board.put(quote())
    board.put(quote(bid, ask, after_s=1))
    assert board.last(SPY) == quote()
    assert board.unit((Leg(instrument=SPY),)).ask == D("100.02")


@pytest.mark.parametrize(
    ("bid", "ask"),
    [("9e999999", "9e999999"), ("1e308", "1.7e308"), ("1e-400", "1e-399"), ("1", "9e999999")],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_no_price_is_of_such_a_size_and_none_ends_the_hearing_of_quotes(bid, ask, is_first):
    """M-02: sums of such figures have no value, and what hears the quotes failed of it."""
    board = QuoteBoard(Quality())
    if not is_first:
        board.put(quote())
    for n in range(1, 4):
        board.put(quote(bid, ask, after_s=n, source=f"source {n}"))
    assert board.last(SPY) == (None if is_first else quote())
    board.put(quote(after_s=5))
    assert board.last(SPY) == quote(after_s=5)


def test_a_locked_market_is_no_price_but_an_index_has_no_spread_to_lose():
    """M-02."""
    board = QuoteBoard(Quality())
    board.put(quote())
    board.put(quote("100.02", "100.02", after_s=1))
    assert board.last(SPY) == quote()
    assert grade(board.quality, 1).parts["completeness"] == 0.5
    for n in range(3):
        board.put(quote("6020", "6020", instrument=SPX, after_s=n))
    assert board.last(SPX).exchange_at == START + timedelta(seconds=2)


@pytest.mark.parametrize(("factor", "stands_s"), [("10", 30), ("0.1", 30), ("1.5", 5), ("0.6", 5)])
def test_a_spike_is_held_until_it_has_stood(factor, stands_s):
    """M-02: 10x for some ticks is never a price for sizes, stops or gains."""
    board, far = QuoteBoard(Quality()), str(D(100) * D(factor))
    for n in range(5):
        board.put(quote(after_s=n))
    told = []
    board.listen(told.append)
    board.put(quote(far, wide(far), after_s=5))
    assert told == []
    assert board.last(SPY).bid == D(100)
    assert board.quality.of(SPY, START + timedelta(seconds=5)).parts["range"] == 0
    board.put(quote(after_s=6))
    assert board.last(SPY) == quote(after_s=6)
    for n in range(stands_s):
        board.put(quote(far, wide(far), after_s=7 + n))
    assert board.last(SPY).bid == D(100)
    at = START + timedelta(seconds=6 + stands_s)
    assert board.quality.belief.doubt(SPY.key, at).quote.bid == D(far)
    board.put(quote(far, wide(far), after_s=7 + stands_s))
    assert board.last(SPY).bid == D(far), "it stood: it is the market"
    assert board.quality.belief.doubt(SPY.key, START + timedelta(seconds=37)) is None


def test_a_market_as_wide_as_none_is_held_until_it_has_stood():
    board = QuoteBoard(Quality())
    board.put(quote("97.00", "103.00"))
    assert board.last(SPY) is None, "the first one too: phantoms stand at the open"
    board.put(quote(after_s=1))
    board.put(quote("97.01", "103.01", after_s=2))
    assert grade(board.quality, 2).parts["range"] == 0, "though its middle has not moved"
    for n in range(2, 7):
        board.put(quote("95.00", "100.02", after_s=n))
    assert board.last(SPY) == quote(after_s=1)
    board.put(quote("95.00", "100.02", after_s=7))
    board.put(quote("94.00", "100.02", after_s=8))
    assert board.last(SPY).bid == D("94.00"), "a wide market is what it has got used to"


@pytest.mark.parametrize(
    ("instrument", "before", "said", "is_believed"),
    [
        (CALL, None, ("1.00", "1.66"), True),
        (CALL, None, ("1.00", "1.68"), False),
        (SPY, ("99.55", "100.45"), ("98.65", "101.35"), True),
        (SPY, ("99.55", "100.45"), ("98.64", "101.36"), False),
    ],
)
def test_wide_is_half_the_price_of_an_option_and_three_times_the_spread_of_before(
    instrument, before, said, is_believed
):
    board = QuoteBoard(Quality())
    if before is not None:
        board.put(quote(*before, instrument=instrument))
    board.put(last := quote(*said, instrument=instrument, after_s=1))
    assert (board.last(instrument) == last) is is_believed


@pytest.mark.parametrize(("after_s", "is_believed"), [(2, True), (20, False)])
def test_a_spike_is_believed_when_another_source_says_it_too_just_now(after_s, is_believed):
    board = QuoteBoard(Quality())
    board.put(quote())
    board.quality.compared(quote("70.00", "70.02", after_s=1, source="two"))
    board.put(quote("70.00", "70.02", after_s=after_s))
    assert (board.last(SPY).bid == D("70.00")) is is_believed


def test_what_another_source_denies_is_held_for_long_and_that_source_is_heard_instead():
    quality = heard(quote())
    board = QuoteBoard(quality)
    for n in range(1, 30):
        quality.compared(quote(after_s=n, source="two"))
        board.put(quote("60.00", "60.02", after_s=n))
    at = START + timedelta(seconds=29)
    assert board.last(SPY) is None
    assert quality.is_poor("one", SPY, at)
    assert not quality.is_poor("two", SPY, at)
    assert quality.is_poor("one", SPY, START + timedelta(seconds=31))
    quality.heard(quote("60.00", "60.02", after_s=32))
    assert not quality.is_poor("one", SPY, START + timedelta(seconds=32))


def test_one_that_steps_in_with_another_price_is_no_better_than_a_spike():
    """A feed that always was wrong must not be believed the moment the right one is lost."""
    board = QuoteBoard(Quality())
    for n in range(60):
        board.put(quote(after_s=n))
        board.quality.compared(quote("60.00", "60.02", after_s=n, source="two"))
    board.put(quote("60.00", "60.02", after_s=63, source="two"))
    assert board.last(SPY).bid == D("100.00")
    board.put(quote("60.00", "60.02", after_s=68, source="two"))
    assert board.last(SPY).bid == D("100.00"), "what the lost one said is not forgotten at once"
    board.put(quote("60.00", "60.02", after_s=70, source="two"))
    assert board.last(SPY).bid == D("60.00")


def test_the_first_price_after_a_start_is_doubted_when_the_broker_says_another():
    board, told = QuoteBoard(Quality()), []
    board.put(quote("10.00", "10.02"))
    at = START + timedelta(seconds=1)
    assert board.quality.belief.marked(SPY, 100.0, at), "nothing else is known"
    assert board.quality.belief.doubt(SPY.key, at).quote.bid == D("10.00")
    board.listen(told.append)
    board.put(quote("10.00", "10.02", after_s=2))
    assert told == []
    board.put(quote(after_s=3))
    assert told == [quote(after_s=3)]


def test_a_mark_that_is_far_from_all_that_was_known_counts_when_it_is_said_again():
    belief = heard(quote()).belief
    said = [
        belief.marked(SPY, price, START + timedelta(seconds=10 + 3 * n))
        for n, price in enumerate((99.0, 10.0, 99.0, 60.0, 59.0))
    ]
    assert said == [True, False, True, False, True]


def test_a_mark_of_long_ago_says_nothing_again():
    belief = heard(quote()).belief
    said = [belief.marked(SPY, 10.0, START + timedelta(seconds=s)) for s in (10, 20.5, 30.5)]
    assert said == [False, False, True]


@pytest.mark.parametrize(("after_s", "is_believed"), [(10, True), (10.5, False)])
def test_a_spike_is_believed_when_the_broker_says_it_too_just_now(after_s, is_believed):
    board = QuoteBoard(Quality())
    board.put(quote())
    board.quality.belief.marked(SPY, 70.0, START + timedelta(seconds=20))
    board.put(quote("70.00", "70.02", after_s=20 + after_s))
    assert (board.last(SPY).bid == D("70.00")) is is_believed


def test_a_mark_beside_the_first_price_after_a_start_denies_nothing():
    quality = heard(quote())
    assert quality.belief.marked(SPY, 100.5, START + timedelta(seconds=1))
    assert quality.belief.doubt(SPY.key, START + timedelta(seconds=1)) is None


def test_a_doubt_that_is_not_said_any_more_is_none():
    quality = heard(quote(), quote("70.00", "70.02", after_s=1))
    assert quality.belief.doubt(SPY.key, START + timedelta(seconds=11))
    assert quality.belief.doubt(SPY.key, START + timedelta(seconds=11.5)) is None


def test_a_stamp_from_the_future_shuts_nothing_out():
    board = QuoteBoard(Quality())
    ahead = replace(quote(), exchange_at=START + timedelta(hours=1))
    board.put(ahead)
    board.put(quote("100.10", "100.12", after_s=1))
    assert board.last(SPY).bid == D("100.10")


@pytest.mark.parametrize(("seconds", "is_ahead"), [(-3600, False), (5, False), (6, True)])
def test_a_stamp_further_ahead_than_clocks_differ_is_no_time(seconds, is_ahead):
    """It counted as of now, however old the price was."""
    board = QuoteBoard(Quality())
    board.put(replace(quote(), exchange_at=START + timedelta(seconds=seconds)))
    assert board.unit((Leg(instrument=SPY),)).is_ahead is is_ahead
    board.put(quote("100.10", "100.12", after_s=1))
    assert not board.unit((Leg(instrument=SPY),)).is_ahead


def test_a_wall_clock_that_was_set_back_shuts_nothing_out():
    """M-03: what was received after the step is newer, whatever the stamps say."""
    board = QuoteBoard(Quality())
    board.put(quote(after_s=3600))
    board.put(replace(quote("100.10", "100.12"), exchange_at=START + timedelta(hours=1)))
    assert board.last(SPY).bid == D("100.10")
    board.put(quote("100.20", "100.22", after_s=1))
    assert board.last(SPY).bid == D("100.20")


@pytest.mark.parametrize(("price", "is_taken"), [("100.00", True), ("99.90", False)])
def test_a_source_that_steps_in_with_the_same_price_of_before_says_that_it_stands(price, is_taken):
    """Of a quiet option the next source has nothing newer: it was dropped until the price moved."""
    board = QuoteBoard(Quality())
    board.put(quote(after_s=10))
    at = START + timedelta(seconds=60)
    stands = replace(quote(price, wide(price), source="two"), received_at=at)
    board.put(stands)
    assert board.last(SPY) == (stands if is_taken else quote(after_s=10))


def test_a_late_source_that_named_the_same_price_once_brings_in_no_price_of_its_past():
    """A sandbox's of 15 minutes ago, while the first was silent for a moment: stops acted on it."""
    board, ago = QuoteBoard(Quality()), timedelta(minutes=15)
    board.put(quote())
    for after_s, price in enumerate(("100.00", "98.00", "98.00", "100.00", "98.01"), 4):
        said = quote(price, wide(price), after_s=after_s, source="late")
        board.put(replace(said, exchange_at=said.received_at - ago))
        assert board.last(SPY).bid == D("100.00")
    assert board.last(SPY).received_at == START + timedelta(seconds=7), "it says that it stands"


def test_an_older_price_is_neither_shown_nor_what_the_next_is_compared_with():
    board = QuoteBoard(Quality())
    board.put(quote(after_s=10))
    late = replace(quote("70.00", "70.02"), received_at=START + timedelta(seconds=11))
    for _ in range(3):
        board.put(late)
    board.put(quote(after_s=12))
    assert board.last(SPY) == quote(after_s=12)
    assert board.quality.belief.doubt(SPY.key, START + timedelta(seconds=12)) is None


def test_a_cheap_option_may_double_and_few_ticks_are_no_spike():
    board = QuoteBoard(Quality())
    board.put(quote("0.05", "0.10", instrument=CALL))
    board.put(quote("0.15", "0.25", after_s=1, instrument=CALL))
    assert board.last(CALL).bid == D("0.15")
    board.put(quote("1.00", "1.10", after_s=2, instrument=CALL))
    assert board.last(CALL).bid == D("0.15")


def test_a_move_of_six_sigmas_is_marked_until_the_next_quote_confirms_it():
    quality = heard(
        *(quote(str(100 + D(n % 3) / 100), str(100 + D(n % 3) / 100), after_s=n) for n in range(40))
    )
    assert quality.heard(quote("101.00", "101.00", after_s=41)), "usable, but not trusted yet"
    assert grade(quality, 41).parts["range"] == 0
    quality.heard(quote("101.00", "101.00", after_s=42))
    assert grade(quality, 42).parts["range"] == 1


@pytest.mark.parametrize(("n_known", "is_leap"), [(20, False), (21, True)])
def test_while_few_prices_are_known_one_per_cent_is_a_leap(n_known, is_leap):
    quality = heard(*(quote(after_s=n) for n in range(n_known)))
    slip = quote("100.90", "100.92", after_s=n_known)
    quality.heard(slip)
    assert quality.is_leap(slip, slip.received_at) == is_leap


@pytest.mark.parametrize("step", ["0", "0.01"])
def test_slips_widen_nothing_for_the_next_one_and_another_source_confirms_a_leap(step):
    quality = heard(*(quote(str(100 + D(step) * (n % 3)), after_s=n) for n in range(40)))
    for n in range(40, 70, 2):
        slip = quote("101.00", "101.02", after_s=n)
        quality.heard(slip)
        assert quality.is_leap(slip, slip.received_at)
        quality.heard(quote("100.00", "100.02", after_s=n + 1))
        assert not quality.is_leap(slip, slip.received_at)
    quality.heard(slip := quote("101.00", "101.02", after_s=70))
    quality.heard(slip)
    assert quality.is_leap(slip, slip.received_at), "the same frame once more"
    quality.heard(quote("101.01", "101.03", after_s=70))
    assert not quality.is_leap(slip, slip.received_at), "another one of the same second"
    for n in range(71, 80):
        quality.heard(quote(str(101 + D(step) * (n % 3)), "101.05", after_s=n))
    quality.compared(quote("104.00", "104.02", after_s=80, source="two"))
    quality.heard(slip := quote("104.00", "104.02", after_s=80))
    assert not quality.is_leap(slip, slip.received_at), "another source says so"


def test_a_market_that_does_nothing_but_leap_to_and_fro_is_believed_after_2_s():
    quality = heard(*(quote(str(100 + D("0.01") * (n % 3)), after_s=n) for n in range(40)))
    said = []
    for n in range(20):
        swing = quote(("101.00", "99.00")[n % 2], ("101.02", "99.02")[n % 2], after_s=40 + n / 2)
        quality.heard(swing)
        said.append(quality.is_leap(swing, swing.received_at))
    assert said[:4] == [True] * 4
    assert not any(said[4::2]), "where it stood after them is its price now"


def test_a_source_that_was_down_half_the_time_keeps_half_its_points():
    quality = heard(quote())
    quality.down("one", START + timedelta(seconds=50))
    quality.heard(quote(after_s=100))
    assert quality.uptime("one", START + timedelta(seconds=100)) == 0.5
    assert grade(quality, 100).parts["uptime"] == 0.5
    assert quality.uptime("nobody", START) == 0
    assert quality.sources() == ("one",)


def test_outages_of_more_than_a_day_ago_are_forgiven():
    quality = heard(quote())
    quality.down("one", START + timedelta(hours=1))
    quality.up("one", START + timedelta(hours=2))
    assert quality.uptime("one", START + timedelta(hours=27)) == 1


def test_f_sets_a_symbol_aside_for_a_minute_after_it_is_better():
    quality = heard(quote())
    quality.down("one", START)
    bad = START + timedelta(hours=1)
    shut = quality.of(SPY, bad)
    assert shut.grade is Grade.F
    assert shut.is_quarantined
    quality.heard(quote(source="two", after_s=3601))
    still = quality.of(SPY, START + timedelta(seconds=3601))
    assert still.is_quarantined
    assert still.grade is Grade.F
    quality.heard(quote(source="two", after_s=3670))
    assert not quality.of(SPY, START + timedelta(seconds=3670)).is_quarantined


def test_a_card_shows_the_grade_and_to_look_at_it_sets_nothing_aside():
    quality = heard(quote())
    assert quality.seen(SPY, START) is Grade.B
    assert quality.seen(QQQ, START) is None
    quality.down("one", START)
    later = START + timedelta(hours=1)
    assert quality.seen(SPY, later) is Grade.F
    quality.heard(quote(source="two", after_s=3600))
    assert quality.seen(SPY, later) is Grade.B
    assert not quality.of(SPY, later).is_quarantined, "the look before shut it"
    quality.down("two", later)
    assert quality.of(SPY, START + timedelta(hours=2)).is_quarantined
    quality.heard(quote(source="three", after_s=7201))
    assert quality.seen(SPY, START + timedelta(seconds=7201)) is Grade.F, "and that is shown"


def test_a_clock_that_is_set_back_sets_no_symbol_aside_for_longer():
    """M-03: the minute would have ended an hour later."""
    quality = heard(quote())
    quality.down("one", START)
    assert quality.of(SPY, START + timedelta(hours=1)).is_quarantined
    quality.heard(quote(after_s=120))
    assert not quality.of(SPY, START + timedelta(seconds=120)).is_quarantined


def test_a_clock_that_is_set_back_stops_no_trend():
    quality = heard(quote(), quote(after_s=3600), quote(after_s=1))
    hours = [(at - START) // timedelta(hours=1) for at, _ in quality.trend(SPY)]
    assert hours == [0, 1, 0]


def test_a_unit_is_worth_what_its_worst_leg_is_worth():
    legs = (Leg(instrument=SPY), Leg(instrument=QQQ, ratio=-1))
    quality = heard(quote(), quote(instrument=QQQ, after_s=20))
    assert quality.worst(legs, START + timedelta(seconds=20)).grade is Grade.D
    halted = heard(quote(), quote(instrument=QQQ, is_halted=True))
    assert halted.worst(legs, START).is_halted


def test_a_halt_is_known_until_a_quote_without_it_comes():
    """M-10."""
    quality = heard(quote(is_halted=True))
    assert grade(quality).is_halted
    quality.heard(quote(after_s=1))
    assert not grade(quality, 1).is_halted


def test_a_halt_that_one_source_tells_is_not_undone_by_one_that_knows_of_none():
    """M-10: not every stream tells halts, and the freshest word may be of such a one."""
    quality = heard(quote(is_halted=True), quote(after_s=0.5, source="two"))
    assert grade(quality, 1).is_halted
    quality.heard(quote(after_s=2))
    assert not grade(quality, 2).is_halted


def test_a_word_of_a_halt_counts_for_ten_seconds_or_until_another_source_speaks():
    """M-10: a source that is gone tells no end of it."""
    quality = heard(quote(is_halted=True))
    assert grade(quality, 60).is_halted
    quality.heard(quote(after_s=60, source="two"))
    assert not grade(quality, 60).is_halted


@pytest.mark.parametrize("factor", ["1.03", "0.97"])
def test_a_future_that_leaps_three_percent_in_one_tick_is_held_until_it_has_stood(factor):
    """None does between two quotes: no tick of it moves targets, trails or the loss limit."""
    mes = future("MES", date(2025, 3, 1))
    board, far = QuoteBoard(Quality()), D(6000) * D(factor)
    board.put(quote("6000.00", "6000.25", instrument=mes))
    for n in range(1, 6):
        board.put(quote(str(far), str(far + D("0.25")), instrument=mes, after_s=n))
        assert board.last(mes).bid == D(6000)
    board.put(quote(str(far), str(far + D("0.25")), instrument=mes, after_s=6))
    assert board.last(mes).bid == far


def test_trends_are_sampled_as_quotes_come_and_kept_for_a_day():
    quality = Quality()
    for minute in range(0, 3 * 24 * 60, 5):
        quality.heard(quote(after_s=60.0 * minute))
    trend = quality.trend(SPY)
    assert len(trend) == 288
    assert [at for at, _ in trend] == sorted(at for at, _ in trend)
    assert quality.trend(QQQ) == ()


def test_memory_is_bounded_however_many_symbols_are_heard():
    quality = Quality()
    for n in range(2500):
        quality.heard(quote(instrument=stock(f"S{n}")))
    assert len(quality._series) == 2000
    assert quality.of(stock("S0"), START) is None
    assert quality.of(stock("S2499"), START) is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two", "three"]),
            st.sampled_from(["NaN", "0", "-5", "99", "100", "101", "1000", "10"]),
            st.integers(0, 30),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_whatever_is_heard_the_score_stays_between_none_and_all(said):
    quality, clock = Quality(), count()
    at = START
    for source, price, wait, is_lost in said:
        at += timedelta(seconds=wait + next(clock) * 0)
        one = quote(price, price, source=source)
        quality.heard(replace(one, exchange_at=at, received_at=at))
        if is_lost:
            quality.down(source, at)
        report = quality.of(SPY, at)
        assert 0 <= report.score <= 100
        assert all(part is None or 0 <= part <= 1 for part in report.parts.values())
        if len(report.sources) == 1:
            assert report.grade >= Grade.B
