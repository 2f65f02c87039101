# Compiled by lego-compile from the centre specification: edit that, not this file.
"""JupyterHub on one Docker host. The same file for every centre: what differs is in composition.json beside it.

Needs JupyterHub 5.3 and DockerSpawner 14 (13 ignores ``options_from_form`` without a word), or later.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import docker.errors
import dockerspawner
import traitlets
from tornado import web

HERE = Path(__file__).parent
sys.path.append(str(HERE))
import spawn_page  # noqa: E402 - it lies beside this file

c: Any = get_config()  # traitlets gives it to this file

CENTER: dict[str, Any] = json.loads((HERE / "composition.json").read_text("utf-8"))
NAME: str = CENTER["center"]
PROFILES: dict[str, dict[str, Any]] = {profile["slug"]: profile for profile in CENTER["profiles"]}
LOG: dict[str, Any] = {
    "docker": {"Type": "local", "Config": {"max-size": "10m", "max-file": "3"}},
    "podman": {"Type": "json-file", "Config": {"max-size": "10m"}},  # it has no other, and keeps one file
}[CENTER["engine"]]
MOUNTS: str = CENTER["mounts"]  # image, baked or volume
SESSION: dict[str, Any] = CENTER["session"]
LOGIN: dict[str, Any] = CENTER["authenticator"]
CLAIMED: str | None = LOGIN["oauth"] and LOGIN["oauth"]["groups_claim"]
# JupyterHub's load_groups only ever adds members: whom the spec dropped is still in its database.
LISTED: dict[str, list[str]] = (
    {} if CLAIMED else {name: users for name, users in CENTER["groups"].items() if users}
)
INCLUDE = "include"  # the key that a name without a key stands for
GUARD = (HERE / "guard.sh").read_text("utf-8")  # runs in the session's container before the server


# --- what was chosen ------------------------------------------------------------------------------------------


def admitted(user: Any) -> bool:
    """Whether the spec still lets a user in: cookies and tokens of somebody whom it dropped are good for weeks.

    Who is in a group of a directory is asked at the next login only.
    """
    if LOGIN["ldap"] and LOGIN["ldap"]["allowed_groups"]:
        return True
    people, groups = LOGIN["allowed_users"], LOGIN["allowed_groups"]
    return (
        not (people or groups)
        or user.name in (*people, *LOGIN["admin_users"])
        or any(group.name in groups for group in user.groups)
    )


def permitted(spawner: Any) -> list[dict[str, Any]]:
    """The profiles that a user may choose, in the order of the spawn page."""
    if not admitted(spawner.user):
        return []
    name = spawner.user.name
    mine = {group.name for group in spawner.user.groups if name in LISTED.get(group.name, [name])}
    return [each for each in PROFILES.values() if not each["groups"] or mine.intersection(each["groups"])]


def chosen(spawner: Any, options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The profile and all the bricks that options ask for.

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
    return profile, [*profile["bricks"], *ticked(profile, options.get("bricks", []))]


def ticked(profile: dict[str, Any], wishes: Any) -> list[dict[str, Any]]:
    """The offered bricks that are asked for, one release of each at the most."""
    few = isinstance(wishes, list) and len(wishes) <= 1000  # the API takes megabytes
    found = [meant(profile, wish) for wish in wishes] if few else [None]
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


# --- the session ----------------------------------------------------------------------------------------------


def mounts(profile: dict[str, Any], bricks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All mounts in the engine's own form, because docker.types.Mount refuses images.

    Nothing goes through DockerSpawner.mounts or .volumes: this list replaces the former, and the latter would
    make a missing host directory anew, empty and owned by root.
    """
    # The label tells homes from other volumes, when somebody has to find them.
    labels = {"org.lego.center": NAME, "org.lego.home": "{username}"}
    home = {
        "Type": "volume",
        "Source": f"lego-{NAME}-home-{{username}}",
        "Target": profile["home"],
        "VolumeOptions": {"Labels": labels},
    }
    bricks = [] if MOUNTS == "baked" else bricks  # they are in the image
    return [home, *map(data_mount, profile["data"]), *map(brick_mount, bricks)]


