"""Images that Buildah built of what ``lego-compile images`` writes: genuine environments, labelled and catalogued."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.facts import read_facts
from tests.e2e.build_root import BUILD
from tests.e2e.built import (
    BACK_END,
    CONDA,
    ONLY,
    PANGEO_TAG,
    PREFIXES,
    REFERENCES,
    TITLES,
    Built,
    build,
    prepare,
    read,
    stand_ins,
)
from tests.e2e.centre import BY_HAND, lego
from tests.e2e.conftest import BASE
from tests.e2e.images import HOME, OURS
from tests.e2e.lab_images import NEXT, RELEASE
from tests.e2e.look import PYTHON
from tests.e2e.namespace import Namespace
from tests.e2e.root import entered
from tests.images.registry import NoRegistry

PLATFORM = "linux/amd64"
BRICKS = [("ocean", RELEASE), ("ocean", NEXT), ("hydro", RELEASE)]
EVERY = [*BRICKS, ("lab", RELEASE)]
_CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin") or "chroot"
LAB = CONDA or "/opt/conda"

_SPEC = """\
lego: 1
center: built
title: A centre of images that were built
catalog: catalog.yaml
system: lab
kernels: {back_end}
mirrors:
  registry.example.org: {host}/ours
  quay.io: {host}/quay
profiles:
  ocean:
    title: Oceanography
    default: true
    bricks: [ocean]
    offer: [hydro, pangeo]
    resources: {{cpu: 1, memory: 1G}}
targets:
  apptainer: {{root: /srv/lego, versions: {{apptainer: "1.4"}}}}
"""


# ── what is in them ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def folders(built: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Name and release → folder with the root of the image, as tar unpacks it."""
    below = tmp_path_factory.mktemp("roots")
    found = {}
    for name, release in REFERENCES:
        folder = found[name, release] = below / f"{name}-{release}"
        folder.mkdir()
        layout = built.layout(name, release)
        for layer, _ in read(layout).layers[PLATFORM]:
            archive = layout / "blobs" / layer.replace(":", "/")
            words = ["tar", "-x", "-p", "--numeric-owner", "-f", str(archive), "-C", str(folder)]
            subprocess.run(words, check=True)
        assert not list(folder.rglob(".wh.*")), "a layer that takes away what is below, which tar does not"
    return found


def environment(folders: dict[tuple[str, str], Path], name: str, release: str) -> Path:
    """Folder with the environment of a brick."""
    root = folders[name, release]
    return root / PREFIXES[name].lstrip("/") if name == "pangeo" else root


def files(folder: Path) -> Iterator[Path]:
    """Every file of a folder that is no link."""
    return (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())


@pytest.fixture(scope="module")
def session(folders: dict[tuple[str, str], Path]) -> Iterator[Session]:
    """The system image with bricks at their places."""
    with mounted(folders, {"ocean": "ocean", "hydro": "hydro", "pangeo": "pangeo"}) as made:
        yield made


