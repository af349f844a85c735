"""Routes set while the desk runs: before the configured ones, for one asset class or for all."""

import pytest

from engine.domain.errors import NotAllowed, UserError
from engine.flows.brokers import load
from engine.flows.limits import routes
from tests.rig import ADMIN, TRADER
from tests.scenarios.test_routing_accounts import entries, made


async def test_a_route_that_was_set_comes_before_the_configured_one_and_can_be_taken_back():
    async with made(2) as rig:
        said = await routes.put(rig.desk, ADMIN, "option", "b", 1)
        assert said == "option: b"
        await rig.say("BTO 1 SPY 603C 1/31 @ 2.15")
        assert set(entries(rig)) == {"b"}
        assert any("Route by ada" in note for note in rig.notes())
        none = await routes.put(rig.desk, ADMIN, "option", "b", 0)
        assert none == "option: nothing set, what is configured decides"
        assert routes.rules(rig.desk) == rig.desk.settings.routes


async def test_a_place_in_the_list_and_one_rule_for_everything_else():
    async with made(2) as rig:
        desk = rig.desk
        assert await routes.put(desk, ADMIN, "*", "main", 1) == "everything else: main"
        assert await routes.put(desk, ADMIN, "*", "b", 1) == "everything else: b, then main"
        assert await routes.put(desk, ADMIN, "*", "main", 1) == "everything else: main, then b"
        await routes.put(desk, ADMIN, "option", "a", 1)
        first, second, *_ = routes.rules(desk)
        assert (first.assets, first.accounts) == ({"option"}, ("a",))
        assert (second.assets, second.accounts) == (frozenset(), ("main", "b"))
        desk.book.facts.clear()
        await load.load(desk)
        assert routes.accounts(desk, "*") == ("main", "b"), "it outlives a restart"


async def test_what_is_not_there_and_who_may_not_change_nothing():
    async with made(2) as rig:
        with pytest.raises(UserError, match="there are: a, b, main"):
            await routes.put(rig.desk, ADMIN, "option", "z", 1)
        with pytest.raises(UserError, match="asset class"):
            await routes.put(rig.desk, ADMIN, "bonds", "a", 1)
        for kind in ("stock", "future"):
            rig.desk.brokers["at_a"].caps.by_kind.pop(kind, None)
        with pytest.raises(UserError, match=r"at at_a, which trades no future here.*Nothing"):
            await routes.put(rig.desk, ADMIN, "future", "a", 1)
        with pytest.raises(NotAllowed):
            await routes.put(rig.desk, TRADER, "option", "a", 1)
        with pytest.raises(UserError, match="how it is already"):
            await routes.put(rig.desk, ADMIN, "stock", "a", 0)
        assert routes.rules(rig.desk) == rig.desk.settings.routes