def brick_mount(brick: dict[str, Any]) -> dict[str, Any]:
    """A brick, as the image that it is or as the volume that it was copied into."""
    mount = {"Type": MOUNTS, "Target": brick["prefix"]}
    if MOUNTS == "volume":
        options = {"NoCopy": True, "Labels": {"org.lego.center": NAME, "org.lego.brick": brick["name"]}}
        return {**mount, "Source": brick["volume"], "ReadOnly": True, "VolumeOptions": options}
    mount["Source"] = brick["image"]  # without ReadOnly: image mounts always are, and Podman refuses the key
    # Docker wants it relative (moby/moby:daemon/volume/mounts/linux_parser.go).
    return (
        mount
        if brick["subpath"] == "/"
        else {**mount, "ImageOptions": {"Subpath": brick["subpath"].lstrip("/")}}
    )


def data_mount(data: dict[str, Any]) -> dict[str, Any]:
    """A directory of the host, or an NFS export as a volume."""
    source, read_only = data["source"], not data["writable"]
    mount = {"Type": "bind", "Source": source, "Target": data["path"], "ReadOnly": read_only}
    if not source.startswith("nfs:"):
        return mount
    server, _, path = source.removeprefix("nfs:").partition(":")
    driver = {
        "type": "nfs",
        "device": f":{path}",
        "o": f"addr={server},nfsvers=4,{'ro' if read_only else 'rw'}",
    }
    # An existing volume keeps its options, whatever is asked for later: other options, another name.
    mark = hashlib.sha256(json.dumps(driver, sort_keys=True).encode()).hexdigest()[:12]
    labels = {"org.lego.center": NAME}
    options = {"NoCopy": True, "Labels": labels, "DriverConfig": {"Name": "local", "Options": driver}}
    return {
        **mount,
        "Type": "volume",
        "Source": f"lego-{NAME}-data-{data['name']}-{mark}",
        "VolumeOptions": options,
    }


def host_config(profile: dict[str, Any], bricks: list[dict[str, Any]]) -> dict[str, Any]:
    """Arguments of docker.types.HostConfig; DockerSpawner adds memory and network."""
    config: dict[str, Any] = {
        "mounts": mounts(profile, bricks),
        # DockerSpawner.remove removes it at the next stop or start; until then JupyterHub can say how it ended.
        "auto_remove": False,
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": SESSION["processes"],
        "shm_size": SESSION["shm"],
        # containerd 2.1.5 lowered the default to 1024 (moby/moby#51485).
        "ulimits": [{"Name": "nofile", "Soft": 65536, "Hard": 65536}],
        "log_config": LOG,
    }
    if profile["memory"] is not None:
        config["memswap_limit"] = profile["memory"]  # without it, as much swap comes on top
    if profile["cpu"] is not None:
        # DockerSpawner rounds down: int(0.29 * 100000) is 28999.
        config |= {"cpu_period": 100_000, "cpu_quota": profile["cpu"] * 100}
    if profile["gpus"] is not None:
        if profile["gpus"]["vendor"] != "nvidia":
            raise refusal(503, "this hub has no such GPUs")
        request = {"Driver": "nvidia", "Count": profile["gpus"]["count"], "Capabilities": [["gpu"]]}
        config["device_requests"] = [request]
    return config


