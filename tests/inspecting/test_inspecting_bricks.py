"""Bricks: what is read of a sound one, and one damage after the other, each of which is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lego_compile.inspecting.inspection import Expected
from tests.command import run
from tests.images.oci import Entry, script, text
from tests.inspecting.samples import (
    KERNEL,
    LIB,
    OTHER,
    PLATFORM,
    PREFIX,
    SPEC,
    brick,
    built,
    codes,
    extension,
    glibc,
    look,
    package,
    program,
    pyc,
)

Files = dict[str, Entry]


def test_a_sound_brick_is_read_and_has_no_fault(tmp_path: Path) -> None:
    """Every fact that the files state is read, without a label to help."""
    (found,), report = look(tmp_path, built(brick()))

    assert codes(report) == []
    assert found.kind == "brick"
    facts = found.facts
    assert (facts["prefix"], facts["subpath"], facts["layout"]) == (PREFIX, "/", "root")
    assert facts["architecture"] == [PLATFORM.split("/")[1]]
    assert facts["glibc"] == glibc(needed=True)
    assert facts["kernels"][0]["display_name"] == "Ocean (Python 3.12)"
    assert facts["labextensions"] == {"@jupyter-widgets/jupyterlab-manager": "5.0.16"}
    assert facts["packages"] == {"ipykernel": "7.0.1", "ipywidgets": "8.1.9"}
    assert facts["activation"] == ["GDAL_DATA", "OCEAN_HOME"]
    assert facts["bytecode"] == {
        "sources": 1, "compiled": 1, "unchecked-hash": 1, "checked-hash": 0, "timestamp": 0, "stale": 0,
    }  # fmt: skip
    assert (facts["history"], facts["frozen"], facts["shell"], facts["python"]) == (True, True, False, "3.12")
    assert facts["files"] == len(brick())
    assert facts["bytes"] == sum(len(each.data or b"") for each in brick().values())


def change(path: str, entry: Entry | None) -> Callable[[Files], Files]:
    """A damage: a file replaced, added, or taken away."""
    return lambda files: {key: each for key, each in {**files, path: entry}.items() if each is not None}


def kernel(**changes: Any) -> Callable[[Files], Files]:
    """A damage of the kernelspec; None takes a key away."""
    said = {key: value for key, value in {**KERNEL, **changes}.items() if value is not None}
    return change(SPEC, text(json.dumps(said)))


def add(more: Files) -> Callable[[Files], Files]:
    """A damage: files added."""
    return lambda files: {**files, **more}


def machine(data: bytes, number: int) -> bytes:
    """A program for another machine."""
    return data[:18] + bytes([number, 0]) + data[20:]


ODD = 0xB7 if PLATFORM == "linux/amd64" else 0x3E
SOURCE = f"{LIB}/ocean.py"
CACHED = f"{LIB}/__pycache__/ocean.cpython-312.pyc"
EDITABLE = f"{LIB}/site-packages/mine-1.dist-info/direct_url.json"
DAMAGES = {
    "no history": (change("conda-meta/history", None), "LC652", "conda-meta/history"),
    "no kernel": (change(SPEC, None), "LC653", "shows no kernel"),
    "kernel without a title": (kernel(display_name=None), "LC654", "nobody's Lab starts"),
    "kernel with an empty title": (kernel(display_name=" "), "LC654", "display_name"),
    "kernel without a language": (kernel(language=None), "LC654", "language"),
    "kernel whose argv is no list": (kernel(argv="python"), "LC654", "argv"),
    "kernel that is no JSON": (change(SPEC, text("{")), "LC654", "no JSON"),
    "kernel that is a list": (change(SPEC, text("[]")), "LC654", "no object"),
    "kernel with a byte order mark": (change(SPEC, text("\ufeff" + json.dumps(KERNEL))), "LC654", "no JSON"),
    "kernel with deep brackets": (change(SPEC, text("[" * 100_000)), "LC654", "no JSON"),
    "kernel that is huge": (change(SPEC, text("[" + " " * 2**20 + "]")), "LC654", "too long"),
    "kernel's program is missing": (kernel(argv=[f"{PREFIX}/bin/R"]), "LC655", "is not there"),
    "kernel's program cannot be run": (change("bin/python", Entry(program(), 0o644)), "LC655", "permission"),
    "kernel's program is on PATH only": (kernel(argv=["octave"]), "LC655", "octave"),
    "kernel's program is the system's": (kernel(argv=["/usr/bin/R"]), "LC655", "not in the brick"),
    "kernel of another prefix": (kernel(argv=["/opt/bricks/other/bin/python"]), "LC656", "/opt/bricks/other"),
    "kernels of two prefixes": (
        add({SPEC.replace("python3", "r"): text(json.dumps({**KERNEL, "argv": ["/o/bin/python"]}))}),
        "LC656", "kernels were built for",
    ),
    "a program of another prefix": (change("bin/x", script("#!/feedstock/bin/perl\n")), "LC657", "/feedstock"),
    "a program behind a trampoline": (
        change("bin/x", script("#!/bin/sh\n'''exec' \"/gone/bin/python\" \"$0\" \"$@\"\n' '''\n")), "LC657", "/gone",
    ),
    "a program for another machine": (
        change("lib/libx.so", Entry(machine(program(), ODD), 0o755)), "LC658", "another architecture",
    ),
    "musl": (
        change("bin/python", Entry(program().replace(b"/ld-linux-", b"/ld-musl--", 1), 0o755)), "LC659", "musl",
    ),
    "a file that is closed": (change("conda-meta/frozen", Entry(b"{}", 0o600)), "LC660", "conda-meta/frozen"),
    "a folder that is closed": (change("conda-meta", Entry(None, 0o700)), "LC660", "`conda-meta`"),
    "a set-user-ID program": (change("bin/su", Entry(program(), 0o4755)), "LC661", "bin/su"),
    "an editable package": (
        change(EDITABLE, text('{"url": "file:///src", "dir_info": {"editable": true}}')), "LC663", "mine-1",
    ),
    "a path out of the brick": (change(f"{LIB}/site-packages/x.pth", text("/src/mine\n")), "LC663", "/src/mine"),
    "compiled from another time": (
        change(CACHED, pyc(b"print('ocean')\n", flags=0, mtime=1)), "LC664", CACHED,
    ),
    "compiled from another size": (change(CACHED, pyc(b"print()\n", flags=0)), "LC664", CACHED),
    "not compiled": (change(CACHED, None), "LC665", "0 of 1"),
    "compiled for another Python": (
        lambda files: {**change(CACHED, None)(files), CACHED.replace("312", "311"): files[CACHED]},
        "LC665", "0 of 1",
    ),
    "widgets of two generations": (
        add(extension("@jupyter-widgets/jupyterlab-manager", "3.1.11")), "LC666", "ipywidgets 8.1.9",
    ),
    "a server in a brick": (add(package("jupyter_server_proxy", "4.4.0")), "LC667", "jupyter-server-proxy 4.4.0"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "code", "words"), DAMAGES.values(), ids=DAMAGES)
def test_every_damage_is_named(
    damage: Callable[[Files], Files], code: str, words: str, tmp_path: Path
) -> None:
    """One damage gives one finding, of its code, that says where or what."""
    _, report = look(tmp_path, built(damage(brick())))

    assert codes(report) == [code]
    assert words in next(iter(report)).message


@pytest.mark.parametrize(
    "harmless",
    [
        add({CACHED: pyc(b"print('ocean')\n", flags=0)}),
        add({CACHED: pyc(b"print('ocean')\n", flags=3)}),
        add({SPEC.replace("python3", "x"): text(json.dumps({**KERNEL, "argv": ["python", "-m", "x"]}))}),
        add({"lib/x/data.so": Entry(machine(program(), ODD))}),
        add({"share/sysroot/lib/libc.so.6": Entry(program())}),
        add({"bin/x": script("#!/usr/bin/env python\n")}),
        add({f"{LIB}/site-packages/x.pth": text("import x\n/opt/bricks/ocean/lib\n")}),
        change("bin/ocean", None),
        add({f"{LIB}/site-packages/a/_vendor/jupyterlab-1.dist-info/METADATA": text("Name: jupyterlab\nVersion: 1\n")}),
    ],
    ids=["by time", "checked", "plain argv", "data", "sysroot", "env", "pth", "no script", "vendored"],
)  # fmt: skip
def test_what_is_no_fault_is_not_reported(harmless: Callable[[Files], Files], tmp_path: Path) -> None:
    """What works in a session is left in peace."""
    _, report = look(tmp_path, built(harmless(brick())))

    assert codes(report) == []


def test_an_image_for_another_platform_is_found(tmp_path: Path) -> None:
    """The platform of the manifest is compared with the programs."""
    _, report = look(tmp_path, built(brick(), platform=OTHER))

    assert codes(report) == ["LC658"]


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (Expected(prefix=PREFIX), []),
        (Expected(prefix="/opt/bricks/hydro"), ["LC656"]),
        (Expected(name="ocean"), []),
    ],
)
def test_expectations_are_compared(expected: Expected, found: list[str], tmp_path: Path) -> None:
    """What the user says of a brick is held against its files."""
    _, report = look(tmp_path, built(brick()), expected)

    assert codes(report) == found


def test_an_environment_below_the_root_is_found(tmp_path: Path) -> None:
    """A third-party image with a conda, a package cache and one environment: the environment is meant."""
    prefix = "/srv/conda/envs/notebook"
    files = {
        key: Entry(each.data and each.data.replace(PREFIX.encode(), prefix.encode()), each.mode)
        for key, each in brick().items()
    }
    image = {f"{prefix[1:]}/{key}": each for key, each in files.items()}
    image |= {
        "srv/conda/conda-meta/history": text(""),
        "srv/conda/condabin/conda": script(""),
        f"srv/conda/pkgs/ipykernel/{SPEC}": text("{}"),
        "etc/passwd": text("root:x:0:0::/root:/bin/sh\n"),
    }
    (found,), report = look(tmp_path, built(image))

    assert (found.facts["subpath"], found.facts["prefix"], found.facts["layout"]) == (
        prefix,
        prefix,
        "prefix",
    )
    assert codes(report) == []

    image[f"srv/conda/envs/other/{SPEC}"] = image[f"{prefix[1:]}/{SPEC}"]
    (found,), report = look(tmp_path / "two", built(image))

    assert codes(report) == ["LC652"]
    assert "`/srv/conda/envs/other`" in next(iter(report)).message

    (found,), report = look(tmp_path / "named", built(image), Expected(prefix=prefix))

    assert codes(report) == []


def unpack(files: Files, root: Path) -> None:
    """Write an environment to a folder; a target that begins with ``->`` is a link."""
    for path, entry in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.data is not None and entry.data.startswith(b"->"):
            target.symlink_to(entry.data[2:].decode())
        else:
            target.write_bytes(entry.data or b"")
            target.chmod(entry.mode)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/usr/lib/libx.so", ["LC662"]),
        ("../../outside", ["LC662"]),
        (f"{PREFIX}/bin/python", []),
        ("../bin/python", []),
        ("nowhere", []),
    ],
)
def test_links_out_of_a_brick_are_found(
    target: str, found: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder, links are judged as a session at the prefix sees them; they are never followed on this disk."""
    unpack({**brick(), "lib/link": text(f"->{target}")}, tmp_path)
    code, out, _ = run(["inspect", "--output-format", "json", str(tmp_path)], capsys)

    assert code == 0
    assert [each["code"] for each in json.loads(out)["findings"]] == found


