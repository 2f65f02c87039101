"""Every damage to the golden files is noticed."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.emit import yaml as emit_yaml
from lego_compile.ir.model import Deployment
from lego_compile.targets import goyaml
from lego_compile.targets.z2jh import TARGET
from tests.strategies import example
from tests.targets.damages import Change, damaged, drop, null, other, places
from tests.targets.z2jh.samples import (
    SEARCH,
    apply,
    authenticator,
    compiled,
    full_options,
    ldap,
    options,
    projected,
)
from tests.thorough import first_fast

# With Argo CD a sum of the values would notice everything by itself; it has a test of its own.
CHOSEN = full_options(gitops=None, apply=apply())
DEPLOYMENT = projected(example())
GOLDEN = compiled(DEPLOYMENT, CHOSEN)
TREES: dict[str, Any] = {
    name: yaml.safe_load(data) for name, data in GOLDEN.items() if name.endswith(".yaml")
}
HOME = "volume-{user_server}"
_PLAIN: dict[bytes, Any] = {}
"""Trees by the bytes of a file, or by a name that stands for them."""
_NAMES = count()


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees reach ``lift`` as they are, which is faster; what YAML makes of them is tested elsewhere."""

    def load(data: bytes) -> Any:
        return _PLAIN[data] if data in _PLAIN else _PLAIN.setdefault(data, goyaml.load(data))

    for module in ("lift", "lift_apply"):
        monkeypatch.setattr(sys.modules[f"lego_compile.targets.z2jh.{module}"], "load", load)


def noticed(
    files: dict[str, bytes], chosen: dict[str, Any] = CHOSEN, deployment: Deployment = DEPLOYMENT
) -> bool:
    """Whether reading the files back gives something else than went in."""
    lifted = TARGET.lift(files)
    for data in files.values():
        if data.startswith(b"\0"):
            del _PLAIN[data]
    return bool(lifted.complaints) or lifted.deployment != deployment or lifted.options != chosen


def with_tree(file: str, tree: Any, golden: dict[str, bytes] = GOLDEN) -> dict[str, bytes]:
    """The golden files with another tree in one of them."""
    name = b"\0%d" % next(_NAMES)
    _PLAIN[name] = tree
    return {**golden, file: name}


def _renamed(node: Any, key: Any) -> None:
    if isinstance(node, dict):
        node[key + "X"] = node.pop(key)
    else:
        del node[key]


def _as_text(node: Any, key: Any) -> None:
    node[key] = "x" if isinstance(node[key], str | dict | list) or node[key] is None else str(node[key])


def harmless(at: tuple[Any, ...], change: Change) -> bool:
    """What makes no difference to the platform.

    A choice leaves out a brick that is not there anyway; the example has the chart's own user, group and home; the
    first profile and the first choice are the default; the pods that wait do not care where a brick is.
    """
    if change is drop and at in DEFAULTS:
        return True
    if at == ("singleuser", "profileList", 0, "default"):
        return change in (drop, other)
    if change is drop and at[-2:] == ("skip", "default"):
        return True
    if at[-1] == "mountPath" and at[:3] == ("spec", "template", "spec"):
        return change in (other, _as_text)
    return "skip" in at and "kubespawner_override" in at


DEFAULTS = (("singleuser", "uid"), ("singleuser", "fsGid"), ("singleuser", "storage", "homeMountPath"))


@pytest.mark.parametrize(
    "change", first_fast([other, drop, null, _renamed, _as_text]), ids=lambda each: each.__name__
)
@pytest.mark.parametrize("file", TREES)
def test_every_node_matters(file: str, change: Change) -> None:
    """To change, drop, empty, rename or retype any node of either file is noticed."""
    tree = TREES[file]
    survivors = [
        at
        for at in places(tree)
        if not harmless(at, change) and not noticed(with_tree(file, damaged(tree, at, change)))
    ]
    assert survivors == []


def _other_options(**changes: Any) -> dict[str, Any]:
    return full_options(**{"profiles": {}, "gitops": None, "apply": None, **changes})


def small(chosen: dict[str, Any]) -> Deployment:
    """One profile with one brick, that offers another."""
    first = DEPLOYMENT.profiles[0]
    profile = replace(first, bricks=first.bricks[:1], offers=first.offers[-1:], retired=(), data=())
    size = None if chosen["home"]["claim"] else DEPLOYMENT.home_size
    return replace(DEPLOYMENT, profiles=(profile,), groups=(), home_size=size)


