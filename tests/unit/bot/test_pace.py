"""How much one person may ask for."""

import asyncio
import re
from pathlib import Path

import pytest

from bot.access import PERMISSIONS
from bot.actions import every
from bot.buttons.trade import TradeButton
from bot.pace import BULK, EXEMPT, Pace, Queue, TooMuch
from bot.views import ApprovalButton

ROOT = Path(__file__).parents[3]


def used(pace: Pace, user: int, now: float, name: str = "status", **more: bool) -> bool:
    try:
        pace.count(user, name, now, **more)
    except TooMuch:
        return False
    return True


def test_a_hundred_commands_at_once_then_five_a_second() -> None:
    pace = Pace()
    assert sum(used(pace, 1, 0.0) for _ in range(500)) == 100
    assert sum(used(pace, 1, 5.0) for _ in range(500)) == 25
    assert sum(used(pace, 1, 1000.0) for _ in range(500)) == 100


def test_actions_are_counted_by_themselves() -> None:
    pace = Pace()
    assert sum(used(pace, 1, 0.0, "#position") for _ in range(500)) == 20
    assert sum(used(pace, 1, 5.0, "#target") for _ in range(500)) == 5
    assert used(pace, 1, 5.0, "status")


def test_what_touches_many_orders_at_once_is_for_ten_times_a_minute() -> None:
    pace = Pace()
    names = sorted(BULK)
    assert set(names) <= set(PERMISSIONS)
    assert sum(used(pace, 1, 0.0, names[n % len(names)]) for n in range(50)) == 10
    assert sum(used(pace, 1, 60.0, "#set-stops") for _ in range(50)) == 10
    assert used(pace, 1, 60.0, "#position")
    assert used(pace, 1, 60.0, "#close-all")


def test_one_persons_flood_is_not_anothers() -> None:
    pace = Pace()
    for _ in range(500):
        used(pace, 1, 0.0)
    assert used(pace, 2, 0.0)


def test_what_takes_risk_away_is_never_held_back() -> None:
    pace = Pace()
    for name in ("status", "#position"):
        for _ in range(500):
            used(pace, 1, 0.0, name)
    assert all(used(pace, 1, 0.0, name) for name in EXEMPT)
    assert set(PERMISSIONS) >= EXEMPT
    assert not any("approve" in name or "buy" in name for name in EXEMPT)


def test_every_way_to_stop_to_close_and_to_cancel_is_free() -> None:
    """Whichever button, command or word somebody reaches for."""
    close = {v: n for v, n in TradeButton.PERMISSIONS.items() if v != "target"}
    used_by = {*close.values(), ApprovalButton.PERMISSIONS["reject"]}
    for name in ("close", "close-all", "stop", "trailing", "emergency-stop", "reject"):
        used_by |= {every()[name].permission, every()[name].press}
    used_by |= {every()["cancel-all"].press, every()["order-cancel"].press}
    for module, words in (
        (
            "bot/panel/buttons.py",
            r'async def _(?:stop|pause|emergency)\(.*?require\(press, "(.*?)"',
        ),
        ("cogs/admin.py", r'require\(interaction, "(emergency-stop)"'),
        ("cogs/orders.py", r'begin\(interaction, "(close|order cancel)"'),
        ("cogs/approvals.py", r'begin\(interaction, "(approvals reject)"'),
    ):
        found = re.findall(words, (ROOT / module).read_text(), re.DOTALL)
        assert found, module
        used_by |= set(found)
    assert used_by <= EXEMPT, used_by - EXEMPT


def test_but_only_from_those_who_may_do_it() -> None:
    pace = Pace()
    done = [used(pace, 1, 0.0, "emergency-stop", is_allowed=False) for _ in range(500)]
    assert sum(done) == 100


def test_it_says_when_to_come_again() -> None:
    pace = Pace()
    for _ in range(20):
        pace.count(1, "#position", 0.0)
    with pytest.raises(TooMuch, match=r"Nothing was done; try again in 1 s"):
        pace.count(1, "#position", 0.0)


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    pace = Pace()
    assert sum(used(pace, 1, 100.0) for _ in range(500)) == 100
    assert sum(used(pace, 1, 50.0) for _ in range(500)) == 0


def test_memory_is_bounded() -> None:
    pace = Pace()
    for user in range(12_000):
        pace.count(user, "status", 0.0)
    assert len(pace._seen) <= 5000


async def test_answers_that_come_too_late_are_dropped() -> None:
    queue, said = Queue(), []
    now = asyncio.get_running_loop().time()

    async def answer(word: str) -> None:
        said.append(word)

    queue.add(lambda: answer("late"), ends_at=now - 1)
    queue.add(lambda: answer("in time"), ends_at=now + 5)
    await asyncio.sleep(0.01)
    assert said == ["in time"]
    await queue.close()
