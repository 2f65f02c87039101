"""The pipelines of images, run: which jobs there are on which event, what they call, and who is told what secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.pipeline_runners import SECRETS, Call, GitHub, GitLab, Repository

pytestmark = pytest.mark.slow

OCEAN = "bricks/ocean"
PLATFORMS = ("linux/amd64", "linux/arm64")
CATALOG = "catalog/gaia-data.yaml"
BUILDS = {
    "build bricks/ocean: [linux/amd64,docker]": "[]",
    "build bricks/ocean: [linux/arm64,docker-arm64]": "[]",
}
PUBLISHES = {"publish bricks/ocean": "[build bricks/ocean]"}
MERGE_REQUEST = (
    "--variable",
    "CI_PIPELINE_SOURCE=merge_request_event",
    "--unset-variable",
    "CI_COMMIT_BRANCH",
)


def built(platform: str) -> list[tuple[str, ...]]:
    """What the build of a platform calls before it may push."""
    return [
        ("build.sh", OCEAN, platform, "layout"),
        ("test.sh", OCEAN, "layout"),
        ("scan.sh", "layout", "critical"),
    ]


def pushed(platform: str) -> list[tuple[str, ...]]:
    """What it calls then."""
    return [("login.sh", OCEAN), ("push.sh", OCEAN, platform, "layout")]


PUBLISHED = [("login.sh", OCEAN), ("publish.sh", OCEAN, "keyless"), ("propose.sh", OCEAN)]
OFFERED = [("lock.sh",), ("offer.sh", "lego/locks", "Newer packages", "main", "--", "bricks", "systems")]


def by_job(calls: list[Call]) -> dict[str, list[tuple[str, ...]]]:
    """Platform, or nothing for what comes after the builds → its calls, in order."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for each in calls:
        found.setdefault(each.platform, []).append(each.words)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Whose last commit changed two bricks, of which one has locks."""
    return Repository(tmp_path)


# ── GitLab ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        ((), {**BUILDS, **PUBLISHES}),
        (MERGE_REQUEST, BUILDS),
        (("--variable", "CI_PIPELINE_SOURCE=schedule"), {"lock": "[]"}),
        (("--variable", "CI_PIPELINE_SOURCE=web"), {"lock": "[]"}),
        (("--variable", "CI_COMMIT_TAG=main", "--unset-variable", "CI_COMMIT_BRANCH"), {}),
    ],
    ids=["push", "merge request", "schedule", "by hand", "a tag of the branch's name"],
)
def test_gitlab_has_these_jobs(
    options: tuple[str, ...], jobs: dict[str, str], repository: Repository
) -> None:
    """What has changed and has locks is built; published from the default branch only."""
    assert GitLab(repository).jobs(*options) == jobs


def test_gitlab_does_nothing_on_a_branch_alone(repository: Repository) -> None:
    """Its merge request does."""
    repository.topic()
    assert GitLab(repository).jobs() == {}
    assert GitLab(repository).jobs(*MERGE_REQUEST) == BUILDS


def test_gitlab_builds_and_publishes(repository: Repository) -> None:
    """The words arrive as they are meant; who publishes knows the catalog, and lists of contents are kept."""
    GitLab(repository).run()
    calls = repository.calls()
    assert {each.publish for each in calls} == {"yes"}
    assert by_job(calls) == {"": PUBLISHED, **{each: [*built(each), *pushed(each)] for each in PLATFORMS}}
    assert {each.words[0] for each in calls if each.catalog == CATALOG} == {each[0] for each in PUBLISHED}
    assert calls.index(next(each for each in calls if not each.platform)) == len(calls) - len(PUBLISHED)
    kept = repository.root.glob(".gitlab-ci-local/artifacts/*/layout.sbom.json")
    assert len(list(kept)) == len(PLATFORMS)


def test_gitlab_publishes_nothing_of_a_merge_request(repository: Repository) -> None:
    """Scripts that push are told so, and refuse (tests/imaging/test_imaging_scripts.py)."""
    GitLab(repository).run(*MERGE_REQUEST)
    assert {each.publish for each in repository.calls()} == {""}
    assert by_job(repository.calls()).keys() == {*PLATFORMS}


def test_gitlab_publishes_no_half(tmp_path: Path) -> None:
    """A build that fails for one platform keeps the release from all."""
    repository = Repository(tmp_path, broken="linux/arm64")
    GitLab(repository).run(code=1)
    found = by_job(repository.calls())
    assert found == {
        "linux/amd64": [*built("linux/amd64"), *pushed("linux/amd64")],
        "linux/arm64": built("linux/arm64")[:1],
    }


def test_gitlab_offers_new_locks(repository: Repository) -> None:
    """On its schedule."""
    GitLab(repository).run("--variable", "CI_PIPELINE_SOURCE=schedule")
    assert [each.words for each in repository.calls()] == OFFERED


# ── GitHub ────────────────────────────────────────────────────────────────────────────────────────────


def push(repository: Repository, ref: str = "refs/heads/main") -> dict[str, Any]:
    """The event of a push."""
    return {"ref": ref, "before": repository.before}


def test_github_builds_and_publishes(repository: Repository) -> None:
    """What changed.sh finds is the matrix; secrets are told to the step that needs them alone."""
    GitHub(repository).run("images", "push", push(repository))
    calls = repository.calls()
    assert {each.publish for each in calls} == {"yes"}
    assert by_job(calls) == {"": PUBLISHED, **{each: [*built(each), *pushed(each)] for each in PLATFORMS}}
    assert {each.words[0]: each.secrets for each in calls if each.secrets} == {
        "login.sh": "password",
        "propose.sh": "token",
    }
    assert {each.words[0] for each in calls if each.catalog == CATALOG} == {each[0] for each in PUBLISHED}


@pytest.mark.parametrize("ref", ["refs/heads/topic", "refs/tags/main"])
def test_github_publishes_the_default_branch_only(ref: str, repository: Repository) -> None:
    """On another branch, or for a tag of that name, it is built and goes nowhere, and no secret is told."""
    repository.topic()
    GitHub(repository).run("images", "push", push(repository, ref))
    assert by_job(repository.calls()) == {each: built(each) for each in PLATFORMS}
    assert {(each.publish, each.secrets) for each in repository.calls()} == {("no", "")}


def test_github_publishes_nothing_of_a_pull_request(repository: Repository) -> None:
    """Whoever opened it."""
    repository.topic()
    about = {"number": 7, "base": {"sha": repository.before, "ref": "main"}, "head": {"ref": "topic"}}
    said = GitHub(repository).run("images", "pull_request", {"number": 7, "pull_request": about})
    assert by_job(repository.calls()) == {each: built(each) for each in PLATFORMS}
    assert {(each.publish, each.secrets) for each in repository.calls()} == {("no", "")}
    assert not [each for each in SECRETS.values() if each in said]


def test_github_publishes_no_half(tmp_path: Path) -> None:
    """The script that publishes looks for every platform: other images have their release (test_imaging_scripts.py)."""
    repository = Repository(tmp_path, broken="linux/arm64")
    GitHub(repository).run("images", "push", push(repository), code=1)
    found = by_job(repository.calls())
    assert found["linux/arm64"] == built("linux/arm64")[:1]
    assert found["linux/amd64"] == [*built("linux/amd64"), *pushed("linux/amd64")]
    assert found[""] == PUBLISHED


@pytest.mark.parametrize(
    ("event", "ref", "calls"),
    [
        ("schedule", "refs/heads/main", OFFERED),
        ("workflow_dispatch", "refs/heads/main", OFFERED),
        ("workflow_dispatch", "refs/heads/topic", []),
    ],
)
def test_github_offers_new_locks(
    event: str, ref: str, calls: list[tuple[str, ...]], repository: Repository
) -> None:
    """On its schedule, and by hand on the default branch."""
    GitHub(repository).run("locks", event, {"ref": ref})
    assert [each.words for each in repository.calls()] == calls
    assert {each.words[0] for each in repository.calls() if each.secrets} == {each[0] for each in calls[1:]}
