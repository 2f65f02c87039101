"""One JupyterLab without a hub, for a laptop or a trial: ``compose.lab.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment
from lego_compile.targets.compose.files import SEED
from lego_compile.targets.compose.lower_bricks import LOGGING, baked, seeded, seeded_volumes, seeds

_GUARD = "/etc/lego/guard.sh"


def lab(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of the file: the default profile with the bricks that it always has.

    The service ``lab`` has the software, which runs anywhere; ``lab-data`` adds the directories of the centre, which
    are on the centre's machine only.
    """
    project = f"lego-{deployment.center}_lab"  # the name of no other centre's project
    profile = next(each for each in deployment.profiles if each.default)
    copied = seeds(profile.bricks, options["engine"]) if options["mounts"] == "volume" else {}
    tree: dict[str, Any] = {
        "name": project,
        "services": {"lab": _service(deployment.center, profile, options), **copied},
    }
    if profile.data:
        volumes = [_data_mount(data) for data in profile.data]
        tree["services"]["lab-data"] = {
            "extends": {"service": "lab"},
            "profiles": ["data"],
            "volumes": volumes,
        }
    tree["volumes"] = {
        "home": {},
        **(seeded_volumes(deployment.center, project, profile.bricks) if copied else {}),
        **{f"data-{data.name}": _export(data) for data in profile.data if data.source.startswith("nfs:")},
    }
    tree["configs"] = {
        "guard": {"file": "./guard.sh"},
        **({"seed": {"file": f"./{SEED}"}} if copied else {}),
    }
    return tree


def _service(center: str, profile: Composition, options: Mapping[str, Any]) -> dict[str, Any]:
    system, limits, mounts = profile.system, profile.limits, options["mounts"]
    image = {"image": system.image.labelled, "pull_policy": "missing"}
    alive = "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api', timeout=4)"
    return {
        **(baked(center, profile, options["engine"]) if mounts == "baked" else image),
        "init": True,
        "user": f"{system.uid}:{system.gid}",
        "working_dir": system.home,
        "command": list(map(_literal, _command(profile))),
        "environment": {
            **{
                name: _literal(value)
                for name, value in {"HOME": system.home, **dict(profile.environment)}.items()
            },
            "JUPYTER_TOKEN": "${JUPYTER_TOKEN:-}",
        },
        "ports": [
            {"host_ip": "127.0.0.1", "target": 8888, "published": "${LAB_PORT:-8888}", "protocol": "tcp"}
        ],
        "configs": [{"source": "guard", "target": _GUARD}],
        "volumes": [
            {"type": "volume", "source": "home", "target": system.home},
            *(_brick(brick, mounts) for brick in profile.bricks if mounts != "baked"),
        ],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": options["session"]["processes"],
        "shm_size": options["session"]["shm"],
        "ulimits": {"nofile": {"soft": 65536, "hard": 65536}},
        # Unlike `cpus`, this may be more than the machine has.
        **({"cpu_period": 100_000, "cpu_quota": limits.cpu * 100} if limits.cpu is not None else {}),
        **({"mem_limit": limits.memory, "memswap_limit": limits.memory} if limits.memory is not None else {}),
        **(_gpus(limits.gpus) if limits.gpus else {}),
        "logging": LOGGING[options["engine"]],
        "healthcheck": {
            "test": ["CMD", "python3", "-c", alive],
            "interval": "15s",
            "timeout": "5s",
            "retries": 4,
            "start_period": "60s",
        },
        **({"depends_on": _seeded(profile)} if mounts == "volume" and profile.bricks else {}),
    }


def _command(profile: Composition) -> Iterator[str]:
    """The guard, and JupyterLab where a hub would start its single-user server, which ends at once without one."""
    yield from ("/bin/sh", _GUARD, *(brick.prefix for brick in profile.bricks), "--")
    yield from profile.prepares
    yield from ("jupyter-lab", "--ip=0.0.0.0", "--port=8888", "--no-browser", *profile.server_options)


def _literal(text: str) -> str:
    """A text in which Compose finds no variable."""
    return text.replace("$", "$$")


def _brick(brick: BrickMount, mounts: str) -> dict[str, Any]:
    if mounts == "volume":
        source = {"type": "volume", "source": seeded("", brick)[0], "target": brick.prefix}
        return {**source, "read_only": True, "volume": {"nocopy": True}}
    below = {} if brick.subpath == "/" else {"image": {"subpath": brick.subpath.lstrip("/")}}
    return {"type": "image", "source": brick.image.pinned, "target": brick.prefix, **below}


def _seeded(profile: Composition) -> dict[str, Any]:
    return {name: {"condition": "service_completed_successfully"} for name in seeds(profile.bricks, "docker")}


def _gpus(count: int) -> dict[str, Any]:
    device = {"driver": "nvidia", "count": count, "capabilities": ["gpu"]}
    return {"deploy": {"resources": {"reservations": {"devices": [device]}}}}


def _data_mount(data: DataMount) -> dict[str, Any]:
    mount = {"target": data.path, "read_only": not data.writable}
    if data.source.startswith("nfs:"):
        return {"type": "volume", "source": f"data-{data.name}", **mount, "volume": {"nocopy": True}}
    return {"type": "bind", "source": data.source, **mount, "bind": {"create_host_path": False}}


def _export(data: DataMount) -> dict[str, Any]:
    server, _, path = data.source.removeprefix("nfs:").partition(":")
    mode = "rw" if data.writable else "ro"
    return {
        "driver": "local",
        "driver_opts": {"type": "nfs", "device": f":{path}", "o": f"addr={server},nfsvers=4,{mode}"},
    }