def apply_user_options(spawner: Any, options: Any) -> None:
    """Make the spawner start what was chosen. JupyterHub calls it at every start."""
    profile, bricks = chosen(spawner, options)
    prefixes = [brick["prefix"] for brick in bricks]
    spawner.image = profile["image"]
    spawner.cmd = ["/bin/sh", "-c", GUARD, "lego", *prefixes, "--", *profile["command"]]
    spawner.environment = {"HOME": profile["home"], **profile["environment"]}
    spawner.notebook_dir = profile["home"]
    spawner.mem_limit = profile["memory"]
    spawner.cpu_limit = None if profile["cpu"] is None else profile["cpu"] / 1000
    spawner.extra_create_kwargs = {
        "user": f"{profile['uid']}:{profile['gid']}",
        "labels": {
            "org.lego.center": NAME,
            "org.lego.profile": profile["slug"],
            "org.lego.user": "{username}",
        },
    }
    spawner.extra_host_config = host_config(profile, bricks)


async def software_present(spawner: Any) -> None:
    """Say what is not on this machine, before the engine says "No such image" to nobody, or makes an empty volume; and
    end what an earlier hub left.

    Raises:
        HTTPError: 503 with the references.
    """
    profile, bricks = chosen(spawner, spawner.user_options)
    wanted = [("inspect_image", profile["image"])]
    if MOUNTS != "baked":
        kind = {"image": "inspect_image", "volume": "inspect_volume"}[MOUNTS]
        wanted += [(kind, brick[MOUNTS]) for brick in bricks]
    missing = []
    for method, name in dict.fromkeys(wanted):
        try:
            await spawner.docker(method, name)
        except docker.errors.NotFound:
            missing.append(name)
    if missing:
        spawner.log.error("not on this machine (OPERATE.md says how it gets there): %s", ", ".join(missing))
        raise refusal(503, f"software that is not on this machine yet: {', '.join(missing)}")
    left = await spawner.get_object()
    if left and left["State"]["Running"]:
        # By a hub that knew of it, whose database was lost or restored. DockerSpawner removes nothing that runs.
        await spawner.stop_object()


class LegoSpawner(dockerspawner.DockerSpawner):
    """DockerSpawner that says at once why a session ended, and whose options may be anything, for ``chosen`` to refuse.

    JupyterHub 5 stores whatever a user sends to its REST API, and only then finds that a list is no dict: at every
    later look at that user, and whenever the hub starts, which ends it
    (jupyterhub/jupyterhub:jupyterhub/{apihandlers/users,user,app}.py@5.5.4; 6.0 refuses it).
    """

    user_options = traitlets.Any({})

    async def start(self) -> tuple[str, int]:
        """Start the container, and wait until its server listens.

        JupyterHub would wait for that too, and not look whether there is still something to wait for.

        Raises:
            HTTPError: 503 with the last words of a session that ended instead.
        """
        address: tuple[str, int] = await super().start()
        while not await listens(*address):
            container = await self.get_object()
            if container is None:
                raise refusal(503, "somebody removed the container of the session")
            state = container["State"]
            if not state["Running"]:
                raise refusal(
                    503, f"the session ended with exit code {state['ExitCode']}: {await self.words()}"
                )
        return address

    async def words(self) -> str:
        """What a session that ended said last, of the guard if it did; its container is removed."""
        said: bytes = await self.docker("logs", self.object_id, tail=20)
        await self.remove_object()
        lines = said.decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.startswith("lego: ")), "".join(lines[-1:]))
        return last[:500]


