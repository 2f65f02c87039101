"""What ``lego-compile inspect`` says of images that were built, and what the catalog and the lock make of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.facts import read_facts
from tests.e2e.built import (
    BACK_END,
    PANGEO_TAG,
    PREFIXES,
    REFERENCES,
    TITLES,
    Built,
    read,
)
from tests.e2e.centre import BY_HAND, lego
from tests.e2e.lab_images import NEXT, RELEASE
from tests.e2e.unpacked import BRICKS, EVERY, PLATFORM, Folders, files
from tests.images.registry import NoRegistry

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


def inspected(*words: str, code: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """``lego-compile inspect``: what it says of images, and what it finds."""
    command = [sys.executable, "-m", "lego_compile", "inspect", "--output-format", "json", *words]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd="/")
    assert done.returncode == code, done.stdout[-3000:] + done.stderr
    said = json.loads(done.stdout)
    return said["images"], said["findings"]


@pytest.mark.parametrize(("name", "release"), EVERY)
def test_labels_are_what_the_files_say(built: Built, folders: Folders, name: str, release: str) -> None:
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
    built: Built, shelf: str, folders: Folders, name: str, release: str
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
def test_a_damaged_brick_is_refused(folders: Folders, tmp_path: Path, damage: str) -> None:
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
