# Compiled by lego-compile from the centre specification: edit that, not this file.
"""JupyterHub on a Slurm cluster: a session is a job that runs lego-launch. The same file for every centre.

What differs is in ../composition.json; what only the site knows (authenticator, TLS, database, proxy) belongs in
jupyterhub_config.d/*.py, loaded at the end. Needs JupyterHub 5 and batchspawner 1.3, or later; the system images
need both as well (jupyterhub/batchspawner#226).
"""

from __future__ import annotations

import html
import json
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import batchspawner
from jupyterhub import apihandlers
from tornado import web
from traitlets import Unicode

c: Any = get_config()  # traitlets gives it to this file

HERE = Path(__file__).resolve().parent
CENTER: dict[str, Any] = json.loads((HERE.parent / "composition.json").read_text("utf-8"))
SLURM: dict[str, Any] = CENTER["slurm"]
PROFILES: dict[str, dict[str, Any]] = {profile["slug"]: profile for profile in CENTER["profiles"]}
INCLUDE = "include"  # the key that a name without a key stands for
# JupyterHub's load_groups only ever adds members: whom the spec dropped is still in its database.
LISTED: dict[str, list[str]] = {name: users for name, users in CENTER["groups"].items() if users}


# --- what was chosen ----------------------------------------------------------------------------------------


def permitted(spawner: Any) -> list[dict[str, Any]]:
    """The profiles that a user may choose, in the order of the spawn page."""
    name = spawner.user.name
    mine = {group.name for group in spawner.user.groups if name in LISTED.get(group.name, [name])}
    return [each for each in PROFILES.values() if not each["groups"] or mine.intersection(each["groups"])]


