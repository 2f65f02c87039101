"""Deployment and options → what Compose reads (services, and the images to pull) and what the hub reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.ir.model import BrickMount, Composition, DataMount, Deployment, ImageRef

COMPOSE, COMPOSITION = "compose.yaml", "composition.json"
"""Names of the two files that differ from centre to centre."""


def lower(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """One plain tree for each of the two files, keys in the order in which people read them.

    Args:
        deployment: projected for this target.
        options: the target's block with every default filled in, without ``versions``.
    """
    return {COMPOSE: _compose(deployment, options), COMPOSITION: _composition(deployment, options)}


# --- composition.json: what jupyterhub_config.py obeys ----------------------------------------------------------


def _composition(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "center": deployment.center,
        "host": options["host"],
        "authenticator": options["authenticator"],
        "groups": {name: list(users) for name, users in deployment.groups},
        "cull": options["cull"],
        "session": options["session"],
        "profiles": [_profile(profile) for profile in deployment.profiles],
    }


def _profile(profile: Composition) -> dict[str, Any]:
    limits, system = profile.limits, profile.system
    return {
        "slug": profile.slug,
        "title": profile.title,
        "description": profile.description,
        "default": profile.default,
        "groups": list(profile.groups),
        "image": system.image.pinned,
        "home": system.home,
        "uid": system.uid,
        "gid": system.gid,
        "bricks": [_brick(brick) for brick in profile.bricks],
        "offers": [_brick(brick) for brick in profile.offers],
        **({"retired": {name: list(keys) for name, keys in profile.retired}} if profile.retired else {}),
        "data": [_data(data) for data in profile.data],
        "environment": dict(profile.environment),
        "command": list(profile.command),
        "cpu": limits.cpu,
        "memory": limits.memory,
        "gpus": {"vendor": limits.gpu_vendor, "count": limits.gpus} if limits.gpus else None,
    }


def _brick(brick: BrickMount) -> dict[str, Any]:
    return {
        "name": brick.name,
        "title": brick.title,
        **({"choice": brick.choice, "release": brick.release} if brick.choice else {}),
        "image": brick.image.pinned,
        "prefix": brick.prefix,
        "subpath": brick.subpath,
    }


def _data(data: DataMount) -> dict[str, Any]:
    return {"name": data.name, "path": data.path, "source": data.source, "writable": data.writable}


# --- compose.yaml -----------------------------------------------------------------------------------------------

# In both services that share it. Compose stops with the text after `:?` when .env does not set the variable.
_TOKEN = "${CONFIGPROXY_AUTH_TOKEN:?put the output of 'openssl rand -hex 32' into .env}"  # noqa: S105 - a reference
_CLIENT = "${OAUTH_CLIENT_ID:?put the id of this hub at the login service into .env}"


def _compose(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    pulled = dict(_pulled(deployment))
    oauth = options["authenticator"]["type"] == "generic-oauth"
    files = options["tls"]["mode"] == "files"
    secrets = [
        *(["oauth_client_secret"] if oauth else []),
        *(["tls_certificate", "tls_key"] if files else []),
    ]
    tree = {
        "name": f"lego-{deployment.center}",
        "services": {
            "edge": _edge(options, files),
            "proxy": _proxy(options),
            "hub": _hub(options, oauth, list(pulled)),
            "docker-api": _docker_api(options),
            **{name: _image_only(image) for name, image in pulled.items()},
        },
        "networks": {
            "edge": {},
            "control": {"internal": True},
            # The engine's own name for it, because that is what DockerSpawner asks for.
            "users": {"name": f"lego-{deployment.center}-users"},
        },
        "volumes": {"caddy-config": {}, "caddy-data": {}, "hub-data": {}},
        "configs": {
            "caddyfile": {"file": "./Caddyfile"},
            "composition": {"file": "./composition.json"},
            "jupyterhub_config": {"file": "./jupyterhub_config.py"},
        },
    }
    if secrets:
        tree["secrets"] = {name: {"file": f"./secrets/{name}"} for name in secrets}
    return tree


def _pulled(deployment: Deployment) -> Iterator[tuple[str, ImageRef]]:
    """Every image of a session once, under a name that is unique and tells a reader which it is."""
    seen: dict[str, set[str]] = {}
    for profile in deployment.profiles:
        for image in (profile.system.image, *(brick.image for brick in (*profile.bricks, *profile.offers))):
            name = f"image-{image.repository.rpartition('/')[2]}-{image.digest[7:19]}"
            same = seen.setdefault(name, set())
            if image.pinned not in same:
                same.add(image.pinned)
                yield (name if len(same) == 1 else f"{name}-{len(same)}"), image


def _service(image: str) -> dict[str, Any]:
    return {
        "image": image,
        "restart": "unless-stopped",
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "logging": {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}},
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
        **_service(options["images"]["edge"]),
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
        "depends_on": {"proxy": {"condition": "service_healthy"}},
    }


def _proxy(options: Mapping[str, Any]) -> dict[str, Any]:
    alive = (
        "require('http').get('http://127.0.0.1:8000/_chp_healthz',r=>process.exit(r.statusCode===200?0:1))"
        ".on('error',()=>process.exit(1))"
    )
    return {
        **_service(options["images"]["proxy"]),
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


def _hub(options: Mapping[str, Any], oauth: bool, pulled: list[str]) -> dict[str, Any]:
    alive = "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/hub/health', timeout=4)"
    return {
        **_service(options["images"]["hub"]),
        "command": ["jupyterhub", "-f", "/etc/jupyterhub/jupyterhub_config.py"],
        "environment": {
            "CONFIGPROXY_AUTH_TOKEN": _TOKEN,
            "DOCKER_HOST": "tcp://docker-api:2375",
            **({"OAUTH_CLIENT_ID": _CLIENT} if oauth else {}),
        },
        "configs": [
            {"source": "jupyterhub_config", "target": "/etc/jupyterhub/jupyterhub_config.py"},
            {"source": "composition", "target": "/etc/jupyterhub/composition.json"},
        ],
        **({"secrets": ["oauth_client_secret"]} if oauth else {}),
        "volumes": [_volume("hub-data", "/srv/jupyterhub")],
        "ulimits": {"nofile": {"soft": 65536, "hard": 65536}},
        "networks": ["control", "users"],
        "labels": {},
        "healthcheck": _health(["python3", "-c", alive], "15s", "30s"),
        "stop_grace_period": "30s",
        "depends_on": {
            "docker-api": {"condition": "service_healthy"},
            "proxy": {"condition": "service_healthy"},
            # A service without replicas is never waited for: this says "pulled", be it by `up hub`.
            **{name: {"condition": "service_started"} for name in pulled},
        },
    }


def _docker_api(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_service(options["images"]["docker_api"]),
        "environment": {"CONTAINERS": "1", "IMAGES": "1", "POST": "1", "EVENTS": "0", "DISABLE_IPV6": "1"},
        "volumes": [
            {
                "type": "bind",
                "source": options["socket"],
                "target": "/var/run/docker.sock",
                "read_only": True,
                "bind": {"create_host_path": False},
            }
        ],
        "read_only": True,
        "tmpfs": ["/run", "/tmp"],  # noqa: S108 - of the container
        "networks": ["control"],
        "healthcheck": _health(["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2375/_ping"], "30s", "5s"),
    }


def _image_only(image: ImageRef) -> dict[str, Any]:
    """Never a container; `pull` and `up` fetch it, `config --images` lists it."""
    return {
        "image": image.labelled,
        "pull_policy": "missing",
        "deploy": {"replicas": 0},
        "network_mode": "none",
        "restart": "no",
    }
