"""The demo's story, first half: alerts of every kind, until the bot is killed."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from bot.demo.stage import Missed, Stage
from bot.demo.telling import Telling
from bot.sandbox.message import Message
from engine.domain.instrument import Instrument, option, stock
from engine.domain.quote import Leg

FIVE_CENTS = Decimal("0.05")


@dataclass
class Story:
    """What later steps need to know of earlier ones."""

    stage: Stage
    telling: Telling
    spy: Instrument | None = None
    spy_target: Decimal = Decimal(0)
    spread: tuple[Leg, ...] = ()
    meta: Instrument | None = None
    es: Decimal = Decimal(0)
    """Entry that the futures author named."""
    waiting: Message | None = None
    """The approval card that outlives the crash."""
    back_at: datetime | None = None
    """When the bot was there again after the crash."""

    def say(self, text: str) -> None:
        """Tell it."""
        self.telling.say(text)


def rounded(price: Decimal, step: Decimal = FIVE_CENTS) -> Decimal:
    """As people write prices."""
    return (price / step).to_integral_value(rounding=ROUND_HALF_UP) * step


def day(instrument: Instrument) -> str:
    """An expiry as alert rooms write it: ``12/4``."""
    assert instrument.expiry is not None  # noqa: S101 - asked of options only
    return f"{instrument.expiry.month}/{instrument.expiry.day}"


def named(call: Instrument) -> str:
    """``SPY 683C``."""
    return call.label.rpartition(" ")[0]


def expect(text: str, *words: str) -> str:
    """``text``, which has to say all of this.

    Raises:
        Missed: it does not.
    """
    missing = [word for word in words if word not in text]
    if missing:
        raise Missed(f"expected {' + '.join(missing)} in: {text[:400]}")
    return text


async def option_by_button(it: Story) -> None:
    """An option: a viewer may not approve, a trader may; the target closes it later."""
    stage = it.stage
    call = it.spy = await stage.market.strike("SPY", stage.market.near, Decimal("2.20"), 1)
    alerted = rounded(await stage.market.mid(call))
    stop, target = rounded(alerted * Decimal("0.65")), rounded(alerted * Decimal("1.45"))
    it.spy_target = target
    stage.user("rhea").say("options-room", f"BTO {call.label} @ {alerted} SL {stop} PT {target}")
    card = await stage.see("approvals", call.label, button="Approve")
    it.say(
        f"Rhea alerts {call.label} @ {alerted}. The card shows the price that can really be had, "
        "the size, the loss at the stop and all risk checks."
    )
    expect(await stage.press("vic", card, "Approve"), "⛔")
    expect(await stage.press("tom", card, "Approve"), "approved by")
    await stage.see("orders", call.label, "Open")
    await stage.see("trade-alerts", call.label, "filled")
    it.say("Vic (viewer) presses Approve: refused. Tom (approver) presses: bought, stop placed.")


async def futures_on_auto(it: Story) -> None:
    """A futures room on automatic: bought without a click."""
    stage = it.stage
    contract = stage.market.future("MES")
    it.es = rounded(await stage.market.mid(contract), Decimal("0.25"))
    stage.user("ninja").say("futures-room", f"LONG /ES @ {it.es} SL {it.es - 8} (B)")
    await stage.see("orders", contract.label, "Open")
    it.say(
        f"The futures room runs on auto: long ES {it.es} becomes 2 micro contracts, bought at "
        "once. Half leaves at T1, then the stop moves to the entry."
    )


async def not_traded(it: Story) -> None:
    """What must not be traded: a look back, a stranger, a runaway price, too much risk."""
    stage, market = it.stage, it.stage.market
    near = market.near
    stage.user("rhea").say(
        "options-room",
        "Recap: BTO SPY calls at 2.20 yesterday, +45%. Don't buy them here, it's late.",
    )
    await stage.see("all-messages", "Recap", "ignored")
    stage.user("stranger").say("options-room", f"BTO GME 30C {near.month}/{near.day} @ 1.10 ALL IN")
    await stage.see("all-messages", "GME", "not on the trusted list")
    await stage.see("admin", "under the name of a trusted author")
    it.say(
        "A recap (“don't buy”) is ignored. A stranger who calls himself “Rhea · options” is "
        "refused and reported to the admins: trust goes by id, not by name."
    )
    amd = await market.strike("AMD", near, Decimal("2.40"), 5)
    gone = rounded(await market.mid(amd) / Decimal("1.4"))
    stage.user("rhea").say("options-room", f"BTO {amd.label} @ {gone}")
    await stage.see("trade-alerts", amd.label, "not chased")
    nasdaq = rounded(await market.mid(market.future("NQ")), Decimal("0.25"))
    stage.user("ninja").say("futures-room", f"SHORT /NQ @ {nasdaq} SL {nasdaq + 20} (A)")
    await stage.see("trade-alerts", "NQ", "refused by risk")
    it.say(
        f"{amd.label} was alerted at {gone} but costs 40 % more by now: not chased. A full NQ "
        "contract would risk $400 at its stop, the limit is $100: refused by risk."
    )


async def needs_a_person(it: Story) -> None:
    """No expiry: nothing is guessed, a person writes the alert anew and approves it."""
    stage, market = it.stage, it.stage.market
    call = it.meta = await market.strike("META", market.far, Decimal("6.00"), 5)
    alerted = rounded(await market.mid(call))
    stage.user("rhea").say("options-room", f"BTO {named(call)} @ {alerted}")
    card = await stage.see("approvals", "META", button="Rewrite…")
    said = await stage.fill_in("ann", card, "Rewrite…", Alert=f"BTO {call.label} @ {alerted}")
    expect(said, "✔")
    card = await stage.see("approvals", call.label, button="Approve")
    expect(await stage.press("ann", card, "Approve"), "approved by")
    await stage.see("orders", call.label, "Open")
    it.say(
        f"Rhea forgets the expiry of {named(call)}. Nothing is guessed: Ann rewrites the alert "
        f"with {day(call)}, approves, bought."
    )


async def edited(it: Story) -> None:
    """An edit before the click: the old buttons are dead, the new card asks anew."""
    stage, market = it.stage, it.stage.market
    first = await market.strike("TSLA", market.near, Decimal("5.50"), 5)
    assert first.strike is not None  # noqa: S101 - an option
    second = option("TSLA", market.near, first.strike + 5, "C")
    said = stage.user("rhea").say(
        "options-room", f"BTO {first.label} @ {rounded(await market.mid(first))}"
    )
    old = await stage.see("approvals", first.label, button="Approve")
    # Discord is slow for a moment, so that people still see the old card with its buttons.
    slow = stage.sandbox.fault(f"*/messages/{old.id}", "delay", method="PATCH", delay_s=1.0)
    stage.user("rhea").edit(said, f"BTO {second.label} @ {rounded(await market.mid(second))}")
    await stage.until(lambda: slow.hits, "the old card was never withdrawn")
    expect(await stage.press("tom", old, "Approve"), "⚠", "Nothing was sent")
    new = await stage.see("approvals", second.label, button="Reject")
    await stage.until(lambda: "Withdrawn" in old.text, "the old card never said Withdrawn")
    expect(await stage.press("ann", new, "Reject"), "rejected by")
    it.say(
        f"Rhea edits {first.label} into {second.label} before anyone clicked. Tom still sees the "
        "old card for a moment and presses Approve: refused, nothing is sent. Ann rejects the new."
    )


async def targets(it: Story) -> None:
    """The market moves: the option reaches its target, the future its first."""
    stage, market = it.stage, it.stage.market
    assert it.spy is not None  # noqa: S101 - an earlier step
    unit = (Leg(instrument=it.spy),)
    await market.lead_unit(unit, it.spy_target + FIVE_CENTS, 2)
    contract = market.future("MES")
    await market.lead(contract, it.es + Decimal("8.5"), 2)
    await stage.see("orders", it.spy.label, "Closed", "target")
    await stage.see("orders", contract.label, "T1", "✓ hit", "Open 1 of 2", "break-even")
    it.say(
        f"The market rises. {it.spy.label} reaches its target: closed. ES reaches T1: one of two "
        "contracts sold, the stop of the other now stands at the entry."
    )


async def spread_by_half(it: Story) -> None:
    """A spread, approved by half."""
    stage, market = it.stage, it.stage.market
    low = await market.strike("QQQ", market.near, Decimal("6.00"), 5)
    assert low.strike is not None  # noqa: S101 - an option
    high = option("QQQ", market.near, low.strike + 5, "C")
    it.spread = (Leg(instrument=low), Leg(instrument=high, ratio=-1))
    alerted = rounded(await market.mid(*it.spread))
    strikes = f"{low.strike:f}/{high.strike:f}C"
    stage.user("rhea").say("options-room", f"BTO QQQ {strikes} {day(low)} @ {alerted} debit")
    card = await stage.see("approvals", "QQQ", button="Half")
    expect(await stage.press("ann", card, "Half"), "approved half by")
    await stage.see("orders", "QQQ", "Open")
    it.say(f"A QQQ {strikes} call spread at {alerted}: Ann presses Half, half the size is bought.")


async def stock_waits(it: Story) -> None:
    """A share alert whose card nobody has answered yet."""
    stage, market = it.stage, it.stage.market
    alerted = rounded(await market.mid(stock("NVDA")))
    stop, target = rounded(alerted * Decimal("0.98")), rounded(alerted * Decimal("1.06"))
    stage.user("mike").say("stocks-room", f"Long NVDA {alerted}, stop {stop}, target {target}")
    it.waiting = await stage.see("approvals", "NVDA", button="Approve")
    it.say(f"Mike alerts NVDA shares at {alerted}. Its card waits for a click.")


FIRST_HALF = (
    option_by_button,
    futures_on_auto,
    not_traded,
    needs_a_person,
    edited,
    targets,
    spread_by_half,
    stock_waits,
)
