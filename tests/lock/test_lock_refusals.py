"""What ``lego-compile lock`` refuses: the old lock is whole, and the reason has a name and a place."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.command import Call
from tests.lock.conftest import LAB, ROOT, Place, codes, labelled, small


@pytest.mark.slow
@pytest.mark.parametrize(
    ("facts", "expected", "words"),
    [
        ({"prefix": "/opt/conda/envs/ocean"}, "LC304", "states prefix '/opt/conda/envs/ocean'"),
        ({"subpath": "/env"}, "LC304", "states subpath '/env', and the catalog says '/'"),
        ({"name": "oceans"}, "LC304", "states name 'oceans'"),
        ({"kernels": [{"dir": "ir", "display_name": "R"}]}, "LC304", "has no kernel 'python3'; it has 'ir'"),
        ({"glibc": "2.41"}, "LC408", "needs glibc 2.41, and system image 'lab' provides 2.39"),
        ({"requires": {"dask": "2"}}, "LC408", "needs dask 2"),
        ({"gpu": "nvidia"}, "LC408", "needs a GPU of nvidia"),
        ({"prefix": "opt"}, "LC326", "its label 'org.gaia-data.lego.brick.prefix' cannot be used"),
        ({"kernels": "{"}, "LC326", "cannot be read: it is no JSON"),
        ({"glibc": "new"}, "LC326", "expected a version in quotes"),
        ({"spec": "2"}, "LC326", "its labels are of vocabulary '2'"),
        ({"kernels": [{"dir": "a/b", "display_name": "x"}]}, "LC326", "'a/b' cannot be a key here"),
        (
            {"kernels": '[{"dir":"python3","display_name":"a\\ud800b"}]'},
            "LC326",
            "it holds half of a character",
        ),
        ({"kernels": [{"dir": "ir", "display_name": "a"}] * 2}, "LC326", "two kernels have one directory"),
        ({"requires": '{"a":"1","a":"2"}'}, "LC326", "'a' is said twice"),
        (
            {"requires": {f"p{n}": "1" for n in range(501)}},
            "LC326",
            "it has 501 entries, and 500 are the most",
        ),
        ({"requires": "[" * 100_000}, "LC326", "its brackets are nested too deeply"),
        ({"kernels": []}, "LC326", "it lists no kernel"),
        ({"prefix": "/" + "x" * 5000}, "LC326", "characters, and 200 are the most"),
    ],
)
def test_an_image_that_says_otherwise_is_refused(
    place: Place, lego: Call, facts: Mapping[str, Any], expected: str, words: str
) -> None:
    """What the image states is compared with the catalog before anything is pinned."""
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    place.push("ocean", "1", small({**labelled("brick", place.facts("ocean")), **labelled("brick", facts)}))

    code, _, err = lego("lock", "--upgrade", "c.yaml", "--output-format", "concise")
    assert code == 1
    assert expected in codes(err), err
    assert words in err
    assert "c.yaml:" in err
    assert before == place.lock_bytes()


def test_a_label_that_is_nearly_ours_is_said(place: Place, lego: Call) -> None:
    """A misspelt label would be a fact that nobody checks."""
    labels = {**labelled("brick", place.facts("ocean")), "org.gaia-data.lego.brick.prefx": "/x"}
    place.push("ocean", "1", small(labels))

    code, _, err = lego("lock", "c.yaml")
    assert (0, ["LC327"]) == (code, codes(err))
    assert "did you mean 'org.gaia-data.lego.brick.prefix'?" in err
    before = place.lock_bytes()
    place.push("ocean", "1", small(labels, content="newer"))
    assert 1 == lego("lock", "--upgrade", "--strict", "c.yaml")[0]
    assert before == place.lock_bytes()


def test_labels_and_annotations_that_disagree(place: Place, lego: Call) -> None:
    """Nobody can know which one is right."""
    place.push(
        "ocean", "1",
        small(labelled("brick", place.facts("ocean")), manifest_annotations={"org.gaia-data.lego.brick.prefix": "/x"}),
    )  # fmt: skip

    code, _, err = lego("lock", "c.yaml")
    assert (1, ["LC326"]) == (code, codes(err))
    assert "its labels say prefix '/opt/bricks/ocean', and its manifest's annotations say '/x'" in err


def test_what_no_registry_has(place: Place, lego: Call) -> None:
    """Every missing image is told in one run, with tags that are near; the old lock is whole."""
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    entry = place.catalog["bricks"]["ocean"]
    place.entry("bricks", "ocean", {**entry, "releases": {"1": {"tag": "1x"}}})
    place.entry("bricks", "geo", {**place.catalog["bricks"]["geo"], "image": f"{place.base}/none"})

    code, _, err = lego("lock", "c.yaml")
    assert (1, ["LC323", "LC323"]) == (code, sorted(codes(err)))
    assert before == place.lock_bytes()


def test_names_that_stand_for_nothing(place: Place, lego: Call) -> None:
    """Unknown bricks and releases are told before anybody is asked."""
    place.center("c", bricks=["oecan", "geo@9"])

    code, out, err = lego("lock", "c.yaml")
    assert (1, ["LC301", "LC302"]) == (code, sorted(codes(err)))
    assert "0 questions asked" in out


@pytest.mark.usefixtures("hurried")
def test_nobody_listens(place: Place, lego: Call) -> None:
    """A registry that is not there is named, with what can be done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    code, _, err = lego("lock", "--timeout", "1", "--via", f"{place.registry.host}={address}", "c.yaml")

    assert (1, ["LC321"] * 3) == (code, codes(err))
    assert address in err
    assert not (place.folder / "c.lock.yaml").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            b"lego: 1\nlock: c\n<<<<<<< ours\nsystems: {}\n=======\n",
            "take c.lock.yaml from one side of the merge",
        ),
        (b"", "restore c.lock.yaml, or remove it"),
        (b"lego: 1\nlock: c\nsystems: {}\n", "restore c.lock.yaml, or remove it"),
        (b"lego: 1\nlock: c\nsystem: {}\n", "restore c.lock.yaml, or remove it"),
    ],
)
def test_a_damaged_lock_is_not_replaced(place: Place, lego: Call, text: bytes, words: str) -> None:
    """What a merge left half-done is for a person to decide, and the help says how."""
    (place.folder / "c.lock.yaml").write_bytes(text)

    code, _, err = lego("lock", "c.yaml")
    assert (1, True) == (code, words in err), err
    assert text == place.lock_bytes()


