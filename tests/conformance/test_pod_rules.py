"""The judges of pods can refuse: each rule is broken once, and then it is that rule which says so; and the browser."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.conformance.browser import NotOfferedError, controls, posted
from tests.conformance.pod_rules import RULES, broken
from tests.conformance.pod_security import CONTROLS, violations

Pod = dict[str, Any]
Spoil = Callable[[Pod], object]

POD: Pod = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "jupyter-ada", "labels": {"app": "jupyterhub"}, "annotations": {"by": "a test"}},
    "spec": {
        "containers": [
            {
                "name": "notebook",
                "image": "registry.example.org/lab:1",
                "args": ["jupyterhub-singleuser", "--x={display_name}$$(y)"],
                "env": [{"name": "A", "value": "a"}, {"name": "B", "valueFrom": {"fieldRef": {}}}],
                "ports": [{"containerPort": 8888}],
                "resources": {
                    "limits": {"cpu": 2.0, "memory": 4096, "nvidia.com/gpu": "1"},
                    "requests": {"cpu": "500m", "memory": "4Ki"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "runAsNonRoot": True,
                    "runAsUser": 1000,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "echo ${HOME}"]}}},
                "volumeMounts": [
                    {"name": "volume-ada", "mountPath": "/home/ada"},
                    {"name": "brick-x", "mountPath": "/opt/bricks/x", "subPath": "env/x", "readOnly": True},
                ],
            }
        ],
        "securityContext": {"fsGroup": 100},
        "volumes": [
            {"name": "volume-ada", "persistentVolumeClaim": {"claimName": "claim-ada"}},
            {
                "name": "brick-x",
                "image": {
                    "reference": f"registry.example.org:5000/bricks/x:2026.1@sha256:{'0' * 64}",
                    "pullPolicy": "IfNotPresent",
                },
            },
        ],
    },
}


def spec(pod: Pod) -> Any:
    """The pod's own part."""
    return pod["spec"]


def box(pod: Pod) -> Any:
    """Its container."""
    return pod["spec"]["containers"][0]


def context(pod: Pod) -> Any:
    """The security context of it."""
    return box(pod)["securityContext"]


def volume(pod: Pod) -> Any:
    """The volume of a brick."""
    return pod["spec"]["volumes"][1]


def mount(pod: Pod) -> Any:
    """The mount of it."""
    return box(pod)["volumeMounts"][1]


def rename(name: str) -> Spoil:
    """The brick's volume is called differently."""
    return lambda pod: (volume(pod).update(name=name), mount(pod).update(name=name))


def init(pod: Pod) -> None:
    """A container runs first that says nothing of security."""
    spec(pod)["initContainers"] = [{"name": "first", "image": "busybox"}]


