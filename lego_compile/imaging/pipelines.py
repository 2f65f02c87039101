"""The pipelines for GitLab CI and GitHub Actions: both call the same scripts, in the same order.

YAML as data, through our own printer. What a job does is in ``bin/*.sh``; here is only when, where and as whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lego_compile.spec.build import CatalogBuild, Pipeline
    from lego_compile.spec.catalog import Brick, System

CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8"
"""Version 5.0.0; a commit, since a tag can be moved."""
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
"""Version 4.6.2; with `CHECKOUT` all actions that are used."""

_ON_DEFAULT = "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)"
"""The whole reference: `github.ref_name` is that of the branch for a tag of the same name too."""

_DEFAULT = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
_SCHEDULED = '$CI_PIPELINE_SOURCE == "schedule" || $CI_PIPELINE_SOURCE == "web"'
_ROOTLESS = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
"""Builds in a container without privileges (containers/buildah:docs/buildah-build.1.md)."""
_OWNER = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
"""In a job's container the clone belongs to the user of the machine, and git refuses it otherwise (git-config(1))."""


def gitlab(build: CatalogBuild, images: Mapping[str, Brick | System]) -> dict[str, Any]:
    """``.gitlab-ci.yml``: two jobs for each image, which run when its folder has changed."""
    pipeline = build.pipelines.gitlab
    assert pipeline is not None
    first = next(iter(images.values())).platforms[0]
    jobs: dict[str, Any] = {}
    for image, entry in images.items():
        changes = {"changes": [f"{image}/**/*"], "exists": [f"{image}/conda-*.lock"]}
        matrix = [
            {"LEGO_PLATFORM": each, "LEGO_RUNNER": _runner(pipeline, each, entry.platforms[0])}
            for each in entry.platforms
        ]
        jobs[f"build {image}"] = {
            "extends": ".build",
            "variables": {"LEGO_IMAGE": image},
            "parallel": {
                "matrix": matrix if _has_runners(pipeline) else [{"LEGO_PLATFORM": [*entry.platforms]}]
            },
            "rules": [
                {"if": _SCHEDULED, "when": "never"},
                {"if": _DEFAULT, **changes, "variables": {"LEGO_PUBLISH": "yes"}},
                {"if": '$CI_PIPELINE_SOURCE == "merge_request_event"', **changes},
            ],
        }
        jobs[f"publish {image}"] = {
            "extends": ".publish",
            "variables": {"LEGO_IMAGE": image},
            "needs": [f"build {image}"],
            "resource_group": image,
            "rules": [
                {"if": _SCHEDULED, "when": "never"},
                {"if": _DEFAULT, **changes, "variables": {"LEGO_PUBLISH": "yes"}},
            ],
        }
    runner = _runner(pipeline, first, first)
    where = {"tags": [runner]} if runner else {}
    return {
        "workflow": {
            "rules": [
                {"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'},
                {"if": _DEFAULT},
            ]
        },
        "default": {"image": build.images.tools},
        "stages": ["lock", "build", "publish"],
        "variables": {
            "GIT_DEPTH": "0",  # the release is the time of an image's last commit
            "LEGO_FORGE": "gitlab",
            "LEGO_LOGIN": "$CI_PROJECT_DIR/.docker",
            **_ROOTLESS,
        },
        "lock": {
            "stage": "lock",
            **where,
            "rules": [{"if": _SCHEDULED}],
            "script": _lock_steps("$CI_DEFAULT_BRANCH"),
        },
        ".build": {
            "stage": "build",
            **({"tags": ["$LEGO_RUNNER"]} if _has_runners(pipeline) else {}),
            "script": _build_steps(build),
            "artifacts": {"when": "always", "paths": ["layout.sbom.json"]},
        },
        ".publish": {
            "stage": "publish",
            **where,
            **({"id_tokens": {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}}} if build.sign == "keyless" else {}),
            "script": [*_place(build), *_publish_steps(build)],
        },
        **jobs,
    }