LOOKUP = {"users": [], "search": SEARCH, "ca": {"name": "directory-ca", "key": "ca.crt"}}
BALANCER = {"email": None, "tls_secret": None, "annotations": {"a": "b"}, "sources": ["192.0.2.0/24"]}
VARIETIES: dict[str, dict[str, Any]] = {
    "a directory": _other_options(
        authenticator=authenticator(
            type="ldap", ldap=ldap(**LOOKUP, port=3269, allowed_groups=["cn=a"]), admin_users=["ada"]
        )
    ),
    "accounts": _other_options(
        authenticator=authenticator(
            type="native", native={"open_signup": False, "minimum_password_length": 12, "failed_logins": 5}
        )
    ),
    "a gateway": _other_options(
        ingress=options()["ingress"],
        gateway={"name": "a", "namespace": "b", "section": "c", "annotations": {"d": "e"}},
    ),
    "let's encrypt": _other_options(
        ingress=options()["ingress"], load_balancer={**BALANCER, "tls": "letsencrypt", "email": "a@b.org"}
    ),
    "a certificate": _other_options(
        ingress=options()["ingress"], load_balancer={**BALANCER, "tls": "secret", "tls_secret": "c"}
    ),
    "no tls": _other_options(ingress=options()["ingress"], load_balancer={**BALANCER, "tls": "none"}),
    "copies": _other_options(mounts="copy", prepull="chart"),
    "directories": _other_options(mounts="hostPath", bricks_at="/srv/bricks", prepull="none"),
    "an export": _other_options(mounts="nfs", bricks_at="nfs:nas.example.org:/bricks", prepull="chart"),
    "a claim": _other_options(mounts="nfs", bricks_at="pvc:bricks", prepull="chart"),
    "the driver": _other_options(mounts="csi"),
    "the chart's puller": _other_options(prepull="chart"),
    "one home": _other_options(home={"storage_class": None, "claim": "homes"}),
    "argocd": _other_options(gitops="argocd", apply=apply(repository="https://git.example.org/c.git")),
    "flux": _other_options(gitops="flux", apply=apply(release="lab")),
}
"""Options that write something which the golden files have not."""


@pytest.mark.parametrize("name", first_fast(VARIETIES))
def test_every_node_of_other_options_matters(name: str) -> None:
    """The same of all that these options write, and the golden files have not, or have otherwise."""
    chosen = VARIETIES[name]
    deployment = small(chosen)
    golden = compiled(deployment, chosen)
    assert not noticed(golden, chosen, deployment)
    survivors = []
    for file, data in golden.items():
        tree = yaml.safe_load(data) if file.endswith(".yaml") else None
        for at in places(tree):
            if found(tree, at) == found(TREES.get(file), at):
                continue
            for change in (other, drop, null, _renamed, _as_text):
                files = with_tree(file, damaged(tree, at, change), golden)
                if not harmless(at, change) and not noticed(files, chosen, deployment):
                    survivors.append((file, at, change.__name__))
    assert survivors == []


def found(tree: Any, at: tuple[Any, ...]) -> Any:
    """What a tree has at a place; itself when it has nothing there, which nothing else is."""
    node = tree
    for key in at:
        if not (isinstance(node, dict) and key in node) and not (
            isinstance(node, list) and isinstance(key, int) and key < len(node)
        ):
            return tree
        node = node[key]
    return node


def test_the_sum_of_the_values_notices_a_change() -> None:
    """What Argo CD is told to look at follows from the values, so whoever edits them by hand is found out."""
    golden = compiled(DEPLOYMENT, full_options())
    tree = yaml.safe_load(golden["values.yaml"])
    tree["singleuser"]["memory"]["guarantee"] = "3G"
    lifted = TARGET.lift({**golden, "values.yaml": emit_yaml.dump(tree).encode()})
    assert ("hub", "annotations", "lego-compile/values") in [each.place[1:] for each in lifted.complaints]


def test_the_undamaged_is_silent() -> None:
    """Without damage nothing is noticed, so the tests of this file can fail."""
    assert not noticed(GOLDEN)
    written = {name: emit_yaml.dump(tree).encode() for name, tree in TREES.items()}
    assert not noticed({**GOLDEN, **written})


def _values(change: Callable[[Any], None]) -> dict[str, bytes]:
    tree = copy.deepcopy(TREES["values.yaml"])
    change(tree)
    return {**GOLDEN, "values.yaml": emit_yaml.dump(tree).encode()}


