"""A process that trades on paper for ever and says what it was told, until it is killed."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from engine.brokers import Filled
from engine.domain.order import OrderType, Side
from tests.conformance.broker_bench import CALL, paper
from tests.unit.brokers.file_vault import FileVault


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main() -> None:
    bench = await paper(vault=FileVault(Path(sys.argv[1]))).start()
    for n in count():
        await bench.quote(CALL, "2.00", "2.10", sizes=(1, 1))
        side = Side.BUY if n % 3 else Side.SELL
        limit = "2.50" if side is Side.BUY else "1.50"
        order = await bench.submit(side, 1 + n % 2, OrderType.LIMIT, limit=limit)
        say("accepted", order.client_order_id)
        await bench.pass_latency()
        for event in bench.told:
            if isinstance(event, Filled):
                say("filled", event.fill.execution_id)
        bench.told.clear()


asyncio.run(main())
