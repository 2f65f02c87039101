"""Images that Buildah built of what ``lego-compile images`` writes: environments that are genuine, and that work."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.build_root import BUILD
from tests.e2e.built import (
    CONDA,
    ONLY,
    PANGEO_TAG,
    PREFIXES,
    TITLES,
    Built,
    build,
    prepare,
    read,
    stand_ins,
)
from tests.e2e.conftest import BASE
from tests.e2e.images import HOME, OURS
from tests.e2e.lab_images import NEXT, RELEASE
from tests.e2e.look import PYTHON
from tests.e2e.root import entered
from tests.e2e.unpacked import BRICKS, LAB, Folders, Session, environment, files, mounted


@pytest.fixture(scope="module")
def session(folders: Folders) -> Iterator[Session]:
    """The system image with bricks at their places."""
    with mounted(folders, {"ocean": "ocean", "hydro": "hydro", "pangeo": "pangeo"}) as made:
        yield made


@pytest.mark.parametrize(("name", "release"), BRICKS)
def test_a_brick_is_a_conda_environment_of_its_lock(
    folders: Folders, built: Built, name: str, release: str
) -> None:
    """Each package of the lock has its record, each file of a record is there, and nothing else is of a package."""
    folder = folders[name, release]
    lock = (built.raw.parent / f"contexts/{name}-{release}/conda-linux-64.lock").read_text().splitlines()
    wanted = {line.partition("#")[0].rpartition("/")[2] for line in lock[1:]}
    records = [json.loads(each.read_text()) for each in folder.glob("conda-meta/*.json")]
    assert {each["fn"] for each in records} == wanted
    gone = {path for record in records for path in record["files"] if not os.path.lexists(folder / path)}
    assert f"lib/lib{name}.a" in gone
    assert {each for each in gone if not each.endswith((".a", ".js.map"))} == set()
    assert (folder / "conda-meta/history").is_file()
    assert json.loads((folder / "conda-meta/frozen").read_text())["message"]


@pytest.mark.parametrize("name", ["ocean", "hydro", "pangeo"])
def test_the_prefix_is_in_place(folders: Folders, session: Session, name: str) -> None:
    """In texts and in programs: nothing has the prefix of the packages any more, and programs find their own."""
    prefix = PREFIXES[name]
    release = PANGEO_TAG if name == "pangeo" else RELEASE
    folder = environment(folders, name, release)
    left = [
        each
        for each in files(folder)
        if b"lego_placehold_" in each.read_bytes() and each.parent.name != "conda-meta"
    ]
    assert left == []
    assert (
        f'{name.upper()}_HOME="{prefix}/share/{name}"'
        in (folder / f"etc/conda/activate.d/{name}.sh").read_text()
    )
    assert b"\0" in (folder / f"bin/{name}-data").read_bytes()
    assert session.run(f"{prefix}/bin/{name}-data").stdout == f"{prefix}/share/{name}\n"
    assert session.run(f"{prefix}/bin/{name}-model").stdout == f"{name} 2026.10 {prefix}\n"
    names = session.run(f"{prefix}/bin/jupyter-kernelspec", "list", "--json").stdout
    assert json.loads(names)["kernelspecs"]["python3"]["spec"]["argv"][0] == f"{prefix}/bin/python"


@pytest.mark.parametrize("name", ["ocean", "hydro", "pangeo"])
def test_what_is_compiled_loads_at_the_prefix(session: Session, name: str) -> None:
    """Python, its own libraries and compiled packages, of the brick and of nothing else."""
    prefix = PREFIXES[name]
    code = (
        f"import sys, ssl, sqlite3, lzma, ctypes, zmq, psutil, {ONLY[name]} as only, ipykernel.kernelapp\n"
        "print(sys.version_info[:2], sys.prefix, only.__file__, zmq.__file__, ssl.__file__)"
    )
    said = session.run(f"{prefix}/bin/python", "-c", code).stdout
    version = PYTHON[name]
    assert said.startswith(f"({version.replace('.', ', ')}) {prefix} ")
    assert all(each.startswith(f"{prefix}/lib/python{version}/") for each in said.split()[3:])
    linked = session.run("sh", "-c", f"ldd {prefix}/lib/python{version}/lib-dynload/*.so").stdout
    assert "not found" not in linked
    outside = {each for each in re.findall(r"=> (/\S+)", linked) if not each.startswith(prefix)}
    assert {Path(each).name for each in outside} <= {"libc.so.6", "libm.so.6"}
    other = next(each for each in ONLY.values() if each != ONLY[name])
    assert session.run(f"{prefix}/bin/python", "-c", f"import {other}", check=False).returncode == 1


def test_a_brick_at_another_place_is_none(folders: Folders) -> None:
    """What the tests above see is not there by itself: mounted where it was not built for, nothing of it works."""
    with mounted(folders, {"hydro": "ocean"}) as moved:
        assert moved.run("/opt/bricks/hydro/bin/ocean-model", check=False).returncode == 127
        assert moved.run("/opt/bricks/hydro/bin/ocean-data").stdout == "/opt/bricks/ocean/share/ocean\n"


@pytest.mark.parametrize("name", ["ocean", "hydro"])
def test_byte_code_is_used_whatever_the_times_are(folders: Folders, session: Session, name: str) -> None:
    """Every source has byte code that is checked by nothing, and the start of a kernel compiles no file."""
    folder = folders[name, RELEASE]
    library = folder / f"lib/python{PYTHON[name]}"
    # PEP 552: a magic number, then flags: 1 hash-based, 2 to be checked
    flags = {int.from_bytes(each.read_bytes()[4:8], "little") for each in folder.rglob("*.pyc")}
    assert flags == {1}
    compiled = {*library.rglob("*.pyc")}
    tag = f"cpython-{PYTHON[name].replace('.', '')}"
    without = [
        each
        for each in library.rglob("*.py")
        if each.parent / "__pycache__" / f"{each.stem}.{tag}.pyc" not in compiled
    ]
    assert without == []
    words = [f"{PREFIXES[name]}/bin/python", "-v", "-c", "import ipykernel.kernelapp, IPython"]
    said = session.run(*words).stderr
    loaded = re.findall(r"^# code object from '?([^'\n]+?)'?$", said, re.MULTILINE)
    assert len(loaded) > 300
    assert [each for each in loaded if each.endswith(".py")] == []


@pytest.mark.parametrize(("name", "release"), BRICKS)
def test_files_are_for_everybody_and_there_is_no_shell(folders: Folders, name: str, release: str) -> None:
    """Users of any number may read, nobody gains a right, and what is first on PATH has no ``sh`` of its own."""
    root = folders[name, release]
    unreadable, special, foreign = [], [], []
    for each in [root, *root.rglob("*")]:
        if each.is_symlink():
            assert not os.readlink(each).startswith("/"), each
            continue
        found = each.stat()
        wanted = 0o005 if each.is_dir() or found.st_mode & 0o100 else 0o004
        unreadable += [] if found.st_mode & wanted == wanted else [each]
        special += [each] if found.st_mode & 0o6000 or not (each.is_dir() or each.is_file()) else []
        foreign += [] if (found.st_uid, found.st_gid) == (0, 0) else [each]
    assert (unreadable, special, foreign) == ([], [], [])
    assert not (root / "bin/sh").exists()
    assert {each.name for each in root.iterdir()} <= {"bin", "conda-meta", "etc", "lib", "share"}


def test_the_system_image_has_a_lab_for_its_user(session: Session, built: Built) -> None:
    """The programs that platforms start, as the image's user, in the versions that the catalog promised."""
    (version,) = built.versions["jupyterlab"]
    assert session.run("jupyter-lab", "--version").stdout.strip() == version
    (version,) = built.versions["jupyterhub"]
    assert session.run("jupyterhub-singleuser", "--version").stdout.strip() == version
    assert session.run("id", "-un").stdout.strip() == "jovyan"
    assert session.run("sh", "-c", "touch ~/here && rm ~/here && ! touch /opt/bricks/here").returncode == 0
    assert session.run("tini", "--", "true").returncode == 0
    assert CONDA or session.run("ls", LAB).stdout.split() == ["bin", "conda-meta", "etc", "lib", "share"]
    config = built.config("lab")
    assert (config["User"], config["WorkingDir"]) == ("1000:100", HOME)
    assert config["Cmd"][0] == "jupyterhub-singleuser"


