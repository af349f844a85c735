"""The demo's story, second half: the bot is killed, comes back, and everything ends flat."""

from decimal import Decimal

from bot.demo.script import Story, day, expect, named, rounded
from bot.demo.stage import Missed, plain
from engine.domain.instrument import stock
from engine.domain.quote import Leg


async def killed(it: Story) -> None:
    """``kill -9`` with open positions, and a question that nobody has answered."""
    stage = it.stage
    pid = stage.pid
    await stage.kill_bot()
    it.telling.say(
        f"KILL -9 of the bot (process {pid}): no goodbye, three positions open, one approval "
        "waiting. The market goes on without it.",
        is_crash=True,
    )


async def meanwhile(it: Story) -> None:
    """An exit is posted while nobody listens."""
    stage, market = it.stage, it.stage.market
    assert it.meta is not None  # noqa: S101 - an earlier step
    unit = (Leg(instrument=it.meta),)
    goal = rounded(await market.mid(it.meta) * Decimal("1.3"))
    await market.lead_unit(unit, goal, 1)
    stage.user("rhea").say("options-room", f"SOLD 1/2 {named(it.meta)} {day(it.meta)} @ {goal}")
    it.say(f"Meanwhile Rhea posts “SOLD 1/2 {named(it.meta)}”. The bot is dead and hears nothing.")


async def back(it: Story) -> None:
    """Restart: recovery first, then what was missed."""
    stage = it.stage
    assert it.meta is not None  # noqa: S101 - an earlier step
    await stage.start_bot()
    card = await stage.see("activity", "Back after a crash")
    it.back_at = card.created_at
    expect(plain(card), "3 open, 1 waiting", "books agree")
    if card.text.count("🔒") != 3:
        raise Missed(f"not every position is protected: {card.text}")
    it.say(
        "Restarted: orders and fills compared with the broker, books agree, every position still "
        "has its stop (card in #activity)."
    )
    await stage.see("all-messages", "SOLD 1/2", "read after a gap")
    await stage.see("orders", it.meta.label, "realised")
    it.say("The missed exit was read back from the channel: half of META is sold, once.")
    said = await stage.command("tom", "activity", "positions")
    expect(said, it.meta.label, "QQQ", "MES")


async def old_button(it: Story) -> None:
    """The approval from before the crash still works, and its stop protects."""
    stage, market = it.stage, it.stage.market
    assert it.waiting is not None  # noqa: S101 - an earlier step
    expect(await stage.press("tom", it.waiting, "Approve"), "approved by")
    await stage.see("orders", "NVDA", "Open")
    it.say("Tom presses Approve on the NVDA card from before the crash: it works, bought once.")
    share = stock("NVDA")
    await market.lead(share, (await market.mid(share)) * Decimal("0.972"), 2)
    await stage.see("orders", "NVDA", "Closed by stop")
    it.say("NVDA falls. Its stop, held at the broker, sells: the loss stays what was planned.")


async def closed_by_alert(it: Story) -> None:
    """The author closes the spread; the future reaches its second target."""
    stage, market = it.stage, it.stage.market
    low, high = (leg.instrument for leg in it.spread)
    assert low.strike is not None  # noqa: S101 - an option
    assert high.strike is not None  # noqa: S101 - an option
    goal = rounded(await market.mid(*it.spread) * Decimal("1.4"))
    await market.lead_unit(it.spread, goal, 1)
    await market.lead(market.future("MES"), it.es + Decimal("12.75"), 2)
    await stage.arrival()
    stage.user("rhea").say(
        "options-room", f"STC QQQ {low.strike:f}/{high.strike:f}C {day(low)} @ {goal}"
    )
    await stage.see("orders", "QQQ", "Closed by alert")
    await stage.see("orders", market.future("MES").label, "Closed", "target")
    it.say("Rhea closes the spread by alert; ES reaches T2, its last contract is sold.")


async def _buys_aapl(it: Story, words: str) -> None:
    """Mike buys some shares, Tom approves, the price rises."""
    stage, market, share = it.stage, it.stage.market, stock("AAPL")
    price = rounded(await market.mid(share))
    stop, target = rounded(price * Decimal("0.985")), rounded(price * Decimal("1.045"))
    stage.user("mike").say("stocks-room", f"{words} AAPL @ {price}, stop {stop}, target {target}")
    card = await stage.see("approvals", f"{words} AAPL", button="Approve")
    expect(await stage.press("tom", card, "Approve"), "approved by")
    await stage.see("orders", "AAPL", "Open", f"of {words.split()[1]} shares")
    await market.lead(share, price + Decimal("1.40"), 1.5)
    await stage.arrival()


async def which_one(it: Story) -> None:
    """An exit that fits two positions: a person chooses; the other is closed by its button."""
    stage, market, share = it.stage, it.stage.market, stock("AAPL")
    await _buys_aapl(it, "Bought 18")
    await _buys_aapl(it, "Adding 15")
    stage.user("mike").say("stocks-room", f"Sold AAPL {rounded(await market.mid(share))}")
    asked = await stage.see("approvals", "Which trade?", "AAPL")
    first = asked.selects[0]["options"][0]
    expect(await stage.choose("tom", asked, first["value"]), "chosen by")
    await stage.see("orders", "AAPL", "Closed by alert")
    it.say(
        "Mike sells AAPL, which is held twice: the bot asks which one is meant, Tom chooses in a "
        "menu, that one is sold."
    )
    other = await stage.see("orders", "AAPL", "Open", button="Close all")
    await market.lead(share, await market.mid(share) - Decimal("4.00"), 1.5)
    await stage.arrival()
    await stage.ask("tom", other, "Close all")
    await stage.until(lambda: stage.find("orders", "AAPL", "Open") is None, "AAPL is still open")
    it.say("AAPL turns. The other one goes by its card's Close all button, confirmed once.")


async def closed_by_hand(it: Story) -> None:
    """A trader's own words, with one confirmation; then nothing is held any more."""
    stage = it.stage
    assert it.meta is not None  # noqa: S101 - an earlier step
    stage.user("tom").say("actions", "#META close 100%")
    question = await stage.see("actions", "Close", "META", "?", button="Cancel")
    await stage.confirm("tom", question)
    await stage.see("orders", it.meta.label, "Closed")
    it.say("Tom types “#META close 100%” in #actions and confirms once: the last position is sold.")


async def flat(it: Story) -> None:
    """The day's figures, and their picture."""
    stage = it.stage
    await stage.until(
        lambda: all(
            "Closed" in card.text
            for card in stage.sandbox.channel("orders").messages
            if card.ephemeral_for is None
        ),
        "a trade card does not say Closed",
    )
    await stage.see("activity", "of 7 closed trades", "Adds up")
    expect(await stage.command("tom", "activity", "positions"), "Nothing is open")
    said = await stage.command("tom", "activity", "profit-loss", period="ytd")
    expect(said, "Adds up")
    it.say("Flat. /profit-loss agrees with the chart in #activity, and both with equity.")


SECOND_HALF = (
    killed,
    meanwhile,
    back,
    old_button,
    closed_by_alert,
    which_one,
    closed_by_hand,
    flat,
)
