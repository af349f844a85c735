"""A process that sends one order through a real adapter and is killed while it does.

python -m tests.brokers.child BENCH URL WS_URL, the rest as JSON on stdin: the moment, the tokens,
the client id, and ``submit`` or ``cancel``.
"""

import asyncio
import json
import sys
from datetime import datetime

from engine.clock import ManualClock
from engine.domain.order import OrderType, Side
from tests.conformance.broker_bench import BROKERS
from tests.conformance.venue_bench import MemoryTokens, VenueBench


async def main(name: str, url: str, ws_url: str) -> None:
    told = json.loads(sys.stdin.readline())
    bench = BROKERS[name]()
    assert isinstance(bench, VenueBench)
    bench.tokens = MemoryTokens(told["tokens"])
    broker = bench.build(url, ws_url, ManualClock(datetime.fromisoformat(told["now"])))
    await broker.connect()
    print("ready", flush=True)  # noqa: T201 - the test waits for this line
    if told["what"] == "cancel":
        await broker.cancel(bench.account, told["id"])
    else:
        request = bench.request(
            Side.BUY, 1, OrderType.LIMIT, limit="1.95", client_order_id=told["id"]
        )
        await broker.submit(request)
    await broker.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
