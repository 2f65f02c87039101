"""JupyterHub, wrapspawner and batchspawner judge a hub of the target ``apptainer`` with wrapspawner's profiles."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.apptainer_hub import (
    TOKEN,
    directives,
    form,
    launched,
    load,
    need,
    recorded,
    refused,
    reporting,
    spawner,
    started,
)
from tests.strategies import example
from tests.targets.apptainer.samples import everything, hub, install, oar, options, projected

need("batchspawner", "wrapspawner")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DEPLOYMENT = projected(example())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """JupyterHub of the example, with Slurm and wrapspawner."""
    return wrapped(tmp_path_factory.mktemp("hub"))


def wrapped(root: Path, site: str = "") -> Any:
    """JupyterHub of the example, with Slurm and wrapspawner, and what a site says."""
    chosen = {**everything(), "site_binds": [], "hub": hub(spawner="wrapspawner")}
    install(root, DEPLOYMENT, chosen)
    extra = root / "jupyterhub" / "jupyterhub_config.d" / "site.py"
    extra.parent.mkdir()
    extra.write_text(site)
    return load(root)


def wrapper(app: Any, *args: Any, **kwargs: Any) -> Any:
    """A spawner of a user, as JupyterHub would make it; commands of the one in it are recorded and not run."""
    made = spawner(app, *args, **kwargs)
    construct = made.construct_child

    def construct_child() -> Any:
        new = made.child_spawner is None
        child = construct()
        if new:
            recorded(child, made.run)
        return child

    made.construct_child = construct_child
    return made


def start(made: Any, options: Any) -> str:
    """The batch script that Slurm gets for the options of a user."""
    made.user_options = options
    made.clear_state()  # as JupyterHub does before a start; it has a new token then
    made.api_token = TOKEN
    return started(made)


def test_jupyterhub_knows_every_setting(app: Any) -> None:
    """Each class and trait that the configuration names exists, and the form is ours."""
    from jupyterhub.app import JupyterHub

    spawner_class = app.config.JupyterHub.spawner_class
    classes = {"JupyterHub": JupyterHub, "LegoProfilesSpawner": spawner_class}
    assert classes.keys() == app.config.keys()
    for name, settings in app.config.items():
        assert set() == settings.keys() - set(classes[name].class_trait_names(config=True))
    made = spawner(app)
    assert (600, 120) == (made.start_timeout, made.http_timeout)
    assert "LegoSlurmSpawner" == made.child_class.__name__


@pytest.mark.parametrize("profile", DEPLOYMENT.profiles, ids=lambda profile: profile.slug)
def test_every_profile_starts(app: Any, profile: Any) -> None:
    """The job is the same as that of our own spawn page, without bricks."""
    text = start(wrapper(app), {"profile": profile.slug})
    expected = ["exec", "/opt/lego/grenoble/bin/lego-launch", "-c", profile.slug, "--"]
    assert [*expected, *reporting(profile)] == launched(text)
    found = directives(text)
    assert ("gpu" if profile.slug == "deep" else "interactive") == found["partition"]
    assert "exclusive" in found
    assert ("gres" in found) == (profile.slug == "deep")


def test_what_the_form_sends_starts(app: Any) -> None:
    """The form has the profiles, no bricks, and the last choice; no options at all are the default profile."""
    made = wrapper(app, last={"profile": "deep"})
    page = form(made)
    assert {"profile": ["deep"]} == page.posted()
    assert ["ocean", "field", "deep"] == page.values("profile")
    assert {"profile"} == {box.name for box in page.boxes}
    chosen = made.options_from_form({**page.posted(), "bricks-deep": ["x"]})
    assert {"profile": "deep"} == chosen
    assert "deep" == launched(start(made, chosen))[3]
    assert "ocean" == launched(start(wrapper(app), {}))[3]


@pytest.mark.parametrize(
    "attack",
    [
        {"profile": "local"},
        {"profile": ""},
        {"profile": "ocean", "bricks": ["ml"]},
        {"profile": "ocean", "cmd": "id > /tmp/pwn"},
        {"prologue": "curl evil | sh"},
        {"child_class": "jupyterhub.spawner.LocalProcessSpawner"},
        {"child_config": {"req_partition": "secret"}},
        {"profile": ["ocean"]},
        ["ocean"],
        "ocean",
        None,
    ],
)
def test_an_attack_is_refused(app: Any, attack: Any) -> None:
    """Whatever a request says besides a profile is answered with 400, and starts nothing, least of all on the hub."""
    assert 400 == refused(wrapper(app), attack)


def test_a_profile_of_a_group_is_for_its_members(app: Any) -> None:
    """Others neither see it nor can start it; members that the spec lists no more lose it."""
    bob = wrapper(app, "bob", ("staff",))
    assert [] == form(bob).boxes  # there is nothing to choose
    assert 400 == refused(bob, {"profile": "deep"})
    assert 400 == refused(bob, {"profile": "field"})
    grown = wrapper(app, "bob", ("m1",))
    assert ["ocean", "deep"] == form(grown).values("profile")
    assert "deep" == launched(start(grown, {"profile": "deep"}))[3]


def test_no_profile_outlives_a_session(app: Any) -> None:
    """A spawner is used again: the job is of the profile of now, and reports its port anew, be it the same."""
    made = wrapper(app)
    first = start(made, {"profile": "deep"})
    made.port = 40000  # as the hub has it of the session before
    made.run.clear()
    second = start(made, {"profile": "ocean"})
    assert ("deep", "ocean") == (launched(first)[3], launched(second)[3])
    assert "gres" not in directives(second)


def test_the_port_arrives(app: Any) -> None:
    """The session reports it to the spawner that JupyterHub knows, and the one of the job waits for it."""
    made = wrapper(app)
    made.port = 41000

    async def main() -> Any:
        made.user_options = {"profile": "ocean"}
        made.clear_state()
        child = made.construct_child()
        del child.mock_port
        starting = asyncio.ensure_future(made.start())
        await asyncio.sleep(0.1)
        assert not starting.done()
        made.port = 41000  # the same as last time
        return await asyncio.wait_for(starting, timeout=5)

    assert ("node1.example.org", 41000) == asyncio.run(main())


def test_a_session_outlives_the_hub(app: Any) -> None:
    """A hub that is started again finds the job by what it stored, whatever the options are by then."""
    made = wrapper(app)
    start(made, {"profile": "deep"})
    state = made.get_state()
    for last in ({"profile": "deep"}, {"profile": "gone"}, ["deep"]):
        again = wrapper(app)
        again.user_options = last
        again.load_state(state)
        assert "7" == again.child_spawner.job_id
        assert asyncio.run(again.poll()) is None
        asyncio.run(again.stop(now=True))
        assert [command for command, _, _ in again.run if "scancel 7" in command]
    idle = wrapper(app)
    idle.load_state({})
    assert 1 == asyncio.run(idle.poll())


def test_settings_of_other_wrapspawners_open_nothing(tmp_path: Path) -> None:
    """What a site had written for wrapspawner itself, its list of profiles and its class, does not weaken this."""
    app = wrapped(
        tmp_path,
        "c.ProfilesSpawner.profiles = [('Here', 'local', 'jupyterhub.spawner.LocalProcessSpawner', {})]\n"
        "c.WrapSpawner.child_class = 'jupyterhub.spawner.LocalProcessSpawner'\n",
    )
    assert 400 == refused(wrapper(app), {"profile": "local"})
    assert "ocean" == launched(start(wrapper(app), {}))[3]


def test_no_other_class_can_be_set(tmp_path: Path) -> None:
    """Not even by the site: a spawner of jobs of ours, or none."""
    from traitlets import TraitError

    app = wrapped(tmp_path, "c.LegoProfilesSpawner.child_class = 'jupyterhub.spawner.LocalProcessSpawner'\n")
    with pytest.raises(TraitError, match="child_class"):
        wrapper(app)


def test_jobs_of_another_scheduler(tmp_path: Path) -> None:
    """On a cluster with OAR, the profiles are started by the spawner for it."""
    chosen = options(oar=oar(), hub=hub(spawner="wrapspawner"))
    found = load(install(tmp_path, DEPLOYMENT, chosen))
    made = wrapper(found)
    made.user_options = {"profile": "deep"}
    assert "LegoOarSpawner" == type(made.construct_child()).__name__
    assert 400 == refused(wrapper(found), {"profile": "local"})
