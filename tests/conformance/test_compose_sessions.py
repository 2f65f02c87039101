"""Sessions of the target ``compose``, started by the real DockerSpawner against an engine that records."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lego_compile.ir.model import BrickMount, Composition
from tests.conformance.compose_attacks import ATTACKS
from tests.conformance.compose_hub import Hub, hub
from tests.conformance.compose_payload import assert_is_composition, image_mount
from tests.conformance.spawn_page import Page
from tests.strategies import choices, example, spelled
from tests.targets.compose.samples import mounted, options, projected

# JupyterHub and its libraries warn of each other's plans, which say nothing about us.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture
def grenoble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub of the rich example."""
    yield from hub(tmp_path, monkeypatch, projected(example()))


@pytest.mark.parametrize(
    ("profile", "ticked"),
    [(profile, ticked) for profile in projected(example()).profiles for ticked in choices(profile)],
    ids=lambda value: getattr(value, "slug", None) or "+".join(brick.called for brick in value) or "nothing",
)
def test_the_engine_gets_the_composition(
    grenoble: Hub, profile: Composition, ticked: tuple[BrickMount, ...]
) -> None:
    """For every profile and every choice, the container is exactly the composition: image, mounts, home, limits."""
    body = grenoble.start({"profile": profile.slug, "bricks": list(map(spelled, ticked))}, "grace")
    assert_is_composition(body, projected(example()), profile, ticked, "grace")