def _profile(change: Callable[[Any], None], index: int = 0) -> dict[str, bytes]:
    return _values(lambda tree: change(tree["singleuser"]["profileList"][index]["kubespawner_override"]))


def _include(change: Callable[[Any], None]) -> dict[str, bytes]:
    def inside(tree: Any) -> None:
        options = tree["singleuser"]["profileList"][0]["profile_options"]
        change(options["notebook"]["choices"]["include"]["kubespawner_override"])

    return _values(inside)


def _swap(override: Any) -> None:
    mounts = override["volume_mounts"]
    first, second = mounts["brick-climate"], mounts["brick-ocean"]
    first["mountPath"], second["mountPath"] = second["mountPath"], first["mountPath"]


def _listed(override: Any) -> None:
    for trait in ("volumes", "volume_mounts"):
        override[trait] = list(override[trait].values())


DAMAGES: dict[str, dict[str, bytes]] = {
    "a policy that opens everything": _values(
        lambda tree: tree["singleuser"]["networkPolicy"].update(egress=[{"to": []}])
    ),
    "a choice that leaves out another brick": _values(
        lambda tree: tree["singleuser"]["profileList"][0]["profile_options"]["notebook"]["choices"]["skip"][
            "kubespawner_override"
        ]["volumes"].update({"brick-ml": None})
    ),
    "a profile for nobody": _values(lambda tree: tree["custom"]["lego"]["profileGroups"].update(ocean=[])),
    "nothing set aside": _profile(lambda override: override.update(mem_guarantee=0), 1),
    "containers that are none": _profile(lambda override: override.update(init_containers=None)),
    "a mount dropped": _profile(lambda override: override["volume_mounts"].pop("brick-ocean")),
    "a brick dropped": _profile(
        lambda override: [override[trait].pop("brick-ocean") for trait in ("volumes", "volume_mounts")]
    ),
    "a brick taken away": _profile(
        lambda override: [override[trait].update({"brick-ocean": None}) for trait in ("volumes", "volume_mounts")]
    ),
    "paths swapped": _profile(_swap),
    "lists instead of maps": _profile(_listed),
    "the home taken away": _profile(
        lambda override: [override[trait].update({HOME: None}) for trait in ("volumes", "volume_mounts")]
    ),
    "the home elsewhere": _profile(
        lambda override: override["volume_mounts"].update({HOME: {"mountPath": "/tmp"}})
    ),
    "a writable directory": _profile(
        lambda override: override["volume_mounts"].update({"data-era5": {"readOnly": False}})
    ),
    "a brick that may be written": _profile(
        lambda override: override["volume_mounts"]["brick-ocean"].pop("readOnly")
    ),
    "another directory of the host": _profile(
        lambda override: (
            override["volumes"].update({"x": {"name": "x", "hostPath": {"path": "/", "type": "Directory"}}}),
            override["volume_mounts"].update({"x": {"name": "x", "mountPath": "/x"}}),
        )
    ),
    "an injected variable": _profile(lambda override: override["environment"].update(PYTHONPATH="/x")),
    "a user's name in a path": _profile(
        lambda override: override["volume_mounts"]["brick-ocean"].update(mountPath="/opt/{username}")
    ),
    "an expanded variable": _profile(lambda override: override["environment"].update(SITE="$(HOME)")),
    "a container of root": _profile(lambda override: override.update(uid=0)),
    "a weaker container": _profile(
        lambda override: override.update(container_security_context={"capabilities": {"drop": []}})
    ),
    "a privileged pod": _profile(lambda override: override.update(extra_pod_config={"hostPID": True})),
    "no guard in one profile": _profile(lambda override: override.update(lifecycle_hooks={"postStart": None})),
    "memory that JupyterHub refuses": _profile(lambda override: override.update(mem_limit="8Gi")),
    "a choice that takes away another": _include(lambda override: override["volumes"].update({"brick-ml": None})),
    "a choice that takes away the home": _include(
        lambda override: override["volume_mounts"].update({HOME: None})
    ),
    "a choice that takes away a brick": _include(lambda override: override["volumes"].update({"brick-ocean": None})),
    "a choice with another image": _include(lambda override: override.update(image="quay.io/x/y:1")),
    "a choice without its guard": _include(lambda override: override.pop("environment")),
    "volumes of the hub's own": _values(
        lambda tree: tree["hub"]["config"]["KubeSpawner"].update(volumes={"x": {"name": "x", "emptyDir": {}}})
    ),
    "more code in the hub": _values(lambda tree: tree["hub"]["extraConfig"].update({"zz": "c.Spawner.cmd = ['sh']"})),
    "no code for groups": _values(lambda tree: tree["hub"].pop("extraConfig")),
    "a privileged start": _values(
        lambda tree: tree["singleuser"]["cloudMetadata"].update(blockWithIptables=True)
    ),
    "a network open to the cloud": _values(
        lambda tree: tree["singleuser"]["networkPolicy"]["egressAllowRules"].update(cloudMetadataServer=True)
    ),
    "a second default": _values(lambda tree: tree["singleuser"]["profileList"][1].update(default=True)),
    "two profiles of one name": _values(lambda tree: tree["singleuser"]["profileList"][1].update(slug="ocean")),
    "profiles in another order": _values(lambda tree: tree["singleuser"]["profileList"].reverse()),
    "a brick always ticked": _values(
        lambda tree: tree["singleuser"]["profileList"][0]["profile_options"]["ml"]["choices"]["skip"].pop("default")
        and tree["singleuser"]["profileList"][0]["profile_options"]["ml"]["choices"]["include"].update(default=True)
    ),
    "no weights of the guard": _values(
        lambda tree: tree["singleuser"]["lifecycleHooks"]["postStart"]["exec"]["command"].__setitem__(2, "exit 0")
    ),
    "a file more": {**GOLDEN, "override.yaml": b"singleuser: {}\n"},
    "a key twice": {**GOLDEN, "values.yaml": GOLDEN["values.yaml"] + b"cull:\n  enabled: false\n"},
    "a second document": {**GOLDEN, "values.yaml": GOLDEN["values.yaml"] + b"---\na: 1\n"},
    **{f"no {name}": {path: data for path, data in GOLDEN.items() if path != name} for name in GOLDEN},
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_known_damages(name: str) -> None:
    """What people, merges and attackers do to such files is noticed."""
    assert DAMAGES[name] != GOLDEN
    assert noticed(DAMAGES[name])


def test_a_weakened_guard_is_no_guard() -> None:
    """When the hook is changed, no brick counts as guarded any more; in one profile, those of that one."""
    lifted = TARGET.lift(DAMAGES["no weights of the guard"])
    assert lifted.deployment is not None
    guarded = {brick.guarded for each in lifted.deployment.profiles for brick in (*each.bricks, *each.offers)}
    assert {False} == guarded

    lifted = TARGET.lift(DAMAGES["no guard in one profile"])
    assert lifted.deployment is not None
    assert [each.bricks[0].guarded for each in lifted.deployment.profiles] == [False, True, True]


_leaves = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text(max_size=9))
_trees = st.recursive(
    _leaves,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.text(max_size=5), below, max_size=3)
    ),
    max_leaves=8,
)
PLACES = {name: list(places(tree)) for name, tree in TREES.items()}