def chosen(spawner: Any, options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The profile, and the offered bricks, that options ask for.

    Options come from the form, from the REST API or from the last start: nothing about them is trusted.

    Raises:
        HTTPError: 403 when no profile is open to the user, 400 when the options are not what the form sends.
    """
    open_to_user = {profile["slug"]: profile for profile in permitted(spawner)}
    if not open_to_user:
        raise refusal(403, "no profile of this hub is open to you")
    if not isinstance(options, dict) or not options.keys() <= {"profile", "bricks"}:
        raise refusal(400, "the options are not those of the form")
    slug = options.get("profile", default(open_to_user))
    if not isinstance(slug, str) or slug not in open_to_user:
        raise refusal(400, "there is no such profile for you")
    profile = open_to_user[slug]
    return profile, ticked(profile, options.get("bricks", []))


def ticked(profile: dict[str, Any], wishes: Any) -> list[dict[str, Any]]:
    """The offered bricks that are asked for, one release of each at the most."""
    found = [meant(profile, wish) for wish in wishes] if isinstance(wishes, list) else [None]
    if None in found:
        raise refusal(400, "this profile does not offer such a brick")
    bricks = [brick for brick in profile["offers"] if brick in found]
    if len({brick["name"] for brick in bricks}) < len(bricks):
        raise refusal(400, "a session has one release of a brick")
    return bricks


def meant(profile: dict[str, Any], wish: Any) -> dict[str, Any] | None:
    """The offered brick that NAME or NAME@KEY stands for, or None.

    Choices are stored: a key that is retired, or a name that comes with no release, is the first release that there is.
    """
    name, at, key = wish.partition("@") if isinstance(wish, str) else ("", "", "")
    key = key if at else INCLUDE
    releases = [brick for brick in profile["offers"] if brick["name"] == name]
    for brick in releases:
        if brick.get("choice") == key:
            return brick
    stored = [INCLUDE, *profile.get("retired", {}).get(name, [])]
    return releases[0] if releases and key in stored else None


def spelled(brick: dict[str, Any]) -> str:
    """What stands for an offered brick."""
    key = brick.get("choice", INCLUDE)
    return str(brick["name"] if key == INCLUDE else f"{brick['name']}@{key}")


def default(profiles: dict[str, dict[str, Any]]) -> str:
    """The profile that is preselected: the centre's, or the first one when that is not open to the user."""
    return next((slug for slug, profile in profiles.items() if profile["default"]), next(iter(profiles)))


def refusal(status: int, message: str) -> Any:
    """An error that JupyterHub shows with its message, on its pages and in its REST API."""
    error: Any = web.HTTPError(status, message)
    error.jupyterhub_message = message[:1].upper() + message[1:] + "."
    return error


# --- the job ------------------------------------------------------------------------------------------------


def request(profile: dict[str, Any]) -> dict[str, str]:
    """What a profile asks of Slurm, as variables of the batch script; empty for what it leaves to the cluster."""
    words = {**SLURM, **SLURM["profiles"].get(profile["slug"], {})}
    limits = profile["limits"]
    gpus = limits.get("gpus", 0)
    return {
        **{key: words.get(key, "") for key in ("partition", "account", "qos", "reservation")},
        "runtime": words["time"],
        "gres": f"{words['gres']}:{gpus}" if gpus else "",
        "nprocs": str(-(-limits["cpu"] // 1000)) if "cpu" in limits else "",
        "memory": f"{limits['memory'] // 1024}K" if "memory" in limits else "",
    }


class LegoSlurmSpawner(batchspawner.SlurmSpawner):
    """Starts sessions of the profiles, and nothing else, whatever the request says."""

    req_profile = Unicode()
    req_bricks = Unicode()
    req_launcher = Unicode(f"{CENTER['root']}/bin/lego-launch")

    async def start(self) -> Any:
        """Ask Slurm for the job that the user's options stand for."""
        profile, bricks = chosen(self, self.user_options)
        limits = profile["limits"]
        self.cpu_limit = limits["cpu"] / 1000 if "cpu" in limits else None  # for jupyter-resource-usage
        self.mem_limit = limits.get("memory")
        self.cmd = list(profile["command"])
        self.req_profile, self.req_bricks = profile["slug"], ",".join(map(spelled, bricks))
        for name, value in request(profile).items():
            setattr(self, f"req_{name}", value)
        self.req_keepvars = ",".join(self.get_env())  # batchspawner computes it once, and the limits differ
        return await super().start()

    def cmd_formatted_for_batch(self) -> str:
        """The command, quoted for the shell: batchspawner's own only puts spaces between the words."""
        return shlex.join([self.batchspawner_singleuser_cmd, *self.cmd, *self.get_args()])

    async def _get_batch_script(self, **_variables: Any) -> str:
        """Render the script from our own variables: batchspawner lets user_options replace any, cmd included."""
        variables = {**self.get_req_subvars(), "cmd": self.cmd_formatted_for_batch()}
        return str(await super()._get_batch_script(**variables))


# --get-user-env, in batchspawner's own script, does not run on Slurm 25.05 or later (jupyterhub/batchspawner#319).
# The log is made private by itself: a umask would reach the session, and its files in shared data with it.
BATCH_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=jupyter-{{profile}}
#SBATCH --chdir={{homedir}}
#SBATCH --output={{homedir}}/.jupyterhub-%j.log
#SBATCH --export={{keepvars}}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --time={{runtime}}
{% if partition %}#SBATCH --partition={{partition}}
{% endif %}{% if account %}#SBATCH --account={{account}}
{% endif %}{% if qos %}#SBATCH --qos={{qos}}
{% endif %}{% if reservation %}#SBATCH --reservation={{reservation}}
{% endif %}{% if nprocs %}#SBATCH --cpus-per-task={{nprocs}}
{% endif %}{% if memory %}#SBATCH --mem={{memory}}
{% endif %}{% if gres %}#SBATCH --gres={{gres}}
{% endif %}{% if options %}#SBATCH {{options}}
{% endif %}
set -euo pipefail
[ ! -f /dev/stdout ] || chmod go= /dev/stdout
unset XDG_RUNTIME_DIR LD_PRELOAD
{{prologue}}
exec {{launcher}} -c {{profile}} {% if bricks %}-b {{bricks}} {% endif %}-- {{cmd}}
"""


# --- the job reports back -----------------------------------------------------------------------------------


class PortHandler(apihandlers.APIHandler):
    """Takes the port on which a session listens.

    batchspawner's own handler sets any attribute of the spawner (jupyterhub/batchspawner:batchspawner/api.py@v1.3.0),
    and every session has a token for it: with `exec_prefix`, a user would run commands on the hub.
    """

    @web.authenticated
    def post(self) -> None:
        """Answer 201, or 400 for anything but ``{"port": 40000}``, or 403 for a token of no session."""
        token = self.get_auth_token()
        spawners = getattr(self.current_user, "spawners", {}).values()  # a service has none
        spawner = next((each for each in spawners if token and each.api_token == token), None)
        if spawner is None:
            raise refusal(403, "this is not the token of a session")
        body = self.get_json_body()
        port = body.get("port") if isinstance(body, dict) and len(body) == 1 else None
        if type(port) is not int or not 1024 <= port <= 65535:
            raise refusal(400, "a session says its port from 1024 to 65535, and nothing else")
        spawner.port = port
        self.set_status(201)
        self.finish({"message": "The port is known"})


REPORT = "/api/batchspawner"
apihandlers.default_handlers[:] = [
    *(each for each in apihandlers.default_handlers
      if each[0] != REPORT and not each[1].__module__.startswith("batchspawner")),
    (REPORT, PortHandler),
]  # fmt: skip


# --- the spawn page -----------------------------------------------------------------------------------------

STYLE = (
    "<style>.lego-offers{margin-left:2em} .lego-offers legend{font-size:1em}"
    " .lego-profile>input:not(:checked)~.lego-offers{display:none}</style>"
)


def options_form(spawner: Any) -> str:
    """The choice as HTML with the last one preselected; empty when there is nothing to choose."""
    profiles = permitted(spawner)
    try:
        profile, bricks = chosen(spawner, spawner.user_options or spawner.orm_spawner.user_options or {})
    except web.HTTPError as error:
        if error.status_code == 403:
            raise
        # Without a form, JupyterHub starts with the options of the last start, which do not hold any more.
        spawner.user_options = spawner.orm_spawner.user_options = {}
        profile, bricks = chosen(spawner, {})
    if len(profiles) == 1 and not profile["offers"]:
        return ""
    return "\n".join([STYLE, *(choice(each, each is profile, bricks) for each in profiles)])


def choice(profile: dict[str, Any], on: bool, bricks: list[dict[str, Any]]) -> str:
    """One profile with the bricks that it offers."""
    slug = html.escape(profile["slug"])
    lines = [
        '<div class="lego-profile">',
        f'<input type="radio" name="profile" id="lego-{slug}" value="{slug}" required{" checked" if on else ""}>',
        f'<label for="lego-{slug}"><strong>{html.escape(profile["title"])}</strong></label>',
    ]
    if profile["description"]:
        lines.append(f"<p>{html.escape(profile['description'])}</p>")
    if profile["offers"]:
        lines.append('<fieldset class="lego-offers"><legend>Add to it</legend>')
        for name in dict.fromkeys(brick["name"] for brick in profile["offers"]):
            releases = [brick for brick in profile["offers"] if brick["name"] == name]
            box = control(f"bricks-{slug}", releases, bricks if on else [])
            lines.append(f"<div><label>{box} {html.escape(releases[0]['title'])}</label></div>")
        lines.append("</fieldset>")
    return "\n".join([*lines, "</div>"])


def control(field: str, releases: list[dict[str, Any]], bricks: list[dict[str, Any]]) -> str:
    """A box to tick for a brick, or a list to choose from when it comes in several releases."""
    if len(releases) == 1:
        mark = " checked" if releases[0] in bricks else ""
        return f'<input type="checkbox" name="{field}" value="{html.escape(spelled(releases[0]))}"{mark}>'
    lines = [f'<select name="{field}">', '<option value="">no</option>']
    for brick in releases:
        mark = " selected" if brick in bricks else ""
        value, label = html.escape(spelled(brick)), html.escape(brick["release"])
        lines.append(f'<option value="{value}"{mark}>{label}</option>')
    return "".join([*lines, "</select>"])


def options_from_form(form: dict[str, list[str]]) -> dict[str, Any]:
    """What the form says, unchecked. Boxes of a profile that was not chosen do not count, and "no" is empty."""
    slug = (form.get("profile") or [""])[0]
    return {"profile": slug, "bricks": [wish for wish in form.get(f"bricks-{slug}", []) if wish]}


# --- JupyterHub ---------------------------------------------------------------------------------------------

c.JupyterHub.spawner_class = LegoSlurmSpawner
c.LegoSlurmSpawner.batch_script = BATCH_SCRIPT
c.LegoSlurmSpawner.options_form = options_form
c.LegoSlurmSpawner.options_from_form = options_from_form
c.LegoSlurmSpawner.start_timeout = SLURM["start_timeout"]  # the time in the queue counts
c.LegoSlurmSpawner.http_timeout = 120
c.LegoSlurmSpawner.startup_poll_interval = 2.0

c.JupyterHub.load_groups = {name: {"users": users} for name, users in LISTED.items()}
c.JupyterHub.cleanup_servers = False  # a restart of the hub must not cancel the jobs
try:
    port = urlsplit(SLURM.get("hub_url", "")).port
except ValueError:  # beyond 65535, which JupyterHub would not start with
    port = None
if port:
    c.JupyterHub.hub_connect_url = SLURM["hub_url"]
    c.JupyterHub.hub_bind_url = f"http://0.0.0.0:{port}"

for extra in sorted(HERE.glob("jupyterhub_config.d/*.py")):
    load_subconfig(str(extra))  # traitlets gives it to this file