@pytest.mark.parametrize("mounts", ["baked", "volume"])
def test_bricks_come_otherwise(mounts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without image mounts, bricks are in the profile's image or in volumes, and what is missing is named too."""
    deployment, chosen = mounted(projected(example()), options(), mounts)
    for server in hub(tmp_path, monkeypatch, deployment, chosen):
        for profile in deployment.profiles:
            for ticked in choices(profile):
                wishes = {"profile": profile.slug, "bricks": list(map(spelled, ticked))}
                body = server.start(wishes, "grace")
                assert_is_composition(body, deployment, profile, ticked, "grace", mounts)
        some = {"baked": server.engine.images, "volume": server.engine.volumes}[mounts]
        some.clear()
        server.engine.images |= {profile.system.image.pinned for profile in deployment.profiles}
        assert server.refused({}, "grace") == 503
        assert not server.engine.unknown


def test_containers_are_made_anew(grenoble: Hub) -> None:
    """A container never comes back with old bricks: DockerSpawner removes it, and not the engine, which forgets why."""
    body = grenoble.start({})
    assert True is grenoble.spawner().remove
    assert not body["HostConfig"].get("AutoRemove")


def test_uneven_cores_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit such as 0.29 cores is not rounded down."""
    deployment = projected(example())
    first = deployment.profiles[0]
    uneven = replace(first, limits=replace(first.limits, cpu=290))
    for server in hub(tmp_path, monkeypatch, replace(deployment, profiles=(uneven,))):
        assert server.start({})["HostConfig"]["CpuQuota"] == 29000


def test_an_export_is_a_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An NFS export becomes a volume whose name changes with its options, since Docker never changes a volume."""
    deployment = projected(example())
    names = set()
    for number, (server, writable) in enumerate(
        [("nas.example.org", False), ("nas.example.org", True), ("b.example.org", True)]
    ):
        first = deployment.profiles[0]
        data = (replace(first.data[0], source=f"nfs:{server}:/export/era5", writable=writable),)
        one = replace(deployment, profiles=(replace(first, data=data),))
        folder = tmp_path / str(number)
        folder.mkdir()
        for each in hub(folder, monkeypatch, one):
            mount = next(m for m in each.start({})["HostConfig"]["Mounts"] if m["Target"] == "/data/era5")
        mode = "rw" if writable else "ro"
        wanted = {"type": "nfs", "device": ":/export/era5", "o": f"addr={server},nfsvers=4,{mode}"}
        assert ("volume", not writable) == (mount["Type"], mount["ReadOnly"])
        assert {"Name": "local", "Options": wanted} == mount["VolumeOptions"]["DriverConfig"]
        names.add(mount["Source"])
    assert len(names) == 3


@pytest.mark.parametrize(
    ("slug", "wish", "release"),
    [
        ("ocean", "ml", "2026.10"),
        ("ocean", "ml@include", "2026.10"),
        ("ocean", "ml@v2026-3", "2026.3"),
        ("ocean", "ml@v2025-1", "2026.10"),
        ("ocean", "notebook@include", "2026.01.30"),
        ("ocean", "notebook@v2025-7-1", "2026.01.30"),
        ("field", "climate", "2026.3"),
        ("field", "climate@include", "2026.3"),
        ("field", "climate@v2026-10", "2026.10"),
    ],
)
def test_a_wish_has_one_meaning(grenoble: Hub, slug: str, wish: str, release: str) -> None:
    """A key is its release; what was stored once, and a name without a release of its own, are the first one."""
    (profile,) = (each for each in projected(example()).profiles if each.slug == slug)
    (brick,) = (
        each for each in profile.offers if (each.name, each.image.tag) == (wish.partition("@")[0], release)
    )
    mounts = grenoble.start({"profile": slug, "bricks": [wish]})["HostConfig"]["Mounts"]
    assert [image_mount(brick)] == [mount for mount in mounts if mount["Target"] == brick.prefix]
    assert len(profile.bricks) + 1 == len([mount for mount in mounts if mount["Type"] == "image"])


def test_what_is_left_of_a_choice(grenoble: Hub) -> None:
    """A stored choice with a brick that is gone keeps its profile and its other bricks; nonsense is the default."""
    stored = {"profile": "ocean", "bricks": ["gone", "ml@v2026-3", "ml", 7]}
    posted = Page(grenoble.spawner("ada", stored).options_form(grenoble.spawner("ada", stored))).posted()
    assert {"profile": ["ocean"], "bricks-ocean": ["ml@v2026-3"]} == {
        key: wishes for key, value in posted.items() if (wishes := list(filter(None, value)))
    }
    for odd in ({"profile": "gone", "bricks": []}, {"profile": ["ocean"]}, ["ocean"], {"bricks": 7}):
        posted = Page(grenoble.spawner("ada", odd).options_form(grenoble.spawner("ada", odd))).posted()
        assert posted["profile"] == ["ocean"]


def test_one_release_in_several_words(grenoble: Hub) -> None:
    """To ask twice for the same is to ask for it."""
    words = ["ml@v2025-9", "ml", "ml@include", "ml"]
    once, often = (grenoble.start({"profile": "ocean", "bricks": asked}) for asked in (["ml"], words))
    assert once["HostConfig"]["Mounts"] == often["HostConfig"]["Mounts"]


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_else_can_be_started(grenoble: Hub, name: str) -> None:
    """Options that the form never sends, or not to this user, are refused with 400 before anything is created."""
    user = "eve" if "group" in name else "ada"
    assert grenoble.refused(ATTACKS[name], user) == 400


def test_whom_the_spec_dropped_is_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the hub's database still has in a group, and the spec no longer, cannot choose its profiles."""
    deployment = replace(projected(example()), groups=(("staff", ("grace",)),))
    for server in hub(tmp_path, monkeypatch, deployment):
        assert server.refused({"profile": "field"}, "ada") == 400
        assert server.start({"profile": "field"}, "grace")["Labels"]["org.lego.profile"] == "field"


def test_no_profile_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user to whom no profile is open is told so, with 403, and sees no form."""
    from tornado.web import HTTPError

    deployment = projected(example())
    closed = replace(deployment, profiles=(replace(deployment.profiles[0], groups=("m1",)),))
    for server in hub(tmp_path, monkeypatch, closed):
        assert server.refused({}, "eve") == 403
        with pytest.raises(HTTPError, match="403"):
            asyncio.run(server.spawner("eve").get_options_form())


@pytest.mark.parametrize("which", ["system", "fixed", "ticked"])
def test_missing_images_are_named(grenoble: Hub, which: str) -> None:
    """An image that is not on the machine is named in a 503, and nothing is created."""
    from tornado.web import HTTPError

    profile = projected(example()).profiles[0]
    image = {
        "system": profile.system.image,
        "fixed": profile.bricks[0].image,
        "ticked": profile.offers[0].image,
    }[which]
    grenoble.engine.images.discard(image.pinned)
    with pytest.raises(HTTPError) as caught:
        grenoble.start({"profile": "ocean", "bricks": [profile.offers[0].name]})
    assert caught.value.status_code == 503
    assert image.pinned in caught.value.jupyterhub_message  # type: ignore[attr-defined]


# --- the spawn page -------------------------------------------------------------------------------------------


def form(server: Hub, name: str = "ada", last: Any = None) -> Page:
    """The spawn page of a user."""
    return Page(asyncio.run(server.spawner(name, last).get_options_form()))


def test_the_form_offers_what_is_open(grenoble: Hub) -> None:
    """A user sees the profiles of her groups, in order, each with its own offers, and titles as they were written."""
    assert form(grenoble, "grace").values("profile") == ["ocean", "field", "deep"]
    assert form(grenoble, "eve").values("profile") == ["ocean"]
    page = form(grenoble, "ada")
    assert page.values("bricks-ocean") == ["", "ml", "ml@v2026-3", "notebook"]
    assert ["no", "2026.10", "2026.3"] == [box.label for box in page.boxes if box.name == "bricks-ocean"][:3]
    assert page.posted() == {"profile": ["ocean"], "bricks-ocean": [""], "bricks-field": [""]}
    assert "Ocean & climate" in page.text
    assert form(grenoble, "eve").text.count("Machine learning") == 1
    assert page.tags.isdisjoint({"modelling", "script"})


def test_titles_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Markup in titles and descriptions is shown and not obeyed."""
    evil = '"><script>alert(1)</script>'
    deployment = projected(example())
    first = deployment.profiles[0]
    offers = tuple(
        replace(brick, title=evil, **({"choice": evil, "release": evil} if brick.choice else {}))
        for brick in first.offers
    )
    profiles = (replace(first, title=evil, description=evil, offers=offers), *deployment.profiles[1:])
    for server in hub(tmp_path, monkeypatch, replace(deployment, profiles=profiles)):
        page = form(server)
        assert "script" not in page.tags
        assert page.text.count(evil) == 6
        assert page.values("bricks-ocean") == ["", f"ml@{evil}", f"ml@{evil}", "notebook"]


def test_the_last_choice_is_preselected(grenoble: Hub) -> None:
    """What was chosen last is preselected, and what can no longer be chosen is forgotten."""
    page = form(grenoble, "ada", {"profile": "ocean", "bricks": ["notebook"]})
    assert page.posted()["bricks-ocean"] == ["", "notebook"]
    assert form(grenoble, "ada", {"profile": "field", "bricks": []}).posted()["profile"] == ["field"]
    for stale in ({"profile": "gone"}, {"profile": "ocean", "bricks": ["gone"]}, {"x": 1}, ["x"], 7):
        page = form(grenoble, "ada", stale)
        assert page.posted() == {"profile": ["ocean"], "bricks-ocean": [""], "bricks-field": [""]}


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (["ml"], ["ml"]),
        (["ml@include"], ["ml"]),
        (["ml@v2026-3"], ["ml@v2026-3"]),
        (["ml@v2025-1", "notebook@v2025-7-1"], ["ml", "notebook"]),
        ([], []),
    ],
)
def test_a_stored_release_starts_from_the_form(grenoble: Hub, stored: list[str], shown: list[str]) -> None:
    """The page shows what was stored, be it retired, and what it posts unchanged starts the same session."""
    last = {"profile": "ocean", "bricks": stored}
    posted = form(grenoble, "ada", last).posted()
    assert ["ocean", *shown] == [
        value for name in ("profile", "bricks-ocean") for value in posted[name] if value
    ]
    options = grenoble.spawner().options_from_form(posted)
    assert {"profile": "ocean", "bricks": shown} == options
    assert grenoble.start(last)["HostConfig"]["Mounts"] == grenoble.start(options)["HostConfig"]["Mounts"]


