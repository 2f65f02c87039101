"""``compose.yaml`` → what Docker Compose would run and pull; a part of ``lift``.

All but the leaves that a centre chooses is expected by value: each of them is a promise (no privileges, pinned
images, no open port besides 80 and 443) that an edit by hand would break in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lego_compile.ir.model import Path
from lego_compile.targets.compose.files import COMPOSE, CONFIG_LABEL, EDGE_READS, HUB_READS, config_digest
from lego_compile.targets.compose.lift_bricks import LOGGING, Bricks, Said, read_bricks, reference
from lego_compile.targets.goyaml import Unreadable, load
from lego_compile.targets.reading import Complaint, Reading

# The two variables that .env holds, spelled so that Compose stops with the message when one is unset or empty.
_TOKEN = "${CONFIGPROXY_AUTH_TOKEN:?put the output of 'openssl rand -hex 32' into .env}"  # noqa: S105 - a reference
_CLIENT = "${OAUTH_CLIENT_ID:?put the id of this hub at the login service into .env}"

_HEALTHY = {"condition": "service_healthy"}


@dataclass(frozen=True, slots=True)
class Services:
    """What the services say.

    Attributes:
        host: that Caddy serves.
        tls: the option of that name.
        images: the option of that name.
        socket: of the engine.
        login: files below ``secrets/`` that the hub gets.
        bricks: how the software of sessions comes to the machine.
        reads: files that the file names beside those that every centre has.
        places: option path → place.
        complaints: about the file.
    """

    host: str = ""
    tls: dict[str, Any] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    socket: str = ""
    login: frozenset[str] = frozenset()
    bricks: Bricks = field(default_factory=Bricks)
    reads: frozenset[str] = frozenset()
    places: dict[Path, Path] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()


def read_services(files: Mapping[str, bytes], said: Said, complaints: list[Complaint]) -> Services | None:
    """Read the file; None and a complaint when it is missing or broken.

    Args:
        files: of the target's folder.
        said: what the hub is told; the project and its network are named after the centre.
        complaints: receives what makes the file unreadable.
    """
    reading = read_file(files, COMPOSE, (_TOKEN, _CLIENT), complaints)
    if reading is None:
        return None
    secrets = reading.keys("secrets") if reading.has("secrets") else ()
    names = ("edge", "proxy", "hub", "docker-api")
    bricks = read_bricks(reading, files, said, names)
    images = {
        name.replace("-", "_"): _image(reading, name) for name in ("hub", "proxy", "edge", "docker-api")
    }
    host = reading.text("services", "edge", "environment", "LEGO_HOST")
    socket = reading.text("services", "docker-api", "volumes", 0, "source")
    tls = _tls(reading)
    with_tls, login = tls.get("mode") == "files", [name for name in _LOGIN if name in secrets]
    expected = {
        "edge": _edge(reading, files, with_tls),
        "proxy": _proxy(),
        "hub": _hub(files, login, bricks.waits),
        "docker-api": _docker_api(socket, said.mounts),
    }
    for name, service in expected.items():
        image = images[name.replace("-", "_")]
        reading.expect(
            {"image": image, **_SERVICE, "logging": LOGGING.get(said.engine), **service}, "services", name
        )
    _expect_rest(reading, said, with_tls, login)
    built = (recipe_file(reading, name) for name in bricks.waits if reading.has("services", name, "build"))
    return Services(
        host=host,
        tls=tls,
        images=images,
        socket=socket,
        login=frozenset(login),
        bricks=bricks,
        reads=frozenset({*built, *(("seed.sh",) if bricks.seeded else ())}),
        places=_places(reading),
        complaints=reading.finish(),
    )


def read_file(
    files: Mapping[str, bytes], name: str, kept: tuple[str, ...], complaints: list[Complaint]
) -> Reading | None:
    """A file of Compose after variables; None and a complaint when it is missing or broken.

    Args:
        files: of the target's folder.
        name: of the file.
        kept: values with a variable that stay as they are; any other is a complaint.
        complaints: receives what makes the file unreadable.
    """
    if name not in files:
        complaints.append(Complaint("LC703", f"{name!r} is missing", (name,)))
        return None
    try:
        data = load(files[name])
    except Unreadable as reason:
        complaints.append(Complaint("LC705", f"{name!r} {reason}", (name,)))
        return None
    if not isinstance(data, dict):
        complaints.append(Complaint("LC705", f"{name!r} is no mapping", (name,)))
        return None
    reading = Reading(name, data)
    reading.data = _interpolated(data, (), kept, reading)
    return reading


def _interpolated(data: Any, at: Path, kept: tuple[str, ...], reading: Reading) -> Any:
    """Values after Compose has expanded variables, keys as they are (compose-spec/compose-go:template/template.go)."""
    if isinstance(data, dict):
        return {key: _interpolated(value, (*at, key), kept, reading) for key, value in data.items()}
    if isinstance(data, list):
        return [_interpolated(value, (*at, index), kept, reading) for index, value in enumerate(data)]
    if not isinstance(data, str) or "$" not in data or data in kept:
        return data
    if "$" in data.replace("$$", ""):
        reading.complain(f"Compose expands the `$` in {data!r}", *at)
    return data.replace("$$", "$")


# --- what a centre chooses --------------------------------------------------------------------------------------


def _image(reading: Reading, name: str) -> str:
    text = reading.text("services", name, "image")
    if reference(text) is None:
        reading.complain(f"{text!r} is not pinned by a digest", "services", name, "image")
    return text


def recipe_file(reading: Reading, name: str) -> str:
    """The file that says what an image is built of."""
    context, file = (reading.peek("services", name, "build", key) for key in ("context", "dockerfile"))
    return f"{context}/{file}".removeprefix("./")


def _tls(reading: Reading) -> dict[str, Any]:
    """Arguments of the directive ``tls``: Caddy puts the variable into the text before it splits that into words

    (caddyserver/caddy:caddyconfig/caddyfile/parse.go, replaceEnvVars; caddyconfig/httpcaddyfile/builtins.go, parseTLS).
    """
    text = reading.text("services", "edge", "environment", "LEGO_TLS")
    words = text.split()
    match words if text == " ".join(words) else []:  # a line break would end the directive
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
    "pull_policy": "missing",
    "restart": "unless-stopped",
    "init": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "read_only": True,
    "tmpfs": ["/tmp"],  # noqa: S108 - of the container
}
_LOGIN = ("oauth_client_secret", "ldap_ca", "ldap_password")
"""Files below ``secrets/`` that are the hub's."""

