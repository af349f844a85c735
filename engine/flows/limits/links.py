"""Which account a person's own orders go to when he names none."""

from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError


def account_of(desk: Desk, user_id: int) -> str:
    """His linked account; empty when he has none, or when it is no longer configured."""
    fact = desk.book.facts.get(_name(user_id))
    account = fact.value if fact is not None else ""
    return account if account in desk.settings.accounts else ""


def everybody(desk: Desk) -> dict[int, str]:
    """User id -> linked account."""
    found = {}
    for name, fact in desk.book.facts.items():
        kind, _, user = name.partition(":")
        if kind == "link" and user.isdigit() and fact.value:
            found[int(user)] = fact.value
    return found


async def put(desk: Desk, who: Who, user_id: int, account: str) -> None:
    """Link a person to an account; an empty one takes the link away.

    Raises:
        NotAllowed: not an admin. UserError: there is no such account. StoreUnavailable.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may link accounts. Nothing was changed.")
    if account and account not in desk.settings.accounts:
        known = ", ".join(desk.settings.accounts)
        raise UserError(f"account: must be one of {known}. Nothing was changed.")
    fact = desk.fact(_name(user_id), account)
    actor = f"user:{who.user_id}"
    await desk.commit(desk.event("roles.linked", fact.name, fact, actor=actor, account=account))


def _name(user_id: int) -> str:
    return f"link:{user_id}"
