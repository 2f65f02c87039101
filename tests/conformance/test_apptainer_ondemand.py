"""Ruby's own ERB and YAML render the app for Open OnDemand, and what comes out is run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.conformance.jupyter_lab import Browser, install, waited
from tests.strategies import example
from tests.targets.apptainer.around import ODD, put, titled, with_everything
from tests.targets.apptainer.conftest import Installed, prepare
from tests.targets.apptainer.samples import exceptions, projected, slurm

HERE = Path(__file__).parent
RUBY = shutil.which(os.environ.get("LEGO_RUBY", "ruby"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(RUBY is None, reason="no Ruby: apt-get install ruby, or LEGO_RUBY=…/ruby"),
]

ANSWERS = {
    "profile": "ocean",
    "hours": "4",
    "offer__ocean__ml": "",
    "offer__ocean__notebook": "",
    "offer__field__climate": "",
}
HOSTILE = [
    "$(id)",
    "`id`",
    "x; id",
    "x\nid",
    "<%= `id` %>",
    "#{`id`}",
    "'",
    '"',
    "ml'; id; '",
    "ml\n",
    "--help",
    "ml,x",
    "é",
]


def onward(root: Path, what: str, **more: Any) -> dict[str, Any]:
    """What Open OnDemand makes of the app below an installed centre."""
    assert RUBY
    asked = json.dumps({"root": str(root / "ondemand"), "what": what, **more})
    done = subprocess.run(
        [RUBY, str(HERE / "ondemand.rb")],
        input=asked, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "LANG": "C"},  # as Passenger may have it
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def start(root: Path, folder: Path, **answers: Any) -> dict[str, Any]:
    """What becomes of a form: the job, or the error that the user reads."""
    folder.mkdir(exist_ok=True)
    return onward(root, "start", answers={**ANSWERS, **answers}, folder=str(folder))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed."""
    return put(tmp_path_factory.mktemp("app"))


# --- the form -----------------------------------------------------------------------------------------------


def test_the_form_has_what_profiles_offer(app: Path) -> None:
    """All profiles, the hours of the longest, and for every offered brick a box or its releases."""
    read = onward(app, "read")
    assert ("batch_connect", "JupyterLab (grenoble)") == (read["manifest"]["role"], read["manifest"]["name"])
    form = read["form"]
    assert ("dahu", list(ANSWERS)) == (form["cluster"], form["form"])
    fields = form["attributes"]
    assert [[f"Profile {slug}", slug] for slug in ("ocean", "field", "deep")] == fields["profile"]["options"]
    assert ("ocean", 8) == (fields["profile"]["value"], fields["hours"]["max"])
    assert {
        "widget": "check_box",
        "label": "Pangeo",
        "checked_value": "notebook",
        "unchecked_value": "",
    } == fields["offer__ocean__notebook"]
    releases = [["no", ""], ["2026.10", "ml@include"], ["2026.3", "ml@v2026-3"]]
    assert releases == fields["offer__ocean__ml"]["options"]


@pytest.mark.parametrize("title", ODD)
def test_odd_titles_are_text_to_ruby(title: str, tmp_path: Path) -> None:
    """Nothing of a title is evaluated, and Psych reads what we mean."""
    root = put(tmp_path / "root", titled(projected(example()), title))
    fields = onward(root, "read")["form"]["attributes"]
    assert [title] * 3 == [label for label, _ in fields["profile"]["options"]]
    assert {title} == {each["label"] for name, each in fields.items() if name.startswith("offer__")}
    assert not any("help" in each for each in fields.values()), "Open OnDemand shows it as HTML"
    assert "job" in start(root, tmp_path / "job")


# --- the job ------------------------------------------------------------------------------------------------


def test_slurm_is_asked_for_what_the_profile_has(app: Path, tmp_path: Path) -> None:
    """The options are those of the batch template, and the time is in seconds, as Open OnDemand wants it."""
    job = start(app, tmp_path / "job")["job"]
    assert {"template": "basic"} == job["batch_connect"]
    assert 4 * 3600 == job["script"]["wall_time"]
    options = ["--nodes=1", "--ntasks=1", "--partition=interactive", "--cpus-per-task=4", "--mem=8388608K"]
    assert options == job["script"]["native"]
    deep = start(app, tmp_path / "deep", profile="deep", hours="9")["job"]["script"]
    assert 2 * 3600 == deep["wall_time"], "the profile's time is the longest"
    assert {"--partition=gpu", "--gres=gpu:a100:2"} <= set(deep["native"])


def test_times_of_every_kind(tmp_path: Path) -> None:
    """Days, and less than an hour."""
    said = slurm(time="1-00:00:00", profiles={"deep": exceptions(time="00:30:00")})
    root = put(tmp_path / "root", chosen=with_everything(slurm=said))
    assert 24 == onward(root, "read")["form"]["attributes"]["hours"]["max"]
    assert 24 * 3600 == start(root, tmp_path / "long", hours="24")["job"]["script"]["wall_time"]
    assert 1800 == start(root, tmp_path / "short", profile="deep", hours="1")["job"]["script"]["wall_time"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["profile", "hours", "offer__ocean__ml", "offer__ocean__notebook"])
