"""The services of the hub: ``compose.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Deployment
from lego_compile.targets.compose.files import HUB_READS, SEED
from lego_compile.targets.compose.lower_bricks import LOGGING, builds, pulled, seeded_volumes, seeds

# In both services that share it. Compose stops with the text after `:?` when .env does not set the variable.
_TOKEN = "${CONFIGPROXY_AUTH_TOKEN:?put the output of 'openssl rand -hex 32' into .env}"  # noqa: S105 - a reference
_CLIENT = "${OAUTH_CLIENT_ID:?put the id of this hub at the login service into .env}"

_STARTED, _ENDED = {"condition": "service_started"}, {"condition": "service_completed_successfully"}
_HEALTHY = {"condition": "service_healthy"}


def compose(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of the file."""
    project = f"lego-{deployment.center}"
    mounts = options["mounts"]
    bricks = _bricks(deployment) if mounts == "volume" else ()
    # A service without replicas is never waited for: this says "pulled", or "built", be it by `up hub`.
    ready = (
        builds(deployment, options["engine"])
        if mounts == "baked"
        else pulled(deployment, bricks=mounts == "image")
    )
    copied = seeds(bricks, options["engine"])
    login = list(_login_secrets(options["authenticator"]))
    files = options["tls"]["mode"] == "files"
    secrets = [*login, *(["tls_certificate", "tls_key"] if files else [])]
    waits = {**dict.fromkeys(ready, _STARTED), **dict.fromkeys(copied, _ENDED)}
    # Podman keeps networks apart whatever they are, but may open an internal one when it turns routing on
    # (containers/netavark#126).
    inner = {"internal": True} if options["engine"] == "docker" else {}
    tree = {
        "name": project,
        "services": {
            "edge": _edge(options, files),
            "proxy": _proxy(options),
            "hub": _hub(options, login, waits),
            "docker-api": _docker_api(options),
            **ready,
            **copied,
        },
        "networks": {
            "edge": {},
            "control": inner,
            "engine": inner,  # whoever is on it is root on the machine
            # The engine's own name for it, because that is what DockerSpawner asks for.
            "users": {"name": f"{project}-users"},
        },
        "volumes": {
            "caddy-config": {},
            "caddy-data": {},
            "hub-data": {},
            **seeded_volumes(deployment.center, project, bricks),
        },
        "configs": {
            "caddyfile": {"file": "./Caddyfile"},
            **{_config(name): {"file": f"./{name}"} for name in HUB_READS},
            **({"seed": {"file": f"./{SEED}"}} if bricks else {}),
        },
    }
    if secrets:
        tree["secrets"] = {name: {"file": f"./secrets/{name}"} for name in secrets}
    return tree


def _bricks(deployment: Deployment) -> tuple[BrickMount, ...]:
    """Every brick once."""
    found = {
        (brick.name, brick.image): brick
        for profile in deployment.profiles
        for brick in (*profile.bricks, *profile.offers)
    }
    return tuple(found.values())


def _config(file: str) -> str:
    return file.partition(".")[0]


def _service(options: Mapping[str, Any], name: str, memory: str, processes: int) -> dict[str, Any]:
    return {
        "image": options["images"][name],
        "pull_policy": "missing",  # it is pinned, so the registry has no more to say
        "restart": "unless-stopped",
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        # What a service keeps is in its volumes; Caddy, the proxy and JupyterHub write nowhere else.
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - of the container
        "mem_limit": memory,
        "pids_limit": processes,
        "logging": LOGGING[options["engine"]],
    }


def _health(test: list[str], interval: str, start: str) -> dict[str, Any]:
    return {
        "test": ["CMD", *test],
        "interval": interval,
        "timeout": "5s",
        "retries": 4,
        "start_period": start,
    }


def _volume(source: str, target: str) -> dict[str, Any]:
    return {"type": "volume", "source": source, "target": target}


