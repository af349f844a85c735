"""Cash that came or went at the broker without a trade."""

from decimal import Decimal

from engine import ledger
from engine.desk import Desk


async def on_cash(
    desk: Desk, account_name: str, usd: Decimal, theirs: Decimal, *, is_first: bool = False
) -> None:
    """Cash that came or went at the broker without a trade: a deposit, a fee, interest.

    ``is_first``: what its books begin with, of which people are told apart.
    """
    async with desk.lock(account_name):
        account = desk.book.accounts[account_name]
        if usd == 0 or account.cash_usd + usd != theirs:
            return  # something was booked meanwhile: look again at the next comparison
        name = f"cash-{account_name}-{account.version}"
        after, entry = ledger.deposit(account, usd, desk.clock.now(), name)
        said = (
            f"{account_name}: the broker has {usd:+,.2f} dollars of cash that no trade explains. "
            "It is booked as money put in or taken out."
        )
        notes = [] if is_first else [desk.note("admin", said, note_id=name)]
        await desk.commit(
            desk.event(
                "cash.external",
                f"account-{account_name}",
                after,
                entry,
                *notes,
                usd=str(usd),
            )
        )
