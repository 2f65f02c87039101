"""Arguments, formats, ``explain`` and ``schema``; and what a bug of ours looks like (LC900)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from lego_compile import __version__
from lego_compile.cli import BUG, FINDINGS, FORMATS, HANDLERS, OK, USAGE
from lego_compile.commands import compiling
from lego_compile.diagnostic.codes import CATALOGUE
from tests.cli.conftest import ROOT, spec
from tests.command import Call


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name at least one centre spec"),
        (("--no-such-option",), "unrecognized arguments: --no-such-option"),
        (("--strct", "a.yaml"), "unrecognized arguments: --strct"),
        (("--jobs", "0", "a.yaml"), "'0' is not a number of processes from 1 to 256"),
        (("--jobs", "many", "a.yaml"), "'many' is not a number of processes from 1 to 256"),
        (("--out", "", "a.yaml"), "an argument is empty: is a variable not set?"),
        (("--out=", "a.yaml"), "an argument is empty: is a variable not set?"),
        (("lock", ""), "an argument is empty: is a variable not set?"),
        (("lokc", "a.yaml"), "there is no file and no command 'lokc'; did you mean 'lock'?"),
        (("--output-format", "html", "a.yaml"), "invalid choice: 'html'"),
        (("--target", "nomad", "a.yaml"), "no target 'nomad'; there are z2jh, compose, apptainer"),
        (("verify",), "the following arguments are required: DIR"),
        (("explain", "LC4O2"), "there is no code 'LC4O2'; did you mean LC402?"),
        (("explain", "nonsense"), "`lego-compile explain` lists them"),
    ],
)
def test_wrong_usage_is_explained(lego: Call, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, one line that says what to type, nothing on standard output, nothing written."""
    code, out, err = lego(*arguments)

    assert (USAGE, "") == (code, out)
    assert words in err
    assert "Traceback" not in err
    assert not Path("out").exists()


def test_help_names_every_command_and_exit_code(lego: Call) -> None:
    """``--help`` is enough to begin with; ``--version`` says the version."""
    code, out, _ = lego("--help")

    assert OK == code
    assert [] == [name for name in HANDLERS if f"lego-compile {name}" not in out and name != "compile"]
    assert "exit codes" in out
    assert (OK, f"lego-compile {__version__}\n", "") == lego("--version")


def test_explain_knows_every_code(lego: Call) -> None:
    """Without a code it lists all; with one, in any case of letters, it gives the whole entry."""
    listed = lego("explain")[1].splitlines()

    assert list(CATALOGUE) == [line[:5] for line in listed]
    code, out, err = lego("explain", "lc402")
    assert (OK, "") == (code, err)
    assert out.startswith("LC402 (error): nested mounts\n")
    assert "What to do" in out


def test_schema_writes_and_checks(lego: Call) -> None:
    """``schema`` writes four files once; ``--check`` says which are not current, and writes nothing."""
    assert FINDINGS == lego("schema", "--check", "--out", "s")[0]
    assert not Path("s").exists()
    code, out, _ = lego("schema", "--out", "s")
    assert (OK, 4) == (code, out.count("wrote s/"))
    assert (OK, "", "") == lego("schema", "--check", "--out", "s")
    Path("s/lock.schema.json").write_text("{}")
    assert (FINDINGS, "not current: s/lock.schema.json\n", "") == lego("schema", "--check", "--out", "s")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_read(lego: Call, work: Path, name: str) -> None:
    """Machines get one whole document on standard output, also when nothing is wrong; people get lines."""
    (work / "bad.yaml").write_text(
        spec("bad", more="colour: bl\u00fc\nprofiles: {main: {bricks: [oceans]}}\n")
    )
    for file, expected in (("bad.yaml", ["LC202", "LC301"]), ("a.yaml", [])):
        code, out, err = lego("--output-format", name, file)
        assert (FINDINGS if expected else OK) == code
        if name == "json":
            assert expected == [each["code"] for each in json.loads(out)["findings"]]
        elif name == "sarif":
            (run,) = json.loads(out)["runs"]
            assert expected == [each["ruleId"] for each in run["results"]]
        elif name == "junit":
            text = ElementTree.tostring(ElementTree.fromstring(out), encoding="unicode")
            assert expected == [each for each in ("LC202", "LC301") if each in text]
        else:
            assert expected == [each for each in ("LC202", "LC301") if each in err]
        assert "" == err or name not in ("json", "sarif", "junit")


def test_the_format_can_be_set_for_all_runs(lego: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """``LEGO_OUTPUT_FORMAT`` is what a CI sets once; a value that is no format is refused."""
    Path("bad.yaml").write_text(spec("bad", more="colour: blue\n"))
    monkeypatch.setenv("LEGO_OUTPUT_FORMAT", "concise")
    assert lego("bad.yaml")[2].startswith("bad.yaml:4:1: error[LC202] `colour` is no key of the document")

    monkeypatch.setenv("LEGO_OUTPUT_FORMAT", "fancy")
    code, _, err = lego("bad.yaml")
    assert USAGE == code
    assert "LEGO_OUTPUT_FORMAT is 'fancy'; it can be full, concise" in err


def test_colour_is_for_terminals(lego: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """No colour in a pipe; colour when asked for; ``NO_COLOR`` wins over ``FORCE_COLOR``."""
    Path("bad.yaml").write_text("colour: blue\n")
    assert "\x1b" not in lego("bad.yaml")[2]
    assert "\x1b" in lego("--color", "always", "bad.yaml")[2]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in lego("bad.yaml")[2]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in lego("bad.yaml")[2]


def test_quiet_prints_diagnostics_only(lego: Call) -> None:
    """``-q`` leaves nothing to read when all is well."""
    assert (OK, "", "") == lego("-q", "a.yaml")
    assert Path("out/a/composition.json").is_file()


def test_a_bug_is_called_a_bug(lego: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """An impossible state ends with code 70, a trace, LC900 and the request to report it; nothing is written."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("impossible")

    monkeypatch.setattr(compiling, "_settle", broken)
    code, _, err = lego("a.yaml")

    assert BUG == code
    assert "KeyError: 'impossible'" in err
    assert "error[LC900]: this is a bug of lego-compile" in err
    assert not Path("out").exists()


def test_a_folder_that_is_gone_is_no_bug(work: Path) -> None:
    """Somebody removed the folder in which the shell still is."""
    gone = work / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m lego_compile a.yaml', sys.executable],
        cwd=gone,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert (USAGE, "") == (done.returncode, done.stdout)
    assert done.stderr == "lego-compile: the folder that you are in is gone: change to another one\n"


def test_a_reader_that_goes_away_is_no_bug() -> None:
    """``lego-compile explain | head`` ends without a trace."""
    with subprocess.Popen(
        [sys.executable, "-m", "lego_compile", "explain"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        err = running.stderr.read()

    assert (USAGE, b"") == (running.returncode, err)


def test_a_poor_terminal_still_shows_the_message(process: Call, work: Path) -> None:
    """Characters that the terminal's encoding lacks are escaped, in diagnostics and in results."""
    (work / "é.yaml").write_text(spec("bad", more="title: [Universit\u00e9]\n"), encoding="utf-8")
    code, out, err = process("é.yaml", PYTHONIOENCODING="ascii", PYTHONUTF8="1")

    assert FINDINGS == code
    assert "error[LC201]" in err
    assert "\\xe9.yaml:4" in err
    assert "Traceback" not in out + err