def _edge(options: Mapping[str, Any], files: bool) -> dict[str, Any]:
    tls = {
        "acme": options["tls"]["email"] or "",
        "internal": "internal",
        "files": "/run/secrets/tls_certificate /run/secrets/tls_key",
    }
    return {
        **_service(options, "edge", "512m", 512),
        "cap_add": ["NET_BIND_SERVICE"],
        "environment": {"LEGO_HOST": options["host"], "LEGO_TLS": tls[options["tls"]["mode"]]},
        "ports": [
            {"target": 80, "published": "80", "protocol": "tcp"},
            {"target": 443, "published": "443", "protocol": "tcp"},
            {"target": 443, "published": "443", "protocol": "udp"},
        ],
        "configs": [{"source": "caddyfile", "target": "/etc/caddy/Caddyfile"}],
        **({"secrets": ["tls_certificate", "tls_key"]} if files else {}),
        "volumes": [_volume("caddy-data", "/data"), _volume("caddy-config", "/config")],
        "networks": ["edge"],
        "labels": {},
        "healthcheck": _health(
            ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2019/config/"], "30s", "10s"
        ),
        "depends_on": {"proxy": _HEALTHY},
    }


def _proxy(options: Mapping[str, Any]) -> dict[str, Any]:
    alive = (
        "require('http').get('http://127.0.0.1:8000/_chp_healthz',r=>process.exit(r.statusCode===200?0:1))"
        ".on('error',()=>process.exit(1))"
    )
    return {
        **_service(options, "proxy", "1g", 512),
        # The published image starts the program with all words as arguments
        # (jupyterhub/configurable-http-proxy:chp-docker-entrypoint@5.3.0), which refuses its own name.
        "entrypoint": [],
        "command": [
            "configurable-http-proxy",
            "--ip=0.0.0.0",
            "--port=8000",
            "--api-ip=0.0.0.0",
            "--api-port=8001",
            "--default-target=http://hub:8081",
            "--error-target=http://hub:8081/hub/error",
        ],
        "environment": {"CONFIGPROXY_AUTH_TOKEN": _TOKEN},
        "ulimits": {"nofile": {"soft": 65536, "hard": 65536}},
        "networks": ["control", "edge", "users"],
        "healthcheck": _health(["node", "-e", alive], "15s", "10s"),
    }


def _login_secrets(asked: Mapping[str, Any]) -> Iterator[str]:
    """Files below ``secrets/`` that the hub reads to let people log in."""
    ldap = asked["ldap"]
    if asked["oauth"]:
        yield "oauth_client_secret"
    if ldap and ldap["ca"]:
        yield "ldap_ca"
    if ldap and ldap["search"] and ldap["search"]["user"]:
        yield "ldap_password"


def _hub(options: Mapping[str, Any], login: list[str], waits: Mapping[str, Any]) -> dict[str, Any]:
    alive = "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/hub/health', timeout=4)"
    return {
        **_service(options, "hub", "2g", 1024),
        "command": ["jupyterhub", "-f", "/etc/jupyterhub/jupyterhub_config.py"],
        "environment": {
            "CONFIGPROXY_AUTH_TOKEN": _TOKEN,
            "DOCKER_HOST": "tcp://docker-api:2375",
            **({"OAUTH_CLIENT_ID": _CLIENT} if options["authenticator"]["oauth"] else {}),
        },
        "configs": [{"source": _config(name), "target": f"/etc/jupyterhub/{name}"} for name in HUB_READS],
        **({"secrets": login} if login else {}),
        "volumes": [_volume("hub-data", "/srv/jupyterhub")],
        "ulimits": {"nofile": {"soft": 65536, "hard": 65536}},
        "networks": ["control", "engine", "users"],
        "labels": {},
        "healthcheck": _health(["python3", "-c", alive], "15s", "30s"),
        "stop_grace_period": "30s",
        "depends_on": {"docker-api": _HEALTHY, "proxy": _HEALTHY, **waits},
    }


def _docker_api(options: Mapping[str, Any]) -> dict[str, Any]:
    allowed = ["CONTAINERS", "IMAGES", "POST", *(["VOLUMES"] if options["mounts"] == "volume" else [])]
    return {
        **_service(options, "docker_api", "256m", 256),
        "environment": {**dict.fromkeys(allowed, "1"), "EVENTS": "0", "DISABLE_IPV6": "1"},
        "volumes": [
            {
                "type": "bind",
                "source": options["socket"],
                "target": "/var/run/docker.sock",
                "read_only": True,
                "bind": {"create_host_path": False},
            }
        ],
        "tmpfs": ["/run", "/tmp"],  # noqa: S108 - of the container
        "networks": ["engine"],
        "healthcheck": _health(["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2375/_ping"], "30s", "5s"),
    }
