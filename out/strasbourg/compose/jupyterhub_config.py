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

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import choice  # noqa: E402 - it lies beside this file

c: Any = get_config()  # traitlets gives it to this file

CENTER: dict[str, Any] = json.loads((HERE / "composition.json").read_text("utf-8"))
NAME: str = CENTER["center"]
LOG: dict[str, Any] = {
    "docker": {"Type": "local", "Config": {"max-size": "10m", "max-file": "3"}},
    "podman": {"Type": "json-file", "Config": {"max-size": "10m"}},  # it has no other, and keeps one file
}[CENTER["engine"]]
MOUNTS: str = CENTER["mounts"]  # image, baked or volume
SESSION: dict[str, Any] = CENTER["session"]
LOGIN: dict[str, Any] = CENTER["authenticator"]
CLAIMED: str | None = LOGIN["oauth"] and LOGIN["oauth"]["groups_claim"]
GUARD = (HERE / "guard.sh").read_text("utf-8")  # runs in the session's container before the server


# --- who may choose ------------------------------------------------------------------------------------------


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


CHOICES = choice.Choices(CENTER["profiles"], {} if CLAIMED else CENTER["groups"], admitted)


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
            raise choice.refusal(503, "this hub has no such GPUs")
        request = {"Driver": "nvidia", "Count": profile["gpus"]["count"], "Capabilities": [["gpu"]]}
        config["device_requests"] = [request]
    return config


def apply_user_options(spawner: Any, options: Any) -> None:
    """Make the spawner start what was chosen. JupyterHub calls it at every start."""
    profile, added = CHOICES.chosen(spawner, options)
    bricks = [*profile["bricks"], *added]
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
    profile, added = CHOICES.chosen(spawner, spawner.user_options)
    wanted = [("inspect_image", profile["image"])]
    if MOUNTS != "baked":
        kind = {"image": "inspect_image", "volume": "inspect_volume"}[MOUNTS]
        wanted += [(kind, brick[MOUNTS]) for brick in (*profile["bricks"], *added)]
    missing = []
    for method, name in dict.fromkeys(wanted):
        try:
            await spawner.docker(method, name)
        except docker.errors.NotFound:
            missing.append(name)
    if missing:
        spawner.log.error("not on this machine (OPERATE.md says how it gets there): %s", ", ".join(missing))
        raise choice.refusal(503, f"software that is not on this machine yet: {', '.join(missing)}")
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
                raise choice.refusal(503, "somebody removed the container of the session")
            state = container["State"]
            if not state["Running"]:
                raise choice.refusal(
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
c.DockerSpawner.options_form = CHOICES.form
c.DockerSpawner.options_from_form = choice.options_from_form

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