BROKEN: list[tuple[str, Spoil]] = [
    ("names", rename("Brick")),
    ("names", rename("x" * 64)),
    ("names", rename("brick.x")),
    ("names", lambda pod: pod["metadata"].update(name="jupyter-ada--")),
    ("names", lambda pod: box(pod).update(name="note_book")),
    ("names", lambda pod: spec(pod)["volumes"].append(deepcopy(volume(pod)))),
    ("names", lambda pod: spec(pod).update(initContainers=[{"name": "notebook"}])),
    ("labels", lambda pod: pod["metadata"]["labels"].update(app="a b")),
    ("labels", lambda pod: pod["metadata"]["labels"].update(app="x" * 64)),
    ("one source", lambda pod: volume(pod).update(emptyDir={})),
    ("one source", lambda pod: volume(pod).pop("image")),
    ("image volumes", lambda pod: volume(pod)["image"].pop("reference")),
    ("image volumes", lambda pod: volume(pod)["image"].pop("pullPolicy")),
    ("image volumes", lambda pod: volume(pod)["image"].update(pullPolicy="Sometimes")),
    ("image volumes", lambda pod: volume(pod)["image"].update(reference="registry.example.org/x:1")),
    ("image volumes", lambda pod: volume(pod)["image"].update(reference=f"x@sha256:{'0' * 63}")),
    ("image volumes", lambda pod: volume(pod)["image"].update(subPath="env")),
    ("mounted", lambda pod: mount(pod).update(name="brick-y")),
    ("mounted", lambda pod: box(pod)["volumeMounts"].pop()),
    ("mount paths", lambda pod: mount(pod).update(mountPath="/home/ada")),
    ("mount paths", lambda pod: mount(pod).update(mountPath="/home/ada/x")),
    ("mount paths", lambda pod: mount(pod).update(mountPath="/home")),
    ("mount paths", lambda pod: mount(pod).update(mountPath="opt/x")),
    ("mount paths", lambda pod: mount(pod).update(mountPath="/opt/../x")),
    ("mount paths", lambda pod: mount(pod).update(mountPath="/opt/x/")),
    ("mount paths", lambda pod: mount(pod).update(mountPath="/opt/x:y")),
    ("subpaths", lambda pod: mount(pod).update(subPath="/env/x")),
    ("subpaths", lambda pod: mount(pod).update(subPath="env/../..")),
    ("subpaths", lambda pod: mount(pod).update(subPathExpr="$(A)")),
    ("variables", lambda pod: box(pod)["env"].append({"name": "A", "value": "b"})),
    ("variables", lambda pod: box(pod)["env"].append({"name": "1-x", "value": "b"})),
    ("variables", lambda pod: box(pod)["env"].append({"name": "C", "value": 5})),
    ("variables", lambda pod: box(pod)["env"].append({"name": "C"})),
    ("variables", lambda pod: box(pod)["env"][1].update(value="b")),
    ("templates", lambda pod: box(pod)["env"][0].update(value="{username}")),
    ("templates", lambda pod: mount(pod).update(subPath="{{env}}")),
    ("templates", lambda pod: pod["metadata"]["annotations"].update(by="{x")),
    (
        "templates",
        lambda pod: spec(pod)["volumes"][0]["persistentVolumeClaim"].update(claimName="{pvc_name}"),
    ),
    ("references", lambda pod: box(pod)["env"][0].update(value="$(HOME)")),
    ("references", lambda pod: box(pod)["args"].append("--x=$$$(HOME)")),
    ("resources", lambda pod: box(pod)["resources"]["limits"].update(memory="8 G")),
    ("resources", lambda pod: box(pod)["resources"]["limits"].update(cpu=True)),
    ("resources", lambda pod: box(pod)["resources"]["limits"].update({"nvidia.com/gpu": "0.5"})),
    ("resources", lambda pod: box(pod)["resources"]["requests"].update(cpu="2500m")),
]

