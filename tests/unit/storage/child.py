"""A process that uses a store until it is killed: ``child.py WHAT URL``; it talks on stdout."""

import asyncio
import sys
from typing import Any

from storage.sql import SqlStore, SqlVault
from tests.unit.storage.kit import KEY, event, execution, fact, order, trade


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201 - the parent listens


async def commit_for_ever(url: str) -> None:
    """Eight callers commit as fast as they can; each acknowledged commit is said."""
    store = SqlStore(url, KEY)
    await store.open()
    vault = SqlVault(store)
    start = store.health().last_seq
    say("open", start)

    async def caller(n: int) -> None:
        i = start
        while True:
            i += 1
            name = f"{n}-{i}"
            one = trade(1, trade_id=f"T-{name}")
            two = order(1, order_id=f"O-{name}")
            await store.commit([event(one, ref=name), event(two, execution(execution_id=name))])
            say("done", name)
            if i % 5 == 0:
                await vault.save({f"v{n}": name, "all": name})
                say("kept", f"v{n}", name)

    await asyncio.gather(*(caller(n) for n in range(8)))


async def hold(url: str) -> None:
    """Open and sit there."""
    store = SqlStore(url, KEY)
    await store.open()
    await store.commit([event(fact(f"at-{store.health().last_seq}"))])
    say("open")
    await asyncio.sleep(3600)


async def stop_half_way(url: str) -> None:
    """Migrate, but stop in the middle of it."""
    from storage import migrations

    whole = migrations.upgrade

    def half(connection: Any, to: str = migrations.HEAD) -> None:
        whole(connection, to)
        connection.exec_driver_sql("CREATE TABLE half_done (x INTEGER)")
        say("half")
        sys.stdin.readline()

    migrations.upgrade = half
    await SqlStore(url, KEY).open()


async def fill_disk(url: str) -> None:
    """Commit until the process may write no more, then go on when told that it may."""
    import resource
    import signal

    from engine.domain.errors import StoreUnavailable

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqlStore(url, KEY)
    await store.open()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
    n = 0
    try:
        while True:
            await store.commit([event(fact(f"f-{n}", "x" * 20_000))])
            n += 1
            say("done", n)
    except StoreUnavailable as error:
        say("full", str(error).replace("\n", " "))
    say("health", store.health().is_writable)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    for _ in range(600):
        await asyncio.sleep(0.05)
        if store.health().is_writable:
            break
    say("health", store.health().is_writable)
    await store.commit([event(fact("after"))])
    say("verified", (await store.verify()).is_ok, await store.count(type(fact())) == n + 1)
    await store.close()


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]](sys.argv[2]))
