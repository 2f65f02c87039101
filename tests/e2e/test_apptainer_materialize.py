"""The store of a centre, filled by a real Apptainer from a real registry, as somebody who is nobody special."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.centre import mirrored
from tests.e2e.conftest import Images
from tests.e2e.docker_centre import Shelf
from tests.e2e.engine import wait
from tests.e2e.hpc_centre import OPERATOR, HpcCentre
from tests.e2e.hpc_root import HOLD, PASS
from tests.e2e.images import PREFIXES, published
from tests.e2e.machine import Machine
from tests.images.registry import NoRegistry

PROFILES = ("ocean", "field", "night")


class Store(Shelf):
    """A registry whose disk somebody can damage."""

    def blob(self, digest: str) -> Path:
        """The file of a layer, a configuration or a manifest."""
        assert self._folder is not None
        number = digest.removeprefix("sha256:")
        # distribution/distribution:registry/storage/paths.go@v2.8.2
        return (
            Path(self._folder.name) / "images/docker/registry/v2/blobs/sha256" / number[:2] / number / "data"
        )


@pytest.fixture(scope="module")
def small(machine: Machine) -> Images:
    """Images of real programs, but few."""
    return published(machine.root)


@pytest.fixture(scope="module")
def registry(machine: Machine, small: Images) -> Iterator[Store]:
    """The registry that has them."""
    made = Store()
    try:
        with machine.network():
            made.__enter__()
            for (repository, tag), built in small.items():
                made.put(mirrored(repository), tag, built, {})
    except NoRegistry as missing:
        pytest.skip(str(missing))
    yield made
    made.stop()


@pytest.fixture(scope="module", params=["sif", "squashfs"])
def compiled(
    request: pytest.FixtureRequest,
    machine: Machine,
    registry: Store,
    tmp_path_factory: pytest.TempPathFactory,
) -> HpcCentre:
    """A centre without a scheduler, whose bricks are in one of the formats."""
    name = f"store-{request.param}"
    made = HpcCentre(
        machine, registry.host, tmp_path_factory.mktemp(name), name, form=request.param, scheduled=""
    )
    made.compile()
    return made


@pytest.fixture
def centre(compiled: HpcCentre) -> Iterator[HpcCentre]:
    """It as it was compiled, newly installed, with nothing in its store."""
    compiled.install()
    yield compiled
    compiled.machine.root.run("rm", "-rf", compiled.root, compiled.store, HOLD)


@pytest.fixture
def filled(centre: HpcCentre) -> HpcCentre:
    """It with all its images."""
    centre.materialize("--no-try")
    return centre


def sh(centre: HpcCentre, line: str) -> str:
    """A line that the operator types in the store."""
    return centre.machine.sh(OPERATOR, f"cd {shlex.quote(centre.store)} && {{ {line}\n}}").stdout


def records(centre: HpcCentre) -> dict[str, dict[str, Any]]:
    """What is recorded, by format and digest."""
    return dict(json.loads(sh(centre, "cat resolved.json"))["images"])


def names(centre: HpcCentre) -> list[str]:
    """Every file of the store that is not for the programs alone."""
    return sorted(set(sh(centre, "ls -A").split()) - {".lock"})


def wanted(centre: HpcCentre) -> dict[str, str]:
    """Format and digest → what the file is called, of every image."""
    found = {}
    for profile in centre.data()["profiles"]:
        bricks = [(centre.data()["format"], each["image"]) for each in profile["bricks"] + profile["offers"]]
        for form, image in [("sif", profile["system"]["image"]), *bricks]:
            name, digest = image.rpartition("/")[2].split("@")
            ending = {"sif": "sif", "squashfs": "sqfs"}[form]
            found[f"{form} {digest}"] = f"{name.split(':')[0]}-{digest.removeprefix('sha256:')}.{ending}"
    return found


def brick(centre: HpcCentre, name: str) -> str:
    """What the file of a brick is called."""
    found = (each for profile in centre.data()["profiles"] for each in profile["bricks"] + profile["offers"])
    digest = next(each["image"].rpartition("@")[2] for each in found if each["name"] == name)
    return next(file for key, file in wanted(centre).items() if key.endswith(digest))


def whole(centre: HpcCentre) -> None:
    """Nothing is in the store but what was recorded, each as it was."""
    recorded = records(centre)
    assert names(centre) == sorted([*(each["file"] for each in recorded.values()), "resolved.json"])
    for each in recorded.values():
        mode, size = sh(centre, f"stat -c '%a %s' {each['file']}").split()
        assert (mode, int(size)) == ("444", each["size"])


# ── what goes well ────────────────────────────────────────────────────────────────────────────────────


def test_an_ordinary_user_fills_the_store(centre: HpcCentre) -> None:
    """Every image is pulled once, is called after its digest, and every profile starts, for other users too."""
    said = centre.materialize().stderr
    assert said.count("pulling ") == len(wanted(centre)) == 4
    assert [line for line in said.splitlines() if line.startswith("profile ")] == [
        f"profile {each}: starts" for each in PROFILES
    ]
    whole(centre)
    recorded = records(centre)
    assert {key: each["file"] for key, each in recorded.items()} == wanted(centre)
    for each in recorded.values():
        assert sh(centre, f"sha256sum {each['file']}").split()[0] == each["sha256"]
        assert (each["id"] == 0) == each["file"].endswith(".sqfs")
    for user in ("alice", "root"):
        done = centre.launch(
            user, "-b", "hydro,pangeo", "--", "/bin/sh", "-c", 'for each; do "$each/bin/uname"; done', "sh",
            *PREFIXES.values(),
        )  # fmt: skip
        assert done.stdout == "Linux\n" * 3
    owners = sh(centre, "stat -c %U . *").split()
    assert set(owners) == {OPERATOR}


def test_a_second_run_pulls_nothing(filled: HpcCentre) -> None:
    """What is there stays the same file, and nobody is asked: there is no network."""
    look = "stat -c '%n %i %y' *"
    before = sh(filled, look)
    done = filled.materialize(network=False)
    assert "pulling" not in done.stderr
    assert sh(filled, look) == before


def test_a_file_that_is_gone_is_pulled_again(filled: HpcCentre) -> None:
    """Until then sessions say what to do; the other files stay."""
    gone = brick(filled, "ocean")
    sh(filled, f"rm -f {gone}")
    done = filled.launch("alice", "--", "id", check=False)
    assert (done.returncode, "is missing: run lego-materialize" in done.stderr) == (78, True)
    assert gone in done.stderr
    assert filled.materialize("--no-try").stderr.count("pulling ") == 1
    whole(filled)
    assert filled.launch("alice", "--", "id").returncode == 0


def test_an_offline_machine_takes_a_layout(centre: HpcCentre, small: Images, tmp_path: Path) -> None:
    """Images that were copied as files fill the same store; blobs that are not what they are called do not."""
    digests = _layout(small, tmp_path)
    machine, there = centre.machine, "/tmp/layout"
    machine.bring(tmp_path, there, OPERATOR)
    try:
        layer = f"{there}/blobs/sha256/{digests['ocean'].removeprefix('sha256:')}"
        machine.sh(OPERATOR, f"cp {layer} kept && printf x | dd of={layer} conv=notrunc bs=1 seek=600")
        done = centre.materialize("--layout", there, "--no-try", check=False, network=False)
        assert (
            done.returncode,
            f"{digests['ocean']} in {there} is not what its digest says" in done.stderr,
        ) == (
            1,
            True,
        )
        whole(centre)
        assert brick(centre, "ocean") not in names(centre)
        machine.sh(OPERATOR, f"rm {layer}")
        done = centre.materialize("--layout", there, "--no-try", check=False, network=False)
        assert (done.returncode, f"{digests['ocean']} is not in {there}" in done.stderr) == (1, True)
        machine.sh(OPERATOR, f"mv kept {layer}")
        said = centre.materialize("--layout", there, network=False).stderr
        assert [each for each in PROFILES if f"profile {each}: starts" in said] == list(PROFILES)
        assert "pulling 127" in said
        whole(centre)
        assert {key: each["file"] for key, each in records(centre).items()} == wanted(centre)
    finally:
        machine.root.run("rm", "-rf", there)


def _layout(images: Images, folder: Path) -> Mapping[str, str]:
    """Write all images as one OCI layout; returns the digest of a layer of each brick."""
    digests = {}
    place = folder / "blobs" / "sha256"
    place.mkdir(parents=True)
    for (repository, _), built in images.items():
        for digest, content in built.blobs.items():
            (place / digest.removeprefix("sha256:")).write_bytes(content)
        ((layers),) = built.layers.values()
        digests[repository.rpartition("-")[2]] = layers[-1][0]
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    return digests


# ── several runs, and half a run ──────────────────────────────────────────────────────────────────────


def test_one_at_a_time(centre: HpcCentre) -> None:
    """While one is at work another one is refused, and disturbs nothing."""
    centre.machine.root.write(HOLD, "")
    first = centre.machine.start(OPERATOR, centre.program("lego-materialize"), "--no-https", "--no-try")
    first.says("Creating SIF file")
    second = centre.materialize("--no-try", check=False)
    assert (second.returncode, "another lego-materialize is at work in this store" in second.stderr) == (
        1,
        True,
    )
    centre.machine.root.run("rm", HOLD)
    assert first.wait() == 0, first.output
    whole(centre)


@pytest.mark.parametrize("signal", ["KILL", "TERM", "INT"])
def test_a_run_that_was_ended_is_taken_up_again(centre: HpcCentre, signal: str) -> None:
    """What was finished stays, what was not is no image, and the next run does the rest."""
    machine = centre.machine
    machine.root.write(HOLD, "")
    first = machine.start(OPERATOR, centre.program("lego-materialize"), "--no-https", "--no-try")
    machine.run(OPERATOR, "touch", PASS)
    wait(lambda: first.output.count("pulling ") > 1, "no second image", lambda: first.output)
    first.signal(signal)
    assert first.wait() != 0
    done = [each for each in names(centre) if not each.startswith(".lego-pull-") and each != "resolved.json"]
    assert done == sorted(each["file"] for each in records(centre).values())
    assert len(done) == 1
    refused = centre.launch("alice", "-b", "hydro,pangeo", "--", "id", check=False)
    assert (refused.returncode, "run lego-materialize" in refused.stderr) == (78, True)
    machine.root.run("rm", HOLD)
    assert centre.materialize("--no-try").stderr.count("pulling ") == 4 - len(done)
    whole(centre)
    wait(
        lambda: not machine.processes(OPERATOR),
        "something is left running",
        lambda: str(machine.processes(OPERATOR)),
    )


# ── what is damaged ───────────────────────────────────────────────────────────────────────────────────


def test_a_layer_that_was_altered_in_the_registry(centre: HpcCentre, registry: Store, small: Images) -> None:
    """The image is refused by name, nothing of it stays, and the others are pulled all the same."""
    built = next(built for (repository, _), built in small.items() if repository.endswith("brick-ocean"))
    ((layers),) = built.layers.values()
    path = registry.blob(layers[-1][0])
    kept = path.read_bytes()
    assert kept.count(b"brick ocean")
    path.write_bytes(kept.replace(b"brick ocean", b"brick 0cean"))
    try:
        done = centre.materialize(check=False)
    finally:
        path.write_bytes(kept)
    assert done.returncode == 1
    assert f"{built.index_digest} could not be pulled" in done.stderr
    assert "1 of 4 images failed" in done.stderr
    whole(centre)
    assert sorted(set(wanted(centre).values()) - set(names(centre))) == [brick(centre, "ocean")]
    assert centre.materialize().returncode == 0


def test_a_digest_that_the_registry_does_not_know(centre: HpcCentre, registry: Store, small: Images) -> None:
    """It is named; nothing of it stays."""
    built = next(built for (repository, _), built in small.items() if repository.endswith("brick-hydro"))
    path = registry.blob(built.index_digest)
    kept = path.read_bytes()
    path.unlink()
    try:
        done = centre.materialize("--no-try", check=False)
    finally:
        path.write_bytes(kept)
    assert (done.returncode, f"{built.index_digest} could not be pulled" in done.stderr) == (1, True)
    whole(centre)
    assert brick(centre, "hydro") not in names(centre)
    refused = centre.launch("alice", "-c", "field", "--", "id", check=False)
    assert (refused.returncode, "is not in the store: run lego-materialize" in refused.stderr) == (78, True)


def test_a_file_that_became_another_one(filled: HpcCentre) -> None:
    """A byte that changed is found by --verify; another length by every session and every run. None is overwritten."""
    path = brick(filled, "ocean")
    before = filled.materialize("--verify").stdout.splitlines()
    assert [line.split()[0] for line in before] == ["ok"] * 4
    sh(
        filled,
        f"chmod u+w {path}; printf x | dd of={path} conv=notrunc bs=1 seek=3000 status=none; chmod u-w {path}",
    )
    done = filled.materialize("--verify", check=False)
    assert done.returncode == 1
    verdicts = {line.split()[1].rpartition("/")[2]: line.split()[0] for line in done.stdout.splitlines()}
    assert {name for name, verdict in verdicts.items() if verdict != "ok"} == {path}
    assert verdicts[path] == "CORRUPT"
    sh(filled, f"chmod u+w {path}; echo >>{path}; chmod u-w {path}")
    for refused in (
        filled.launch("alice", "--", "id", check=False),
        filled.materialize("--no-try", check=False),
    ):
        assert refused.returncode in (78, 1)
        assert path in refused.stderr
    sh(filled, f"rm -f {path}")
    filled.materialize("--no-try")
    whole(filled)
    assert filled.materialize("--verify").returncode == 0


def test_a_file_that_nobody_recorded(centre: HpcCentre) -> None:
    """What somebody put into the store is neither used nor overwritten."""
    path = brick(centre, "ocean")
    centre.machine.sh(OPERATOR, f"mkdir -p {centre.store} && echo mine >{centre.store}/{path}")
    done = centre.materialize("--no-try", check=False)
    assert (done.returncode, f"{path} is in the store and not in its resolved.json" in done.stderr) == (
        1,
        True,
    )
    assert sh(centre, f"cat {path}") == "mine\n"
    assert centre.launch("alice", "--", "id", check=False).returncode == 78


def test_an_image_with_another_label(centre: HpcCentre) -> None:
    """An image that says that it was built for another place than where it is to be mounted is refused."""
    for name in ("composition.json", "images.json"):
        text = (centre.out / name).read_text()
        centre.machine.root.write(
            f"{centre.root}/{name}", text.replace("/opt/bricks/ocean", "/opt/bricks/sea")
        )
    done = centre.materialize("--no-try", check=False)
    assert done.returncode == 1
    (said,) = (line for line in done.stderr.splitlines() if "/opt/bricks/sea" in line)
    assert "/opt/bricks/ocean" in said
    assert "brick-ocean" in said
    whole(centre)
    assert brick(centre, "ocean") not in names(centre)


def test_others_read_the_store_and_do_not_write_it(filled: HpcCentre) -> None:
    """Users of sessions can open every image, and neither change one nor add a file."""
    line = "! touch new && for each in *; do head -c 1 $each >/dev/null && ! echo >>$each || exit 1; done"
    for user in ("alice", "bob"):
        filled.machine.sh(user, f"cd {filled.store} && {line}")
    whole(filled)