def test_a_kernel_behind_a_link_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Directories may be links inside the brick, also absolute ones, and a program may be a chain of them."""
    files = {key.replace("share/jupyter/kernels", "opt/k"): each for key, each in brick().items()}
    files |= {
        "share/jupyter/kernels": text(f"->{PREFIX}/opt/k"),
        "bin/python3": files["bin/python"],
        "bin/python": text("->python3.12"),
        "bin/python3.12": text("->./python3"),
    }
    unpack(files, tmp_path)
    code, out, _ = run(["inspect", "--output-format", "json", "--prefix", PREFIX, str(tmp_path)], capsys)
    document = json.loads(out)

    assert (code, document["findings"]) == (0, [])
    assert document["images"][0]["facts"]["prefix"] == PREFIX


def test_people_see_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Facts go to standard output, one a line, and what a stranger wrote moves no cursor."""
    unpack({**brick(), SPEC: text(json.dumps({**KERNEL, "display_name": "a\x1b[31mb"}))}, tmp_path)
    code, out, err = run(["inspect", str(tmp_path)], capsys)

    assert (code, err) == (0, "")
    assert f"  prefix         {PREFIX}\n" in out
    assert "python3: a\\x1b[31mb (python)" in out
    assert out.endswith("1 image: 0 errors, 0 warnings\n")
