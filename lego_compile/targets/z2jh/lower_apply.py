"""How the output comes into the cluster: a note for helm, or the manifests of Flux or Argo CD."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lego_compile.hashing import sha256
from lego_compile.ir.model import Deployment
from lego_compile.targets.assets import asset
from lego_compile.targets.z2jh.lower_text import pair

CHART_REPOSITORY = "https://hub.jupyter.org/helm-chart/"
VALUES_HASH = "lego-compile/values"
"""Annotation of the hub's pod: Argo CD is told to pass over the chart's own sum, which differs in every rendering."""


def apply_files(deployment: Deployment, options: Mapping[str, Any]) -> dict[str, Any]:
    """Trees and texts by file; none unless the centre asks for them."""
    asked = options["apply"]
    if not asked:
        return {}
    if options["gitops"] == "argocd":
        return {"application.yaml": _application(asked, deployment.center, options)}
    if options["gitops"] == "flux":
        return _flux(asked, options)
    note = asset("z2jh", "apply.md").decode()
    for key in ("namespace", "release", "chart"):
        note = note.replace(f"@{key}@", asked[key])
    return {"APPLY.md": note}


def with_hash(values: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Values whose change restarts the hub, also where nobody looks at the chart's own sum of them."""
    if options["gitops"] != "argocd" or not options["apply"]:
        return values
    digest = sha256(json.dumps(values, sort_keys=True).encode())
    return {**values, "hub": {**values["hub"], "annotations": {VALUES_HASH: digest}}}


def _application(asked: Mapping[str, Any], center: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """argoproj/argo-cd:docs/user-guide/{multiple_sources,diffing,sync-options}.md.

    Argo CD renders without looking at the cluster, so that the chart draws three secrets anew each time: those that
    are there stay.
    """
    folder = asked["folder"] or f"out/{center}/z2jh"
    fetches = options["prepull"] == "daemonset"
    annotations = ".spec.template.metadata.annotations"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": asked["release"], "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": asked["namespace"]},
            "sources": [
                {
                    "repoURL": CHART_REPOSITORY,
                    "chart": "jupyterhub",
                    "targetRevision": asked["chart"],
                    "helm": {
                        "releaseName": asked["release"],
                        "valueFiles": [f"$values/{folder}/values.yaml"],
                    },
                },
                {
                    "repoURL": asked["repository"],
                    "targetRevision": asked["revision"],
                    "ref": "values",
                    **pair("path", folder if fetches else ""),
                    **pair("directory", {"include": "brick-puller.yaml"} if fetches else {}),
                },
            ],
            "ignoreDifferences": [
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
                    "jqPathExpressions": [f'{annotations}["checksum/secret"]'],
                },
                {
                    "group": "apps",
                    "kind": "Deployment",
                    "name": "proxy",
                    "jqPathExpressions": [f'{annotations}["checksum/auth-token"]'],
                },
            ],
            "syncPolicy": {"syncOptions": ["CreateNamespace=true", "RespectIgnoreDifferences=true"]},
        },
    }


def _flux(asked: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """fluxcd/website:content/en/flux/guides/helmreleases.md (values from a generated ConfigMap)."""
    fetches = options["prepull"] == "daemonset"
    return {
        "kustomization.yaml": {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": asked["namespace"],
            "resources": [
                "helmrepository.yaml",
                "helmrelease.yaml",
                *(["brick-puller.yaml"] if fetches else []),
            ],
            "configMapGenerator": [
                {
                    "name": "lego-values",
                    "files": ["values.yaml"],
                    # The guard is shell, whose `${…}` are no variables of Flux.
                    "options": {"annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}},
                }
            ],
            "configurations": ["kustomizeconfig.yaml"],
        },
        # A change of the values changes the name of their ConfigMap, and with it the release.
        "kustomizeconfig.yaml": {
            "nameReference": [
                {
                    "kind": "ConfigMap",
                    "version": "v1",
                    "fieldSpecs": [{"path": "spec/valuesFrom/name", "kind": "HelmRelease"}],
                }
            ]
        },
        "helmrepository.yaml": {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "HelmRepository",
            "metadata": {"name": "jupyterhub"},
            "spec": {"interval": "24h", "url": CHART_REPOSITORY},
        },
        "helmrelease.yaml": {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": asked["release"]},
            "spec": {
                "interval": "1h",
                "timeout": "15m",
                "releaseName": asked["release"],
                "chart": {
                    "spec": {
                        "chart": "jupyterhub",
                        "version": asked["chart"],
                        "sourceRef": {"kind": "HelmRepository", "name": "jupyterhub"},
                    }
                },
                # One node that cannot fetch one image would keep the release waiting until its timeout.
                "install": {"disableWait": True},
                "upgrade": {"disableWait": True},
                "valuesFrom": [{"kind": "ConfigMap", "name": "lego-values"}],
            },
        },
    }
