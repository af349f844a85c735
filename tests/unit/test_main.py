"""The start: verbs are found, only the asked one is imported, exit codes tell what to do next."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bot.cli
from bot import __main__ as start

ROOT = Path(__file__).parents[2]
VERB = '''"""A verb of the test."""
HELP = "Does {name}."
def add_arguments(parser):
    parser.add_argument("--n", type=int, default=0)
def run(args):
    {body}
'''


@pytest.fixture(autouse=True)
def verbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of verbs of our own."""
    monkeypatch.setattr(start, "VERBS", tmp_path)
    monkeypatch.setattr(bot.cli, "__path__", [str(tmp_path)])
    for name in [n for n in sys.modules if n.startswith("bot.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    bodies = {
        "run": "print('ran', args.n, args.config); return 0",
        "re_start": "return 26",
        "nothing": "pass",
        "crash": "raise RuntimeError('oh')",
        "stop": "raise KeyboardInterrupt",
        "misfit": "from engine.domain import errors; raise errors.ConfigError('a.b: must be 1')",
    }
    for name, body in bodies.items():
        (tmp_path / f"{name}.py").write_text(VERB.format(name=name, body=body))
    (tmp_path / "_helper.py").write_text("raise ImportError('never imported')")
    (tmp_path / "broken.py").write_text("HELP = 'Broken.'\nraise ImportError('no such library')")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", 0),
        ("run", 0),
        ("nothing", 0),
        ("re-start", 26),
        ("crash", 1),
        ("broken", 1),
        ("stop", 130),
        ("misfit", 78),
        ("dance", 2),
        ("_helper", 2),
        ("re_start", 2),
        ("run --m 3", 2),
        ("run --n three", 2),
        ("run --help", 0),
        ("--help", 0),
    ],
)
def test_the_exit_code_tells_what_to_do_next(words: str, code: int) -> None:
    assert start.main(words.split()) == code


def test_without_a_verb_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main([]) == 0
    assert start.main(["--config", "x.yaml", "run", "--n", "3"]) == 0
    assert start.main(["--config=y.yaml", "--n", "4"]) == 0
    assert start.main(["run", "--config", "z.yaml"]) == 0
    assert capsys.readouterr().out == "ran 0 None\nran 3 x.yaml\nran 4 y.yaml\nran 0 z.yaml\n"


def test_help_lists_every_verb_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "re-start  Does re_start." in shown
    assert "broken    Broken." in shown
    assert "_helper" not in shown
    assert not [name for name in sys.modules if name.startswith("bot.cli.")]


def test_a_word_that_is_no_verb_is_refused_kindly(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["chrash"]) == start.USAGE
    said = capsys.readouterr().err
    assert "there is no verb 'chrash'. Did you mean crash? Nothing was done." in said
    assert "Verbs: broken, crash," in said


def test_a_configuration_error_shows_its_path_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert start.main(["misfit"]) == start.CONFIGURATION
    said = capsys.readouterr().err
    assert "a.b: must be 1" in said.splitlines()
    assert "Traceback" not in said


def test_a_crash_is_logged_once_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    assert start.main(["crash"]) == start.CRASH
    (record,) = caplog.records
    assert record.getMessage() == "crash crashed"
    assert record.exc_info


def test_help_is_quick_and_loads_no_library() -> None:
    """The command line answers before any library is loaded."""
    program = (
        "import sys; from bot.__main__ import main; main(['--help'])\n"
        "heavy = {'pydantic', 'yaml', 'discord', 'asyncio', 'matplotlib', 'logging'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "check" in done.stdout
