"""config.yaml as plain values: read strictly, without surprises and without secrets."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bot import secret_shapes
from bot.config.problems import Loc, path_of
from engine.domain.errors import ConfigError

_SECRET_WORDS = re.compile(r"(?i)token|secret|password|passphrase|api_?key|private_?key|audit_?key")
_NO_SECRETS = frozenset(
    {"secrets_dir", "max_tokens", "daily_tokens", "daily_tokens_per_user"}  # a model's tokens
)


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: 09:30 stays a text, `no` is no false, 010 is no 8."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way


for _tag, _rule, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^[-+]?[0-9][0-9_]*$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+|\.(?:inf|Inf|nan|NaN))$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_rule), _first)
_Loader.add_constructor(
    "tag:yaml.org,2002:int",
    lambda _, node: int(str(node.value).replace("_", "")),
)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: no such file, not YAML, not a mapping, a key given twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {type(error).__name__}") from None
    return read_text(text, str(path))


def read_text(text: str, path: str = "value") -> dict[str, Any]:
    """The mapping that a text holds; ``path`` is what problems call it.

    Raises:
        ConfigError: not YAML, not a mapping, a key given twice.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            what = "is empty" if node is None else "must be a mapping of sections"
            raise ConfigError(f"{path}: {what}")
        twice = list(_repeated(node, ()))
        if twice:
            raise ConfigError("\n".join(twice))
        read: dict[str, Any] = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark is not None else ""
        what = getattr(error, "problem", None) or "cannot be read"
        raise ConfigError(f"{path}:{line} not valid YAML: {what}") from None
    finally:
        loader.dispose()
    return read


def _repeated(node: yaml.Node, loc: Loc) -> Iterator[str]:
    """A line per key that stands twice in one mapping, or is no text."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated(item, (*loc, number))
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        here = (*loc, str(key.value))
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            yield f"{path_of(here)}: a key must be a text (line {line})"
        elif key.value in seen:
            yield f"{path_of(here)}: given twice (line {line})"
        seen.add(str(key.value))
        yield from _repeated(value, here)


def refuse_secrets(values: Mapping[str, Any]) -> None:
    """X-06: a secret stands in its own variable or file, never among the settings.

    Raises:
        ConfigError: naming every key that holds one; never showing it.
    """
    found = [
        f"{path_of(loc)}: looks like {what}; secrets are read from TS_<NAME> variables and from "
        "files of their own alone (see .env.example)"
        for loc, what in _secrets_in(values, ())
    ]
    if found:
        raise ConfigError("\n".join(found))


def _secrets_in(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    name = str(loc[-1]) if loc else ""
    is_named_so = name not in _NO_SECRETS and not name.endswith("_url")
    if is_named_so and _SECRET_WORDS.search(name) and value not in (None, ""):
        yield loc, "a secret"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets_in(item, (*loc, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _secrets_in(item, (*loc, number))
    elif isinstance(value, str):
        shape = secret_shapes.shape_of(value)
        if shape is not None:
            yield loc, shape
