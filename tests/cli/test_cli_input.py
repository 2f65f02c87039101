"""Inputs that cannot be used: exit code 2 or 1, a finding with a place, no trace, and no output."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lego_compile.cli import FINDINGS, OK, USAGE
from tests.cli.conftest import spec
from tests.command import Call

BIG = 50 * 1024 * 1024


def _big(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(BIG)  # sparse: it takes no room


def _circle(path: Path) -> None:
    path.write_text("lego: 1\nextends: other.yaml\ncenter: x\n")
    path.with_name("other.yaml").write_text(f"lego: 1\nextends: {path.name}\n")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


BAD: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "missing": (lambda path: None, USAGE, "LC101"),
    "empty": (lambda path: path.write_bytes(b""), FINDINGS, "LC108"),
    "comments": (lambda path: path.write_text("# nothing\n---\n"), FINDINGS, "LC108"),
    "directory": (lambda path: path.mkdir(), USAGE, "LC101"),
    "pipe": (os.mkfifo, USAGE, "LC101"),
    "50-megabytes": (_big, USAGE, "LC101"),
    "binary": (lambda path: path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(64)), USAGE, "LC102"),
    "utf-16": (lambda path: path.write_text("lego: 1\n", encoding="utf-16"), USAGE, "LC102"),
    "latin-1": (lambda path: path.write_bytes(b"title: \xe9\n"), USAGE, "LC102"),
    "no-mapping": (lambda path: path.write_text("[]\n"), FINDINGS, "LC201"),
    "bomb": (lambda path: path.write_text("[" * 100_000), FINDINGS, "LC111"),
    "aliases": (
        lambda path: path.write_text("a: &a [x]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(50))),
        FINDINGS,
        "LC105",
    ),
    "circle": (_circle, FINDINGS, "LC112"),
    "link-to-itself": (_loop, USAGE, "LC101"),
    "catalog": (lambda path: path.write_text(Path("base/catalog.yaml").read_text()), FINDINGS, "LC206"),
    "conflict": (lambda path: path.write_text("<<<<<<< HEAD\nlego: 1\n=======\n"), FINDINGS, "LC103"),
    "html": (lambda path: path.write_text("<title>404: not found</title>\n"), FINDINGS, "LC203"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_spec_is_a_finding(lego: Call, work: Path, name: str) -> None:
    """Whatever is named as a spec, it is said what is wrong with it; the good centre beside it is compiled."""
    make, expected, code = BAD[name]
    make(work / "x.yaml")
    found, out, err = lego("x.yaml", "a.yaml")

    assert expected == found
    assert f"error[{code}]" in err
    assert "Traceback" not in err
    assert ["a"] == sorted(os.listdir("out"))
    assert "1 centre compiled and proven, 1 failed" in out


@pytest.mark.parametrize("key", ["catalog", "lock", "extends"])
@pytest.mark.parametrize("name", ["missing", "directory", "50-megabytes", "binary", "comments", "no-mapping"])
def test_a_bad_document_that_a_spec_names_is_a_finding(lego: Call, work: Path, key: str, name: str) -> None:
    """The same holds for the catalog, the lock and what is extended: the finding names the file."""
    make, _, code = BAD[name]
    make(work / "x.yaml")
    text = spec("bad") + f"{key}: x.yaml\n" if key != "extends" else "lego: 1\nextends: x.yaml\ncenter: bad\n"
    (work / "bad.yaml").write_text(text)
    found, _, err = lego("bad.yaml")

    assert found in (FINDINGS, USAGE)
    assert f"error[{'LC206' if name == 'no-mapping' else code}]" in err
    assert "x.yaml" in err
    assert not Path("out").exists()


@pytest.mark.parametrize("key", ["catalog", "lock", "extends"])
@pytest.mark.parametrize(
    "text", ["root: hunter2\n", "root:hunter2:0\n", "root: [hunter2\n", "root: &a hunter2\n"]
)
def test_a_document_of_somebody_else_is_not_shown(lego: Call, work: Path, key: str, text: str) -> None:
    """Who proposes a change of a specification could else read every file that the CI can read, in its log."""
    (work / "x.yaml").write_text(text)
    (work / "bad.yaml").write_text(
        spec("bad") + f"{key}: x.yaml\n" if key != "extends" else "lego: 1\nextends: x.yaml\ncenter: bad\n"
    )
    code, out, err = lego("bad.yaml")

    assert FINDINGS == code
    assert "error[LC206]: 'x.yaml' is no document of lego-compile: it has no key `lego`" in err
    assert "hunter2" not in out + err


@pytest.mark.parametrize("indent", [None, 2])
def test_json_in_any_order_is_a_document_of_ours(lego: Call, work: Path, indent: int | None) -> None:
    """As programs write it, on one line too, with `lego` anywhere."""
    for name in ("catalog", "lock"):
        data = yaml.safe_load((work / "base" / f"{name}.yaml").read_text())
        data["lego"] = data.pop("lego")
        (work / f"{name}.json").write_text(json.dumps(data, indent=indent))
    (work / "j.yaml").write_text(spec("j", more="catalog: catalog.json\nlock: lock.json\n"))

    assert lego("j.yaml")[0] == OK


def test_a_missing_lock_says_what_a_lock_is(lego: Call, work: Path) -> None:
    """Who compiles a first centre learns what is missing."""
    (work / "bad.yaml").write_text(spec("bad", more="lock: null\n"))
    code, _, err = lego("bad.yaml")

    assert USAGE == code
    assert "a lock pins every image of the centre by digest" in err


def test_one_spec_named_twice_is_compiled_once(lego: Call) -> None:
    """A glob and a name, or a name with and without ``./``, are one centre and no collision."""
    code, out, _ = lego("a.yaml", "./a.yaml", "base/../a.yaml")

    assert OK == code
    assert "1 centre compiled" in out
