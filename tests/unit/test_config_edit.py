"""config.yaml is changed by the program without losing a comment."""

from pathlib import Path

import pytest
import yaml

from bot.config import edit, load
from engine.domain.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "config.yaml"
TEXT = """\
# head
discord:
  guild_id: null            # our server
  channels:                 # ids
    admin: null             # private
    actions: []             # where
  roles: {viewer: [], admin: []}   # who

accounts:
  main:
    broker: paper   # a key

sources:                    # rooms
  one:
    channel_id: 5           # first
  # about two
  two:
    channel_id: 6
    names:
      - a
      - b   # last
# tail
log: {level: INFO}
"""


def read(text: str):
    return yaml.safe_load(text)


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def test_values_are_replaced_where_they_stand() -> None:
    text = edit.with_value(TEXT, ("discord", "guild_id"), 7)
    text = edit.with_value(text, ("discord", "channels", "actions"), [1, 2])
    text = edit.with_value(text, ("discord", "roles", "admin"), [3])
    assert read(text)["discord"] == {
        "guild_id": 7,
        "channels": {"admin": None, "actions": [1, 2]},
        "roles": {"viewer": [], "admin": [3]},
    }
    assert comments(text) == comments(TEXT)
    assert "  guild_id: 7               # our server\n" in text


def test_what_is_missing_is_put_behind_its_siblings() -> None:
    text = edit.with_value(TEXT, ("discord", "channels", "panel"), 9)
    text = edit.with_value(text, ("discord", "roles", "trader"), [4])
    text = edit.with_value(text, ("feed", "kind"), "none")
    text = edit.with_value(text, ("sources", "three"), {"channel_id": 8, "author_ids": {2, 1}})
    found = read(text)
    assert found["discord"]["channels"]["panel"] == 9
    assert found["discord"]["roles"]["trader"] == [4]
    assert found["feed"] == {"kind": "none"}
    assert found["sources"]["three"] == {"channel_id": 8, "author_ids": [1, 2]}
    assert found["sources"]["two"]["names"] == ["a", "b"]
    assert comments(text) == comments(TEXT)


def test_blocks_are_replaced_whole() -> None:
    text = edit.with_value(TEXT, ("sources", "two"), {"channel_id": 10})
    assert read(text)["sources"]["two"] == {"channel_id": 10}
    text = edit.with_value(TEXT, ("sources",), {})
    assert read(text)["sources"] == {}
    assert read(text)["log"] == {"level": "INFO"}
    assert "# tail" in text
    again = edit.with_value(text, ("sources", "new"), {"channel_id": 1})
    assert read(again)["sources"] == {"new": {"channel_id": 1}}


def test_the_shipped_file_takes_every_id_and_keeps_every_comment(tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SHIPPED.read_text(encoding="utf-8"), encoding="utf-8")
    before = comments(file.read_text())
    channels = ("trade_alerts", "approvals", "admin", "panel")
    config = edit.rewrite(
        file,
        {
            ("discord", "guild_id"): 1,
            **{("discord", "channels", c): n for n, c in enumerate(channels, start=10)},
            ("discord", "channels", "actions"): [20],
            ("discord", "roles", "admin"): [30],
            ("sources", "twi_options", "author_ids"): [40, 41],
            ("sources", "twi_options", "handling"): "approve",
        },
    )
    assert comments(file.read_text()) == before
    assert load(file).discord == config.discord
    assert config.discord.channels.panel == 13
    assert config.sources["twi_options"].author_ids == {40, 41}


def test_what_a_start_would_refuse_is_not_written(tmp_path) -> None:
    file = tmp_path / "config.yaml"
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"sources\.twi_options\.handling"):
        edit.rewrite(file, {("sources", "twi_options", "handling"): "auto"})
    assert file.read_text() == text
    assert [f.name for f in tmp_path.iterdir() if f.is_file()] == ["config.yaml"]
    with pytest.raises(ConfigError, match="cannot be read"):
        edit.rewrite(tmp_path / "other.yaml", {})
