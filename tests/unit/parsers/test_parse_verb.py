"""``tradestream parse``: one text for a person, a file of messages for a score."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.__main__ import main


def line(key: str, content: str, **more: object) -> str:
    row = {"id": key, "channel": "options", "posted_at": "2025-08-12T10:00:00-04:00", **more}
    return json.dumps({"content": content, **row})


def parse_file(
    path: Path, capsys: pytest.CaptureFixture[str], *lines: str
) -> tuple[int, dict[str, dict], str]:
    path.write_text("\n".join(lines), encoding="utf-8")
    code = main(["parse", "--jsonl", str(path)])
    out, err = capsys.readouterr()
    return code, {row["id"]: row["result"] for row in map(json.loads, out.splitlines())}, err


def test_a_clear_text_is_shown_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["parse", "BTO SPY 640C 8/15 @ 2.35", "--channel", "options"]
    assert main([*words, "--at", "2025-08-12T10:00:00-04:00"]) == 0
    assert capsys.readouterr().out == "Clear.\n  option: BTO $SPY 2025-08-15 640C @ 2.35\n"


def test_a_doubt_is_shown_as_a_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "BTO SPY 640C @ 2.35", "--at", "2025-08-12"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("A person has to look: No expiry is named.")
    assert "in doubt: expiry" in out


def test_chatter_is_shown_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "anyone in SPY calls?"]) == 0
    assert capsys.readouterr().out.startswith("No alert: a question")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "no words"),
        ("\u200b \n", "no words"),
        ("good morning", "nothing that is traded is named"),
    ],
)
def test_what_is_no_order_at_all_is_said_to_be_none(
    capsys: pytest.CaptureFixture[str], words: str, why: str
) -> None:
    assert main(["parse", words]) == 0
    assert capsys.readouterr().out == f"No alert: {why}\n"


def test_a_bad_time_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "BTO SPY 640C @ 2.35", "--at", "yesterday"]) == 2
    assert "yesterday" in capsys.readouterr().err


def test_replies_are_resolved_whatever_the_order_of_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, _ = parse_file(
        tmp_path / "in.jsonl",
        capsys,
        line("c", "SL to BE", reply_to="b", posted_at="2025-08-12T10:20:00-04:00"),
        line("b", "sold half 3.20", reply_to="a", posted_at="2025-08-12T10:10:00-04:00"),
        line("a", "BTO SPY 640C 8/15 @ 2.35"),
    )
    assert code == 0
    assert said["b"]["fraction"] == 0.5
    assert (said["c"]["action"], said["c"]["stop"], said["c"]["strike"]) == ("UPDATE", "BE", 640)
    assert not said["c"]["needs_human"]


def test_a_reply_sees_only_the_text_that_stood_when_it_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said, _ = parse_file(
        tmp_path / "in.jsonl",
        capsys,
        line("a", "BTO SPY 640C 8/15 @ 2.35"),
        line("r1", "out 3.20", reply_to="a", posted_at="2025-08-12T10:05:00-04:00"),
        line("e", "BTO SPY 641C 8/15 @ 2.35", edit_of="a", posted_at="2025-08-12T10:06:00-04:00"),
        line("r2", "out 3.20", reply_to="a", posted_at="2025-08-12T10:07:00-04:00"),
    )
    assert (said["r1"]["strike"], said["r2"]["strike"]) == (640, 641)


def test_an_edit_that_strikes_the_order_through_withdraws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said, _ = parse_file(
        tmp_path / "in.jsonl",
        capsys,
        line("a", "BTO SPY 640C 8/15 @ 2.35"),
        line("e", "~~BTO SPY 640C 8/15 @ 2.35~~ nvm", edit_of="a"),
        line("n", "~~BTO SPY 640C 8/15 @ 2.35~~ nvm"),
    )
    assert (said["e"]["action"], said["e"]["strike"]) == ("CANCEL", 640)
    assert said["n"]["kind"] == "none"


def test_a_reply_to_nothing_known_asks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = parse_file(tmp_path / "in.jsonl", capsys, line("r", "all out", reply_to="gone"))
    assert said["r"]["needs_human"]


def test_a_circle_of_replies_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = parse_file(
        tmp_path / "in.jsonl",
        capsys,
        line("a", "all out 3.2", reply_to="b"),
        line("b", "all out 3.3", reply_to="a"),
    )
    assert code == 0
    assert said["a"]["needs_human"]
    assert said["b"]["needs_human"]


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        '"text"',
        '{"content": "no id"}',
        '{"id": "x", "content": "no time"}',
        '{"id": "x", "content": 3.5, "posted_at": "2025-08-12T10:00:00Z"}',
        '{"id": "x", "content": "", "posted_at": "soon"}',
        '{"id": "x", "content": "", "posted_at": "2025-08-12T10:00:00Z", "channel": "moon"}',
        '{"id": "x", "content": "", "posted_at": "2025-08-12T10:00:00Z", "embeds": {"a": 1}}',
        '{"id": "x", "content": "", "posted_at": "2025-08-12T10:00:00Z", "embeds": [1]}',
        '{"id": "x", "posted_at": "2025-08-12T10:00:00Z", "embeds": [{"fields": [1]}]}',
        "[" * 100_000,
    ],
)
def test_a_bad_line_is_named_and_costs_no_other_line(
    bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = line("g", "BTO SPY 640C 8/15 @ 2.35")
    code, said, err = parse_file(tmp_path / "in.jsonl", capsys, bad, good)
    assert code == 2
    assert said["g"]["price"] == 2.35
    assert "line 1" in err


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parse", "--jsonl", "/nowhere/in.jsonl"]) == 2
    assert "/nowhere/in.jsonl" in capsys.readouterr().err


def test_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(line("a", "STC SPY 640C 8/15 @ 3.35") + "\n\n"))
    assert main(["parse", "--jsonl", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["action"] == "STC"


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, bot.cli.parse\n"
        "heavy = {'discord', 'pandas', 'numpy', 'sqlalchemy', 'matplotlib', 'holidays'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "at",
    [
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31",
        "1066-10-14T09:00:00Z",
    ],
)
def test_a_time_at_the_end_of_the_calendar_costs_only_its_own_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: str
) -> None:
    lines = [line("a", "BTO SPY 640C 8/15 @ 1"), line("b", "BTO SPY 640C 8/15 @ 1", posted_at=at)]
    code, found, err = parse_file(tmp_path / "f.jsonl", capsys, *lines, line("c", "out"))
    assert code == 2
    assert list(found) == ["a", "c"]
    assert "line 2: posted_at" in err


def test_half_a_surrogate_pair_in_an_id_comes_back_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = '{"id": "\\ud800x", "posted_at": "2025-08-12T10:00:00Z", "content": "BTO \\udc00 SPY"}'
    code, found, _ = parse_file(tmp_path / "f.jsonl", capsys, odd, line("ü", "gm"))
    assert code == 0
    assert list(found) == ["\ud800x", "ü"]


def test_a_reader_who_has_seen_enough_is_no_crash(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    file.write_text("\n".join(line(str(k), "gm") for k in range(3000)), encoding="utf-8")
    command = [sys.executable, "-m", "bot", "parse", "--jsonl", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        assert json.loads(ran.stdout.readline())["id"] == "0"
        ran.stdout.close()
        said = ran.stderr.read()
    assert not said
    assert ran.returncode == 0
