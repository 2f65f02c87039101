"""What the compiled files are for on a cluster that is not as it should be, and what outlives a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.e2e.centre import EVERYTHING, Centre, guard
from tests.e2e.images import BUSYBOX, HOME, PREFIXES
from tests.e2e.podman import Podman

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

# ── what can go wrong on a cluster ────────────────────────────────────────────────────────────────────


def gone(pod: dict[str, Any], volume: str) -> None:
    """What an API server with the gate ImageVolume off does (kubernetes:pkg/api/pod/util.go, dropImageVolumes)."""
    (container,) = pod["spec"]["containers"]
    pod["spec"]["volumes"] = [each for each in pod["spec"]["volumes"] if each["name"] != volume]
    container["volumeMounts"] = [each for each in container["volumeMounts"] if each["name"] != volume]


def empty(pod: dict[str, Any], volume: str) -> None:
    """What one does that does not know the field: a volume of no kind is an ``emptyDir``.

    A kubelet makes the directories of a subPath in it, which Podman does not; they are empty as well.
    """
    (entry,) = (each for each in pod["spec"]["volumes"] if each["name"] == volume)
    del entry["image"]
    entry["emptyDir"] = {}
    whole(pod, volume)


def whole(pod: dict[str, Any], volume: str) -> None:
    """What containerd 2.1 does with a subPath: it mounts all of the image."""
    (mount,) = (each for each in pod["spec"]["containers"][0]["volumeMounts"] if each["name"] == volume)
    mount.pop("subPath", None)


@pytest.mark.parametrize(
    ("damage", "brick"),
    [(gone, "ocean"), (gone, "pangeo"), (empty, "hydro"), (empty, "pangeo"), (whole, "pangeo")],
)
def test_the_guard_names_a_brick_that_is_missing(
    damage: Callable[[dict[str, Any], str], None], brick: str, centre: Centre, podman: Podman
) -> None:
    """The pod starts without the brick, and its hook fails and says which one it is; it does not blame the others."""
    pod = centre.pod(**EVERYTHING)
    damage(pod, f"brick-{brick}")
    with podman.playing(yaml.safe_dump(pod)) as container:
        done = container.hook()
    assert done.returncode == 1
    assert f"lego: there is no brick at {PREFIXES[brick]} ({guard(brick)})" in done.stderr.splitlines()
    assert done.stderr.count("lego:") == 1


def test_a_brick_that_was_never_published(centre: Centre, podman: Podman) -> None:
    """A digest that the registry does not have keeps the session from starting; nothing else is mounted instead."""
    manifest, digest = yaml.safe_dump(centre.pod()), centre.bricks["ocean"].partition("@")[2]
    assert digest in manifest
    manifest = manifest.replace(digest, f"sha256:{64 * '0'}")
    done = podman.play(manifest)
    try:
        assert done.returncode != 0
        assert f"brick-ocean@sha256:{64 * '0'}" in done.stderr
        assert "manifest unknown" in done.stderr
        assert podman.run("ps", "--quiet", "--filter", "pod=jupyter-ada").stdout == ""
    finally:
        podman.down(manifest)


# ── homes, and bricks beforehand ──────────────────────────────────────────────────────────────────────


def test_home_outlives_the_session(centre: Centre, podman: Podman) -> None:
    """Whoever chooses other bricks next time finds the same home."""
    with podman.playing(yaml.safe_dump(centre.pod())) as container:
        container.run("touch", f"{HOME}/kept")
    with podman.playing(yaml.safe_dump(centre.pod(profile="field"))) as container:
        assert "kept" in container.run("ls", HOME).stdout.split()


def test_the_puller_fetches_every_brick(centre: Centre, podman: Podman) -> None:
    """The DaemonSet waits with every brick of the centre mounted, without a shell in any of them."""
    podman.run("image", "rm", "--all")
    with podman.playing(centre.puller) as container:
        mounted = {
            path.removeprefix("/bricks/").rpartition("-")[0]: path for path in container.mounts(BUSYBOX)
        }
        assert mounted.keys() == centre.bricks.keys()
        for brick, path in mounted.items():
            inside = PREFIXES[brick] if brick == "pangeo" else ""
            container.run(BUSYBOX, "test", "-f", f"{path}{inside}/conda-meta/history")
    for reference in centre.bricks.values():
        podman.run("image", "exists", reference)
