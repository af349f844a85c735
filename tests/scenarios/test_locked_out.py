"""A broker that does not let us in, and then does again (O-19): nothing is guessed meanwhile."""

import pytest

from engine.flows import send
from tests.scenarios.test_desk_at_venues import NAMES, at

ACCOUNTS = {
    "alpaca": "/account",
    "etrade": "/accounts/list.json",
    "schwab": "/accounts/accountNumbers",
    "tastytrade": "/customers/me/accounts",
    "topstepx": "/api/Account/search",
    "webull": "/accounts/list",
}
"""What a login asks first, by broker."""


@pytest.mark.parametrize("name", NAMES)
async def test_a_start_that_is_not_let_in_gives_no_order_up(name):
    """At TopStepX an entry that had filled counted as cancelled, and what it bought had no stop."""
    async with at(name) as it:
        entry = await it.written()
        await send.submit(it.desk, entry)
        await it.die()
        it.bench.venue.faults.lacks, it.bench.venue.faults.lacks_by = (ACCOUNTS[name],), 500
        await it.back()
        await it.seconds(3)
        await send.ask_cancel(it.desk, await it.desk.order(entry.order_id), "a closing alert")
        await it.seconds(40)
        assert not (await it.desk.order(entry.order_id)).state.is_terminal
        it.bench.venue.faults.lacks = ()
        await it.seconds(60)
        await it.holds(entry, 2)
