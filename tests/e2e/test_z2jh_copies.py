"""Where a cluster cannot mount images, sessions copy their bricks: init containers run, and the session finds them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.centre import EVERYTHING, Centre, compiled
from tests.e2e.images import PREFIXES, published
from tests.e2e.podman import Container, Podman
from tests.e2e.root import Root

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def copies(root: Root, centre: Centre, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """The same centre with ``mounts: copy``, and bricks that have a shell."""
    images = published(root, shells=True)
    with compiled(root.namespace, images, tmp_path_factory.mktemp("copies"), "copy") as made:
        yield made


@pytest.fixture(scope="module")
def engine(root: Root, copies: Centre) -> Podman:
    """The engine, which may pull that centre's images."""
    return Podman(root, copies.host)


@pytest.fixture(scope="module")
def pod(copies: Centre) -> dict[str, Any]:
    """The pod with all bricks of a profile."""
    return copies.pod(**EVERYTHING)


@pytest.fixture(scope="module")
def session(pod: dict[str, Any], engine: Podman) -> Iterator[Container]:
    """It runs."""
    with engine.playing(yaml.safe_dump(pod)) as container:
        yield container


def test_every_brick_was_copied(pod: dict[str, Any], session: Container) -> None:
    """Each environment is at its prefix, read-only, somebody else's; its programs run, and the guard is content."""
    assert {each["name"] for each in pod["spec"]["initContainers"]} == {f"copy-{brick}" for brick in PREFIXES}
    mounts = session.mounts()
    for brick, prefix in PREFIXES.items():
        assert "ro" in mounts[prefix]
        # An engine makes directories of its own in an image that is the environment: they come along, empty.
        assert {"bin", "conda-meta", "etc", "share"} <= {*session.run("ls", prefix).stdout.split()}
        assert (
            f"conda create --prefix {prefix}\n" in session.run("cat", f"{prefix}/conda-meta/history").stdout
        )
        programs = f"cd {prefix}/bin && ./busybox echo static && ./uname -s && ./tool"
        assert session.run("sh", "-c", programs).stdout == f"static\nLinux\nbrick {brick}\n"
        assert session.run("stat", "-c", "%u", f"{prefix}/bin/tool").stdout == "65534\n"
        assert "Read-only file system" in session.run("touch", f"{prefix}/new", check=False).stderr
    done = session.hook()
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_an_image_without_the_environment(pod: dict[str, Any], engine: Podman) -> None:
    """A directory that the image has not keeps the session from starting, and the copy says which it is."""
    pod = copy.deepcopy(pod)
    (copier,) = (each for each in pod["spec"]["initContainers"] if each["name"] == "copy-pangeo")
    copier["command"][-1] = "/srv/nothing"
    pod["metadata"]["name"] = "jupyter-eve"
    manifest = yaml.safe_dump(pod)
    done = engine.play(manifest)
    try:
        said = done.stderr + engine.run("logs", "jupyter-eve-copy-pangeo", check=False).stderr
        assert done.returncode != 0
        assert "lego: this image has no directory /srv/nothing" in said
    finally:
        engine.down(manifest)