def github_images(build: CatalogBuild, images: Mapping[str, Brick | System]) -> dict[str, Any]:
    """``.github/workflows/images.yml``: what changed, built for each platform; published from the default branch."""
    pipeline = build.pipelines.github
    assert pipeline is not None
    first = next(iter(images.values())).platforms[0]
    runner = _runner(pipeline, first, first) or "ubuntu-latest"
    container = {
        "image": build.images.tools,
        # A build in a container makes a user namespace, which Docker's own profiles forbid.
        "options": "--security-opt seccomp=unconfined --security-opt apparmor=unconfined",
    }
    publishing = f"github.event_name != 'pull_request' && {_ON_DEFAULT}"
    common = {"LEGO_FORGE": "github", **_ROOTLESS, **_OWNER}
    registry = {
        "LEGO_LOGIN": "/tmp/docker",  # noqa: S108 - of the job's own container
        "REGISTRY_USER": "${{ secrets.REGISTRY_USER }}",
        "REGISTRY_PASSWORD": "${{ secrets.REGISTRY_PASSWORD }}",
    }
    return {
        "name": "images",
        "on": {
            "push": {"paths": ["bricks/**", "systems/**"]},
            "pull_request": {"paths": ["bricks/**", "systems/**"]},
        },
        "permissions": {},
        "env": {**common, "LEGO_PUBLISH": f"${{{{ ({publishing}) && 'yes' || 'no' }}}}"},
        "jobs": {
            "changed": {
                "name": "What changed",
                "runs-on": runner,
                "timeout-minutes": 10,
                "permissions": {"contents": "read"},
                "outputs": {
                    "builds": "${{ steps.changed.outputs.builds }}",
                    "images": "${{ steps.changed.outputs.images }}",
                },
                "steps": [
                    _checkout(),
                    {
                        "name": "Compare with what was there before",
                        "id": "changed",
                        "env": {"SINCE": "${{ github.event.pull_request.base.sha || github.event.before }}"},
                        "run": 'bin/changed.sh "$SINCE" >> "$GITHUB_OUTPUT"',
                    },
                ],
            },
            "build": {
                "name": "Build ${{ matrix.image }} for ${{ matrix.platform }}",
                "needs": "changed",
                "if": "needs.changed.outputs.builds != '[]'",
                "runs-on": _runs_on(pipeline, images, runner),
                "timeout-minutes": 120,
                "container": container,
                "permissions": {"contents": "read"},
                "strategy": {
                    "fail-fast": False,
                    "matrix": {"include": "${{ fromJSON(needs.changed.outputs.builds) }}"},
                },
                "env": {"LEGO_IMAGE": "${{ matrix.image }}", "LEGO_PLATFORM": "${{ matrix.platform }}"},
                "steps": [
                    _checkout(),
                    *_steps(_build_steps(build), registry, ("login", "push")),
                    _keep_sbom(),
                ],
            },
            "publish": {
                "name": "Publish ${{ matrix.image }}",
                "needs": ["changed", "build"],
                # One image that fails keeps no other from its release, which no later push would make up for.
                # publish.sh ends where a platform of its own image was not pushed.
                "if": "!cancelled() && needs.changed.result == 'success' && "
                f"needs.changed.outputs.images != '[]' && {publishing}",
                "runs-on": runner,
                "timeout-minutes": 60,
                # A newer one of the same image may take its place; those of other images do not wait.
                "concurrency": {"group": "publish-${{ matrix.image }}", "cancel-in-progress": False},
                "container": container,
                "permissions": {
                    "contents": "read",
                    **({"id-token": "write"} if build.sign == "keyless" else {}),
                },
                "strategy": {
                    "fail-fast": False,
                    "matrix": {"image": "${{ fromJSON(needs.changed.outputs.images) }}"},
                },
                "env": {
                    "LEGO_IMAGE": "${{ matrix.image }}",
                    "CATALOG_REPOSITORY": build.catalog.repository,
                    "CATALOG_BRANCH": build.catalog.branch,
                    "CATALOG_FILE": build.catalog.file,
                },
                "steps": [
                    _checkout(),
                    *_steps(_publish_steps(build), registry, ("login", "publish", "propose")),
                ],
            },
        },
    }


def github_locks(build: CatalogBuild, images: Mapping[str, Brick | System]) -> dict[str, Any]:
    """``.github/workflows/locks.yml``: environments solved again, and offered as a pull request."""
    pipeline = build.pipelines.github
    assert pipeline is not None
    first = next(iter(images.values())).platforms[0]
    return {
        "name": "locks",
        "on": {"schedule": [{"cron": build.schedule}], "workflow_dispatch": None},
        "permissions": {},
        "concurrency": {"group": "locks", "cancel-in-progress": False},
        "env": {"LEGO_FORGE": "github", **_OWNER},
        "jobs": {
            "lock": {
                "name": "Solve environments again",
                # By hand it can be started on any branch, whose locks would be offered to that branch. A schedule is
                # always of the default branch, and does not say which that is.
                "if": f"github.event_name == 'schedule' || {_ON_DEFAULT}",
                "runs-on": _runner(pipeline, first, first) or "ubuntu-latest",
                "timeout-minutes": 120,
                "container": {"image": build.images.tools},
                "permissions": {"contents": "read"},
                "steps": [
                    _checkout(),
                    *_steps(_lock_steps("$GITHUB_REF_NAME"), {}, ()),
                ],
            }
        },
    }