def test_an_image_of_another_kind(place: Place, lego: Call) -> None:
    """A brick whose repository holds a system image would be mounted, and hide nothing but itself."""
    place.push("ocean", "1", small(labelled("system", LAB)))

    code, _, err = lego("lock", "c.yaml")
    assert (1, ["LC304"]) == (code, codes(err))
    assert "the image of 'ocean' has labels of another kind" in err


def test_what_a_compile_would_refuse_is_not_written(place: Place, lego: Call) -> None:
    """A kernel title that looks like a secret, even on a platform that nobody has."""
    kernels = [{"dir": "python3", "display_name": "glpat-" + "a" * 24, "language": "python"}]
    place.push("ocean", "1", small(labelled("brick", place.facts("ocean", kernels=kernels))))
    entry = place.catalog["bricks"]["ocean"]
    place.entry("bricks", "ocean", {**entry, "kernels": [{"title": "another"}]})

    code, _, err = lego("lock", "c.yaml")
    assert (1, ["LC207", "LC304"]) == (code, sorted(codes(err)))
    assert not (place.folder / "c.lock.yaml").exists()


def test_a_lock_that_changed_meanwhile_is_not_lost(
    place: Place, lego: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else wrote it while registries were asked: their work stays."""
    from lego_compile.commands import locking

    theirs = b"lego: 1\n"

    def asked(*arguments: Any) -> Any:
        (place.folder / "c.lock.yaml").write_bytes(theirs)
        return original(*arguments)

    original = locking.ask_all
    monkeypatch.setattr(locking, "ask_all", asked)
    code, _, err = lego("lock", "c.yaml")
    assert (2, ["LC805"]) == (code, codes(err))
    assert "was changed by somebody else while registries were asked" in err
    assert theirs == place.lock_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ca", "none.pem"), "--ca: there is no file `none.pem`"),
        (("--ca", "catalog.yaml"), "--ca: `catalog.yaml` holds no certificate in PEM format"),
        (("--insecure-registry", "http://localhost:5000"), "is no host, such as registry.example.org"),
        (("--via", "a.b/c=d.e/f", "--via", "a.b/c=g.h/i"), "--via names a.b/c twice"),
        (("--offline", "--check"), "--offline asks nobody: --locked compares a lock without asking"),
    ],
)
def test_options_that_cannot_work(place: Place, lego: Call, words: tuple[str, ...], said: str) -> None:
    """They are refused once, before anything is asked."""
    code, out, err = lego("lock", *words, "c.yaml")

    assert (2, "", True) == (code, out, said in err), err


def test_a_lock_that_cannot_be_written(place: Place, lego: Call) -> None:
    """The folder is missing: a finding, and exit code 2."""
    place.center("c", {"lock": "locks/c.lock.yaml"}, bricks=["ocean"])

    code, _, err = lego("lock", "c.yaml")
    assert (2, ["LC805"]) == (code, codes(err))
    assert not [path for path in place.folder.iterdir() if path.name.startswith(".lego-tmp")]


def test_a_lock_that_is_a_link_stays_one(place: Place, lego: Call) -> None:
    """The file that it leads to is written, with the permissions that it had."""
    assert 0 == lego("lock", "c.yaml")[0]
    real = place.folder / "real.yaml"
    (place.folder / "c.lock.yaml").rename(real)
    real.chmod(0o600)
    (place.folder / "c.lock.yaml").symlink_to("real.yaml")
    place.center("c", bricks=["ocean"])

    assert 0 == lego("lock", "c.yaml")[0]
    assert (place.folder / "c.lock.yaml").is_symlink()
    assert 0o600 == real.stat().st_mode & 0o777
    assert "geo" not in real.read_text()


def test_other_centres_are_locked_all_the_same(place: Place, lego: Call) -> None:
    """A centre with errors keeps its lock, and the others get theirs."""
    place.center("bad", bricks=["nothing"])

    code, out, _ = lego("lock", "bad.yaml", "c.yaml")
    assert (1, True) == (code, "1 lock written, 0 current, 1 failed" in out)
    assert (place.folder / "c.lock.yaml").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--offline", "--upgrade"),
        ("--via", "elsewhere"),
        ("--timeout", "0"),
        ("--timeout", "soon"),
        ("-P",),
        (),
    ],
)
def test_wrong_usage_is_said(place: Place, lego: Call, words: tuple[str, ...]) -> None:
    """Options that contradict each other, or mean nothing, are exit code 2 with a line."""
    code, out, err = lego("lock", *words, *(["c.yaml"] if words else []))

    assert (2, "") == (code, out)
    assert "lego-compile" in err
    assert not (place.folder / "c.lock.yaml").exists()


def test_a_lock_of_another_name_is_renamed(place: Place, lego: Call) -> None:
    """A centre that was renamed takes its lock along; the pins stay."""
    assert 0 == lego("lock", "c.yaml")[0]
    (place.folder / "c.lock.yaml").rename(place.folder / "d.lock.yaml")
    place.center("d", bricks=["ocean"], offer=["geo"])

    code, out, _ = lego("lock", "d.yaml")
    assert (0, "d") == (code, place.lock("d")["lock"])
    assert "0 questions asked" in out


def test_findings_for_machines(place: Place, lego: Call) -> None:
    """The formats of a compile are those of a lock."""
    import json

    place.center("c", bricks=["nothing"])
    code, out, err = lego("lock", "--output-format", "json", "c.yaml")

    assert (1, "") == (code, err)
    assert "LC301" in json.dumps(json.loads(out))


def _silent() -> tuple[socket.socket, str, threading.Event]:
    """A server that accepts and says nothing, and whether somebody came."""
    server = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []
    visited = threading.Event()

    def accept() -> None:
        try:
            while True:
                kept.append(server.accept()[0])
                visited.set()
        except OSError:
            for each in kept:
                each.close()

    threading.Thread(target=accept, daemon=True).start()
    return server, f"127.0.0.1:{server.getsockname()[1]}", visited


def test_an_interrupted_lock_ends_at_once(place: Place, lego: Call) -> None:
    """Ctrl-C does not wait for a registry that says nothing; the old lock is whole."""
    assert 0 == lego("lock", "c.yaml")[0]
    before = place.lock_bytes()
    server, address, visited = _silent()
    words = ["lock", "--upgrade", "--via", f"{place.registry.host}={address}", "c.yaml"]
    command = [sys.executable, "-m", "lego_compile", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with server, subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        assert visited.wait(20)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - started < 5
        server.shutdown(socket.SHUT_RDWR)
    assert (130, "\ninterrupted: nothing was left half-written\n") == (process.returncode, err.decode())
    assert before == place.lock_bytes()
    assert not [path for path in place.folder.iterdir() if path.name.startswith(".lego-tmp")]


def test_progress_is_drawn_on_a_terminal_only(place: Place) -> None:
    """A person sees how many images are resolved and how much was received; a log does not."""
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "lego_compile", "lock", "c.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=terminal) as process:
        out = process.communicate(timeout=60)[0].decode()
    os.close(terminal)
    seen = b""
    while True:
        try:
            part = os.read(screen, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(screen)
    assert b"asking registries" in seen
    assert b"KiB received" in seen
    assert "1 lock written" in out
    assert "asking" not in out


def test_a_misspelt_package_is_said_beside_other_mistakes(place: Place, lego: Call) -> None:
    """A centre that fails for another reason does not hide it."""
    place.center("bad", bricks=["nothing"])

    code, _, err = lego("lock", "-P", "oecan", "c.yaml", "bad.yaml")
    assert (2, True) == (code, "no centre here uses 'oecan'; did you mean 'ocean'?" in err)


def test_a_link_to_nothing_is_told_once(place: Place, lego: Call) -> None:
    """What is wrong is the link, whose folder need not be there."""
    (place.folder / "c.lock.yaml").symlink_to("nowhere/x.lock.yaml")

    code, _, err = lego("lock", "c.yaml")
    assert (2, ["LC101"]) == (code, codes(err))