def test_no_choice_no_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one profile and nothing to tick there is no form, and options of the last start that hold no more go."""
    deployment = projected(example())
    single = replace(deployment, profiles=(replace(deployment.profiles[0], offers=()),))
    for server in hub(tmp_path, monkeypatch, single):
        spawner = server.spawner("ada", {"profile": "gone", "bricks": ["ml"]})
        assert asyncio.run(spawner.get_options_form()) == ""
        assert spawner.orm_spawner.user_options == {}
        assert server.start({})["Labels"]["org.lego.profile"] == "ocean"


def test_the_form_is_understood(grenoble: Hub) -> None:
    """What a browser posts becomes options, in which boxes of other profiles do not count."""
    spawner = grenoble.spawner()
    posted = {"profile": ["field"], "bricks-ocean": ["ml"], "evil": ["x"]}
    assert spawner.options_from_form(posted) == {"profile": "field", "bricks": []}
    posted = {"profile": ["ocean"], "bricks-ocean": ["ml", "notebook"], "bricks-field": ["climate@v2026-3"]}
    assert spawner.options_from_form(posted) == {"profile": "ocean", "bricks": ["ml", "notebook"]}
    posted = {"profile": ["ocean"], "bricks-ocean": ["", "notebook"]}
    assert spawner.options_from_form(posted) == {"profile": "ocean", "bricks": ["notebook"]}
    assert grenoble.refused(spawner.options_from_form({})) == 400


# --- the guard ------------------------------------------------------------------------------------------------


def test_shellcheck_has_nothing_to_say(grenoble: Hub) -> None:
    """The guard is plain POSIX shell."""
    program = shutil.which("shellcheck") or shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("shellcheck is not installed: pip install 'lego-compile[conformance]'")
    guard = "#!/bin/sh\n" + grenoble.start({})["Cmd"][2]
    done = subprocess.run([program, "-"], input=guard, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
