"""The program that gives a job of the hub to OAR, with real shells and a stand-in for ``oarsub``."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.test_apptainer_oar import DEPLOYMENT, scanned
from tests.targets.apptainer.samples import hub, install, oar, options


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The program that the hub runs as the user, as a module."""
    root = install(
        tmp_path_factory.mktemp("oarsub"), DEPLOYMENT, options(oar=oar(), hub=hub(start_timeout=600))
    )
    assert os.access(root / "bin" / "lego-oarsub", os.X_OK)
    loader = SourceFileLoader("lego_oarsub", str(root / "bin" / "lego-oarsub"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@given(value=st.binary(max_size=60).map(lambda each: each.replace(b"\0", b"")))
def test_any_value_arrives(program: ModuleType, value: bytes) -> None:
    """bash makes of it what it was, and no line of it is a directive."""
    quoted = program.quoted(value)
    assert b"\n" not in quoted
    script = b"printf %s " + quoted
    done = subprocess.run(["bash"], input=script, capture_output=True, check=True, env={"LANG": "C.UTF-8"})
    assert value == done.stdout


OARSUB = """\
#!/bin/bash
# A stand-in: runs the script at once, or does what the test says.
[ "$1" = -S ] && [ $# = 2 ] || exit 99
env >"$HERE/environment"; pwd >"$HERE/folder"; cp "$2" "$HERE/script"; stat -c '%a %U' "$2" >"$HERE/mode"
"$HERE/answer" "$2"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and an ``oarsub`` whose answer is a script there."""
    (tmp_path / "bin").mkdir()
    stand_in = tmp_path / "bin" / "oarsub"
    stand_in.write_text(OARSUB.replace("$HERE", str(tmp_path)))
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "t0ken")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def answer(home: Path, text: str) -> None:
    """Make ``oarsub`` do something; the script is its first argument."""
    file = home.parent / "answer"
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)


def test_only_names_are_exported(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is a part of the script."""
    for name in ("A;id", "A B", "$(id)", "1A", "GOOD"):
        monkeypatch.setenv(name, "x")
    text = program.complete(b"#!/bin/bash\ntrue\n", ["A;id", "A B", "$(id)", "1A", "GOOD", "", "UNSET"])
    assert b"#!/bin/bash\nrm -f -- \"$0\"\nexport GOOD=$'x'\ntrue\n" == text


def test_a_script_is_private_and_removes_itself(program: ModuleType, home: Path) -> None:
    """It runs with the variables, and OAR's commands run without."""
    answer(home, 'echo "OAR_JOB_ID=5"')
    folder = program.private_folder(str(home))
    script = program.complete(
        b'#!/bin/bash\n#OAR -n x\necho "$JUPYTERHUB_API_TOKEN"\n', ["JUPYTERHUB_API_TOKEN"]
    )
    assert b"OAR_JOB_ID=5\n" == program.submit(folder, script)
    (file,) = Path(folder).iterdir()
    assert (0o700, 0o700) == (file.stat().st_mode & 0o777, Path(folder).stat().st_mode & 0o777)
    assert "t0ken" not in (home.parent / "environment").read_text()
    assert str(home) == (home.parent / "folder").read_text().strip()
    assert {"-n": ["x"]} == scanned(file.read_text())
    done = subprocess.run(
        [file], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert "t0ken\n" == done.stdout
    assert not file.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo '# There are not enough resources for your request' >&2\n"
         "echo '# Error: please verify your job submission syntax.' >&2; exit 8",
         "OAR refused the job: There are not enough resources for your request"),
        ("echo '[ADMISSION RULE] Modify resource description with type constraints'\n"
         "echo '[ADMISSION RULE] Error: unknown job type: x'; exit 5", "OAR refused the job: unknown job type: x"),
        ("echo OAR_JOB_ID=7; echo '# Error: cannot connect to executor a:6666. Job is killed.' >&2; exit 9",
         "OAR refused the job: cannot connect to executor a:6666. Job is killed."),
        ("echo OAR_JOB_ID=7; echo Killed >&2; exit 9", "OAR refused the job: Killed"),
        ("echo 'Permission denied.' >&2; exit 1", "OAR refused the job: Permission denied."),
        ("exit 0", "OAR refused the job: it does not say why"),
        ("exit 3", "OAR refused the job: it does not say why"),
    ],
)  # fmt: skip
def test_a_refusal_leaves_nothing(program: ModuleType, home: Path, text: str, reason: str) -> None:
    """No script with a token stays behind, and the reason is one line."""
    answer(home, text)
    folder = program.private_folder(str(home))
    with pytest.raises(program.Refused, match=f"^{re.escape(reason)}$"):
        program.submit(folder, b"#!/bin/bash\n")
    assert [] == os.listdir(folder)


