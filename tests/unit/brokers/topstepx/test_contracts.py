"""Which month a futures root means: the broker's own active contract, or a refusal (M-08)."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from engine.domain.errors import BrokerUnavailable, OrderRejected
from engine.domain.instrument import Instrument, future
from tests.conformance import topstepx_bench
from tests.conformance.topstepx_bench import TopstepBench

DEC, MAR = future("MES", date(2026, 12, 1)), future("MES", date(2027, 3, 1))


@pytest.fixture
async def bench() -> AsyncIterator[TopstepBench]:
    made = topstepx_bench.bench()
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def front(bench: TopstepBench, root: str = "MES") -> Instrument:
    contract = await bench.broker.contracts.front(root)
    assert isinstance(contract.instrument, Instrument)
    return contract.instrument


async def refused(bench: TopstepBench, root: str = "MES") -> str:
    with pytest.raises(OrderRejected) as caught:
        await front(bench, root)
    return str(caught.value)


async def test_a_root_means_the_month_that_the_broker_calls_active(bench: TopstepBench) -> None:
    assert await front(bench) == DEC
    assert (await front(bench, "NQ")).key == "/NQZ26"


async def test_the_roll_is_seen_on_the_trading_day_it_happens(bench: TopstepBench) -> None:
    assert await front(bench) == DEC
    bench.venue.active["MES"] = [MAR]
    assert await front(bench) == DEC  # asked once a day
    bench.clock.to(datetime(2026, 11, 18, 23, 30, tzinfo=UTC))  # the next day began at 18:00 ET
    assert await front(bench) == MAR


@pytest.mark.parametrize(
    ("active", "why"),
    [
        ([], "calls no month of MES active"),
        ([DEC, MAR], "calls /MESH27, /MESZ26 of MES active"),
        ([future("MES", date(2026, 9, 1))], "/MESU26 is past its last day"),
    ],
    ids=["none", "two", "expired"],
)
async def test_a_root_whose_month_is_not_sure_is_refused_with_the_reason(
    bench: TopstepBench, active: list[Instrument], why: str
) -> None:
    bench.venue.active["MES"] = active
    await bench.broker.contracts.load()
    assert why in await refused(bench)


async def test_an_expired_quarter_that_is_still_called_active_is_refused(
    bench: TopstepBench,
) -> None:
    bench.venue.active["MES"] = [DEC]
    bench.clock.to(datetime(2026, 12, 19, 15, tzinfo=UTC))
    assert "past its last day" in await refused(bench)


async def test_a_root_that_is_not_in_the_contract_table_is_refused(bench: TopstepBench) -> None:
    assert "not in the futures contract table" in await refused(bench, "XYZ")


async def test_a_month_that_is_not_listed_is_refused_without_sending_anything(
    bench: TopstepBench,
) -> None:
    gone = future("MES", date(2026, 6, 1))
    before = bench.venue.log.n_acts
    with pytest.raises(OrderRejected, match="ContractNotFound"):
        await bench.submit(instrument=gone)
    assert bench.venue.log.n_acts == before


async def test_contracts_are_looked_up_and_what_goes_out_is_what_was_listed(
    bench: TopstepBench,
) -> None:
    nasdaq = future("NQ", date(2026, 12, 1))
    await bench.submit(instrument=nasdaq)
    (sent,) = bench.venue.log.of("POST", "/api/Order/place")
    assert sent.body["contractId"] == "CON.F.US.ENQ.Z26"  # no rule would make this of NQ


async def test_a_contract_that_nobody_can_name_is_not_left_out_of_a_list(
    bench: TopstepBench,
) -> None:
    with pytest.raises(BrokerUnavailable):
        await bench.broker.contracts.by_id("CON.F.US.XYZ.Z26")