class Session:
    """Programs that run in the system image, as its user, with bricks mounted read-only."""

    def __init__(self, namespace: Namespace, root: Path) -> None:
        self._namespace, self._root = namespace, root

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program, with the variables that the image has."""
        env = {"PATH": f"{LAB}/bin:/usr/bin:/bin", "HOME": HOME, "LANG": "C.UTF-8"}
        enter = [_CHROOT, "--userspec=1000:100", str(self._root), *words]
        return self._namespace.run(enter, env=env | {"PYTHONDONTWRITEBYTECODE": "1"}, check=check)


@contextmanager
def mounted(folders: dict[tuple[str, str], Path], bricks: dict[str, str]) -> Iterator[Session]:
    """A session with bricks: name of the place → name of the brick that is there."""
    root = folders["lab", RELEASE]
    with Namespace() as namespace:
        home = ("tmpfs", HOME.lstrip("/"), "-o", "uid=1000,gid=100")
        for kind, place, *options in (("proc", "proc"), ("tmpfs", "tmp"), home):
            (root / place).mkdir(exist_ok=True)
            namespace.run(["mount", "-t", kind, *options, kind, root / place])
        namespace.run(["mount", "--rbind", "/dev", root / "dev"])
        for place, name in bricks.items():
            target = root / PREFIXES[place].lstrip("/")
            target.mkdir(parents=True, exist_ok=True)
            release = PANGEO_TAG if name == "pangeo" else RELEASE
            namespace.run(["mount", "--bind", environment(folders, name, release), target])
            namespace.run(["mount", "-o", "remount,bind,ro", target])
        yield Session(namespace, root)


@pytest.mark.parametrize(("name", "release"), BRICKS)
def test_a_brick_is_a_conda_environment_of_its_lock(
    folders: dict[tuple[str, str], Path], built: Built, name: str, release: str
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
def test_the_prefix_is_in_place(folders: dict[tuple[str, str], Path], session: Session, name: str) -> None:
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


def test_a_brick_at_another_place_is_none(folders: dict[tuple[str, str], Path]) -> None:
    """What the tests above see is not there by itself: mounted where it was not built for, nothing of it works."""
    with mounted(folders, {"hydro": "ocean"}) as moved:
        assert moved.run("/opt/bricks/hydro/bin/ocean-model", check=False).returncode == 127
        assert moved.run("/opt/bricks/hydro/bin/ocean-data").stdout == "/opt/bricks/ocean/share/ocean\n"


@pytest.mark.parametrize("name", ["ocean", "hydro"])
def test_byte_code_is_used_whatever_the_times_are(
    folders: dict[tuple[str, str], Path], session: Session, name: str
) -> None:
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
def test_files_are_for_everybody_and_there_is_no_shell(
    folders: dict[tuple[str, str], Path], name: str, release: str
) -> None:
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
    config = json.loads(_config(built, "lab", RELEASE))["config"]
    assert (config["User"], config["WorkingDir"]) == ("1000:100", HOME)
    assert config["Cmd"][0] == "jupyterhub-singleuser"


def test_variables_and_texts_of_the_catalog_arrive(
    folders: dict[tuple[str, str], Path], built: Built, session: Session
) -> None:
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


# ── what is said of them ──────────────────────────────────────────────────────────────────────────────


def inspected(*words: str, code: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """``lego-compile inspect``: what it says of images, and what it finds."""
    command = [sys.executable, "-m", "lego_compile", "inspect", "--output-format", "json", *words]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd="/")
    assert done.returncode == code, done.stdout[-3000:] + done.stderr
    said = json.loads(done.stdout)
    return said["images"], said["findings"]


def _config(built: Built, name: str, release: str) -> bytes:
    image = read(built.layout(name, release))
    manifest = json.loads(image.blobs[image.platforms[PLATFORM][0]])
    return image.blobs[manifest["config"]["digest"]]


@pytest.mark.parametrize(("name", "release"), EVERY)
def test_labels_are_what_the_files_say(
    built: Built, folders: dict[tuple[str, str], Path], name: str, release: str
) -> None:
    """After ``inspect --label``: nothing to find, nothing to add, and facts that were counted here in another way."""
    layout = built.layout(name, release)
    before = sorted(path.relative_to(layout) for path in files(layout))
    (image,), findings = inspected(f"oci:{layout}")
    assert findings == []
    lego(layout.parent, "inspect", "--quiet", "--label", f"oci:{layout}")
    assert sorted(path.relative_to(layout) for path in files(layout)) == before, (
        "labelling twice changes something"
    )
    assert read(layout).layers == read(built.raw / layout.name).layers, "labelling changed a layer"
    root = folders[name, release]
    assert image["facts"]["bytes"] == sum(each.stat().st_size for each in _once(root))
    if name == "lab":
        assert (
            image["facts"]["provides"].items()
            >= {
                each: built.versions[each][0] for each in ("jupyterlab", "jupyterhub", "batchspawner")
            }.items()
        )
        assert image["facts"]["glibc"] == built.versions["glibc"]
        return
    asked = {
        tuple(map(int, found.split(b".")))
        for each in files(root)
        if (content := each.read_bytes())[:4] == b"\x7fELF"
        for found in re.findall(rb"\0GLIBC_(\d+\.\d+)\0", content)
    }
    assert image["facts"]["glibc"] == ".".join(map(str, max(asked)))
    assert [(each["dir"], each["display_name"]) for each in image["facts"]["kernels"]] == [
        ("python3", TITLES[name])
    ]
    labels = read(layout).labels
    assert labels["org.opencontainers.image.version"] == release


def _once(root: Path) -> Iterator[Path]:
    """Files, hard links once."""
    seen = set()
    for each in files(root):
        found = each.stat()
        if (found.st_dev, found.st_ino) not in seen:
            seen.add((found.st_dev, found.st_ino))
            yield each


def test_somebody_elses_image_is_read_too(built: Built) -> None:
    """It states nothing; its files say where its environment is, what it was built for and that byte code is stale."""
    (image,), findings = inspected(f"oci:{built.layout('pangeo', '2026.01.30')}")
    facts = image["facts"]
    assert (facts["prefix"], facts["subpath"], facts["layout"]) == (
        PREFIXES["pangeo"],
        PREFIXES["pangeo"],
        "prefix",
    )
    assert facts["shell"]
    assert {each["severity"] for each in findings} == {"warning"}
    # the packages' byte code is checked by time: what had the prefix put in is newer
    assert any("_sysconfigdata" in each["message"] for each in findings)


@pytest.fixture(scope="module")
def shelf(built: Built) -> Iterator[str]:
    """Host and port of a registry with all images."""
    from tests.e2e.docker_centre import Shelf

    made = Shelf()
    with ExitStack() as opened:
        try:
            opened.enter_context(made)
        except NoRegistry as missing:
            pytest.skip(str(missing))
        built.publish(made)
        yield made.host


@pytest.mark.parametrize(("name", "release"), [*BRICKS[1:], ("lab", RELEASE)])
def test_registry_layout_and_folder_say_the_same(
    built: Built, shelf: str, folders: dict[tuple[str, str], Path], name: str, release: str
) -> None:
    """Wherever the files are, the same is read of them; a folder has no configuration, and so no user and no labels."""
    repository, _, tag = REFERENCES[name, release].rpartition(":")
    reference = f"{shelf}/ours/{repository.partition('/')[2]}:{tag}"
    (remote,), found = inspected("--insecure-registry", shelf, reference)
    (local,), also = inspected(f"oci:{built.layout(name, release)}")
    assert remote["facts"] == local["facts"]
    assert remote["labels"] == local["labels"]
    assert (found, also) == ([], [])
    if name == "lab":
        return
    (folder,), warned = inspected("--as", "brick", str(folders[name, release]))
    assert folder["facts"] == local["facts"]
    assert warned == []


_KERNEL = "share/jupyter/kernels/python3/kernel.json"
DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no history": ("LC652", lambda root: (root / "conda-meta/history").unlink()),
    "no kernel": ("LC653", lambda root: shutil.rmtree(root / "share/jupyter/kernels")),
    "a title is gone": ("LC654", lambda root: _edit(root / _KERNEL, "display_name", "name")),
    "a kernel of elsewhere": (
        "LC656",
        lambda root: _edit(root / _KERNEL, "/opt/bricks/ocean/bin", "/opt/other/bin"),
    ),
    "not for everybody": ("LC660", lambda root: (root / "lib/python3.13/os.py").chmod(0o600)),
}


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_brick_is_refused(
    folders: dict[tuple[str, str], Path], tmp_path: Path, damage: str
) -> None:
    """One thing is wrong with a copy of a good one."""
    root = tmp_path / "ocean"
    shutil.copytree(folders["ocean", RELEASE], root, symlinks=True)
    code, harm = DAMAGES[damage]
    words = ("--as", "brick", "--prefix", PREFIXES["ocean"], str(root))
    assert inspected(*words)[1] == []
    harm(root)
    assert {each["code"] for each in inspected(*words, code=1)[1]} == {code}


def test_a_brick_for_another_place_is_refused(built: Built, tmp_path: Path) -> None:
    """By its prefix, and by a label that somebody wrote; and damage on the way is seen."""
    layout = built.layout("ocean")
    _, findings = inspected("--prefix", "/opt/bricks/hydro", f"oci:{layout}", code=1)
    assert any("/opt/bricks/ocean" in each["message"] for each in findings)
    broken = tmp_path / "broken"
    shutil.copytree(layout, broken)
    layer = read(broken).layers[PLATFORM][0][0]
    path = broken / "blobs" / layer.replace(":", "/")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    _, findings = inspected(f"oci:{broken}", code=2)
    assert findings


# ── built again, catalogued and locked ────────────────────────────────────────────────────────────────


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


def test_they_are_catalogued_and_locked(built: Built, shelf: str, tmp_path: Path) -> None:
    """``catalog add`` and ``lock`` know of them what their labels say, and a centre can be made of them."""
    ours = [REFERENCES[each] for each in EVERY]
    catalog = tmp_path / "catalog.yaml"
    (tmp_path / "built.yaml").write_text(_SPEC.format(host=shelf, back_end=BACK_END))
    via = f"registry.example.org={shelf}/ours"
    lego(tmp_path, "catalog", "add", *ours, "--via", via, "--catalog", "catalog.yaml")
    catalog.write_text(catalog.read_text().replace("\nbricks:\n", f"\nbricks:\n{BY_HAND}"))
    entries = yaml.safe_load(catalog.read_text())
    assert [*entries["bricks"]["ocean"]["releases"]] == [RELEASE, NEXT]
    assert entries["bricks"]["ocean"]["prefix"] == PREFIXES["ocean"]
    assert entries["bricks"]["ocean"]["kernels"] == [{"title": TITLES["ocean"]}]
    lego(tmp_path, "lock", "built.yaml", "--via", "mirror")
    lock = yaml.safe_load((tmp_path / "built.lock.yaml").read_text())
    pins = {**lock["systems"], **lock["bricks"]}
    for name, release in (("lab", RELEASE), ("ocean", NEXT), ("hydro", RELEASE)):
        (pin,) = (pins[each] for each in pins if each.partition("@")[0] == name)
        image = read(built.layout(name, release))
        assert (pin["release"], pin["digest"]) == (release, image.index_digest)
        stated = read_facts("systems" if name == "lab" else "bricks", ("its labels", image.labels))
        assert stated.faults == ()
        assert pin["facts"] == stated.stated
        assert pin["platforms"][PLATFORM]["layers"] == dict(image.layers[PLATFORM])
    (pin,) = (pins[each] for each in pins if each.partition("@")[0] == "pangeo")
    assert pin["digest"] == read(built.layout("pangeo", PANGEO_TAG)).index_digest
    assert not pin.get("facts")
    lego(tmp_path, "built.yaml")
    composition = json.loads((tmp_path / "out/built/composition.json").read_text())
    profile = composition["profiles"]["ocean"]
    assert [*profile["bricks"]["ocean"]["kernels"]] == ["conda-env-ocean-py"]
    assert [*profile["offers"]["hydro"]["kernels"]] == ["conda-env-hydro-py"]
    assert [*profile["offers"]["pangeo"]["kernels"]] == ["conda-env-conda-notebook-py"]


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