LATE = """\
import importlib.machinery, sys
program = importlib.machinery.SourceFileLoader("lego_oarsub", sys.argv[1]).load_module()
program.PATIENCE = 0.3
try:
    program.submit(program.private_folder(sys.argv[2]), b"#!/bin/bash\\n")
except program.Refused as problem:
    print(problem)
"""


def test_an_oarsub_that_waits_is_not_waited_for(program: ModuleType, home: Path) -> None:
    """It does so without its database, and runs as another user: nobody can end it, and its script is gone."""
    text = 'while [ ! -e {0}/over ]; do sleep 0.05; done; cat "$1" >{0}/late; mv {0}/late {0}/ended'
    answer(home, text.format(shlex.quote(str(home))))
    words = [sys.executable, "-W", "ignore", "-c", LATE, str(program.__file__), str(home)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, timeout=20)
    assert "OAR does not answer\n" == done.stdout
    assert [] == os.listdir(program.private_folder(str(home)))
    (home / "over").touch()
    end = time.monotonic() + 20
    while not (home / "ended").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "" == (home / "ended").read_text()


def test_without_oarsub_nothing_is_left(
    program: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the hub's machine."""
    monkeypatch.setenv("PATH", str(home))
    folder = program.private_folder(str(home))
    with pytest.raises(FileNotFoundError):
        program.submit(folder, b"#!/bin/bash\n")
    assert [] == os.listdir(folder)


def test_scripts_that_never_ran_are_swept(program: ModuleType, home: Path) -> None:
    """When the hub has given them up for an hour; nothing else is touched, and no link is followed."""
    folder = Path(program.private_folder(str(home)))
    elsewhere = home / "job-elsewhere"
    for name, age in (("job-old", 4300), ("job-young", 4100), ("other", 9999)):
        (folder / name).write_text("x")
        os.utime(folder / name, (time.time() - age,) * 2)
    elsewhere.write_text("x")
    os.utime(elsewhere, (0, 0))
    (folder / "job-link").symlink_to(elsewhere)
    os.utime(folder / "job-link", (0, 0), follow_symlinks=False)
    program.sweep(str(folder))
    assert {"job-young", "other", "job-link"} == set(os.listdir(folder))
    assert elsewhere.exists()


def test_the_folder_is_no_link(program: ModuleType, home: Path, tmp_path: Path) -> None:
    """To where somebody else may write."""
    (tmp_path / "shared").mkdir()
    (home / ".lego").symlink_to(tmp_path / "shared")
    with pytest.raises(OSError, match=r"\.lego"):
        program.private_folder(str(home))


def test_a_home_that_oar_would_misread_is_refused(program: ModuleType, tmp_path: Path) -> None:
    """oarsub reads the script by a shell of OAR's own user."""
    home = tmp_path / "a;id"
    home.mkdir()
    with pytest.raises(program.Refused, match="cannot run a script"):
        program.private_folder(str(home))


@pytest.mark.parametrize("words", [[], ["A", "B"]])
def test_a_wrong_call_says_how(
    program: ModuleType, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And submits nothing."""
    assert 1 == program.main(words)
    assert "lego: usage: lego-oarsub NAME,... <SCRIPT\n" == capsys.readouterr().err


def test_it_runs_on_old_clusters() -> None:
    """With the syntax of Python 3.6 and its isolated mode, whatever the user's PYTHONPATH."""
    file = Path(sys.modules["lego_compile"].__file__ or "").parent / "targets/apptainer/assets/lego-oarsub"
    source = file.read_text()
    assert source.startswith("#!/usr/bin/python3 -I\n# Compiled by lego-compile ")
    ast.parse(source, feature_version=(3, 6))
    done = subprocess.run([sys.executable, "-I", file], capture_output=True, text=True, input="", check=False)
    assert (1, "lego: usage: lego-oarsub NAME,... <SCRIPT\n") == (done.returncode, done.stderr)
