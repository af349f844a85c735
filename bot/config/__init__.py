"""config.yaml, its overlay and the environment -> one frozen AppConfig, or a ConfigError.

Order, weakest first: the defaults written in ``sections``; config.yaml; its overlay
``environments.<name>``, chosen by ``TRADESTREAM_ENV``; ``TS_SECTION__KEY`` variables; the caller's
overrides; what admins changed in Discord (:func:`with_changes`). Secrets come from the environment
or from files of their own (see ``secrets``).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config import adapters
from bot.config.file import read_yaml, refuse_secrets
from bot.config.layers import environment_layer, merged
from bot.config.model import AppConfig, Environment
from bot.config.problems import Layer, lines
from bot.config.secrets import Secrets, is_secret, read_secrets
from engine.domain.errors import ConfigError

__all__ = ["AppConfig", "Environment", "Secrets", "load", "with_changes"]

_NOT_IN_FILE = ("home", "layers", "secrets")


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> AppConfig:
    """Read the configuration.

    Args:
        path: The file; None: ``$TRADESTREAM_CONFIG``, else ``config.yaml`` here.
        overrides: Values that win over everything, shaped like the file; for the demo and tests.

    Raises:
        ConfigError: one line per problem, each starting with the full path of the key.
    """
    file = path or Path(os.environ.get("TRADESTREAM_CONFIG") or "config.yaml")
    values = read_yaml(file)
    refuse_secrets(values)
    overlays = _overlays(values.pop("environments", None))
    said = values.get("environment")
    name = os.environ.get("TRADESTREAM_ENV") or (Environment.DEV if said is None else said)
    stray = [f"{key}: unknown key" for key in _NOT_IN_FILE if key in values]
    if stray:
        raise ConfigError("\n".join(stray))
    home = file.resolve().parent
    for other, overlay in overlays.items():
        if other != name:
            over = Layer(overlay, f"environments.{other}.")
            _check_overlay(over, [over, Layer({"environment": other, "home": home}), Layer(values)])
    variables = environment_layer(AppConfig, is_secret)
    refuse_secrets(variables)
    layers = [
        Layer({"home": home}),
        Layer(overrides or {}),
        Layer(variables, is_environment=True),
        Layer({"environment": name}),
        Layer(overlays.get(str(name), {}), f"environments.{name}."),
        Layer(values),
    ]
    config = _validated(layers)
    secrets = read_secrets(home, config.secrets_dir)
    config = config.model_copy(update={"secrets": secrets, "layers": tuple(layers)})
    _check_names_of(config)
    return config


def with_changes(config: AppConfig, changes: Mapping[str, Any]) -> AppConfig:
    """The same start's configuration under what admins have changed since, judged as a whole.

    Args:
        config: As it was loaded; changes that were laid over it before do not count.
        changes: Shaped like the file; they win over everything. A source that is None is gone.

    Raises:
        ConfigError: as :func:`load`.
    """
    base = tuple(layer for layer in config.layers if not layer.is_change)
    if not changes:
        layers = list(base)
    else:
        refuse_secrets(dict(changes))
        changes = _as_the_file_says(changes, base)
        layers = [base[0], Layer(changes, is_change=True), *base[1:]]
    changed = _validated(layers)
    return changed.model_copy(update={"secrets": config.secrets, "layers": tuple(layers)})


def _as_the_file_says(changes: Mapping[str, Any], base: tuple[Layer, ...]) -> Mapping[str, Any]:
    """The same with brokers by the key that they have in the file: ``tda`` for ``schwab``."""
    section = changes.get("brokers")
    if not isinstance(section, Mapping):
        return changes
    said = {
        adapters.canonical(key): key for layer in base for key in layer.values.get("brokers") or ()
    }
    return {**changes, "brokers": {said.get(name, name): v for name, v in section.items()}}


def _check_names_of(config: AppConfig) -> None:
    """A number or key under a name that nothing reads is a slip that would change who trades."""
    wrong = [
        f"TS_ACCOUNT_{name.upper()}: accounts has no {name}; it has {', '.join(config.accounts)}"
        for name in config.secrets.accounts
        if name not in config.accounts
    ]
    for key in config.secrets.adapters:
        known = config.secret_names(key)
        if known is not None and key not in known:
            wrong.append(f"TS_{key.upper()}: no such secret; known: {', '.join(sorted(known))}")
    if wrong:
        raise ConfigError("\n".join(wrong))


def _overlays(section: Any) -> dict[str, dict[str, Any]]:
    """The overlays by environment name; keys are checked when they are laid over the file."""
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError("environments: must be a mapping of dev, staging, prod")
    for name, overlay in section.items():
        if name not in set(Environment):
            raise ConfigError(f"environments.{name}: unknown key; must be dev, staging or prod")
        if overlay is not None and not isinstance(overlay, dict):
            raise ConfigError(f"environments.{name}: must be a mapping of sections")
        for key in ("environment", "environments", *_NOT_IN_FILE):
            if key in (overlay or {}):
                raise ConfigError(f"environments.{name}.{key}: unknown key")
    return {name: overlay or {} for name, overlay in section.items()}


def _check_overlay(overlay: Layer, layers: list[Layer]) -> None:
    """An overlay that is not chosen today must not be wrong on the day it is."""
    try:
        AppConfig.model_validate(_sum(layers))
    except ValidationError as error:
        wrong = lines(error, layers, only=overlay)
        if wrong:
            raise ConfigError("\n".join(wrong)) from None


def _validated(layers: list[Layer]) -> AppConfig:
    try:
        return AppConfig.model_validate(_sum(layers))
    except ValidationError as error:
        raise ConfigError("\n".join(lines(error, layers))) from None


def _sum(layers: list[Layer]) -> dict[str, Any]:
    """One mapping; ``layers``: strongest first."""
    values = merged(*(layer.values for layer in reversed(layers)))
    sources = values.get("sources")
    if isinstance(sources, dict):
        values["sources"] = {name: s for name, s in sources.items() if s is not None}
    return values
