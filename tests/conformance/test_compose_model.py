"""What Docker Compose makes of the files, in its own normalised model, is what our lift makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lego_compile.hashing import sha256
from lego_compile.ir.model import Composition, Deployment
from lego_compile.targets.compose import TARGET
from lego_compile.targets.goyaml import load
from tests.conformance.compose_model import from_model, from_text
from tests.conformance.compose_payload import content
from tests.conformance.compose_samples import CHOSEN, SAMPLES
from tests.conformance.composes import (
    INSTALLED,
    LAB,
    OLDEST,
    VERSIONS,
    compose_files,
    environment,
    examples,
    install,
    model,
)
from tests.targets.compose.samples import cases, compiled

pytestmark = pytest.mark.slow

EVERYTHING = {**examples(), **{f"sample: {name}": files for name, files in SAMPLES.items()}}
NO_LAB: dict[str, Any] = {"services": {}, "configs": {}}
OTHERS = ("edge", "proxy", "hub", "docker-api")


def variables(files: dict[str, bytes]) -> dict[str, str]:
    """What ``.env`` sets."""
    lines = environment(files).decode().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")


def readable(version: str, name: str) -> list[str]:
    """The files of a folder that a version of Compose accepts; see test_compose.py."""
    return (
        ["compose.yaml"]
        if (version, name) == (OLDEST, "sample: subpath")
        else compose_files(EVERYTHING[name])
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EVERYTHING)
def test_nothing_is_read_in_two_ways(version: str, name: str, tmp_path: Path) -> None:
    """Every leaf that lift finds in the text has that value in Compose's model, and there is nothing else in it."""
    files = EVERYTHING[name]
    install(tmp_path, files)
    for file in readable(version, name):
        expected = from_text(load(files[file]), variables(files))
        assert expected == from_model(version, model(version, tmp_path, file), tmp_path)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases)
def test_nothing_is_read_in_two_ways_whatever_the_centre(
    tmp_path: Path, case: tuple[Deployment, dict[str, Any]]
) -> None:
    """The same for any deployment and all options: odd texts reach Compose as they are meant."""
    files = compiled(*case)
    install(tmp_path, files)
    for file in compose_files(files):
        expected = from_text(load(files[file]), variables(files))
        assert expected == from_model(INSTALLED, model(INSTALLED, tmp_path, file), tmp_path)


# --- what is said -----------------------------------------------------------------------------------------------


def heard(services: dict[str, Any], volumes: dict[str, Any]) -> dict[str, Any]:
    """What Compose's model says of the things that our lift gives back."""
    software = {name: service for name, service in services.items() if name not in OTHERS}
    never = {name: each for name, each in software.items() if each.get("deploy", {}).get("replicas") == 0}
    seeds = [each for name, each in software.items() if name not in never]
    (socket,) = (each["source"] for each in services["docker-api"]["volumes"])
    return {
        "images": {name.replace("-", "_"): services[name]["image"] for name in OTHERS},
        "host": services["edge"]["environment"]["LEGO_HOST"],
        "tls": services["edge"]["environment"]["LEGO_TLS"],
        "socket": socket,
        "login": {each["source"] for each in services["hub"].get("secrets", ())},
        "certificate": {each["source"] for each in services["edge"].get("secrets", ())},
        "pulled": {each["image"] for each in never.values() if "build" not in each},
        "built": {each["image"]: each["build"]["context"] for each in never.values() if "build" in each},
        "seeded": {
            (volumes[mount["source"]]["name"], each["image"], *each["command"])
            for each in seeds
            for mount in each["volumes"]
        },
        "waits": {name: on["condition"] for name, on in services["hub"]["depends_on"].items()},
    }