_FILES = {"nofile": {"soft": 65536, "hard": 65536}}


def _health(test: list[str], interval: str, start: str) -> dict[str, Any]:
    return {
        "test": ["CMD", *test],
        "interval": interval,
        "timeout": "5s",
        "retries": 4,
        "start_period": start,
    }


def _label(files: Mapping[str, bytes], names: tuple[str, ...]) -> dict[str, str]:
    return {CONFIG_LABEL: config_digest(files, names)}


def _edge(reading: Reading, files: Mapping[str, bytes], with_tls: bool) -> dict[str, Any]:
    at = ("services", "edge", "environment")
    return {
        "mem_limit": "512m",
        "pids_limit": 512,
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
        "labels": _label(files, EDGE_READS),
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
        "mem_limit": "1g",
        "pids_limit": 512,
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
        "ulimits": _FILES,
        "networks": ["control", "edge", "users"],
        "healthcheck": _health(["node", "-e", probe], "15s", "10s"),
    }


def _hub(files: Mapping[str, bytes], login: list[str], waits: dict[str, dict[str, str]]) -> dict[str, Any]:
    probe = "import urllib.request as u; u.urlopen('http://127.0.0.1:8081/hub/health', timeout=4)"
    return {
        "mem_limit": "2g",
        "pids_limit": 1024,
        "command": ["jupyterhub", "-f", "/etc/jupyterhub/jupyterhub_config.py"],
        "environment": {
            "CONFIGPROXY_AUTH_TOKEN": _TOKEN,
            "DOCKER_HOST": "tcp://docker-api:2375",
            **({"OAUTH_CLIENT_ID": _CLIENT} if "oauth_client_secret" in login else {}),
        },
        "configs": [
            {"source": name.partition(".")[0], "target": f"/etc/jupyterhub/{name}"} for name in HUB_READS
        ],
        **({"secrets": login} if login else {}),
        "volumes": [{"type": "volume", "source": "hub-data", "target": "/srv/jupyterhub"}],
        "ulimits": _FILES,
        "networks": ["control", "engine", "users"],
        "labels": _label(files, HUB_READS),
        "healthcheck": _health(["python3", "-c", probe], "15s", "30s"),
        "stop_grace_period": "30s",
        "depends_on": {"docker-api": _HEALTHY, "proxy": _HEALTHY, **waits},
    }


def _docker_api(socket: str, mounts: str) -> dict[str, Any]:
    allowed = ("CONTAINERS", "IMAGES", "POST", *(("VOLUMES",) if mounts == "volume" else ()))
    return {
        "mem_limit": "256m",
        "pids_limit": 256,
        # What is not listed the proxy refuses (Tecnativa/docker-socket-proxy:haproxy.cfg).
        "environment": {**dict.fromkeys(allowed, "1"), "EVENTS": "0", "DISABLE_IPV6": "1"},
        "volumes": [
            {
                "type": "bind",
                "source": socket,
                "target": "/var/run/docker.sock",
                "read_only": True,
                "bind": {"create_host_path": False},
            }
        ],
        "tmpfs": ["/run", "/tmp"],  # noqa: S108 - of the container
        "networks": ["engine"],  # nobody but the hub is on it with the proxy of the socket
        "healthcheck": _health(["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2375/_ping"], "30s", "5s"),
    }


def _expect_rest(reading: Reading, said: Said, with_tls: bool, login: list[str]) -> None:
    """Everything besides the services. Sessions are on the network ``users``, and reach neither of the inner ones."""
    reading.expect(f"lego-{said.center}", "name")
    users = {"name": f"lego-{said.center}-users"}
    # An internal network of Podman is open once it turns routing on; others it keeps apart (containers/netavark#126).
    inner = {name: {"internal": True} if said.engine == "docker" else {} for name in ("control", "engine")}
    reading.expect({"edge": {}, **inner, "users": users}, "networks")
    for name in ("caddy-config", "caddy-data", "hub-data"):
        reading.expect({}, "volumes", name)
    reading.expect({"file": "./Caddyfile"}, "configs", "caddyfile")
    for file in HUB_READS:
        reading.expect({"file": f"./{file}"}, "configs", file.partition(".")[0])
    names = [*login, *(["tls_certificate", "tls_key"] if with_tls else [])]
    secrets = {name: {"file": f"./secrets/{name}"} for name in names}
    if secrets or reading.has("secrets"):
        reading.expect(secrets, "secrets")