REFUSED: list[tuple[str, Spoil]] = [
    ("host process", lambda pod: context(pod).update(windowsOptions={"hostProcess": True})),
    *(
        ("host namespaces", lambda pod, key=key: spec(pod).update({key: True}))
        for key in ("hostPID", "hostIPC")
    ),
    ("host namespaces", lambda pod: spec(pod).update(hostNetwork=True)),
    ("privileged", lambda pod: context(pod).update(privileged=True)),
    ("capabilities", lambda pod: context(pod).pop("capabilities")),
    ("capabilities", lambda pod: context(pod)["capabilities"].update(add=["NET_ADMIN"])),
    ("host ports", lambda pod: box(pod)["ports"][0].update(hostPort=8888)),
    ("host probes", lambda pod: box(pod).update(livenessProbe={"httpGet": {"host": "10.0.0.1"}})),
    ("host probes", lambda pod: box(pod)["lifecycle"].update(preStop={"tcpSocket": {"host": "10.0.0.1"}})),
    ("AppArmor", lambda pod: context(pod).update(appArmorProfile={"type": "Unconfined"})),
    (
        "AppArmor",
        lambda pod: pod["metadata"]["annotations"].update(
            {"container.apparmor.security.beta.kubernetes.io/notebook": "unconfined"}
        ),
    ),
    ("SELinux", lambda pod: context(pod).update(seLinuxOptions={"type": "spc_t"})),
    ("SELinux", lambda pod: spec(pod)["securityContext"].update(seLinuxOptions={"role": "sysadm_r"})),
    ("/proc", lambda pod: context(pod).update(procMount="Unmasked")),
    ("sysctls", lambda pod: spec(pod)["securityContext"].update(sysctls=[{"name": "kernel.msgmax"}])),
    ("volume types", lambda pod: spec(pod)["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
    ("volume types", lambda pod: spec(pod)["volumes"].append({"name": "x", "nfs": {"server": "x"}})),
    ("privilege escalation", lambda pod: context(pod).pop("allowPrivilegeEscalation")),
    ("non-root", lambda pod: context(pod).pop("runAsNonRoot")),
    ("non-root", lambda pod: spec(pod)["securityContext"].update(runAsNonRoot=False)),
    ("root user", lambda pod: context(pod).update(runAsUser=0)),
    ("root user", lambda pod: spec(pod)["securityContext"].update(runAsUser=0)),
    ("seccomp", lambda pod: context(pod).pop("seccompProfile")),
    ("seccomp", lambda pod: context(pod)["seccompProfile"].update(type="Unconfined")),
    ("seccomp", lambda pod: spec(pod)["securityContext"].update(seccompProfile={"type": "Unconfined"})),
]


def spoilt(spoil: Spoil) -> Pod:
    """The pod with one thing wrong."""
    pod = deepcopy(POD)
    spoil(pod)
    return pod


def test_a_good_pod_is_good() -> None:
    """Nothing is wrong with it, and every rule is broken below."""
    assert (broken(POD), violations(POD, "1.33"), violations(POD, "1.37")) == (set(), set(), set())
    assert {name for name, _ in BROKEN} == set(RULES)
    assert {name for name, _ in REFUSED} == set(CONTROLS)


@pytest.mark.parametrize(("name", "spoil"), BROKEN, ids=[name for name, _ in BROKEN])
def test_each_rule_can_be_broken(name: str, spoil: Spoil) -> None:
    """The rule that is broken says so, and no other."""
    assert {each.partition(": ")[0] for each in broken(spoilt(spoil))} == {name}


@pytest.mark.parametrize(("name", "spoil"), REFUSED, ids=[name for name, _ in REFUSED])
def test_each_control_can_refuse(name: str, spoil: Spoil) -> None:
    """The control that is violated says so, and no other."""
    assert {each.partition(": ")[0] for each in violations(spoilt(spoil), "1.37")} == {name}


def test_containers_of_the_start_are_judged() -> None:
    """What runs first is held to the same: it says nothing, which is four mistakes."""
    assert violations(spoilt(init), "1.37") == {
        f"{name}: initContainers first"
        for name in ("capabilities", "privilege escalation", "non-root", "seccomp")
    }


def test_controls_are_of_a_release() -> None:
    """Volumes of images are allowed since 1.33, and hosts of probes forbidden since 1.34."""
    assert violations(POD, "1.32") == {"volume types: brick-x is image"}
    probed = spoilt(lambda pod: box(pod).update(startupProbe={"tcpSocket": {"host": "10.0.0.1"}}))
    assert (violations(probed, "1.33"), len(violations(probed, "1.34"))) == (set(), 1)


# ── the browser ───────────────────────────────────────────────────────────────────────────────────────

PAGE = """
<script>'<input name="script" value="x">'</script>
<label><input type=radio name=profile value=a checked> A</label>
<input type="radio" name="profile" value="b &amp; c">
<input type="checkbox" name="tick" value="include" checked><input type="hidden" name="tick" value="skip"/>
<input type="checkbox" name="bare">
<select name="pick">
  <option value="skip">no<option value="v1" selected>1</option><option hidden value="old">old</option>
</select>
<select name="text"><option disabled>choose<option> the  first <option>the second</select>
<select name="off" disabled><option value="1">1</option></select>
<input value="nameless"><input name="go" type="submit" value="Start"><input disabled name="no" value="x">
"""


@pytest.mark.parametrize(
    ("answers", "sent"),
    [
        ({}, {"profile": ["a"], "tick": ["include", "skip"], "pick": ["v1"], "text": ["the first"]}),
        (
            {"profile": "b & c", "tick": "skip", "pick": "skip", "bare": "on", "text": "the second"},
            {
                "profile": ["b & c"],
                "tick": ["skip"],
                "pick": ["skip"],
                "bare": ["on"],
                "text": ["the second"],
            },
        ),
    ],
)
def test_a_browser_sends_the_form(answers: dict[str, str], sent: dict[str, list[str]]) -> None:
    """What is sent is what HTML says, in the order of the document: a tick comes before the hidden field."""
    assert posted(PAGE, answers) == sent


@pytest.mark.parametrize(
    "answers", [{"profile": "c"}, {"pick": "old"}, {"off": "1"}, {"no": "x"}, {"script": "x"}, {"tick": "v1"}]
)
def test_a_browser_cannot_pick_what_is_not_shown(answers: dict[str, str]) -> None:
    """No user gets a form to send what it does not offer."""
    with pytest.raises(NotOfferedError):
        posted(PAGE, answers)


def test_a_page_is_read_in_order() -> None:
    """Controls are found in the order of the document."""
    assert [control.name for control in controls(PAGE)] == [
        "profile",
        "profile",
        "tick",
        "tick",
        "bare",
        "pick",
        "text",
    ]
