"""``verify DIR --with FILE``: what hand-written values destroy, change or leave unproven (LC706-LC709)."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lego_compile.cli import FINDINGS, OK, USAGE
from tests.cli.conftest import spec
from tests.command import Call

MORE = """\
profiles:
  main:
    offer: [climate]
    resources: {cpu: 2}
  deep:
    title: Deep sea
    bricks: [ocean]
    groups: [divers]
groups:
  divers: {users: [ada]}
storage:
  data:
    - {name: atlas, mount: /data/atlas, source: {z2jh: "pvc:atlas"}}
"""


@pytest.fixture
def folder(lego: Call, work: Path) -> Path:
    """``out/k``: a centre on Kubernetes with two profiles, compiled."""
    (work / "k.yaml").write_text(spec("k", "kubernetes", MORE))
    code, _, err = lego("k.yaml")
    assert code == OK, err
    return work / "out" / "k"


def judge(lego: Call, *texts: str, strict: bool = False) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, findings and standard error for overlays ``o0.yaml``, ``o1.yaml``, … over ``out/k``."""
    words = []
    for index, text in enumerate(texts):
        Path(f"o{index}.yaml").write_text(text)
        words += ["--with", f"o{index}.yaml"]
    code, out, err = lego("verify", "--output-format", "json", *words, *["--strict"][: int(strict)], "out/k")
    return code, json.loads(out)["findings"], err


