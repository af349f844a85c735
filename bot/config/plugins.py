"""Sections with one key per file: ``risk.daily_loss`` is engine/risk/daily_loss.py.

A key is valid when that file holds a class of its name in CamelCase with ``Settings`` inside; the
values are that model's business.
"""

import importlib
import inspect
from collections.abc import Mapping
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails

from bot.config.problems import below, refuse
from engine import registry


def plugin(package: str, name: str) -> type | None:
    """The class that a file is named after; None when the file is no plug-in."""
    if name not in registry.names(package):
        return None
    module = importlib.import_module(f"{package}.{name}")
    found = getattr(module, registry.class_name(name), None)
    is_plugin = inspect.isclass(found) and inspect.isclass(getattr(found, "Settings", None))
    return found if is_plugin else None


def validated(package: str, section: Any, *, all_of_them: bool) -> Mapping[str, BaseModel]:
    """Each key's values as the ``Settings`` of its file.

    Args:
        package: The folder, e.g. ``engine.risk``.
        section: What the configuration says, name -> values.
        all_of_them: True adds every file that the configuration does not name, with its defaults:
            for limits, where leaving a line out must not switch one off.
    """
    if not isinstance(section, Mapping):
        refuse((), "must be a mapping", section)
    wanted = dict(section)
    if all_of_them:
        for name in registry.names(package):
            if name not in wanted and plugin(package, name) is not None:
                wanted[name] = {}
    read: dict[str, BaseModel] = {}
    wrong: list[InitErrorDetails] = []
    for name, values in wanted.items():
        try:
            read[name] = _settings(package, name, values)
        except ValidationError as error:
            wrong += below((name,), error.errors(include_url=False))
    if wrong:
        raise ValidationError.from_exception_data(package, wrong)
    return MappingProxyType(read)


def _settings(package: str, name: str, values: Any) -> BaseModel:
    if isinstance(values, BaseModel):
        return values
    found = plugin(package, name)
    if found is None:
        known = ", ".join(n for n in registry.names(package) if plugin(package, n) is not None)
        what = f"unknown key; {package.replace('.', '/')} has: {known or 'nothing yet'}"
        refuse((), what)
    model: type[BaseModel] = found.Settings  # type: ignore[attr-defined] # checked by plugin()
    values = {} if values is None else values
    check_plain_numbers(model, values)
    return model.model_validate(values)


def check_plain_numbers(model: type[BaseModel], values: Any) -> None:
    """Refuse ``true`` where a number stands, and 1.0e18 for an id: pydantic would convert both.

    Raises:
        ValidationError: naming the key.
    """
    if not isinstance(values, Mapping):
        return
    for name, field in model.model_fields.items():
        value = values.get(name)
        kinds = _leaves(field.annotation)
        for inner in kinds:
            if inspect.isclass(inner) and issubclass(inner, BaseModel):
                _below(name, inner, value)
        if isinstance(value, bool) and bool not in kinds:
            what = "must not be true or false"
        elif isinstance(value, float) and int in kinds and not kinds & {float, complex}:
            what = "must be a whole number"
        else:
            continue
        refuse((name,), what, value)


def _below(name: str, model: type[BaseModel], value: Any) -> None:
    try:
        check_plain_numbers(model, value)
    except ValidationError as error:
        moved = below((name,), error.errors(include_url=False))
        raise ValidationError.from_exception_data(model.__name__, moved) from None


def _leaves(annotation: Any) -> set[Any]:
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*(_leaves(a) for a in get_args(annotation)))
    if get_origin(annotation) is Annotated:
        return _leaves(get_args(annotation)[0])
    return {annotation}