# --- steps that both systems share --------------------------------------------------------------------------


def _lock_steps(branch: str) -> list[str]:
    return ["bin/lock.sh", f'bin/offer.sh lego/locks "Newer packages" "{branch}" -- bricks systems']


def _build_steps(build: CatalogBuild) -> list[str]:
    return [
        'bin/build.sh "$LEGO_IMAGE" "$LEGO_PLATFORM" layout',
        'bin/test.sh "$LEGO_IMAGE" layout',
        f"bin/scan.sh layout {build.scan}",
        'bin/login.sh "$LEGO_IMAGE"',
        'bin/push.sh "$LEGO_IMAGE" "$LEGO_PLATFORM" layout',
    ]


def _publish_steps(build: CatalogBuild) -> list[str]:
    return [
        'bin/login.sh "$LEGO_IMAGE"',
        f'bin/publish.sh "$LEGO_IMAGE" {build.sign}',
        'bin/propose.sh "$LEGO_IMAGE"',
    ]


def _place(build: CatalogBuild) -> list[str]:
    """Where the catalog is: words that a shell reads as they are."""
    place = build.catalog
    return [
        f"export CATALOG_REPOSITORY='{place.repository}' CATALOG_BRANCH='{place.branch}' CATALOG_FILE='{place.file}'"
    ]


_NAMES = {
    "lock": "Solve", "offer": "Offer the new locks", "build": "Build, label and inspect", "test": "Start every kernel",
    "scan": "List the contents, and look for known vulnerabilities", "login": "Log in to the registry",
    "push": "Push what was built", "publish": "Publish and sign", "propose": "Offer the release to the catalog",
}  # fmt: skip


def _steps(
    commands: list[str], registry: Mapping[str, str], with_registry: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Steps of GitHub; each sees the secrets that it needs, and no other."""
    steps = []
    for command in commands:
        script = command.split(".sh")[0].removeprefix("bin/")
        env: dict[str, str] = {}
        if script == "login":
            env = dict(registry)
        elif script in with_registry:
            env = {key: value for key, value in registry.items() if "secrets" not in value}
        if script in ("offer", "propose"):
            env |= {"LEGO_TOKEN": "${{ secrets.LEGO_TOKEN }}"}
        secret = {"if": "env.LEGO_PUBLISH == 'yes'"} if script in ("login", "push") else {}
        steps.append({"name": _NAMES[script], **secret, **({"env": env} if env else {}), "run": command})
    return steps


def _keep_sbom() -> dict[str, Any]:
    """Of a build that the scan has stopped too; without signatures the list is nowhere else."""
    return {
        "name": "Keep the list of contents",
        "if": "!cancelled()",
        "uses": UPLOAD,
        "with": {
            "name": "sbom-${{ matrix.name }}",
            "path": "layout.sbom.json",
            "if-no-files-found": "ignore",
            "overwrite": True,
        },
    }


def _checkout() -> dict[str, Any]:
    return {"uses": CHECKOUT, "with": {"fetch-depth": 0, "persist-credentials": False}}


def _runner(pipeline: Pipeline, platform: str, first: str) -> str | None:
    return pipeline.runners.get(platform) or pipeline.runners.get(first)


def _has_runners(pipeline: Pipeline) -> bool:
    return bool(pipeline.runners)


def _runs_on(pipeline: Pipeline, images: Mapping[str, Brick | System], default: str) -> str:
    """The label of a platform's runner, chosen by an expression."""
    platforms = dict.fromkeys(platform for each in images.values() for platform in each.platforms)
    own = [
        (each, pipeline.runners[each]) for each in platforms if pipeline.runners.get(each, default) != default
    ]
    if not own:
        return default
    choices = "".join(f"matrix.platform == '{platform}' && '{label}' || " for platform, label in own)
    return f"${{{{ {choices}'{default}' }}}}"
