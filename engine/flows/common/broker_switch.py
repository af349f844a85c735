"""Take a broker out of use and back: no entry goes there meanwhile, exits and stops do."""

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError


def off(desk: Desk, broker: str) -> str:
    """Why no entry may go to this broker; empty when one may."""
    fact = desk.book.facts.get(_name(broker))
    return fact.value if fact else ""


async def disable(desk: Desk, broker: str, who: Who, reason: str) -> str:
    """No entry goes there from now on.

    Raises:
        NotAllowed: not an admin. UserError: not known, or off already.
    """
    _check(desk, broker, who)
    is_to_be(desk, broker, in_use=False)
    said = f"switched off by {who.name}: {reason or 'no reason given'}"
    await _set(desk, broker, who, said, f"⏸ {broker}: {said}. Exits and stops keep working there.")
    return f"⏸ No new entry goes to {broker}. What is open there is managed to its end."


async def enable(desk: Desk, broker: str, who: Who) -> str:
    """Entries may go there again.

    Raises:
        NotAllowed: not an admin. UserError: not known, or not off.
    """
    _check(desk, broker, who)
    is_to_be(desk, broker, in_use=True)
    await _set(desk, broker, who, "", f"▶ {broker}: entries allowed again by {who.name}.")
    gate = desk.gates.get(broker) or desk.gates.get("*", "")
    wait = f" They still wait: {gate}." if gate else ""
    return f"▶ Entries may go to {broker} again.{wait}"


def is_to_be(desk: Desk, broker: str, *, in_use: bool) -> None:
    """Whether there is anything to switch.

    Raises:
        UserError: it stands so already.
    """
    said = off(desk, broker)
    if in_use is bool(said):
        return
    if in_use:
        gate = desk.gates.get(broker) or desk.gates.get("*", "")
        wait = f" What it waits for: {gate}." if gate else ""
        raise UserError(f"{broker} is not switched off. Nothing was changed.{wait}")
    raise UserError(f"{broker} is out of use already: {said}. Nothing was changed.")


def _check(desk: Desk, broker: str, who: Who) -> None:
    if not who.may_admin:
        raise NotAllowed("Only an admin may switch a broker. Nothing was changed.")
    if broker not in desk.brokers:
        known = ", ".join(sorted(desk.brokers))
        raise UserError(f"There is no broker of that name; there are: {known}. Nothing was done.")


async def _set(desk: Desk, broker: str, who: Who, value: str, note: str) -> None:
    await desk.commit(
        desk.event(
            "broker.switched",
            f"broker-{broker}",
            desk.fact(_name(broker), value),
            desk.note("admin", note),
            actor=f"user:{who.user_id}",
            broker=broker,
            off=value,
        )
    )


def _name(broker: str) -> str:
    return f"broker.off:{broker}"
