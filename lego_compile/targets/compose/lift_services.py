"""``compose.yaml`` → what Docker Compose would run and pull; a part of ``lift``.

All but the leaves that a centre chooses is expected by value: each of them is a promise (no privileges, pinned
images, no open port besides 80 and 443) that an edit by hand would break in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lego_compile.ir.model import ImageRef, Path
from lego_compile.targets.compose.digest import CONFIG_LABEL, config_digest
from lego_compile.targets.goyaml import Unreadable, load
from lego_compile.targets.reading import Complaint, Reading

_FILE = "compose.yaml"

# The two variables that .env holds, spelled so that Compose stops with the message when one is unset or empty.
_TOKEN = "${CONFIGPROXY_AUTH_TOKEN:?put the output of 'openssl rand -hex 32' into .env}"  # noqa: S105 - a reference
_CLIENT = "${OAUTH_CLIENT_ID:?put the id of this hub at the login service into .env}"

# distribution/reference:regexp.go; a digest wins over a tag (moby/moby:daemon/containerd/image.go, resolveImage).
_REFERENCE = re.compile(
    r"(?P<repository>[a-z0-9][a-z0-9.:_/-]*?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"@(?P<digest>sha256:[0-9a-f]{64})"
)

_STARTED, _HEALTHY = {"condition": "service_started"}, {"condition": "service_healthy"}


@dataclass(frozen=True, slots=True)
class Services:
    """What the services say.

    Attributes:
        host: that Caddy serves.
        tls: the option of that name.
        images: the option of that name.
        socket: of the engine.
        oauth: the hub gets the client and its secret.
        pulled: every image that ``docker compose pull`` fetches for sessions → its tag, and the place.
        places: option path → place.
        complaints: about the file.
    """

    host: str = ""
    tls: dict[str, Any] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    socket: str = ""
    oauth: bool = False
    pulled: dict[ImageRef, tuple[str, Path]] = field(default_factory=dict)
    places: dict[Path, Path] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()


def reference(text: str) -> ImageRef | None:
    """A reference as the engine takes it apart; None when it is not pinned by a digest."""
    found = _REFERENCE.fullmatch(text)
    return ImageRef(found["repository"], found["digest"], found["tag"] or "") if found else None


def read_services(files: Mapping[str, bytes], center: str, complaints: list[Complaint]) -> Services | None:
    """Read the file; None and a complaint when it is missing or broken.

    Args:
        files: of the target's folder.
        center: name of the centre, which the project and its network are named after.
        complaints: receives what makes the file unreadable.
    """
    data = _yaml(files, complaints)
    if data is None:
        return None
    expanded: list[Complaint] = []
    reading = Reading(_FILE, _interpolated(data, (), expanded))
    secrets = reading.keys("secrets") if reading.has("secrets") else ()
    names = ("edge", "proxy", "hub", "docker-api")
    pulled = {name: _pulled(reading, name) for name in reading.keys("services") if name not in names}
    images = {
        name.replace("-", "_"): _image(reading, name) for name in ("hub", "proxy", "edge", "docker-api")
    }
    host = reading.text("services", "edge", "environment", "LEGO_HOST")
    socket = reading.text("services", "docker-api", "volumes", 0, "source")
    tls = _tls(reading)
    with_tls, with_oauth = tls.get("mode") == "files", "oauth_client_secret" in secrets
    expected = {
        "edge": _edge(reading, files, with_tls),
        "proxy": _proxy(),
        "hub": _hub(files, with_oauth, list(pulled)),
        "docker-api": _docker_api(socket),
    }
    for name, service in expected.items():
        image = images[name.replace("-", "_")]
        reading.expect({"image": image, **_SERVICE, **service}, "services", name)
    _expect_rest(reading, center, with_tls, with_oauth)
    return Services(
        host=host,
        tls=tls,
        images=images,
        socket=socket,
        oauth=with_oauth,
        pulled={image: (image.tag, place) for image, place in pulled.values() if image is not None},
        places=_places(reading),
        complaints=(*expanded, *reading.finish()),
    )


def _yaml(files: Mapping[str, bytes], complaints: list[Complaint]) -> dict[str, Any] | None:
    if _FILE not in files:
        complaints.append(Complaint("LC703", f"{_FILE!r} is missing", (_FILE,)))
        return None
    try:
        data = load(files[_FILE])
    except Unreadable as reason:
        complaints.append(Complaint("LC705", f"{_FILE!r} {reason}", (_FILE,)))
        return None
    if not isinstance(data, dict):
        complaints.append(Complaint("LC705", f"{_FILE!r} is no mapping", (_FILE,)))
        return None
    return data


def _interpolated(data: Any, at: Path, complaints: list[Complaint]) -> Any:
    """Values after Compose has expanded variables, keys as they are (compose-spec/compose-go:template/template.go).

    The two references that .env is for stay as they are, and any other is a complaint.
    """
    if isinstance(data, dict):
        return {key: _interpolated(value, (*at, key), complaints) for key, value in data.items()}
    if isinstance(data, list):
        return [_interpolated(value, (*at, index), complaints) for index, value in enumerate(data)]
    if not isinstance(data, str) or "$" not in data or data in (_TOKEN, _CLIENT):
        return data
    if "$" in data.replace("$$", ""):
        complaints.append(Complaint("LC701", f"Compose expands the `$` in {data!r}", (_FILE, *at)))
    return data.replace("$$", "$")


# --- what a centre chooses --------------------------------------------------------------------------------------


def _image(reading: Reading, name: str) -> str:
    text = reading.text("services", name, "image")
    if reference(text) is None:
        reading.complain(f"{text!r} is not pinned by a digest", "services", name, "image")
    return text


def _pulled(reading: Reading, name: str) -> tuple[ImageRef | None, Path]:
    """A service that only exists to be pulled: no container, so no network, no restart, no replica."""
    at = ("services", name)
    text = reading.text(*at, "image")
    only = {"pull_policy": "missing", "deploy": {"replicas": 0}, "network_mode": "none", "restart": "no"}
    reading.expect({"image": text, **only}, *at)
    image = reference(text)
    if image is None:
        reading.complain(f"{text!r} is not pinned by a digest", *at, "image")
    return image, reading.place(*at)


def _tls(reading: Reading) -> dict[str, Any]:
    """Arguments of the directive ``tls``: Caddy puts the variable into the text before it splits that into words

    (caddyserver/caddy:caddyconfig/caddyfile/parse.go, replaceEnvVars; caddyconfig/httpcaddyfile/builtins.go, parseTLS).
    """
    text = reading.text("services", "edge", "environment", "LEGO_TLS")
    match text.split():
        case ["internal"]:
            return {"mode": "internal", "email": None}
        case [email] if "@" in email:
            return {"mode": "acme", "email": email}
        case ["/run/secrets/tls_certificate", "/run/secrets/tls_key"]:
            return {"mode": "files", "email": None}
    reading.complain(
        f"{text!r} is nothing that Caddy gets a certificate by", "services", "edge", "environment", "LEGO_TLS"
    )
    return {"mode": "", "email": None}


def _places(reading: Reading) -> dict[Path, Path]:
    images: dict[Path, Path] = {
        ("images", name.replace("-", "_")): reading.place("services", name, "image")
        for name in ("hub", "proxy", "edge", "docker-api")
    }
    tls = reading.place("services", "edge", "environment", "LEGO_TLS")
    socket = reading.place("services", "docker-api", "volumes", 0, "source")
    return {**images, ("tls", "mode"): tls, ("tls", "email"): tls, ("socket",): socket}


# --- what every centre has --------------------------------------------------------------------------------------

_SERVICE: dict[str, Any] = {
    "restart": "unless-stopped",
    "init": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "logging": {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}},
}
_FILES = {"nofile": {"soft": 65536, "hard": 65536}}


def _health(test: list[str], interval: str, start: str) -> dict[str, Any]:
    return {
        "test": ["CMD", *test],
        "interval": interval,
        "timeout": "5s",
        "retries": 4,
        "start_period": start,
    }


def _label(files: Mapping[str, bytes], *names: str) -> dict[str, str]:
    return {CONFIG_LABEL: config_digest({name: files.get(name, b"") for name in names})}


def _edge(reading: Reading, files: Mapping[str, bytes], with_tls: bool) -> dict[str, Any]:
    at = ("services", "edge", "environment")
    return {
        "cap_add": ["NET_BIND_SERVICE"],
        "environment": {name: reading.peek(*at, name) for name in ("LEGO_HOST", "LEGO_TLS")},
        "ports": [
            {"target": 80, "published": "80", "protocol": "tcp"},
            {"target": 443, "published": "443", "protocol": "tcp"},
            {"target": 443, "published": "443", "protocol": "udp"},
        ],
        "configs": [{"source": "caddyfile", "target": "/etc/caddy/Caddyfile"}],
        **({"secrets": ["tls_certificate", "tls_key"]} if with_tls else {}),
        "volumes": [
            {"type": "volume", "source": "caddy-data", "target": "/data"},
            {"type": "volume", "source": "caddy-config", "target": "/config"},
        ],
        "networks": ["edge"],
        "labels": _label(files, "Caddyfile"),
        "healthcheck": _health(
            ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2019/config/"], "30s", "10s"
        ),
        "depends_on": {"proxy": _HEALTHY},
    }


def _proxy() -> dict[str, Any]:
    probe = (
        "require('http').get('http://127.0.0.1:8000/_chp_healthz',r=>process.exit(r.statusCode===200?0:1))"
        ".on('error',()=>process.exit(1))"
    )
    return {
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
        "ulimits": _FILES,
        "networks": ["control", "edge", "users"],
        "healthcheck": _health(["node", "-e", probe], "15s", "10s"),
    }


def _hub(files: Mapping[str, bytes], with_oauth: bool, pulled: list[str]) -> dict[str, Any]:
    probe = "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/hub/health', timeout=4)"
    return {
        "command": ["jupyterhub", "-f", "/etc/jupyterhub/jupyterhub_config.py"],
        "environment": {
            "CONFIGPROXY_AUTH_TOKEN": _TOKEN,
            "DOCKER_HOST": "tcp://docker-api:2375",
            **({"OAUTH_CLIENT_ID": _CLIENT} if with_oauth else {}),
        },
        "configs": [
            {"source": "jupyterhub_config", "target": "/etc/jupyterhub/jupyterhub_config.py"},
            {"source": "composition", "target": "/etc/jupyterhub/composition.json"},
        ],
        **({"secrets": ["oauth_client_secret"]} if with_oauth else {}),
        "volumes": [{"type": "volume", "source": "hub-data", "target": "/srv/jupyterhub"}],
        "ulimits": _FILES,
        "networks": ["control", "users"],
        "labels": _label(files, "composition.json", "jupyterhub_config.py"),
        "healthcheck": _health(["python3", "-c", probe], "15s", "30s"),
        "stop_grace_period": "30s",
        # `up hub` pulls what the hub depends on, and starts nothing of it that has no replicas
        # (docker/compose:pkg/compose/convergence.go, shouldWaitForDependency).
        "depends_on": {"docker-api": _HEALTHY, "proxy": _HEALTHY, **dict.fromkeys(pulled, _STARTED)},
    }


def _docker_api(socket: str) -> dict[str, Any]:
    return {
        # What is not listed the proxy refuses (Tecnativa/docker-socket-proxy:haproxy.cfg).
        "environment": {"CONTAINERS": "1", "IMAGES": "1", "POST": "1", "EVENTS": "0", "DISABLE_IPV6": "1"},
        "volumes": [
            {
                "type": "bind",
                "source": socket,
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


def _expect_rest(reading: Reading, center: str, with_tls: bool, with_oauth: bool) -> None:
    """Everything besides the services. Sessions reach the network ``users`` and must not reach ``control``."""
    reading.expect(f"lego-{center}", "name")
    users = {"name": f"lego-{center}-users"}
    reading.expect({"edge": {}, "control": {"internal": True}, "users": users}, "networks")
    reading.expect({"caddy-config": {}, "caddy-data": {}, "hub-data": {}}, "volumes")
    files = {
        "caddyfile": "Caddyfile",
        "composition": "composition.json",
        "jupyterhub_config": "jupyterhub_config.py",
    }
    reading.expect({name: {"file": f"./{file}"} for name, file in files.items()}, "configs")
    secrets = dict(_secrets(with_tls, with_oauth))
    if secrets or reading.has("secrets"):
        reading.expect(secrets, "secrets")


def _secrets(with_tls: bool, with_oauth: bool) -> Iterator[tuple[str, dict[str, str]]]:
    names = [
        *(["oauth_client_secret"] if with_oauth else []),
        *(["tls_certificate", "tls_key"] if with_tls else []),
    ]
    for name in names:
        yield name, {"file": f"./secrets/{name}"}
