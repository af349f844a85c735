"""Errors, grouped by what the caller may do next."""


class TradeStreamError(Exception):
    """Root of everything TradeStream raises on purpose."""


def own_words(error: Exception) -> str:
    """What people may be told of it: a library's words could hold anything, so its kind alone."""
    is_ours = isinstance(error, TradeStreamError)
    return (str(error) if is_ours else "") or type(error).__name__


class UserError(TradeStreamError):
    """Show the sender: says what was wrong and what was not done."""


class ActionSyntaxError(UserError):
    """A #action or option that could not be read; nothing was done."""


class NotAllowed(UserError):
    """The person may not do this; nothing was done, the attempt is recorded."""


class ApprovalExpired(UserError):
    """The approval is no longer open: expired, decided, or replaced by a newer version."""


class BrokerUnavailable(TradeStreamError):
    """Nothing was sent: the caller may try again."""


class RateLimited(BrokerUnavailable):
    """The broker asked us to slow down; nothing was sent."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotOffered(BrokerUnavailable):
    """The broker has no such question (403, 404, 405, 501): asking it again now is of no use."""


class OrderStateUnknown(TradeStreamError):
    """Sent, but no answer: reconcile, never send again on a guess."""


class ServerFailed(OrderStateUnknown):
    """It answered that it failed itself: what it took stands there, nothing is under way any more.

    Not so of a gateway (502, 504), which does not know what goes on behind it.
    """


class OrderRejected(TradeStreamError):
    """The broker refused the order; ``code`` is the broker's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class BrokerAuthError(TradeStreamError):
    """The broker does not know us any more: stop that broker, tell an admin."""


class CredentialsRefused(BrokerAuthError):
    """It says so of a request that reached it: of an order a gateway may, when it was taken."""


class WrongEnvironment(BrokerAuthError):
    """Paper and live were mixed up: the login is of the other kind than configured. No start."""


class DataStale(TradeStreamError):
    """Facts are too old to decide on."""


class StoreUnavailable(TradeStreamError):
    """The store could not commit (locked, full, down): nothing may be sent."""


class StoreUnreachable(StoreUnavailable):
    """The database server does not answer yet: nothing was started, asking again is harmless."""


class Conflict(TradeStreamError):
    """Somebody else changed the record first; read again and decide anew."""


class ConfigError(TradeStreamError):
    """Start refused; names the bad key."""


class InvariantError(TradeStreamError):
    """Our own bug: trading halts, an admin is told."""
