"""``lego-materialize``, run as it is, with a stand-in for the runtime."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.targets.apptainer.conftest import Installed, images, prepare

pytestmark = pytest.mark.slow

SLOW = "slow"
PATIENCE = 300  # seconds until a test gives up; a busy machine takes its time, and an idle one never waits


def files(store: Path) -> set[str]:
    """What an administrator sees in the store."""
    return {path.name for path in store.iterdir() if path.name != ".lock"}


def test_every_image_is_pulled_once_by_its_digest(installed: Installed) -> None:
    """Images shared by profiles are pulled once, the digest decides and not the tag, and every profile starts."""
    done = installed.run("lego-materialize")
    assert 0 == done.returncode, done.stderr
    pulled = [call["words"] for call in installed.runtime.calls() if call["words"][0] == "pull"]
    expected = {
        f"docker://{image.pinned}"
        for profile in installed.deployment.profiles
        for image in (profile.system.image, *(brick.image for brick in (*profile.bricks, *profile.offers)))
    }
    assert sorted(expected) == sorted(words[-1] for words in pulled)
    assert all(words[1] == "--disable-cache" for words in pulled)
    assert ["profile ocean: starts", "profile field: starts", "profile deep: starts"] == [
        line for line in done.stderr.splitlines() if line.startswith("profile")
    ]


def test_every_release_is_tried_and_never_two_at_once(installed: Installed) -> None:
    """As many sessions as there are releases try all of them; each has a kind of every brick that is offered."""
    assert 0 == installed.run("lego-materialize").returncode
    tried = [" ".join(call["words"]) for call in installed.runtime.calls() if call["words"][0] == "exec"]
    assert 2 + 2 + 1 == len(tried)
    for profile, sessions in zip(
        installed.deployment.profiles, (tried[:2], tried[2:4], tried[4:]), strict=True
    ):
        for releases in profile.offered.values():
            files = [each.image.digest.removeprefix("sha256:") for each in releases]
            mounted = [[file for file in files if file in session] for session in sessions]
            assert {1} == {len(each) for each in mounted}
            assert set(files) == {file for each in mounted for file in each}


def test_a_release_that_does_not_start_is_named(installed: Installed) -> None:
    """One broken release is enough for its profile to fail, and the message says which it is."""
    installed.runtime.publish("sha256:" + "1" * 64, "forbidden 4")
    done = installed.run("lego-materialize")
    assert (1, True) == (done.returncode, "lego: brick ml@2026.3 is not at" in done.stderr)
    assert ["profile ocean: fails", "profile field: starts", "profile deep: starts"] == [
        line for line in done.stderr.splitlines() if line.startswith("profile")
    ]


def test_the_store_holds_files_that_nobody_changes(installed: Installed) -> None:
    """A file is called after its digest and read-only, and nothing else is left in the store."""
    installed.run("lego-materialize", "--no-try")
    names = {record["file"] for record in installed.records().values()}
    assert {f"brick-ocean-{'a' * 64}.sif", f"lab-{'e' * 64}.sif"} < names
    assert names | {"resolved.json"} == files(installed.store)
    assert {0o444} == {(installed.store / name).stat().st_mode & 0o777 for name in names}


def test_the_number_of_the_file_system_is_read_and_not_assumed(installed: Installed) -> None:
    """Images made from OCI have it in descriptor 4; others elsewhere."""
    installed.runtime.publish("sha256:" + "a" * 64, "image 3")
    installed.run("lego-materialize", "--no-try")
    records = installed.records()
    assert 3 == records["sif sha256:" + "a" * 64]["id"]
    assert 4 == records["sif sha256:" + "b" * 64]["id"]


def test_squashfs_is_taken_out_of_the_image(tmp_path: Path) -> None:
    """With ``format: squashfs`` a brick is the bare file system; a system image stays what the runtime starts."""
    center = prepare(tmp_path, format="squashfs", authfile="/etc/lego/auth.json")
    done = center.run("lego-materialize", "--no-https")
    assert 0 == done.returncode, done.stderr
    record = center.records()["squashfs sha256:" + "a" * 64]
    assert f"brick-ocean-{'a' * 64}.sqfs" == record["file"]
    assert 0 == record["id"]
    assert "hsqs image 4 4\n" == (center.store / record["file"]).read_text()
    assert "sif sha256:" + "e" * 64 in center.records()
    words = center.runtime.calls()[0]["words"]
    assert ["pull", "--disable-cache", "--authfile", "/etc/lego/auth.json", "--no-https"] == words[:-2]


def test_a_second_run_pulls_nothing(installed: Installed) -> None:
    """What is there is not pulled again."""
    installed.run("lego-materialize", "--no-try")
    before = (installed.store / "resolved.json").read_bytes()
    count = len(installed.runtime.calls())
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    assert count == len(installed.runtime.calls())
    assert before == (installed.store / "resolved.json").read_bytes()


def test_a_digest_that_the_registry_lacks_leaves_nothing_behind(installed: Installed) -> None:
    """One image that fails is named and keeps no other from being pulled; the status says that it failed."""
    (installed.runtime.here / "registry" / ("a" * 64)).unlink()
    installed.runtime.publish("sha256:" + "b" * 64, "image none")
    done = installed.run("lego-materialize")
    assert 1 == done.returncode
    assert "brick-ocean@sha256:" in done.stderr.replace(":2026.10", "")
    assert "has no system partition" in done.stderr
    assert "2 of 8 images failed" in done.stderr
    recorded = {record["file"] for record in installed.records().values()}
    assert 6 == len(recorded)
    assert recorded | {"resolved.json"} == files(installed.store)


def test_a_killed_run_is_taken_up_again(installed: Installed) -> None:
    """Nothing that a killed run left behind is ever taken for an image, and its leftovers go away."""
    slow = "sha256:" + "f" * 64
    installed.runtime.publish(slow, SLOW)
    with started(installed) as victim:
        victim.kill()
        victim.wait()
        end_pulls(installed)
    assert any(name.startswith(".lego-pull-") for name in files(installed.store))
    installed.runtime.publish(slow)
    done = installed.run("lego-materialize", "--no-try")
    assert 0 == done.returncode, done.stderr
    names = {record["file"] for record in installed.records().values()}
    assert len(images(installed.deployment)) == len(names)
    assert names | {"resolved.json"} == files(installed.store)


def test_only_one_run_at_a_time(installed: Installed) -> None:
    """A second run on the same store ends at once, and the first one is not disturbed."""
    slow = "sha256:" + "f" * 64
    installed.runtime.publish(slow, SLOW)
    with started(installed) as first:
        second = installed.run("lego-materialize", "--no-try")
        assert 1 == second.returncode
        assert "another lego-materialize is at work" in second.stderr
        end_pulls(installed)
        assert 0 == first.wait(timeout=PATIENCE)


def test_a_file_that_was_recorded_and_is_gone_is_pulled_again(installed: Installed) -> None:
    """A run that is killed between the record and the file is completed by the next one."""
    installed.run("lego-materialize", "--no-try")
    record = installed.records()["sif sha256:" + "a" * 64]
    (installed.store / record["file"]).unlink()
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    assert (installed.store / record["file"]).exists()


def test_no_file_is_ever_overwritten(installed: Installed) -> None:
    """A file of somebody else, or one that changed, is named and left alone: sessions may be using it."""
    installed.store.mkdir()
    foreign = installed.store / f"brick-ocean-{'a' * 64}.sif"
    foreign.write_text("theirs")
    done = installed.run("lego-materialize", "--no-try")
    assert 1 == done.returncode
    assert "not in its resolved.json" in done.stderr
    assert "theirs" == foreign.read_text()
    changed = installed.store / installed.records()["sif sha256:" + "b" * 64]["file"]
    changed.chmod(0o644)
    changed.write_text("another length")
    done = installed.run("lego-materialize", "--no-try")
    assert 1 == done.returncode
    assert f"{changed} is not what was pulled" in done.stderr


def test_verify_finds_what_changed(installed: Installed) -> None:
    """``--verify`` hashes every file; one changed byte, or a missing file, fails."""
    assert 1 == installed.run("lego-materialize", "--verify").returncode
    installed.run("lego-materialize", "--no-try")
    fine = installed.run("lego-materialize", "--verify")
    assert 0 == fine.returncode
    assert {"ok"} == {line.split()[0] for line in fine.stdout.splitlines()}
    path = installed.store / installed.records()["sif sha256:" + "a" * 64]["file"]
    path.chmod(0o644)
    path.write_text("Image 4")  # as long as before
    bad = installed.run("lego-materialize", "--verify")
    assert 1 == bad.returncode
    assert [str(path)] == [line.split()[1] for line in bad.stdout.splitlines() if line.startswith("CORRUPT")]
    path.unlink()
    os.mkfifo(path)  # it would be waited for
    bad = installed.run("lego-materialize", "--verify")
    assert 1 == bad.returncode
    assert [str(path)] == [line.split()[1] for line in bad.stdout.splitlines() if line.startswith("missing")]


def test_a_file_that_may_be_written_to_is_named_by_all(installed: Installed) -> None:
    """A copy of a store loses its modes: sessions refuse it, so what looks at the store must not find it sound."""
    installed.run("lego-materialize", "--no-try")
    path = installed.store / installed.records()["sif sha256:" + "a" * 64]["file"]
    path.chmod(0o644)
    verified = installed.run("lego-materialize", "--verify")
    assert [str(path)] == [
        line.split()[1] for line in verified.stdout.splitlines() if line.startswith("WRITABLE")
    ]
    assert 1 == verified.returncode
    words = f"{path} may be written to: "
    for program, arguments, status in (
        ("lego-materialize", ["--no-try"], 1),
        ("lego-launch", ["--", "true"], 78),
    ):
        done = installed.run(program, *arguments)
        assert (status, True) == (done.returncode, words in done.stderr)
    path.chmod(0o444)
    assert 0 == installed.run("lego-materialize", "--verify").returncode


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("images.json", '{"images": [', "{}/images.json is damaged: "),
        ("composition.json", "", "{}/composition.json is damaged: "),
        ("resolved.json", '{"images": {"sif sha256:a": null}}', "AttributeError: 'NoneType'"),
    ],
)
def test_damaged_data_is_named(installed: Installed, name: str, content: str, says: str) -> None:
    """By its path and not by a traceback."""
    installed.store.mkdir()
    folder = installed.store if name == "resolved.json" else installed.root
    (folder / name).write_text(content)
    done = installed.run("lego-materialize", "--no-try")
    assert (1, False) == (done.returncode, "Traceback" in done.stderr)
    assert f"lego-materialize: {says.format(folder)}" in done.stderr


def test_a_full_disk_is_named_and_leaves_nothing(installed: Installed) -> None:
    """Also where it is full for the record: the file system says no path."""
    installed.store.mkdir()
    long = {"file": "x", "id": 4, "size": 1, "sha256": "0" * 100_000}
    (installed.store / "resolved.json").write_text(json.dumps({"images": {"sif sha256:0": long}}))
    words = [*installed.command("lego-materialize"), "--no-try"]
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *words],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(installed.runtime.here)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 1 == done.returncode
    assert f"{installed.store}/resolved.json could not be written: File too large" in done.stderr
    assert not [name for name in files(installed.store) if name.startswith(".lego-pull-")]


def test_a_failure_is_one_whoever_started_us(installed: Installed) -> None:
    """Some daemons ignore SIGCHLD, and then no status of a program reaches us."""
    installed.runtime.program.write_text("#!/bin/sh\nexit 7\n")
    ignoring = "signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import os, signal, sys; {ignoring}",
            *installed.command("lego-materialize", "--no-try"),
        ],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(installed.runtime.here)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (1, 8) == (done.returncode, done.stderr.count(" could not be pulled"))


def test_a_closed_umask_makes_an_open_store(installed: Installed) -> None:
    """Whatever the administrator's umask, every user can enter the store and read what is in it, and change none."""
    store = installed.store / "deeper" / "store"
    path = installed.root / "composition.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "store": str(store)}))
    done = subprocess.run(
        installed.command("lego-materialize", "--no-try"),
        env={"PATH": "/usr/bin:/bin"},
        stderr=subprocess.PIPE,
        text=True,
        umask=0o077,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "closed to other users" not in done.stderr
    assert {0o755} == {each.stat().st_mode & 0o777 for each in (installed.store, store.parent, store)}
    modes = {each.name: each.stat().st_mode & 0o777 for each in store.iterdir()}
    assert (0o644, 0o644) == (modes.pop("resolved.json"), modes.pop(".lock"))
    assert {0o444} == set(modes.values())


def test_a_store_that_was_closed_stays_closed(installed: Installed) -> None:
    """A site may keep others out on purpose, so the administrator is told and decides."""
    installed.store.mkdir()
    installed.store.chmod(0o750)
    done = installed.run("lego-materialize", "--no-try")
    assert (0, 0o750) == (done.returncode, installed.store.stat().st_mode & 0o777)
    assert f"warning: {installed.store} is closed to other users; `chmod o+rx` opens it" in done.stderr


def test_the_try_looks_for_the_kernel_manager(installed: Installed) -> None:
    """Without its module bricks are no kernels: named per profile, and no refusal, since commands run all the same."""
    words = [
        "profile ocean: starts",
        "python3 of registry.example.org/lego/lab",
        "cannot import nb_conda_kernels",
    ]
    fine = installed.run("lego-materialize")
    assert (0, False) == (fine.returncode, "warning" in fine.stderr)
    (installed.runtime.modules / "nb_conda_kernels.py").unlink()
    done = installed.run("lego-materialize")
    assert 0 == done.returncode
    assert [] == [each for each in words if each not in done.stderr]
    assert 3 == done.stderr.count("lego-materialize: warning: ")


def test_the_try_does_not_read_the_home(installed: Installed) -> None:
    """A module of that name beside the user's own files proves nothing of the image."""
    (installed.runtime.modules / "nb_conda_kernels.py").rename(installed.runtime.here / "nb_conda_kernels.py")
    command = installed.command("lego-materialize")
    done = subprocess.run(
        command,
        cwd=installed.runtime.here,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "cannot import nb_conda_kernels" in done.stderr


def test_a_command_without_a_kernel_manager_is_tried(installed: Installed) -> None:
    """Where a profile names none, that it starts is all there is to see."""
    path = installed.root / "composition.json"
    tree = json.loads(path.read_text())
    for profile in tree["profiles"]:
        profile["command"] = ["jupyterhub-singleuser"]
    path.write_text(json.dumps(tree))
    (installed.runtime.modules / "nb_conda_kernels.py").unlink()
    done = installed.run("lego-materialize")
    assert (0, 3, False) == (done.returncode, done.stderr.count(": starts"), "warning" in done.stderr)


def test_a_profile_that_does_not_start_fails_the_run(installed: Installed) -> None:
    """The last step looks from inside: where the site forbids binds, the administrator hears it first."""
    installed.runtime.publish("sha256:" + "c" * 64, "forbidden 4")
    done = installed.run("lego-materialize")
    assert 1 == done.returncode
    assert "profile ocean: fails" in done.stderr
    assert "profile field: starts" in done.stderr
    assert "lego: brick ml@2026.10 is not at" in done.stderr


def test_the_references_are_listed(installed: Installed) -> None:
    """``--list`` says what to copy to a machine without a network: pinned, without tags."""
    listed = installed.run("lego-materialize", "--list").stdout.split()
    assert 8 == len(listed)
    assert f"registry.example.org/lego/lab@sha256:{'e' * 64}" in listed


def blob(layout: Path, content: bytes) -> str:
    """Put a blob into an OCI layout, and return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    (layout / "blobs" / "sha256" / digest).write_bytes(content)
    return f"sha256:{digest}"


def with_layout(folder: Path, *, platforms: tuple[str, ...] = ()) -> tuple[Installed, Path]:
    """A centre with one profile of one image, which is in a layout, perhaps for several platforms."""
    layout = folder / "layout"
    descriptors = []
    for platform in platforms or ("any",):
        manifest = {
            "config": {"digest": blob(layout, b"{}")},
            "layers": [{"digest": blob(layout, f"{platform} 4".encode())}],
        }
        descriptors.append(
            {"digest": blob(layout, json.dumps(manifest).encode()), "platform": {"architecture": platform}}
        )
    digest = descriptors[0]["digest"]
    if platforms:
        digest = blob(layout, json.dumps({"manifests": descriptors}).encode())
    center = prepare(folder)
    path = center.root / "composition.json"
    tree = json.loads(path.read_text())
    tree["profiles"] = tree["profiles"][:1]
    tree["profiles"][0].update(
        bricks=[], offers=[], system={"image": f"registry.example.org/lego/lab:1@{digest}"}
    )
    path.write_text(json.dumps(tree))
    entry = {
        "image": f"registry.example.org/lego/lab:1@{digest}",
        "format": "sif",
        "system": {"conda": "/opt/conda"},
    }
    (center.root / "images.json").write_text(json.dumps({"images": [entry]}))
    return center, layout


@pytest.mark.parametrize("platforms", [(), ("s390x", "amd64", "arm64")], ids=["manifest", "index"])
def test_images_come_from_a_layout_where_there_is_no_network(
    tmp_path: Path, platforms: tuple[str, ...]
) -> None:
    """``--layout`` takes an image by its digest, and of one for several platforms that of this machine."""
    center, layout = with_layout(tmp_path, platforms=platforms)
    done = center.run("lego-materialize", "--layout", str(layout))
    assert 0 == done.returncode, done.stderr
    (record,) = center.records().values()
    expected = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine] if platforms else "any"
    assert f"{expected} 4" == (center.store / record["file"]).read_text()
    assert {record["file"], "resolved.json"} == files(center.store)


def test_a_layout_is_not_believed(tmp_path: Path) -> None:
    """A blob that is not what its digest says, or is missing, makes no file."""
    center, layout = with_layout(tmp_path)
    layer = layout / "blobs" / blob(layout, b"any 4").replace(":", "/")
    layer.write_bytes(b"any 5")
    done = center.run("lego-materialize", "--layout", str(layout))
    assert (1, True) == (done.returncode, "is not what its digest says" in done.stderr)
    layer.unlink()
    done = center.run("lego-materialize", "--layout", str(layout))
    assert (1, True) == (done.returncode, f"is not in {layout}" in done.stderr)
    assert set() == files(center.store)


def test_unpacking_happens_on_a_disk_of_the_node(installed: Installed) -> None:
    """Unpacking an image makes many small files: in TMPDIR, never in the store or the home."""
    place = installed.runtime.here.parent / "disk"
    place.mkdir()
    installed.run("lego-materialize", "--no-try", TMPDIR=str(place))
    assert place == Path(installed.runtime.calls()[0]["environment"]["APPTAINER_TMPDIR"]).parent
    assert [] == list(place.iterdir())
    lost = installed.run("lego-materialize", "--no-try", TMPDIR=str(place / "gone"))
    assert 0 == lost.returncode, "nothing is unpacked, since all is there"
    next(installed.store.glob("*.sif")).unlink()
    lost = installed.run("lego-materialize", "--no-try", TMPDIR=str(place / "gone"))
    assert (1, True) == (
        lost.returncode,
        f"No such file or directory: '{place}/gone/.lego-pull-" in lost.stderr,
    )
    assert not [name for name in files(installed.store) if name.startswith(".lego-pull-")]


@contextmanager
def started(center: Installed) -> Iterator[subprocess.Popen[bytes]]:
    """A run that waits in the pull of a slow image; whatever happens to the test, no process outlives it."""
    run = subprocess.Popen(
        center.command("lego-materialize", "--no-try"),
        env={"PATH": "/usr/bin:/bin"},
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + PATIENCE
        while not pulls(center):
            assert run.poll() is None, "the run ended before the slow pull began"
            assert time.monotonic() < end, "the pull did not begin"
            time.sleep(0.05)
        yield run
    finally:
        run.kill()
        run.wait()
        end_pulls(center)


def pulls(center: Installed) -> list[Path]:
    """The files of the pulls that wait. Those of other pulls get their names, and go, while we look."""
    waiting = []
    for path in center.store.glob(".lego-pull-*/image.sif"):
        try:
            if path.read_text() == SLOW:
                waiting.append(path)
        except FileNotFoundError:
            continue
    return waiting


def end_pulls(center: Installed) -> None:
    """Let the pulls that wait come to their end: at once, so that none sees a half-written image."""
    for path in pulls(center):
        done = center.runtime.here / "done"
        done.write_text("image 4")
        done.replace(path)


def labelled(installed: Installed, digest: str, **said: str) -> None:
    """Publish an image again, with labels of ours."""
    labels = {f"org.gaia-data.lego.{name.replace('_', '.')}": value for name, value in said.items()}
    installed.runtime.publish(digest, f"image 4 {json.dumps(labels)}")


CLIMATE, LAB = f"sha256:{'b' * 64}", f"sha256:{'e' * 64}"


@pytest.mark.parametrize(
    ("digest", "said", "words"),
    [
        (
            CLIMATE,
            {"brick_spec": "1", "brick_prefix": "/opt/bricks/other"},
            "for the prefix /opt/bricks/other",
        ),
        (
            CLIMATE,
            {"brick_spec": "1", "brick_subpath": "/opt/bricks/climate"},
            "for the subpath /opt/bricks/climate",
        ),
        (CLIMATE, {"system_spec": "1"}, "labelled a system, and is used as a brick"),
        (LAB, {"brick_spec": "1"}, "labelled a brick, and is used as a system"),
        (LAB, {"system_spec": "1", "system_conda": "/srv/conda"}, "for the conda /srv/conda"),
    ],
)
def test_an_image_that_says_to_be_another_is_refused(
    installed: Installed, digest: str, said: dict[str, str], words: str
) -> None:
    """It would be mounted where it does not work; nothing of it stays, and the others are there."""
    labelled(installed, digest, **said)
    done = installed.run("lego-materialize", "--no-try")
    assert (1, True) == (done.returncode, words in done.stderr), done.stderr
    assert f"sif {digest}" not in installed.records()
    assert 7 == len(installed.records())
    assert not [path for path in installed.store.iterdir() if digest[7:] in path.name]


def test_an_image_that_says_what_it_is_is_taken(installed: Installed) -> None:
    """Labels that agree are no obstacle, nor are those of somebody else."""
    prefix = next(
        brick.prefix for brick in installed.deployment.profiles[0].bricks if brick.image.digest == CLIMATE
    )
    labelled(installed, CLIMATE, brick_spec="1", brick_prefix=prefix, brick_subpath="/", brick_name="x")
    labelled(installed, LAB, system_spec="1", system_conda="/opt/conda")
    done = installed.run("lego-materialize", "--no-try")
    assert 0 == done.returncode, done.stderr


def without_gpu(installed: Installed) -> tuple[Path, str]:
    """Take the last profile away, whose system image nobody else has; returns the file of that, and its key."""
    gone = installed.deployment.profiles[-1].system.image.digest
    file = installed.store / installed.records()[f"sif {gone}"]["file"]
    for name in ("composition.json", "images.json"):
        path = installed.root / name
        tree = json.loads(path.read_text())
        if name == "images.json":
            tree["images"] = [each for each in tree["images"] if gone not in each["image"]]
        else:
            del tree["profiles"][-1]
        path.write_text(json.dumps(tree))
    return file, f"sif {gone}"


def older(installed: Installed, key: str, days: float) -> None:
    """Make it so many days ago that somebody wanted a file."""
    path = installed.store / "resolved.json"
    tree = json.loads(path.read_text())
    tree["images"][key]["unwanted"] -= days * 86400
    path.write_text(json.dumps(tree))


def test_old_files_are_removed_only_when_asked(installed: Installed) -> None:
    """And then those only that nobody has wanted for as long as was said."""
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    kept = files(installed.store)
    file, key = without_gpu(installed)
    assert 0 == installed.run("lego-materialize", "--no-try", "--clean").returncode
    older(installed, key, 29)
    assert 0 == installed.run("lego-materialize", "--no-try", "--clean").returncode
    older(installed, key, 2)
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    assert kept == files(installed.store)
    done = installed.run("lego-materialize", "--no-try", "--clean")
    assert (0, True) == (done.returncode, f"removed {file.name}" in done.stderr)
    assert kept - {file.name} == files(installed.store)
    assert key not in installed.records()


def test_what_another_centre_wants_is_kept(installed: Installed) -> None:
    """Centres may share a store: a file is old when none of them wants it."""
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    tree = json.loads((installed.store / "resolved.json").read_text())
    for record in tree["images"].values():
        assert ["grenoble in /opt/lego/grenoble"] == record["wanted"]
        record["wanted"].append("brest in /opt/lego/brest")
    (installed.store / "resolved.json").write_text(json.dumps(tree))
    file, key = without_gpu(installed)
    assert 0 == installed.run("lego-materialize", "--no-try", "--clean", "2").returncode
    assert ["brest in /opt/lego/brest"] == installed.records()[key]["wanted"]
    assert "unwanted" not in installed.records()[key]
    assert file.exists()


@pytest.mark.parametrize("days", ["0", "-1", "x", "nan", "0.5"])
def test_no_session_loses_what_it_uses(installed: Installed, days: str) -> None:
    """A number of days that is shorter than a session is refused."""
    done = installed.run("lego-materialize", "--no-try", "--clean", days)
    assert 0 != done.returncode
    assert "Traceback" not in done.stderr


def test_a_damaged_record_is_named(installed: Installed) -> None:
    """By the fetcher and by the launcher, with the file; nothing is pulled over it."""
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    for damage in ("{", "[]", '{"images": 1}'):
        (installed.store / "resolved.json").write_text(damage)
        for program in ("lego-materialize", "lego-launch"):
            done = installed.run(program)
            assert done.returncode in (1, 78)
            assert f"{installed.store}/resolved.json is damaged" in done.stderr
            assert "Traceback" not in done.stderr


def test_a_link_to_nowhere_is_no_image(installed: Installed) -> None:
    """It is said of that image, and the others are looked at."""
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    file = installed.store / installed.records()[f"sif {LAB}"]["file"]
    file.unlink()
    file.symlink_to("/nowhere")
    done = installed.run("lego-materialize", "--no-try")
    assert (1, True) == (done.returncode, f"{file} is not what was pulled" in done.stderr)
    assert "1 of 8 images failed" in done.stderr


def test_a_store_that_is_open_to_all_is_not_filled(installed: Installed) -> None:
    """Whoever can write there can plant links and images."""
    installed.store.mkdir()
    installed.store.chmod(0o777)
    done = installed.run("lego-materialize", "--no-try")
    assert (1, True) == (done.returncode, "everybody can write to" in done.stderr)
    assert set() == files(installed.store)


def test_what_is_pulled_ends_with_us(installed: Installed) -> None:
    """A run that is asked to end takes the runtime with it, and leaves nothing half-made."""
    installed.runtime.publish(LAB, "slow")
    process = subprocess.Popen(
        installed.command("lego-materialize", "--no-try"),
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(installed.runtime.here)},
        stderr=subprocess.PIPE,
    )
    for _ in range(600):
        if any(
            "lab" in " ".join(call["words"]) and LAB in call["words"][-1]
            for call in installed.runtime.calls()
        ):
            break
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=30)
    assert 143 == process.returncode
    assert not [path for path in installed.store.iterdir() if path.name.startswith(".lego-pull")]
    assert not list(installed.runtime.here.rglob("bundle-temp"))  # what was unpacked is gigabytes


def test_a_runtime_that_is_not_there_is_named(installed: Installed) -> None:
    """Before anything is made."""
    installed.runtime.program.unlink()
    done = installed.run("lego-materialize")
    assert (1, True) == (done.returncode, f"{installed.runtime.program} is not there" in done.stderr)
    assert not installed.store.exists()
