"""Bring the checks of this folder together; the one file here that is no check."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from engine import registry
from engine.domain.errors import ConfigError
from engine.risk import RiskCheck

_FOLDER = "engine.risk"


def check_names() -> list[str]:
    """Names of all checks, as they stand in config.yaml."""
    return [name for name in registry.names(_FOLDER) if name != "load"]


def load_checks(
    settings: Mapping[str, Mapping[str, Any] | BaseModel],
) -> list[tuple[str, RiskCheck]]:
    """Every check with its settings, in the order of evaluation.

    ``settings``: file name -> values, as in config.yaml under ``risk``. A check that is not
    named there runs with its defaults: leaving a line out never switches a limit off.

    Raises:
        ConfigError: naming the key that is wrong.
    """
    known = check_names()
    for name in settings:
        if name not in known:
            raise ConfigError(f"risk.{name}: no such check; there are: {', '.join(known)}")
    loaded = []
    for name in known:
        kind = registry.load(_FOLDER, name, RiskCheck)  # type: ignore[type-abstract]
        loaded.append((name, kind(_settings(kind, name, settings.get(name)))))
    return sorted(loaded, key=lambda item: (item[1].stage, item[0]))


def _settings(
    kind: type[RiskCheck], name: str, values: Mapping[str, Any] | BaseModel | None
) -> BaseModel:
    if isinstance(values, kind.Settings):
        return values
    try:
        return kind.Settings.model_validate(values if values is not None else {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(("risk", name, *map(str, first["loc"])))
        raise ConfigError(f"{key}: {first['msg']}") from error