def marks(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Code and marked text of each finding; the text is the key that is to blame."""
    return [(each["code"], marked(each)) for each in found]


def marked(finding: dict[str, Any]) -> str:
    """The part of the line that carets are drawn below."""
    line: str = next((text for number, text in finding["excerpt"] if number == finding["line"]), "")
    end = finding["end_column"] - 1 if finding["end_line"] == finding["line"] else None
    return line[finding["column"] - 1 : end]


DESTROYED: dict[str, tuple[str, str, str]] = {
    # the overlay; the key to blame; words of the finding
    "a list over the volumes": (
        "singleuser: {storage: {extraVolumes: [{name: scratch, emptyDir: {}}]}}",
        "extraVolumes",
        "a list takes the place of the map of 1 volume that lego-compile wrote",
    ),
    "a list over the mounts": (
        "singleuser: {storage: {extraVolumeMounts: []}}",
        "extraVolumeMounts",
        "a list takes the place of the map of 1 mount",
    ),
    "another list of profiles": (
        "singleuser:\n  profileList:\n    - {display_name: Mine, slug: mine, default: true}",
        "profileList",
        "a list takes the place of the list of 2 profiles that lego-compile wrote",
    ),
    "no list of profiles": (
        "singleuser: {profileList: }",
        "profileList",
        "null takes the place of the list of 2",
    ),
    "no home": ("singleuser: {storage: {type: none}}", "type", "home"),
    "a home elsewhere": ("singleuser: {storage: {homeMountPath: /home/me}}", "homeMountPath", "/home/me"),
    "no volume for the home": (
        "hub:\n  config:\n    KubeSpawner:\n      volumes: {}",
        "volumes",
        "`hub.config.KubeSpawner.volumes` replaces all that the chart makes of `singleuser.storage`",
    ),
    "another command by way of the hub": (
        "hub: {config: {Spawner: {cmd: [sh]}}}",
        "cmd",
        "`hub.config.Spawner.cmd` replaces all that the chart makes of `singleuser.cmd`",
    ),
    "a size for Kubernetes": (
        "singleuser: {memory: {limit: 8Gi}}",
        "limit",
        "`singleuser.memory.limit` is '8Gi', which JupyterHub refuses: it takes a size in K, M, G or T",
    ),
    "a size that is reserved": ("singleuser: {memory: {guarantee: 512Mi}}", "guarantee", "is '512Mi'"),
    "cores in thousandths": (
        'singleuser: {cpu: {limit: "500m"}}',
        "limit",
        "`singleuser.cpu.limit` is '500m', which JupyterHub refuses: it takes a number of cores",
    ),
    "no guard": (
        "singleuser: {lifecycleHooks: null}",
        "lifecycleHooks",
        "null takes the place of the map of 1 entry that lego-compile wrote at `singleuser.lifecycleHooks`",
    ),
    "a hook beside the guard": (
        "singleuser: {lifecycleHooks: {preStop: {exec: {command: [sync]}}}}",
        "preStop",
        "start-up guard",
    ),
    "an image": ("singleuser: {image: {tag: latest}}", "tag", "latest"),
    "a command": ("singleuser: {cmd: jupyterhub-singleuser}", "cmd", "command"),
    "a list of variables": (
        "singleuser: {extraEnv: [{name: A, value: b}]}",
        "extraEnv",
        "a list takes the place of",
    ),
    "a data directory": (
        "singleuser: {storage: {extraVolumes: {data-atlas: {persistentVolumeClaim: {claimName: other}}}}}",
        "claimName",
        "pvc:other",
    ),
    "no data directory": (
        "singleuser: {storage: {extraVolumes: {data-atlas: null}}}",
        "data-atlas",
        "null takes the place of the map of 2 entries",
    ),
    "more privilege": (
        "hub: {config: {KubeSpawner: {container_security_context: {privileged: true}}}}",
        "privileged",
        "privileged",
    ),
    "everybody in every profile": (
        "custom: {lego: {profileGroups: {deep: []}}}",
        "deep",
        "groups",
    ),
    "the snippet for groups": ('hub: {extraConfig: {lego-profiles: "pass"}}', "lego-profiles", "snippet"),
    "a text where a map was": (
        "singleuser: {storage: ephemeral}",
        "storage",
        "a text takes the place of the map",
    ),
    "a map where a list was": (
        "singleuser: {profileList: {mine: {}}}",
        "profileList",
        "a map takes the place of",
    ),
    "a block without anything in it": (
        "singleuser:\n  # storage: {capacity: 20Gi}\n",
        "singleuser",
        "null takes the place of the map of",
    ),
    "the way in": ("proxy: {service: {type: NodePort}}", "type", "NodePort"),
    "a host without its certificate": (
        "ingress: {hosts: [a.example.org]}",
        "hosts",
        "a list takes the place of",
    ),
}
CHANGED: dict[str, tuple[str, str, str]] = {
    "a variable more": (
        'singleuser: {extraEnv: {EDITOR: "vi"}}',
        "EDITOR",
        "environment 'EDITOR' is 'vi' in the merged values and should be absent",
    ),
    "culling": (
        "cull: {timeout: 60}",
        "timeout",
        "option 'cull' → 'timeout' is 60 in the merged values and should be 3600",
    ),
    "who may log in": (
        "hub: {config: {Authenticator: {allowed_users: [eve], allow_all: false}}}",
        "allowed_users",
        "allowed_users",
    ),
    "a storage class": ("singleuser: {storage: {dynamic: {storageClass: fast}}}", "storageClass", "'fast'"),
    "a secret": ("hub: {existingSecret: mine}", "existingSecret", "'hub_secret'"),
    "an ingress class": ("ingress: {ingressClassName: nginx}", "ingressClassName", "'nginx'"),
}
REFUSED: dict[str, tuple[str, str, str]] = {
    "a misspelt key": ("singleuser: {storge: {}}", "storge", "did you mean `storage`?"),
    "a misspelt key at the top": ("singelUser: {}", "singelUser", "did you mean `singleuser`?"),
    "a key that is too high": (
        "singleuser: {extraVolumes: {}}",
        "extraVolumes",
        "did you mean `storage.extraVolumes`?",
    ),
    "a class with a small letter": (
        "hub: {config: {kubespawner: {}}}",
        "kubespawner",
        "did you mean `KubeSpawner`?",
    ),
    "a key deep inside": ("scheduling: {userScheduler: {image: {nmae: x}}}", "nmae", "did you mean `name`?"),
    "another chart's values": ("jupyterhub: {hub: {}}", "jupyterhub", "the keys here are `cull`, `custom`"),
    "a text in the place of a map": (
        "scheduling: {corePods: yes please}",
        "corePods",
        "its keys are `nodeAffinity`",
    ),
    "a number that is none": ("hub: {db: {url: .inf}}", ".inf", "write a number, or quotes for the text"),
}
UNPROVEN = {
    "Python": ("hub: {extraConfig: {mine: c.JupyterHub.log_level = 10}}", "mine"),
    "a setting of the spawner": (
        "hub: {config: {KubeSpawner: {image_pull_policy: Always}}}",
        "image_pull_policy",
    ),
    "a setting of all spawners": ("hub: {config: {Spawner: {args: [--debug]}}}", "args"),
    "a setting of the login": ("hub: {config: {GenericOAuthenticator: {allow_all: true}}}", "allow_all"),
    "files of the hub": ("hub: {extraFiles: {conf: {mountPath: /x, stringData: y}}}", "conf"),
    "another hub": ("hub: {image: {name: mine, tag: '1'}}", "name"),
    "pages": ("hub: {templatePaths: [/x]}", "templatePaths"),
    "the pod": ("singleuser: {extraPodConfig: {hostNetwork: true}}", "extraPodConfig"),
    "files": ("singleuser: {extraFiles: {motd: {mountPath: /etc/motd, stringData: hello}}}", "extraFiles"),
    "init containers": ("singleuser: {initContainers: [{name: a, image: b}]}", "initContainers"),
    "containers": ("singleuser: {extraContainers: [{name: a, image: b}]}", "extraContainers"),
    "an account": ("singleuser: {serviceAccountName: admin}", "serviceAccountName"),
    "the claim's name": ("singleuser: {storage: {dynamic: {pvcNameTemplate: x}}}", "pvcNameTemplate"),
}
HARMLESS = """\
hub:
  resources: {requests: {memory: 1G, cpu: 0.5}}
  activeServerLimit: 100
  networkPolicy: {egressAllowRules: {privateIPs: yes}}
proxy: {chp: {resources: {limits: {memory: 512Mi}}}}
scheduling: {corePods: {nodeAffinity: {matchNodePurpose: require}}}
singleuser: {extraLabels: {team: oceans}, extraAnnotations: {}}
cull: {every: 300}
debug: {enabled: on}
ingress: {extraPaths: []}
custom: {mine: [1e-7, 18446744073709551615, 0x1F]}
"""


@pytest.mark.parametrize("name", DESTROYED)
def test_what_destroys_the_composition_is_an_error(lego: Call, folder: Path, name: str) -> None:
    """LC706 at the key of the overlay that did it, and words that say what is lost."""
    text, key, words = DESTROYED[name]
    code, found, _ = judge(lego, text)

    assert FINDINGS == code
    here = [each for each in found if marked(each) == key and each["code"] == "LC706"]
    said = [
        words
        for each in here
        for words in (each["message"], each["note"], *(label["message"] for label in each["related"]))
    ]
    assert any(words in each for each in said), found
    assert {"LC706", "LC707"} >= {each["code"] for each in found}
    assert all(each["help"] for each in found)


@pytest.mark.parametrize("name", CHANGED)
def test_what_changes_an_option_is_a_warning(lego: Call, folder: Path, name: str) -> None:
    """LC707 at the key: users keep their environments, and exit code 1 is for ``--strict``."""
    text, key, words = CHANGED[name]
    code, found, _ = judge(lego, text)

    assert (OK, {"LC707"}) == (code, {each["code"] for each in found}), found
    assert any(marked(each) == key and words in each["message"] for each in found), found
    assert ("targets: z2jh:" in found[0]["help"]) == (name != "a variable more")
    assert FINDINGS == judge(lego, text, strict=True)[0]


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_chart_does_not_know_is_an_error(lego: Call, folder: Path, name: str) -> None:
    """LC708 at the key, with what was probably meant."""
    text, key, words = REFUSED[name]
    code, found, _ = judge(lego, text)

    assert (FINDINGS, [("LC708", key)]) == (code, marks(found)), found
    assert words in found[0]["help"]


@pytest.mark.parametrize("name", UNPROVEN)
def test_what_decides_over_sessions_is_a_warning(lego: Call, folder: Path, name: str) -> None:
    """LC709 at the key, with the reason why nothing proves what it does."""
    text, key = UNPROVEN[name]
    code, found, _ = judge(lego, text)

    assert OK == code
    assert ("LC709", key) in marks(found), found
    assert {"LC709"} == {each["code"] for each in found}
    assert all(each["note"] for each in found)


def test_what_touches_no_session_is_named_in_one_line(lego: Call, folder: Path) -> None:
    """No finding, exit code 0, and the places that were added; YAML is that of Helm, where `on` is true."""
    Path("mine.yaml").write_text("hub: {resources: {limits: {memory: 1Gi}}}\nproxy: {chp: {resources: {}}}\n")

    proven = "out/k: z2jh expresses the composition that went in\n"
    summed = "out/k with mine.yaml: says the same, and adds hub.resources, proxy.chp.resources\n"
    assert (OK, proven + summed, "") == lego("verify", "out/k", "--with", "mine.yaml")

    Path("mine.yaml").write_text(HARMLESS)
    code, out, err = lego("verify", "out/k", "--with", "mine.yaml", "--strict")
    assert (OK, "") == (code, err)
    assert "hub.networkPolicy.egressAllowRules.privateIPs" in out
    assert "custom.mine" in out


def test_a_sum_over_our_values_blames_no_overlay(lego: Call, work: Path) -> None:
    """Argo CD restarts the hub by a sum of what we wrote, which an overlay cannot keep; it may not replace it."""
    more = 'gitops: argocd\n    apply: {repository: "https://git.example.org/x.git"}'
    (work / "k.yaml").write_text(spec("k", "kubernetes", f"targets:\n  z2jh:\n    {more}\n"))
    assert OK == lego("k.yaml")[0]

    assert judge(lego, HARMLESS)[:2] == (OK, [])
    code, found, _ = judge(lego, "hub: {annotations: {lego-compile/values: mine}}")
    assert (FINDINGS, [("LC706", "lego-compile/values")]) == (code, marks(found))


def test_what_is_said_already_changes_nothing(lego: Call, folder: Path) -> None:
    """Our own values over themselves are the same values."""
    values = "out/k/z2jh/values.yaml"
    code, out, err = lego("verify", "out/k", "--with", values)

    assert (OK, "") == (code, err)
    assert out.endswith(f"out/k with {values}: says the same\n")


def test_every_mistake_is_told_in_one_run(lego: Call, folder: Path) -> None:
    """An overlay with one of each, and none hides another."""
    every = [*DESTROYED.values(), *CHANGED.values(), *REFUSED.values(), *UNPROVEN.values()]
    chosen = (
        "extraVolumes",
        "limit",
        "hosts",
        "timeout",
        "kubespawner",
        "mine",
        "extraPodConfig",
        "existingSecret",
    )
    texts = [text for text, key, *_ in every if key in chosen]
    code, found, _ = judge(lego, *texts)

    assert FINDINGS == code
    assert {marked(each) for each in found} >= set(chosen)
    assert {each["code"] for each in found} == {"LC706", "LC707", "LC708", "LC709"}
    assert len({each["file"] for each in found}) == len(texts)


# ── how it is drawn ───────────────────────────────────────────────────────────────────────────────────

OVERLAY = """\
singleuser:
  storage:
    extraVolumes:
      - name: scratch
        hostPath: {path: /scratch}
  memory: {limit: 8Gi}
  nodeSelektor: {gpu: "true"}
hub:
  extraConfig:
    mine: |
      c.JupyterHub.log_level = 10
cull:
  timeout: 60
"""
DRAWN = """\
error[LC706]: a list takes the place of the map of 1 volume that lego-compile wrote at `singleuser.storage.extraVolumes`
  --> o.yaml:3:5
   |
 2 |   storage:
 3 |     extraVolumes:
   |     ^^^^^^^^^^^^ profile 'main' → data mount 'atlas' is missing from the merged values
 4 |       - name: scratch
…
   = help: write it as a map keyed by name: Helm merges maps, and replaces everything else

error[LC706]: `singleuser.memory.limit` is '8Gi', which JupyterHub refuses: it takes a size in K, M, G or T
  --> o.yaml:6:12
   |
 5 |         hostPath: {path: /scratch}
 6 |   memory: {limit: 8Gi}
   |            ^^^^^
 7 |   nodeSelektor: {gpu: "true"}
   |
   = help: write `8G`

error[LC708]: the chart has no key `nodeSelektor` in `singleuser`
  --> o.yaml:7:3
   |
 6 |   memory: {limit: 8Gi}
 7 |   nodeSelektor: {gpu: "true"}
   |   ^^^^^^^^^^^^ Helm refuses it, with chart 4.3 and 4.4
 8 | hub:
   |
   = help: did you mean `nodeSelector`?

warning[LC709]: `hub.extraConfig.mine` decides over sessions, and nothing proves what it does
  --> o.yaml:10:5
   |
 9 |   extraConfig:
10 |     mine: |
   |     ^^^^ Python that the hub runs last
11 |       c.JupyterHub.log_level = 10

warning[LC707]: option 'cull' → 'timeout' is 60 in the merged values and should be 3600
  --> o.yaml:13:3
   |
12 | cull:
13 |   timeout: 60
   |   ^^^^^^^
14 |
…
   = help: say it in the centre's specification, below `targets: z2jh:`, and compile; or remove it here
"""


def test_a_person_sees_the_line_and_what_to_type(lego: Call, folder: Path) -> None:
    """Carets below the key, what is lost beside them, what we had written there, and what to type instead."""
    Path("o.yaml").write_text(OVERLAY)
    code, _, err = lego("verify", "out/k", "--with", "o.yaml")

    assert FINDINGS == code
    assert "::: out/k/z2jh: profile 'deep' → data mount 'atlas' is missing from the merged values\n" in err
    assert re.search(
        r"::: out/k/z2jh/values.yaml:\d+:5\n.*\n.*\n *\d+ \|     extraVolumes:\n +\| +-{12} lego", err
    )
    ours = re.compile(r"^ +::: .*?(?=^ +=)", re.M | re.S)
    assert [line.strip() for line in DRAWN.splitlines()] == [
        line.strip() for line in ours.sub("…\n", err).splitlines()
    ]


# ── several files and folders ─────────────────────────────────────────────────────────────────────────


def test_the_last_file_wins_and_the_one_to_blame_is_named(lego: Call, folder: Path) -> None:
    """What a later file puts right is no finding; a map over a null brings nothing back."""
    assert judge(lego, "cull: {timeout: 60}", "cull: {timeout: 3600}")[:2] == (OK, [])

    code, found, _ = judge(lego, "singleuser: {lifecycleHooks: null}", "singleuser: {lifecycleHooks: {}}")
    assert (FINDINGS, {"o0.yaml"}) == (code, {each["file"] for each in found})

    code, found, _ = judge(lego, "cull: {timeout: 60}", "cull: {timeout: 90}")
    assert [("o1.yaml", "LC707")] == [(each["file"], each["code"]) for each in found]


def test_what_two_keys_do_together_is_blamed_on_the_place_above(lego: Call, folder: Path) -> None:
    """A volume and its mount are data only together: the finding is at the key that is nearest to it."""
    volume = (
        "    extraVolumes:\n      data-more: {name: data-more, persistentVolumeClaim: {claimName: more}}\n"
    )
    mount = "    extraVolumeMounts:\n      data-more: {name: data-more, mountPath: /data/more}\n"
    code, found, _ = judge(lego, f"singleuser:\n  storage:\n{volume}{mount}")

    assert (OK, [("LC707", "data-more")]) == (code, marks(found)), found
    assert "data mount 'more' is in the merged values and not in the specification" in found[0]["message"]


def test_what_nobody_reads_any_more_is_no_finding_of_its_own(lego: Call, folder: Path) -> None:
    """Without a culler its timeout means nothing: what counts is that it is off."""
    code, found, _ = judge(lego, "cull:\n  enabled: off\n  maxAge: 5\n")

    assert (OK, [("LC707", "enabled")]) == (code, marks(found)), found


def test_overlays_are_laid_over_each_folder(lego: Call, folder: Path, work: Path) -> None:
    """Every folder is judged; what is wrong with a folder itself is told first, and the overlay all the same."""
    lego("c.yaml")
    values = Path("out/c/z2jh/values.yaml")
    values.write_text(values.read_text().replace("startTimeout: 900", "startTimeout: 901"))
    Path("a-first.yaml").write_text("cull: {timeout: 60}\n")
    code, out, err = lego("verify", "out/k", "out/c", "--with", "a-first.yaml", "--output-format", "concise")

    first, *rest = err.splitlines()
    assert FINDINGS == code
    assert first.startswith("out/c/z2jh/values.yaml:")
    assert "startTimeout" in first or "start_timeout" in first
    assert rest
    assert all(line.startswith("a-first.yaml:1:8: warning[LC707]") for line in rest)
    assert "out/k: z2jh expresses" in out


def test_a_folder_without_values_is_wrong_usage(lego: Call, folder: Path) -> None:
    """Exit code 2, and the other folders are judged."""
    lego("b.yaml")
    Path("o.yaml").write_text("cull: {timeout: 60}\n")
    code, _, err = lego("verify", "out/b", "out/k", "--with", "o.yaml")

    assert USAGE == code
    assert "lego-compile: --with is for Helm values, and 'out/b' has none: it has no z2jh\n" in err
    assert "warning[LC707]" in err


def test_values_that_cannot_be_read_leave_the_schema(lego: Call, folder: Path) -> None:
    """Nothing can be merged with what is no YAML; unknown keys are told all the same."""
    Path("out/k/z2jh/values.yaml").write_text("<<<<<<< HEAD\n")
    code, found, _ = judge(lego, "singleuser: {storge: {}, lifecycleHooks: null}")

    assert FINDINGS == code
    assert ["LC705", "LC708"] == [each["code"] for each in found]


@pytest.mark.parametrize("file", ["composition.json", "z2jh/values.yaml"])
def test_nothing_is_said_of_what_could_not_be_compared(lego: Call, folder: Path, file: str) -> None:
    """Without what went in, or without our values, an overlay is not called the same."""
    (folder / file).unlink()
    Path("o.yaml").write_text("hub: {resources: {}}\n")
    code, out, err = lego("verify", "out/k", "--with", "o.yaml")

    assert code in (FINDINGS, USAGE)
    assert "LC703" in err
    assert "o.yaml" not in out


def test_without_overlays_nothing_is_new(lego: Call, folder: Path) -> None:
    """``verify DIR`` says what it said."""
    assert (OK, "out/k: z2jh expresses the composition that went in\n", "") == lego("verify", "out/k")


# ── files that cannot be read ─────────────────────────────────────────────────────────────────────────

UNREADABLE: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "LC101"),
    "empty": (b"", "LC108"),
    "comments only": (b"# nothing yet\n", "LC108"),
    "no UTF-8": (b"hub: {baseUrl: \xff}", "LC102"),
    "no YAML": (b"hub: {", "LC103"),
    "a key twice": (b"hub: {}\nhub: {}\n", "LC104"),
    "an anchor": (b"a: &x {b: 1}\nc: *x\n", "LC105"),
    "a merge key": (b"a: {<<: {b: 1}}\n", "LC105"),
    "an alias to itself": (b"a: &x [*x]\n", "LC105"),
    "a tag": (b"a: !!str 1\n", "LC106"),
    "two documents": (b"a: 1\n---\nb: 2\n", "LC107"),
    "a key that is a word": (b"hub: {nodeSelector: {on: x}}\n", "LC109"),
    "a key that is a number": (b"hub: {nodeSelector: {1: x}}\n", "LC110"),
    "too deep": (b"a: " + b"[" * 100_000, "LC111"),
    "a list": (b"[1, 2]\n", "LC201"),
    "a word": (b"yes\n", "LC201"),
    "a bomb": (b"a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "LC105"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_overlay_that_cannot_be_read_is_unusable(lego: Call, folder: Path, name: str) -> None:
    """The usual code, exit code 2, and the folder is verified all the same."""
    data, expected = UNREADABLE[name]
    if data is not None:
        Path("o.yaml").write_bytes(data)
    code, out, err = lego("verify", "out/k", "--with", "o.yaml")

    assert USAGE == code
    assert f"error[{expected}]" in err
    assert "extends" not in err
    assert out == "out/k: z2jh expresses the composition that went in\n"


WRONG = [None, True, 7, -1.5, "", "text", [], [None], [{}], {}, {"a": None}, {"name": 3}, [[[]]]]
PLACES = [
    "custom", "custom.lego", "custom.lego.center", "custom.lego.profileGroups", "custom.lego.groupMembers.divers",
    "hub", "hub.config", "hub.config.JupyterHub", "hub.config.Authenticator", "hub.config.KubeSpawner",
    "hub.config.KubeSpawner.gid", "hub.extraConfig", "hub.extraEnv", "hub.annotations", "proxy", "proxy.service",
    "ingress", "ingress.hosts", "ingress.tls", "imagePullSecrets", "singleuser", "singleuser.image",
    "singleuser.image.tag", "singleuser.cmd", "singleuser.cpu", "singleuser.cpu.limit", "singleuser.memory",
    "singleuser.memory.limit", "singleuser.storage", "singleuser.storage.dynamic", "singleuser.storage.capacity",
    "singleuser.storage.extraVolumes", "singleuser.storage.extraVolumes.data-atlas",
    "singleuser.storage.extraVolumeMounts", "singleuser.extraEnv", "singleuser.lifecycleHooks",
    "singleuser.profileList", "singleuser.nodeSelector", "singleuser.extraTolerations",
    "singleuser.extraResource.limits", "singleuser.uid", "singleuser.networkPolicy",
    "singleuser.networkPolicy.egress", "prePuller", "prePuller.pause.image", "scheduling",
    "scheduling.userPlaceholder", "cull", "cull.timeout",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_value_of_any_kind_at_any_place_is_judged(lego: Call, folder: Path, place: str) -> None:
    """Whatever stands where something is read: findings or none, and never a trace."""
    for value in WRONG:
        over: Any = value
        for step in reversed(place.split(".")):
            over = {step: over}
        code, found, err = judge(lego, json.dumps(over))

        assert code in (OK, FINDINGS), err
        assert all(each["file"] == "o0.yaml" for each in found)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(TEXTS, below, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    over=st.dictionaries(st.sampled_from(["hub", "singleuser", "custom", "x", "proxy"]), TREES, max_size=3)
)
def test_an_overlay_of_anything_is_judged(lego: Call, folder: Path, over: dict[str, Any]) -> None:
    """Odd characters, numbers that JSON lacks, keys without a name: no input ends in a trace."""
    code, _, err = judge(lego, json.dumps(over))

    assert code in (OK, FINDINGS, USAGE), err


def test_a_large_overlay_is_judged_in_time(lego: Call, folder: Path) -> None:
    """Thousands of keys, each of which changes something, cost a bounded number of readings."""
    lines = [f"    V{index}: x" for index in range(1500)]
    text = (
        "singleuser:\n  extraEnv:\n"
        + "\n".join(lines)
        + "\nhub:\n  templateVars:\n"
        + "\n".join(lines)
        + "\n"
    )
    started = time.monotonic()
    code, found, _ = judge(lego, text)

    assert (OK, {"LC707"}) == (code, {each["code"] for each in found})
    assert marks(found)[0] == ("LC707", "extraEnv")  # what was not looked into one by one
    assert 100 < len(found) < 300
    assert time.monotonic() - started < 60


def test_nesting_up_to_the_limit_is_judged(lego: Call, folder: Path) -> None:
    """As deep as our reader goes."""
    deep = "{a: " * 46 + "1" + "}" * 46
    assert judge(lego, f"custom: {deep}")[:2] == (OK, [])
    assert judge(lego, f"singleuser: {{extraEnv: {{A: {deep}}}}}")[0] == FINDINGS
