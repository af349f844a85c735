"""config.yaml changed by the program: the values that were asked for, every comment kept."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from engine.domain.errors import ConfigError

if TYPE_CHECKING:
    from bot.config.model import AppConfig

Keys = tuple[str, ...]
_INDENT = 2


def rewrite(file: Path, changes: Mapping[Keys, Any]) -> "AppConfig":
    """Change the file on disk, whole or not at all; the configuration as it reads now.

    Args:
        file: config.yaml.
        changes: Path of keys -> new value: a scalar, a list, or a mapping.

    Raises:
        ConfigError: it would not be accepted, or cannot be written; the file is as it was.
    """
    try:
        text = file.read_text(encoding="utf-8")
        mode = file.stat().st_mode & 0o777
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {type(error).__name__}") from None
    return create(file, text, changes, mode=mode)


def create(file: Path, text: str, changes: Mapping[Keys, Any], *, mode: int = 0o644) -> "AppConfig":
    """Write ``text`` with these changes to ``file``, whole or not at all; how it reads.

    Raises:
        ConfigError: it would not be accepted, or cannot be written; nothing was.
    """
    from bot.config import load

    for keys, value in changes.items():
        text = with_value(text, keys, value)
    draft = file.with_name(f".{file.name}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        config = load(draft)
        write_whole(file, text, mode=mode)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {type(error).__name__}") from None
    finally:
        draft.unlink(missing_ok=True)
    return config


def write_whole(file: Path, text: str, *, mode: int) -> None:
    """The whole file or none of it, in these permission bits from its first byte.

    Raises:
        OSError.
    """
    draft = file.with_name(f".{file.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        written.write(text)
        written.flush()
        os.fsync(written.fileno())
    draft.replace(file)


def with_value(text: str, keys: Keys, value: Any) -> str:
    """``text`` with the value at a path of keys; mappings that are missing are made."""
    node: yaml.Node = _root(text)
    for depth, key in enumerate(keys):
        found = _entry(node, key)
        if found is None:
            return _inserted(text, node, keys[depth:], value)
        holder, node = found
        is_last = depth == len(keys) - 1
        if not is_last and not (isinstance(node, yaml.MappingNode) and node.value):
            rest = {keys[-1]: value}
            for name in reversed(keys[depth + 1 : -1]):
                rest = {name: rest}
            return _replaced(text, holder, node, rest)
    return _replaced(text, holder, node, value)


def _root(text: str) -> yaml.MappingNode:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError("config.yaml: must be a mapping of sections")
    return node


def _entry(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((k, v) for k, v in node.value if k.value == key), None)


def _end(node: yaml.Node) -> int:
    """Where the last thing that is written in it ends; comments after it are not its own."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _replaced(text: str, key: yaml.Node, node: yaml.Node, value: Any) -> str:
    """Another value behind the same key."""
    start, stop = int(node.start_mark.index), _end(node)
    if isinstance(value, Mapping) and value:
        block = _block(value, int(key.start_mark.column) + _INDENT)
        start = int(key.end_mark.index) + 1
        line = text.find("\n", stop)
        comment = text[stop:line].rstrip() if line >= 0 else ""
        return f"{text[:start]}{comment}\n{block}{text[line:] if line >= 0 else ''}"
    if text[start - 1 : start] == "\n" or start == int(key.end_mark.index) + 1:
        return f"{text[: int(key.end_mark.index) + 1]} {_flow(value)}{text[stop:]}"
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        return f"{text[: int(key.end_mark.index) + 1]} {_flow(value)}{text[stop:]}"
    return text[:start] + _beside_comment(_flow(value), text[start:stop], text[stop:])


def _beside_comment(written: str, old: str, rest: str) -> str:
    """The comment behind a value stays in its column while there is room."""
    gap = len(rest) - len(rest.lstrip(" "))
    if not rest[gap:].startswith("#"):
        return written + rest
    return written + " " * max(gap - len(written) + len(old), 1) + rest[gap:]


def _inserted(text: str, parent: yaml.Node, keys: Keys, value: Any) -> str:
    """A new entry behind the last one of a mapping."""
    assert isinstance(parent, yaml.MappingNode)  # noqa: S101 - the caller went into it
    made: Any = value
    for name in reversed(keys[1:]):
        made = {name: made}
    if parent.flow_style and parent.value:
        place = int(parent.end_mark.index) - 1
        return f"{text[:place]}, {keys[0]}: {_flow(made)}{text[place:]}"
    column = int(parent.value[0][0].start_mark.column) if parent.value else 0
    line = text.find("\n", _end(parent))
    head, tail = (text, "") if line < 0 else (text[:line], text[line:])
    return f"{head}\n{_block({keys[0]: made}, column)}{tail}"


def _block(value: Mapping[str, Any], column: int) -> str:
    """Lines of a mapping, no newline at the end."""
    lines: list[str] = []
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            lines.append(f"{' ' * column}{key}:")
            lines.append(_block(item, column + _INDENT))
        else:
            lines.append(f"{' ' * column}{key}: {_flow(item)}")
    return "\n".join(lines)


def _flow(value: Any) -> str:
    """One line of YAML."""
    plain = _plain(value)
    written = yaml.safe_dump(plain, default_flow_style=True, width=10**9, sort_keys=False)
    return str(written).removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_plain(item) for item in items]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
