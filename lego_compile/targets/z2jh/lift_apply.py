"""How the output comes into the cluster, as helm, Flux and Argo CD read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from lego_compile.hashing import sha256
from lego_compile.targets.assets import asset
from lego_compile.targets.goyaml import Unreadable, load
from lego_compile.targets.reading import Complaint, Reading

_NOTE, _APPLICATION = "APPLY.md", "application.yaml"
_FLUX = ("kustomization.yaml", "kustomizeconfig.yaml", "helmrepository.yaml", "helmrelease.yaml")
_CHARTS = "https://hub.jupyter.org/helm-chart/"
_ANNOTATIONS = ".spec.template.metadata.annotations"
_HASH = ("hub", "annotations", "lego-compile/values")
_IGNORED = [
    {
        "kind": "Secret",
        "name": "hub",
        "jsonPointers": [
            "/data/hub.config.ConfigurableHTTPProxy.auth_token",
            "/data/hub.config.CryptKeeper.keys",
            "/data/hub.config.JupyterHub.cookie_secret",
        ],
    },
    {
        "group": "apps",
        "kind": "Deployment",
        "name": "hub",
        "jqPathExpressions": [f'{_ANNOTATIONS}["checksum/secret"]'],
    },
    {
        "group": "apps",
        "kind": "Deployment",
        "name": "proxy",
        "jqPathExpressions": [f'{_ANNOTATIONS}["checksum/auth-token"]'],
    },
]


class Applied(NamedTuple):
    """What was found.

    Attributes:
        options: the option ``apply``; None when nothing says how.
        files: names of the files that were read.
    """

    options: dict[str, Any] | None
    files: frozenset[str] = frozenset()


def values_hash(values: Reading) -> str:
    """Sum of the values without the sum that may be in them."""
    data = dict(values.data)
    hub = data.get("hub")
    if values.has(*_HASH) and isinstance(hub, dict):
        kept = {key: each for key, each in hub["annotations"].items() if key != _HASH[-1]}
        rest = {key: each for key, each in hub.items() if key != "annotations"}
        data["hub"] = {**rest, "annotations": kept} if kept else rest
    try:
        return sha256(json.dumps(data, sort_keys=True).encode())
    except (TypeError, ValueError, RecursionError):  # dates, keys of several types
        return ""


def applied(
    files: Mapping[str, bytes],
    values: Reading,
    center: str,
    options: Mapping[str, Any],
    digest: str,
    complaints: list[Complaint],
) -> Applied:
    """How it is said that the output comes into the cluster.

    Args:
        files: of the target's folder.
        values: the chart's values.
        center: its name.
        options: what was lifted so far.
        digest: of ``values_hash``.
        complaints: receives what is wrong.
    """
    gitops = options["gitops"]
    found = Applied(None)
    if gitops == "argocd" and _APPLICATION in files:
        values.expect(digest, *_HASH)
        found = _application(files, center, options, complaints)
    elif gitops == "flux" and any(name in files for name in _FLUX):
        found = _flux(files, options, complaints)
    elif gitops is None and _NOTE in files:
        found = _note(files[_NOTE], complaints)
    return found


def _note(data: bytes, complaints: list[Complaint]) -> Applied:
    """A text that is read by people: the commands in it name the release, its namespace, and the chart's version."""
    pieces = re.split(r"@(namespace|release|chart)@", asset("z2jh", "apply.md").decode())
    pattern, seen = "", set()
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            pattern += re.escape(piece)
        else:
            pattern += f"(?P={piece})" if piece in seen else f"(?P<{piece}>[0-9A-Za-z.+~-]+)"
            seen.add(piece)
    match = re.fullmatch(pattern, data.decode("utf-8", "replace"))
    if match is None:
        complaints.append(Complaint("LC704", f"{_NOTE!r} is not the note that lego-compile ships", (_NOTE,)))
        return Applied(_asked("", "", ""), frozenset({_NOTE}))
    return Applied(_asked(**match.groupdict()), frozenset({_NOTE}))


def _asked(namespace: str, release: str, chart: str, **more: Any) -> dict[str, Any]:
    return {
        "namespace": namespace, "release": release, "repository": None, "revision": "main", "folder": None,
        "chart": chart, **more,
    }  # fmt: skip


def _reading(files: Mapping[str, bytes], name: str, complaints: list[Complaint]) -> Reading:
    """One manifest; an empty one when it is missing or unreadable."""
    data: Any = None
    if name not in files:
        complaints.append(Complaint("LC703", f"{name!r} is missing", (name,)))
        return Reading(name, {})
    try:
        data = load(files[name])
    except Unreadable as error:
        complaints.append(Complaint("LC705", f"{name!r} {error}", (name,)))
    else:
        if not isinstance(data, dict):
            complaints.append(Complaint("LC705", f"{name!r} is no mapping", (name,)))
    return Reading(name, data if isinstance(data, dict) else {})