async def listens(host: str, port: int) -> bool:
    """Whether a server takes connections; after a pause when it does not."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), timeout=2)
    except (OSError, asyncio.TimeoutError):  # noqa: UP041 - two before Python 3.11
        await asyncio.sleep(0.3)
        return False
    writer.close()
    return True


# --- the spawn page -------------------------------------------------------------------------------------------


def options_form(spawner: Any) -> str:
    """The choice as HTML with the last one preselected; empty when there is nothing to choose."""
    profiles = permitted(spawner)
    last: Any = spawner.user_options or spawner.orm_spawner.user_options or {}
    try:
        profile, bricks = chosen(spawner, last)
    except web.HTTPError as error:
        if error.status_code == 403:
            raise
        profile, bricks = nearest(spawner, last)
        last = None
    if len(profiles) == 1 and not profile["offers"]:
        if last is None:
            # Without a form, JupyterHub starts a server with the options of the last start, and these hold no more.
            spawner.user_options = spawner.orm_spawner.user_options = {}
        return ""
    return str(spawn_page.page(profiles, profile["slug"], bricks, spelled))


def nearest(spawner: Any, last: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is left of a choice that does not hold any more: its profile, with those of its bricks that are offered."""
    slug, wishes = (last.get("profile"), last.get("bricks")) if isinstance(last, dict) else (None, None)
    profile = next((each for each in permitted(spawner) if each["slug"] == slug), None)
    if profile is None:
        return chosen(spawner, {})
    kept: dict[str, str] = {}
    for wish in wishes[:1000] if isinstance(wishes, list) else []:
        if brick := meant(profile, wish):
            kept.setdefault(brick["name"], wish)
    return chosen(spawner, {"profile": slug, "bricks": list(kept.values())})


def options_from_form(form: dict[str, list[str]]) -> dict[str, Any]:
    """What the form says, unchecked. Boxes of a profile that was not chosen do not count, and "no" is empty."""
    slug = (form.get("profile") or [""])[0]
    return {"profile": slug, "bricks": [wish for wish in form.get(f"bricks-{slug}", []) if wish]}


# --- JupyterHub -----------------------------------------------------------------------------------------------

c.JupyterHub.spawner_class = LegoSpawner
c.DockerSpawner.pull_policy = "skip"  # Compose pulls; DockerSpawner 14 cannot pull by digest
c.DockerSpawner.remove = True  # a container that is kept would come back with its old bricks
c.DockerSpawner.network_name = f"lego-{NAME}-users"
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.prefix = f"lego-{NAME}"
c.DockerSpawner.start_timeout = SESSION["start_timeout"]
c.DockerSpawner.http_timeout = SESSION["start_timeout"]
c.DockerSpawner.apply_user_options = apply_user_options
c.DockerSpawner.pre_spawn_hook = software_present
c.DockerSpawner.options_form = options_form
c.DockerSpawner.options_from_form = options_from_form

c.JupyterHub.public_url = f"https://{CENTER['host']}/"
# With hub_connect_url, JupyterHub listens only where that name leads: in one of the hub's networks, and not on
# 127.0.0.1 (jupyterhub/jupyterhub:jupyterhub/objects.py@6.1.1, bind_url_default).
c.JupyterHub.hub_ip = "0.0.0.0"  # in its own container
c.JupyterHub.hub_connect_ip = "hub"
c.JupyterHub.cleanup_servers = False
# Seconds until a proxy that was started anew is told where sessions are, as in zero-to-jupyterhub; 300 is the default.
c.JupyterHub.last_activity_interval = 60
c.JupyterHub.upgrade_db = True  # a newer JupyterHub would end without it; a copy stays beside the old one
c.JupyterHub.db_url = "sqlite:////srv/jupyterhub/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = "/srv/jupyterhub/jupyterhub_cookie_secret"  # a path
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://proxy:8001"

# traitlets would look for a bare name where the hub was started, and pass over a missing file without a word.
load_subconfig(str((HERE / "login.py").resolve(strict=True)))

TIMEOUT, MAX_AGE = CENTER["cull"]["timeout"], CENTER["cull"]["max_age"]
if TIMEOUT or MAX_AGE:
    # To the culler a timeout of 0 means at once; nobody has been idle for longer than he has been there.
    arguments = [f"--timeout={TIMEOUT or MAX_AGE}", f"--max-age={MAX_AGE}"]
    c.JupyterHub.services = [
        {"name": "idle-culler", "command": [sys.executable, "-m", "jupyterhub_idle_culler", *arguments]}
    ]
    c.JupyterHub.load_roles = [
        {
            "name": "idle-culler",
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
            "services": ["idle-culler"],
        }
    ]
