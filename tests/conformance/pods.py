"""Pods of the real KubeSpawner, made in a process of its own: its PYTHONPATH decides about the releases.

``python -m tests.conformance.pods`` reads one ``Request`` and writes one ``Answer``, both JSON. Importing Kubernetes'
client takes seconds, so one process makes the pods of every centre.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import cache
from typing import Any, TypedDict

import pytest

from tests.conformance import z2jh_chart as chart
from tests.conformance.browser import posted


class Start(TypedDict):
    """Somebody starts a server.

    ``options`` are the body of a request to the REST API; with ``page``, they are picked on the spawn page instead,
    which is shown to somebody whose last choice was ``saved``.
    """

    center: str
    user: str
    groups: list[str]
    options: dict[str, str]
    page: bool
    saved: dict[str, str]


class Request(TypedDict):
    """Releases that are expected, merged values by centre, and starts."""

    versions: dict[str, str]
    values: dict[str, Any]
    starts: list[Start]


class Answer(TypedDict):
    """Releases that were imported, traits by centre that these do not have, and what each start came to.

    Of a start, by ``named``: ``pod`` and ``claim``, or ``error``.
    """

    versions: dict[str, str]
    unknown: dict[str, list[str]]
    started: dict[str, Any]


def named(start: Start) -> str:
    """A start as the key of its result."""
    return json.dumps(start, sort_keys=True)


def imported() -> dict[str, str]:
    """The releases that this process runs, in their own words."""
    import jupyterhub  # type: ignore[import-untyped]
    import kubernetes_asyncio
    import kubespawner  # type: ignore[import-untyped]

    return {
        "jupyterhub-kubespawner": kubespawner.__version__,
        "kubernetes_asyncio": kubernetes_asyncio.__version__,
        "jupyterhub": jupyterhub.__version__,
    }


def unknown_traits(values: dict[str, Any]) -> list[str]:
    """What values set that these releases would pass over without a word."""
    from jupyterhub.auth import Authenticator  # type: ignore[import-untyped]
    from kubespawner import KubeSpawner

    configured = values["hub"]["config"]
    profiles = values["singleuser"]["profileList"]
    options = [option for profile in profiles for option in profile.get("profile_options", {}).values()]
    choices = [choice for option in options for choice in option["choices"].values()]
    overridden = {trait for each in (*profiles, *choices) for trait in each.get("kubespawner_override", {})}
    traits = {*configured.get("KubeSpawner", {}), *overridden} - set(KubeSpawner.class_trait_names())
    return sorted(traits | set(configured.get("Authenticator", {})) - set(Authenticator.class_trait_names()))


async def started(c: Any, start: Start, client: Any) -> dict[str, Any]:
    """The pod and the claim of a home that Kubernetes would be sent."""
    made = chart.spawner(c, start["user"], tuple(start["groups"]), **start["saved"])
    options = start["options"]
    if start["page"]:
        profile = options.get("profile", "")
        field = {name: f"profile-option-{profile}--{name}" for name in options} | {"profile": "profile"}
        page = await made.get_options_form()
        options = made.run_options_from_form(posted(page, {field[name]: options[name] for name in options}))
        made = chart.spawner(c, start["user"], tuple(start["groups"]))
    made.user_options = options
    await made.load_user_options()
    pod, claim = await made.get_pod_manifest(), made.get_pvc_manifest()
    return {
        "pod": client.sanitize_for_serialization(pod),
        "claim": client.sanitize_for_serialization(claim),
    }


async def answer(request: Request) -> Answer:
    """Every start, each by a spawner of its own as a hub does it; one that fails does not end the others."""
    patch = pytest.MonkeyPatch()
    patch.setitem(sys.modules, "kubernetes_validate", None)  # a hub has none, and to import it takes longest
    from jinja2 import Environment
    from kubernetes_asyncio.client import ApiClient
    from tornado.web import HTTPError
    from traitlets import TraitError

    versions = imported()
    assert versions == request["versions"]
    patch.setattr("jupyterhub.objects.random_port", lambda: 8081)  # of the hub; sessions are told
    compiled = cache(Environment().compile)  # of the page, which is a template and the same for every centre
    patch.setattr(Environment, "compile", lambda _, *template: compiled(*template))
    configured = {center: chart.config(values, patch) for center, values in request["values"].items()}
    results: dict[str, Any] = {}
    async with ApiClient() as client:
        for start in request["starts"]:
            try:
                results[named(start)] = await started(configured[start["center"]], start, client)
            except (ValueError, LookupError, TypeError, AttributeError, TraitError, HTTPError) as error:
                results[named(start)] = {"error": f"{type(error).__name__}: {error}"}
    unknown = {center: unknown_traits(values) for center, values in request["values"].items()}
    return {"versions": versions, "unknown": unknown, "started": results}


if __name__ == "__main__":
    json.dump(asyncio.run(answer(json.load(sys.stdin))), sys.stdout)