def _application(
    files: Mapping[str, bytes], center: str, options: Mapping[str, Any], complaints: list[Complaint]
) -> Applied:
    """argoproj/argo-cd:pkg/apis/application/v1alpha1/types.go."""
    manifest = _reading(files, _APPLICATION, complaints)
    chart, values = ("spec", "sources", 0), ("spec", "sources", 1)
    release = manifest.text("metadata", "name")
    paths = manifest.peek(*chart, "helm", "valueFiles")
    text = paths[0] if isinstance(paths, list) and len(paths) == 1 and isinstance(paths[0], str) else ""
    match = re.fullmatch(r"\$values/(.+)/values\.yaml", text)
    folder = match[1] if match else ""
    fixed: tuple[tuple[Any, tuple[str | int, ...]], ...] = (
        ("argoproj.io/v1alpha1", ("apiVersion",)),
        ("Application", ("kind",)),
        ("argocd", ("metadata", "namespace")),
        ("default", ("spec", "project")),
        ("https://kubernetes.default.svc", ("spec", "destination", "server")),
        (_CHARTS, (*chart, "repoURL")),
        ("jupyterhub", (*chart, "chart")),
        (release, (*chart, "helm", "releaseName")),
        ([f"$values/{folder}/values.yaml"], (*chart, "helm", "valueFiles")),
        ("values", (*values, "ref")),
        (_IGNORED, ("spec", "ignoreDifferences")),
        (["CreateNamespace=true", "RespectIgnoreDifferences=true"], ("spec", "syncPolicy", "syncOptions")),
    )
    for value, path in fixed:
        manifest.expect(value, *path)
    if options["prepull"] == "daemonset":
        manifest.expect(folder, *values, "path")
        manifest.expect({"include": "brick-puller.yaml"}, *values, "directory")
    asked = _asked(
        manifest.text("spec", "destination", "namespace"),
        release,
        manifest.text(*chart, "targetRevision"),
        repository=manifest.text(*values, "repoURL"),
        revision=manifest.text(*values, "targetRevision"),
        folder=None if folder == f"out/{center}/z2jh" else folder,
    )
    complaints += manifest.finish()
    return Applied(asked, frozenset({_APPLICATION}))


def _flux(files: Mapping[str, bytes], options: Mapping[str, Any], complaints: list[Complaint]) -> Applied:
    """kubernetes-sigs/kustomize:api/types, fluxcd/helm-controller:api/v2."""
    kustomization, names, repository, release = (_reading(files, name, complaints) for name in _FLUX)
    fetches = ["brick-puller.yaml"] if options["prepull"] == "daemonset" else []
    kustomization.expect("kustomize.config.k8s.io/v1beta1", "apiVersion")
    kustomization.expect("Kustomization", "kind")
    kustomization.expect(["helmrepository.yaml", "helmrelease.yaml", *fetches], "resources")
    literal = {"annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}}
    generated = {"name": "lego-values", "files": ["values.yaml"], "options": literal}
    kustomization.expect([generated], "configMapGenerator")
    kustomization.expect(["kustomizeconfig.yaml"], "configurations")
    field = {"path": "spec/valuesFrom/name", "kind": "HelmRelease"}
    names.expect([{"kind": "ConfigMap", "version": "v1", "fieldSpecs": [field]}], "nameReference")
    for reading, group, kind in ((repository, "source", "HelmRepository"), (release, "helm", "HelmRelease")):
        version = "v1" if group == "source" else "v2"
        reading.expect(f"{group}.toolkit.fluxcd.io/{version}", "apiVersion")
        reading.expect(kind, "kind")
    repository.expect({"name": "jupyterhub"}, "metadata")
    repository.expect({"interval": "24h", "url": _CHARTS}, "spec")
    name, chart = release.text("metadata", "name"), ("spec", "chart", "spec")
    release.expect("1h", "spec", "interval")
    release.expect("15m", "spec", "timeout")
    release.expect(name, "spec", "releaseName")
    release.expect("jupyterhub", *chart, "chart")
    release.expect({"kind": "HelmRepository", "name": "jupyterhub"}, *chart, "sourceRef")
    for deed in ("install", "upgrade"):
        release.expect({"disableWait": True}, "spec", deed)
    release.expect([{"kind": "ConfigMap", "name": "lego-values"}], "spec", "valuesFrom")
    asked = _asked(kustomization.text("namespace"), name, release.text(*chart, "version"))
    for each in (kustomization, names, repository, release):
        complaints += each.finish()
    return Applied(asked, frozenset(_FLUX))