def said(deployment: Deployment, options: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    """What our lift says of them, in the same words."""
    mounts, tls, login = options["mounts"], options["tls"], options["authenticator"]
    bricks = [brick for each in deployment.profiles for brick in (*each.bricks, *each.offers)]
    systems = {profile.system.image.labelled for profile in deployment.profiles}
    pulled = {
        "image": systems | {brick.image.labelled for brick in bricks}, "volume": systems, "baked": set()
    }[mounts]  # fmt: skip
    recipes = [name for name in files if name.startswith("baked/")]
    named = f"lego-{deployment.center}"
    ldap = login["ldap"] or {}
    return {
        "images": options["images"],
        "host": options["host"],
        "tls": {
            "acme": tls["email"], "internal": "internal",
            "files": "/run/secrets/tls_certificate /run/secrets/tls_key",
        }[tls["mode"]],
        "socket": options["socket"],
        "login": {
            name
            for name, needed in {
                "oauth_client_secret": login["oauth"],
                "ldap_ca": ldap.get("ca"),
                "ldap_password": (ldap.get("search") or {}).get("user"),
            }.items()
            if needed
        },
        "certificate": {"tls_certificate", "tls_key"} if tls["mode"] == "files" else set(),
        "pulled": pulled,
        "built": {
            f"localhost/{named}/{Path(name).parent.name}:{sha256(files[name])[:12]}": f"./{Path(name).parent}"
            for name in recipes
        },
        "seeded": {
            (f"{named}-brick-{brick.name}-{content(brick)}", brick.image.labelled, brick.subpath)
            for brick in bricks
        } if mounts == "volume" else set(),
    }  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EVERYTHING)
def test_compose_says_what_lift_says(version: str, name: str, tmp_path: Path) -> None:
    """Images, ways to bring bricks, host, certificate, secrets and socket are in the model what lift gives back."""
    files = EVERYTHING[name]
    lifted = TARGET.lift(files)
    assert (lifted.deployment is not None, lifted.complaints) == (True, ())
    assert lifted.deployment is not None
    seen = from_model(version, model(version, install(tmp_path, files)), tmp_path)
    found = heard(seen["services"], seen["volumes"])
    waits = found.pop("waits")
    assert said(lifted.deployment, dict(lifted.options), files) == found
    software = {each: service for each, service in seen["services"].items() if each not in OTHERS}
    assert {
        "docker-api": "service_healthy",
        "proxy": "service_healthy",
        **{
            each: "service_started" if "deploy" in service else "service_completed_successfully"
            for each, service in software.items()
        },
    } == waits
    assert f"lego-{lifted.deployment.center}-users" == seen["networks"]["users"]["name"]
    samples = {f"sample: {each}": chosen for each, chosen in CHOSEN.items()}
    assert name not in samples or samples[name] == (lifted.deployment, lifted.options)


@pytest.mark.parametrize(
    ("version", "name"),
    [(version, name) for version in VERSIONS for name in EVERYTHING if LAB in readable(version, name)],
)
def test_the_lab_is_the_default_profile(version: str, name: str, tmp_path: Path) -> None:
    """The trial without a hub has the software, directories, variables and bounds of the default profile."""
    files = EVERYTHING[name]
    lifted = TARGET.lift(files)
    assert lifted.deployment is not None
    profile = next(each for each in lifted.deployment.profiles if each.default)
    seen = from_model(version, model(version, install(tmp_path, files), LAB), tmp_path)
    lab, system, session = seen["services"]["lab"], profile.system, lifted.options["session"]
    if lifted.options["mounts"] != "baked":
        assert system.image.labelled == lab["image"]
        assert bricks_of(profile) == bricks_in(lab, seen)
    assert (f"{system.uid}:{system.gid}", system.home) == (lab["user"], lab["working_dir"])
    variables = {"HOME": system.home, **dict(profile.environment), "JUPYTER_TOKEN": ""}
    assert variables == lab["environment"]
    assert [*(brick.prefix for brick in profile.bricks), "--"] == lab["command"][2 : 3 + len(profile.bricks)]
    assert list(profile.command[1:]) == lab["command"][7 + len(profile.bricks) :]
    assert profile.limits.memory == lab.get("mem_limit")
    devices = lab.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
    gpus = {"driver": "nvidia", "count": profile.limits.gpus, "capabilities": ["gpu"]}
    assert ([gpus] if profile.limits.gpus else []) == devices
    # Not as `cpus`, of which no engine grants more than its machine has; a laptop has less than the centre's.
    thousandths, period = profile.limits.cpu, lab.get("cpu_period", 0)
    assert (period and lab["cpu_quota"] / period) == (thousandths or 0) / 1000
    assert "cpus" not in lab
    assert session["processes"] == lab["pids_limit"]
    assert lab["shm_size"] % 1024**2 == 0
    if profile.data:
        data = {each.path: not each.writable for each in profile.data}
        more = [each for each in seen["services"]["lab-data"]["volumes"] if each not in lab["volumes"]]
        assert data == {each["target"]: each.get("read_only", False) for each in more}
        assert {False} == {each["bind"]["create_host_path"] for each in more if each["type"] == "bind"}