@given(st.data())
def test_no_tree_makes_it_stumble(data: st.DataObject) -> None:
    """Whatever stands in the place of whatever, reading ends with complaints and not with an exception."""
    file = data.draw(st.sampled_from(sorted(TREES)))
    at = data.draw(st.sampled_from(PLACES[file]))
    value = data.draw(_trees)

    def put(node: Any, key: Any) -> None:
        node[key] = value

    lifted = TARGET.lift(with_tree(file, damaged(TREES[file], at, put)))
    assert isinstance(lifted.complaints, tuple)


@given(st.binary(max_size=60))
def test_no_bytes_make_it_stumble(data: bytes) -> None:
    """Bytes that are no values at all are a complaint about the file."""
    complaints = TARGET.lift({**GOLDEN, "values.yaml": data}).complaints
    assert complaints


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &x {b: 1}\nc: *x",
        "!!python/object/apply:os.system ['true']",
        "a: !!binary aGk=",
        "{" * 2000,
        "? [a]\n: b",
        "<<: {a: 1}",
        "a: no",
        "a: 010",
        "a: 1:30",
        "a: 2026-01-01",
        "a: y",
        "1: a",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "a: 'x",
    ],
)
def test_hostile_yaml_is_a_complaint(text: str) -> None:
    """Aliases, tags, doubtful words, deep nesting and broken text are refused, and nothing is executed."""
    lifted = TARGET.lift({**GOLDEN, "values.yaml": text.encode()})
    assert lifted.deployment is None
    assert [each.code for each in lifted.complaints] == ["LC705"]