def test_variables_and_texts_of_the_catalog_arrive(folders: Folders, built: Built, session: Session) -> None:
    """Marks that shells, Containerfiles and sed have meanings for are in the image as somebody typed them."""
    written = yaml.safe_load(built.catalog.read_text())["bricks"]["ocean"]
    labels = built.images[f"{OURS}/brick-ocean", RELEASE].labels
    assert labels["org.opencontainers.image.description"] == written["description"]
    folder = folders["ocean", RELEASE]
    variables = json.loads((folder / "etc/conda/env_vars.d/lego.json").read_text())
    assert variables == written["build"]["variables"]
    for name in ("ocean", "hydro"):
        spec = json.loads((folders[name, RELEASE] / "share/jupyter/kernels/python3/kernel.json").read_text())
        assert spec["display_name"] == TITLES[name]


def test_the_same_lock_gives_the_same_image(built: Built, tmp_path: Path) -> None:
    """Built again, with nothing kept of the first time, it has the same digest; with another lock it has another."""
    shutil.copytree(built.raw.parent / f"contexts/ocean-{RELEASE}", tmp_path / "again")
    with entered(BASE, recipe=BUILD, shared=tmp_path) as root:
        stand_ins(root)
        build(root, "/media/again", "ocean", RELEASE, "/media/layout")
    first, second = read(built.raw / f"ocean-{RELEASE}"), read(tmp_path / "layout")
    assert second.layers == first.layers
    assert second.index_digest == first.index_digest
    assert read(built.raw / f"ocean-{NEXT}").layers != first.layers


@pytest.mark.parametrize("image", ["systems/lab", "bricks/ocean", "bricks/hydro"])
def test_the_pipelines_test_runs_what_was_built(built: Built, tmp_path: Path, image: str) -> None:
    """``bin/test.sh``, which is written beside the Containerfiles, starts every kernel of a brick in a system image."""
    shutil.copytree(built.repository, tmp_path / "images")
    shutil.copytree(built.raw, tmp_path / "layouts", copy_function=os.link)
    name = image.rpartition("/")[2]
    with entered(BASE, recipe=BUILD, shared=tmp_path) as root:
        prepare(root)
        root.env["LEGO_SYSTEM"] = f"oci:/media/layouts/lab-{RELEASE}:{RELEASE}"
        script = ("sh", "/media/images/bin/test.sh", image)
        said = root.run(*script, f"/media/layouts/{name}-{RELEASE}", timeout=300)
        if name == "lab":
            assert built.versions["jupyterlab"][0] in said.stdout
            return
        other = "hydro" if name == "ocean" else "ocean"
        wrong = root.run(*script, f"/media/layouts/{other}-{RELEASE}", timeout=300, check=False)
    assert wrong.returncode != 0, "a brick that is at the place of another starts no kernel"
