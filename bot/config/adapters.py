"""The ``brokers`` section and live feeds: each key is the file of that name, read by its Settings.

Only what is configured is imported: a missing library hurts nobody who does not use it.
"""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import InitErrorDetails

from bot.config import plugins
from bot.config.problems import below, refuse
from bot.config.values import is_loopback
from engine import registry
from engine.brokers import Adapter
from engine.feeds import FeedAdapter

BROKERS, FEEDS = "engine.brokers", "engine.feeds"
PAPER = "paper"
ALIASES = {"tda": "schwab"}
"""What people say -> the file; TD Ameritrade's accounts live at Schwab."""
_SECURE = ("https", "wss")
_HTTP_ALONE = ("rest_url", "token_url", "authorize_url")


def canonical(name: str) -> str:
    """The file that a name of a broker stands for."""
    return ALIASES.get(name, name)


def names() -> frozenset[str]:
    """Everything outside that may be configured, aliases too; nothing is imported."""
    files = (*registry.names(BROKERS), *registry.names(FEEDS), *ALIASES)
    return frozenset(files) - {PAPER, "recorded", "synthetic"}


def broker_kind(name: str) -> type[Adapter] | None:
    """The class behind a key of ``brokers``; None for paper."""
    return None if name == PAPER else registry.load(BROKERS, name, Adapter)


def feed_kind(name: str) -> type[FeedAdapter]:
    """The class behind a live feed."""
    return registry.load(FEEDS, name, FeedAdapter)  # type: ignore[type-abstract]


def brokers(section: Any, paper: type[BaseModel]) -> Mapping[str, BaseModel]:
    """Name -> Settings; ``paper`` is always there, ``tda`` becomes ``schwab``."""
    if not isinstance(section, Mapping):
        refuse((), "must be a mapping", section)
    read: dict[str, BaseModel] = {}
    wrong: list[InitErrorDetails] = []
    for key, values in {PAPER: {}, **section}.items():
        name = canonical(key)
        try:
            if name in read and name != PAPER:
                refuse((), f"is {name}, which stands there too")
            read[name] = (
                _validated(paper, values)
                if name == PAPER
                else _outside(BROKERS, name, values, Adapter)
            )
        except ValidationError as error:
            wrong += below((key,), error.errors(include_url=False))
    if wrong:
        raise ValidationError.from_exception_data("brokers", wrong)
    return MappingProxyType(read)


def feeds(section: Any) -> Mapping[str, BaseModel]:
    """Name -> Settings, in order of priority."""
    if not isinstance(section, Mapping):
        refuse((), "must be a mapping", section)
    read: dict[str, BaseModel] = {}
    wrong: list[InitErrorDetails] = []
    for name, values in section.items():
        try:
            read[name] = _outside(FEEDS, name, values, FeedAdapter)
        except ValidationError as error:
            wrong += below((name,), error.errors(include_url=False))
    if wrong:
        raise ValidationError.from_exception_data("feeds", wrong)
    return MappingProxyType(read)


def _outside(
    package: str, name: str, values: Any, base: type[Adapter] | type[FeedAdapter]
) -> BaseModel:
    if isinstance(values, BaseModel):
        return values
    folder = package.replace(".", "/")
    found = _class_of(package, name)
    if found is None or not issubclass(found, base):
        known = [n for n in registry.names(package) if _is_outside(package, n)]
        refuse((), f"unknown key; {folder} has: {', '.join(known) or 'nothing yet'}")
    for secret in found.secrets if isinstance(values, Mapping) else ():
        if secret in values:
            refuse((secret,), f"is a secret: set TS_{name.upper()}_{secret.upper()}", hide=True)
    settings = _validated(found.Settings, values)
    for key, address in addresses(settings):
        if address:
            _check_address(key, address)
    return settings


def _class_of(package: str, name: str) -> type | None:
    if name not in registry.names(package):
        return None
    try:
        module = importlib.import_module(f"{package}.{name}")
    except ImportError as error:
        refuse((), f"cannot be used: {error}; is its extra installed?")
    found = getattr(module, registry.class_name(name), None)
    return found if inspect.isclass(found) else None


def _is_outside(package: str, name: str) -> bool:
    """By name alone: listing must not import."""
    return package == BROKERS or name not in ("recorded", "synthetic")


def _validated(model: type[BaseModel], values: Any) -> BaseModel:
    values = {} if values is None else values
    plugins.check_plain_numbers(model, values)
    return model.model_validate(values)


def offered(settings: BaseModel) -> dict[str, str]:
    """What admins may change of a broker while the desk runs, each with its meaning.

    Never an address, nor which side it is: a slip would hand our keys to a stranger.
    """
    fields = type(settings).model_fields.items()
    told = {key: field.description for key, field in fields if field.description}
    return {k: said for k, said in told.items() if k != "environment" and not k.endswith("_url")}


# -- addresses ----------------------------------------------------------------------------------


def addresses(settings: BaseModel) -> Iterator[tuple[str, str]]:
    """Key and value of every outside address; empty for the provider's own."""
    for key in type(settings).model_fields:
        value = getattr(settings, key)
        if key.endswith("_url") and isinstance(value, str):
            yield key, value


def _check_address(key: str, address: str) -> None:
    """Credentials go there: in the clear to this machine alone."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https", "ws", "wss"):
        refuse((key,), "must be an http or ws address", address)
    if parts.username is not None or parts.password is not None:
        refuse((key,), "must not hold credentials", hide=True)
    if parts.scheme in ("ws", "wss") and key in _HTTP_ALONE:
        refuse((key,), "must be an http or https address", address)
    if parts.scheme not in _SECURE and not is_loopback(address):
        refuse((key,), "must be https or wss unless it is on loopback", address)


def check_on_loopback(loc: tuple[str, ...], settings: BaseModel) -> None:
    """Test mode: nothing may leave this machine."""
    given = dict(addresses(settings))
    stands_for = getattr(settings, "stands_for", {})
    for key, address in given.items():
        if not is_loopback(address or given.get(stands_for.get(key, ""), "")):
            refuse((*loc, key), "must be a loopback address in test mode", address or None)


# -- secrets ------------------------------------------------------------------------------------


def secrets_of(
    name: str, kind: type[Adapter] | type[FeedAdapter], given: Mapping[str, SecretStr]
) -> tuple[dict[str, SecretStr], list[str]]:
    """An adapter's secrets by its own names, and a line per one that is missing or miscopied."""
    found: dict[str, SecretStr] = {}
    lines = []
    for secret in kind.secrets:
        value = given.get(f"{name}_{secret}")
        if value is None:
            lines.append(f"{name}_{secret}: missing; set TS_{name.upper()}_{secret.upper()}")
        elif not _is_plain(value.get_secret_value()):
            lines.append(f"{name}_{secret}: holds characters that no key has; copy it anew")
        else:
            found[secret] = value
    return found, lines


def _is_plain(text: str) -> bool:
    """Whether it is one line that a header can carry."""
    return text.isascii() and text.isprintable()