def test_hostile_answers_are_refused(name: str, value: str, app: Path, tmp_path: Path) -> None:
    """A form can be posted with anything in it: it is looked up, and there is no job and no script for it."""
    found = start(app, tmp_path / "job", **{name: value})
    assert ("error", "RuntimeError") == (next(iter(found)), found.get("kind")), found
    assert not any((tmp_path / "job").iterdir())


@pytest.mark.parametrize("hours", ["", "0", "-1", "1.5", "0x10", "99999", "1e3"])
def test_hours_are_hours(hours: str, app: Path, tmp_path: Path) -> None:
    """Whole and above zero."""
    assert "Hours are a whole number above zero" == start(app, tmp_path / "job", hours=hours)["error"]


def test_a_brick_of_another_profile_is_not_read(app: Path, tmp_path: Path) -> None:
    """What the page hid counts for nothing."""
    start(app, tmp_path / "job", offer__field__climate="climate@v2026-3")
    assert " -b '' -- " in (tmp_path / "job" / "script.sh").read_text()


def test_the_scripts_are_clean(app: Path, tmp_path: Path) -> None:
    """ShellCheck reads what was rendered, and the script can be run."""
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("no shellcheck: pip install 'lego-compile[conformance]'")
    start(app, tmp_path / "job", offer__ocean__ml="ml@v2026-3", offer__ocean__notebook="notebook")
    scripts = sorted((tmp_path / "job").glob("*.sh"))
    assert ["after.sh", "before.sh", "script.sh"] == [each.name for each in scripts]
    done = subprocess.run([program, *scripts], capture_output=True, text=True, check=False)
    assert "" == done.stdout + done.stderr
    assert scripts[2].read_text().startswith("#!/bin/bash\n")
    assert os.access(scripts[2], os.X_OK)


# --- the session --------------------------------------------------------------------------------------------


class Form(HTMLParser):
    """The one form of the view."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.form: dict[str, str | None] = {}
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """The form, or a field of it."""
        given = dict(attrs)
        if tag == "form":
            self.form = given
        elif tag == "input":
            self.fields[given["name"] or ""] = given["value"] or ""


@dataclass
class Session:
    """A job that runs.

    Attributes:
        process: of the job script.
        folder: where Open OnDemand staged it.
        arguments: of its JupyterLab.
        visitor: a browser.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    arguments: Path
    visitor: Browser = field(default_factory=Browser)

    @property
    def log(self) -> Path:
        """Where the scheduler writes what it says."""
        return self.folder / "output.log"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An installed centre with a full store, and the stand-in for the runtime."""
    pytest.importorskip("jupyter_server", reason="no jupyter_server: pip install 'lego-compile[conformance]'")
    folder = tmp_path_factory.mktemp("center")
    chosen = {
        "root": str(folder / "root"),
        "scheduler": "slurm",
        "slurm": slurm(),
        "ondemand": {"cluster": "dahu"},
    }
    center = prepare(folder, **chosen)
    assert 0 == center.run("lego-materialize", "--no-try").returncode
    return center


def run(installed: Installed, folder: Path, **answers: str) -> subprocess.Popen[bytes]:
    """Start a job as the scheduler would."""
    assert "job" in start(installed.root, folder, **answers)
    (folder / "output.log").touch(0o644)
    with (folder / "output.log").open("ab") as output:
        return subprocess.Popen(
            ["bash", str(HERE / "ondemand_job.sh"), str(folder)],
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(installed.runtime.here), "HOME": "/root"},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def session(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session with an offered brick in one of its releases."""
    folder = tmp_path_factory.mktemp("job")
    arguments = install(installed.runtime)
    process = run(installed, folder, offer__ocean__ml="ml@v2026-3")
    yield Session(process, folder, arguments)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


def address(session: Session) -> str:
    """Where the session listens, as Open OnDemand's proxy finds it."""
    connection = yaml.safe_load(
        waited(
            lambda: (
                (session.folder / "connection.yml").exists()
                and (session.folder / "connection.yml").read_text()
            )
        )
    )
    return f"http://{connection['host']}:{connection['port']}"


def test_a_user_comes_in_by_the_button(installed: Installed, session: Session) -> None:
    """The view's form logs in through the proxy, whose Host is another one, and nobody does without it."""
    server, portal = address(session), {"Host": "node7:1", "Origin": "https://ondemand.example.org"}
    view = Form(onward(installed.root, "view", connection=str(session.folder / "connection.yml"))["view"])
    action = str(view.form["action"])
    base = f"/node/localhost/{urlsplit(server).port}"
    assert (f"{base}/login", "post") == (urlsplit(action).path, view.form["method"])
    assert "token" not in action
    assert 403 == session.visitor.open(f"{server}{base}/api/contents", **portal)[0]
    assert 403 == Browser().open(server + action, {"password": view.fields["password"]}, **portal)[0], "XSRF"
    assert 401 == Browser().open(server + action, {**view.fields, "password": "x"}, **portal)[0]
    status, _, headers = session.visitor.open(server + action, view.fields, **portal)
    assert (302, f"{base}/lab") == (status, headers["Location"])
    status, text, _ = session.visitor.open(f"{server}{base}/api/contents", **portal)
    assert (200, "directory") == (status, json.loads(text)["type"])


