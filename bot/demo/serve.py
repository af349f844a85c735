"""After the demo: bot, market and page stay open, and an alert comes in every now and then."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import count

from bot.demo.script import rounded
from bot.demo.stage import Missed, Stage
from bot.demo.telling import Telling
from engine.domain.instrument import stock

_PAUSE_S = 20.0
_MOST_WAITING = 3
"""No further question while so many are unanswered."""
_PLAY = """
{address} is open until Ctrl-C. You are Tom (trader and approver); switch at the lower left:
  Rhea, Mike, Futures Ninja   authors whose alerts are followed: post your own in their rooms
  Ann                         a second approver
  Ada                         admin: sees #admin, /emergency-stop and /resume-trading
  Vic                         viewer: may look, not press
  Rhea · options (stranger)   has Rhea's name but not her id
Try “BTO {call} @ {price}” as Rhea, /positions as Tom, “#SPY close 50%” in #actions.
New alerts come in by themselves; prices move all the time."""


async def stay_open(stage: Stage, telling: Telling) -> None:
    """Until this process is asked to end.

    Raises:
        Missed: the bot ended by itself.
    """
    await stage.start_bot()
    call = await stage.market.strike("AAPL", stage.market.far, Decimal(4), 5)
    price = rounded(await stage.market.mid(call))
    telling.plain(_PLAY.format(address=stage.sandbox.api_base, call=call.label, price=price))
    for number in count():
        await _pause(stage)
        if _n_waiting(stage) < _MOST_WAITING:
            await _ALERTS[number % len(_ALERTS)](stage, number)
        await _drift(stage, number)


async def _pause(stage: Stage) -> None:
    """Sleep, but not longer than the bot lives."""
    for _ in range(int(_PAUSE_S)):
        await asyncio.sleep(1)
        if not stage.is_running:
            raise Missed("the bot ended by itself")


def _n_waiting(stage: Stage) -> int:
    return sum("Approve" in m.labels for m in stage.sandbox.channel("approvals").messages)


async def _option(stage: Stage, number: int) -> None:
    symbol = ("MSFT", "GOOGL", "IWM", "TSLA")[number // 3 % 4]
    call = await stage.market.strike(symbol, stage.market.far, Decimal(4), 5)
    price = rounded(await stage.market.mid(call))
    stage.user("rhea").say("options-room", f"BTO {call.label} @ {price} PT {rounded(price * 2)}")


async def _future(stage: Stage, number: int) -> None:
    del number
    price = rounded(await stage.market.mid(stage.market.future("MES")), Decimal("0.25"))
    stage.user("ninja").say("futures-room", f"LONG /ES @ {price} SL {price - 8} (B)")


async def _share(stage: Stage, number: int) -> None:
    symbol = ("AMD", "NVDA", "GOOGL")[number // 3 % 3]
    price = rounded(await stage.market.mid(stock(symbol)))
    low, high = rounded(price * Decimal("0.98")), rounded(price * Decimal("1.05"))
    stage.user("mike").say("stocks-room", f"Long {symbol} {price}, stop {low}, target {high}")


_ALERTS: tuple[Callable[[Stage, int], Awaitable[None]], ...] = (_future, _option, _share)
_SWING = tuple(Decimal(n) / 1000 for n in (1, 4, -3, 5, -4, 6, -5, -2, 3, -4))
"""Where prices go next, of what they are: sums to a little more than nothing."""


async def _drift(stage: Stage, number: int) -> None:
    """Every price is on its way somewhere; futures far enough for a target or a stop."""
    market = stage.market
    contract = market.future("MES")
    points = (9, 5, -9, 14, -6)[number % 5]
    await market.lead(contract, await market.mid(contract) + points, _PAUSE_S * 0.8)
    for place, symbol in enumerate(("SPY", "QQQ", "AAPL", "NVDA", "AMD", "MSFT", "TSLA", "META")):
        share = stock(symbol)
        goal = (await market.mid(share)) * (1 + _SWING[(number + place) % len(_SWING)])
        await market.lead(share, goal.quantize(Decimal("0.01")), _PAUSE_S * 0.8)