def bricks_of(profile: Composition) -> dict[str, tuple[str, str]]:
    """Prefix of a brick → where it is from."""
    return {brick.prefix: (brick.image.pinned, brick.subpath) for brick in profile.bricks}


def bricks_in(lab: dict[str, Any], seen: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The same as Compose sees it, through the volumes and what fills them."""
    seeds = {
        mount["source"]: (each["image"], each["command"][0])
        for name, each in seen["services"].items()
        if name.startswith("seed-")
        for mount in each["volumes"]
    }
    found = {}
    for mount in lab["volumes"]:
        if mount["type"] == "image":
            found[mount["target"]] = (mount["source"], f"/{mount.get('image', {}).get('subpath', '')}")
        elif mount["source"] in seeds:
            assert mount["read_only"] is True
            image, subpath = seeds[mount["source"]]
            repository, _, digest = image.partition("@")
            found[mount["target"]] = (f"{repository.rpartition(':')[0]}@{digest}", subpath)
    return found


# --- what is promised -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_a_security_officer_asks(name: str, tmp_path: Path) -> None:
    """In the model: nobody has privileges, only the edge is reached from outside, only docker-api has the socket."""
    files = EVERYTHING[name]
    seen = from_model(INSTALLED, model(INSTALLED, install(tmp_path, files)), tmp_path)
    lab = from_model(INSTALLED, model(INSTALLED, tmp_path, LAB), tmp_path) if LAB in files else NO_LAB
    services = seen["services"]
    containers = {each: service for each, service in services.items() if "deploy" not in service}
    forbidden = {"privileged", "devices", "pid", "ipc", "userns_mode", "group_add", "volumes_from", "sysctls"}
    for service in (*containers.values(), *lab["services"].values()):
        assert ["ALL"] == service["cap_drop"]
        assert ["no-new-privileges:true"] == service["security_opt"]
        assert forbidden.isdisjoint(service)
        assert service.get("network_mode") in (None, "none")
        assert service["logging"]["options"]["max-size"]
        assert "build" in service or "@sha256:" in service["image"]
    for each in OTHERS:
        assert {"mem_limit", "pids_limit", "healthcheck"} <= services[each].keys()
    published = {
        each: {(port.get("host_ip"), port["published"], port["protocol"]) for port in service["ports"]}
        for each, service in (*services.items(), *lab["services"].items())
        if "ports" in service
    }
    assert {(None, "80", "tcp"), (None, "443", "tcp"), (None, "443", "udp")} == published.pop("edge")
    assert {("127.0.0.1", "8888", "tcp")} >= set().union(*published.values())
    members = {
        network: {each for each, service in services.items() if network in service.get("networks", ())}
        for network in seen["networks"]
    }
    assert {
        "edge": {"edge", "proxy"}, "users": {"hub", "proxy"}, "control": {"hub", "proxy"},
        "engine": {"hub", "docker-api"},
    } == members  # fmt: skip
    # With Podman, an internal network is less closed than another one.
    docker = json.loads(files["composition.json"])["engine"] == "docker"
    assert [docker] * 2 == [seen["networks"][each].get("internal", False) for each in ("control", "engine")]
    binds = [
        each for service in services.values() for each in service.get("volumes", ()) if each["type"] == "bind"
    ]
    (socket,) = binds
    assert (socket["target"], socket["read_only"], socket["bind"]) == (
        "/var/run/docker.sock", True, {"create_host_path": False},
    )  # fmt: skip
    for project in (seen, lab):
        for entry in (*project["configs"].values(), *project.get("secrets", {}).values()):
            assert tmp_path.joinpath(entry["file"]).is_file()
