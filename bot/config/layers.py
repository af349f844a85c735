"""Layers of values: the file, its overlay, the environment; the strongest wins."""

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from bot.config.problems import Loc, path_of
from engine.domain.errors import ConfigError

PREFIX = "TS_"


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win, leaf by leaf; lists are replaced whole."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                result[key] = merged(old, value)
            else:
                result[key] = value
    return result


def environment_layer(
    model: type[BaseSettings], is_secret: Callable[[str], bool]
) -> dict[str, Any]:
    """Values of ``TS_SECTION__KEY`` variables, shaped like the file.

    Raises:
        ConfigError: a TS_ variable that means nothing, or holds a broken list or mapping.
    """
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX):
            continue
        key = name[len(PREFIX) :].lower()
        if not is_secret(key) and key.split("__")[0] not in model.model_fields:
            raise ConfigError(f"{name}: no such setting ({key.replace('__', '.')}: unknown key)")
    source = EnvSettingsSource(model, env_prefix=PREFIX, env_nested_delimiter="__")
    try:
        values = source()
    except SettingsError as error:
        broken = re.search(r'field "([^"]+)"', str(error))
        what = broken.group(1) if broken else "environment"
        raise ConfigError(f"{what}: cannot be read from the {PREFIX} environment") from None
    return {key: _decoded(value, (key,)) for key, value in values.items()}


def _decoded(value: Any, loc: Loc) -> Any:
    """Lists and mappings below chosen names, which pydantic-settings leaves as JSON text."""
    if isinstance(value, Mapping):
        return {key: _decoded(item, (*loc, key)) for key, item in value.items()}
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            raise ConfigError(f"{path_of(loc)}: must be JSON in the environment") from None
    return value
