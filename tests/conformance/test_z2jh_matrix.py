"""Every committed centre on Kubernetes: every profile and every choice, through each KubeSpawner that a chart runs.

Needs ``LEGO_KUBESPAWNERS`` (see ``kubespawners.py``); without it, the installed release judges alone.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from tests.conformance.centers import (
    CENTERS,
    PROFILES,
    Tree,
    allowed,
    bricks,
    choices,
    composition,
    every_answer,
    everything,
    is_hidden,
    kubernetes,
    profile_of,
    refused,
    remembered,
    unsaid,
    values,
)
from tests.conformance.kubespawners import CHARTS, INSTALLED, ask_all, missing, versions
from tests.conformance.pod_rules import amount, broken
from tests.conformance.pod_security import violations
from tests.conformance.pods import Answer, Request, named
from tests.conformance.sessions import data_source, described, expected

each_profile = pytest.mark.parametrize(("center", "slug"), PROFILES)
each_center = pytest.mark.parametrize("center", CENTERS)


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What each KubeSpawner made of all starts."""
    for module in ("kubespawner", "kubernetes_validate"):
        if not find_spec(module):
            pytest.skip(f"{module} is not installed: pip install 'lego-compile[conformance]'")

    def request(name: str) -> Request:
        merged = {center: values(center, CHARTS[name]) for center in CENTERS}
        return Request(versions=versions(name), values=merged, starts=everything())

    base = tmp_path_factory.getbasetemp()
    return ask_all(request, base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(params=[name for name in CHARTS if not missing(name)])
def answer(request: pytest.FixtureRequest, answers: dict[str, Answer]) -> Answer:
    """The answer of one KubeSpawner that is there."""
    return answers[request.param]


@cache
def schemas() -> Any:
    """Kubernetes' schemas; files are read once, since reading takes longer than judging."""
    from kubernetes_validate import utils  # type: ignore[import-untyped]

    utils.schema_contents = cache(utils.schema_contents)
    utils.all_versions = cache(utils.all_versions)
    return utils


def pods(answer: Answer, center: str, slug: str) -> list[Tree]:
    """The different pods of a profile, each with the claim of its home."""
    found: list[Tree] = []
    for _, _, start in allowed(center, slug):
        result = answer["started"][named(start)]
        if "pod" in result and result not in found:
            found.append(result)
    return found


# ── the matrix ────────────────────────────────────────────────────────────────────────────────────────


@each_profile
def test_the_values_offer_what_the_composition_does(center: str, slug: str) -> None:
    """The form has an option for each offered brick, with the choices of the composition, all of them different."""
    (profile,) = [
        each
        for each in values(center, CHARTS[INSTALLED])["singleuser"]["profileList"]
        if each["slug"] == slug
    ]
    options = {name: set(each["choices"]) for name, each in profile.get("profile_options", {}).items()}
    described_here = profile_of(center, slug)
    assert options == {name: set(keys) for name, keys in choices(described_here).items()}
    shown = [answers for answers in every_answer(described_here) if not is_hidden(described_here, answers)]
    sessions = {frozenset(each["digest"] for each in bricks(described_here, answers)) for answers in shown}
    assert len(sessions) == len(shown)


@pytest.mark.parametrize("name", CHARTS)
def test_the_releases_are_what_they_are_called(answers: dict[str, Answer], name: str) -> None:
    """Each answer is of the KubeSpawner, the client of Kubernetes and the JupyterHub that its name says."""
    if missing(name):
        pytest.skip(missing(name))
    assert answers[name]["versions"] == versions(name)


def test_every_trait_is_one(answer: Answer) -> None:
    """KubeSpawner and the authenticator know every trait that values set: others they pass over without a word."""
    assert answer["unknown"] == {center: [] for center in CENTERS}


@each_profile
def test_the_pod_is_the_composition(answer: Answer, center: str, slug: str) -> None:
    """By the API and by the page, each choice comes to a pod with these bricks, and all else of the composition."""
    profile = profile_of(center, slug)
    by_answers: dict[str, Tree] = {}
    for how, answers, start in allowed(center, slug):
        result = answer["started"][named(start)]
        if how == "page" and is_hidden(profile, answers):
            assert result["error"].startswith("NotOfferedError: "), answers
            continue
        assert "error" not in result, (how, answers, result)
        found = described(result["pod"])
        claim = f"claim-{start['user']}"
        assert found == expected(center, profile, answers, claim, found["environment"]), (how, answers)
        assert result["claim"]["metadata"]["name"] == claim
        if not how.startswith("as "):
            assert by_answers.setdefault(str(answers), result) == result, (how, answers)


@each_profile
def test_the_page_shows_the_last_choice(answer: Answer, center: str, slug: str) -> None:
    """Sent as it is shown, the page comes to what its user had before; to the default one before KubeSpawner 7.1."""
    if composition(center)["options"]["z2jh"].get("spawn_page") != "checkboxes":
        pytest.skip("on KubeSpawner's own page a script does it")
    forgets = answer["versions"]["jupyterhub-kubespawner"].startswith("7.0.")
    for answers, start in remembered(center, slug):
        profile, chosen = profile_of(center, slug), answers
        if forgets:
            profile, chosen = profile_of(center, ""), every_answer(profile_of(center, ""))[0]
        found = described(answer["started"][named(start)]["pod"])
        claim = f"claim-{start['user']}"
        assert found == expected(center, profile, chosen, claim, found["environment"]), answers


@each_profile
def test_kubernetes_takes_the_pod(answer: Answer, center: str, slug: str) -> None:
    """Kubernetes' own schemas accept pods and claims, unknown keys refused, in every release that it may be."""
    for result in pods(answer, center, slug):
        for version in kubernetes(center):
            schemas().validate(result["pod"], version, strict=True)
            schemas().validate(result["claim"], version, strict=True)


@each_profile
def test_the_pod_is_restricted(answer: Answer, center: str, slug: str) -> None:
    """Pod Security ``restricted`` admits the pod, but for directories that the centre itself asks for."""
    for result in pods(answer, center, slug):
        (container,) = result["pod"]["spec"]["containers"]
        volumes = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        exempt = {
            f"volume types: {volumes[data['path']]} is {kind}"
            for data in profile_of(center, slug)["data"].values()
            for kind in ("hostPath", "nfs")
            if data_source(data)[0] == kind
        }
        for version in kubernetes(center):
            assert violations(result["pod"], version) == exempt


@each_profile
def test_the_pod_breaks_no_rule(answer: Answer, center: str, slug: str) -> None:
    """Names, volumes, mounts, variables and amounts are what Kubernetes takes, and mean what they should."""
    for result in pods(answer, center, slug):
        assert broken(result["pod"]) == set()


@each_profile
def test_others_cannot_start_it(answer: Answer, center: str, slug: str) -> None:
    """Who is in no group of a profile gets it neither from the API nor from the page; a list overrules the hub."""
    for how, start in refused(center, slug):
        error = answer["started"][named(start)].get("error", "started")
        assert error.startswith(
            "NotOfferedError: " if start["page"] else f"ValueError: No such profile: {slug}."
        ), how


@each_center
def test_nothing_said_is_the_default(answer: Answer, center: str) -> None:
    """No options, and a page sent as it is, come to the default profile without offered bricks."""
    profile = profile_of(center, "")
    started = {how: answer["started"][named(start)] for how, start in unsaid(center).items()}
    found = described(started["api"]["pod"])
    skipped = every_answer(profile)[0]
    assert found == expected(center, profile, skipped, "claim-ada", found["environment"])
    assert started["page"] == started["api"]


@each_center
def test_a_home_is_claimed_for_everybody(answer: Answer, center: str) -> None:
    """However a user is called, the home is a claim of that user alone, of the size and class of the centre."""
    options = composition(center)["options"]["z2jh"]
    started = {how: answer["started"][named(start)] for how, start in unsaid(center).items()}
    claims = set()
    for how in ("api", "odd"):
        pod, claim = started[how]["pod"], started[how]["claim"]
        assert broken(pod) == set()
        for version in kubernetes(center):
            schemas().validate(pod, version, strict=True)
            schemas().validate(claim, version, strict=True)
        home = profile_of(center, "")["system"]["home"]
        assert described(pod)["mounts"][home][1] == f"pvc:{claim['metadata']['name']}"
        assert amount(claim["spec"]["resources"]["requests"]["storage"]) == composition(center)["home_size"]
        assert claim["spec"].get("storageClassName") == options["home"]["storage_class"]
        assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
        claims.add(claim["metadata"]["name"])
    assert len(claims) == 2