def test_the_token_is_nowhere_that_others_read(installed: Installed, session: Session) -> None:
    """Not in a command line, nor in a file of a mode that others read; the log has it and is private."""
    address(session)
    token = yaml.safe_load((session.folder / "connection.yml").read_text())["password"]
    assert 41 == len(token)
    waited(lambda: "Serving notebooks" in session.log.read_text())
    for process in (each for each in Path("/proc").iterdir() if each.name.isdigit()):
        try:
            assert token.encode() not in (process / "cmdline").read_bytes()
        except OSError:
            continue
    for file in (each for each in session.folder.rglob("*") if each.is_file()):
        if token in file.read_text():
            assert 0o600 == stat.S_IMODE(file.stat().st_mode), file
    assert 0o600 == stat.S_IMODE(session.log.stat().st_mode)


def test_the_session_is_that_of_the_profile(installed: Installed, session: Session) -> None:
    """Its bricks and the picked release are mounted, and its own options come first."""
    address(session)
    words = next(call["words"] for call in reversed(installed.runtime.calls()) if call["words"][0] == "exec")
    mounts = " ".join(words)
    assert all(brick in mounts for brick in ("brick-ocean-aaaa", "brick-climate-bbbb", "brick-ml-1111"))
    assert "notebook" not in mounts
    arguments = session.arguments.read_text().split("\0")
    assert any("kernel_spec_manager_class=nb_conda_kernels" in each for each in arguments)
    assert "--ServerApp.allow_origin=*" in arguments


def test_a_session_that_cannot_start_says_so_at_once(installed: Installed, tmp_path: Path) -> None:
    """Nobody waits for minutes for a brick that is not there: the log says which, and the job fails."""
    records = json.loads((installed.store / "resolved.json").read_text())
    missing = next(key for key in records["images"] if "dddd" in key)
    file = installed.store / records["images"][missing]["file"]
    file.rename(tmp_path / "away")
    try:
        process = run(installed, tmp_path / "job", offer__ocean__notebook="notebook")
        assert 78 == process.wait(timeout=30)
        assert "is missing: run lego-materialize" in (tmp_path / "job" / "output.log").read_text()
    finally:
        (tmp_path / "away").rename(file)


def test_the_view_is_inert(app: Path, tmp_path: Path) -> None:
    """The connection file is written by a job, which the user's own code may have replaced."""
    odd = '"><script>alert(1)</script>'
    (tmp_path / "connection.yml").write_text(json.dumps({"host": odd, "port": odd, "password": odd}))
    text = onward(app, "view", connection=str(tmp_path / "connection.yml"))["view"]
    assert "<script>" not in text
    view = Form(text)
    assert {"token": odd, "password": odd} == view.fields
    assert parse_qs(urlsplit(str(view.form["action"])).query)["next"][0].endswith("/lab")


# --- the script of the page ---------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html><form><div class="mb-3"><label>Profile</label><select
name="batch_connect_session_context[profile]" id="batch_connect_session_context_profile"><option value="ocean">Ocean
<option value="deep-blue">Deep</select></div>
<div class="mb-3" title="a"><label>a</label><select name="batch_connect_session_context[offer__ocean__a]"
id="batch_connect_session_context_offer__ocean__a"><option>no</select></div>
<div class="mb-3" title="b"><div class="form-check"><input type="hidden"
name="batch_connect_session_context[offer__deep_blue__b]" value=""><input type="checkbox"
name="batch_connect_session_context[offer__deep_blue__b]" id="batch_connect_session_context_offer__deep_blue__b"><label>
b</label></div></div><div class="mb-3" title="c"><select name="batch_connect_session_context[offer__deep__c]"
id="batch_connect_session_context_offer__deep__c"><option>no</select></div></form>
<script>(function(){{
{script}
}}());
{then}
const shown = [...document.querySelectorAll('[title]')].filter((each) => !each.hidden);
document.title = shown.map((each) => each.title).join();
</script>"""
"""The form as Open OnDemand lays it out, and its way to run an app's script (views/batch_connect/session_contexts)."""

CHOOSE = """const select = document.getElementById('batch_connect_session_context_profile');
select.value = 'deep-blue'; select.dispatchEvent(new Event('change'));"""


@pytest.mark.parametrize(("then", "shown"), [("", "a"), (CHOOSE, "b")])
def test_the_page_shows_the_bricks_of_the_profile(then: str, shown: str, app: Path, tmp_path: Path) -> None:
    """With their labels, in a real browser; another profile's are hidden."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no Chromium: apt-get install chromium")
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(script=(app / "ondemand" / "form.js").read_text(), then=then))
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}/profile",
        "--dump-dom",
    ]
    done = subprocess.run(
        [browser, *words, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert f"<title>{shown}</title>" in done.stdout
