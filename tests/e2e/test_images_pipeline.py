"""The scripts of the pipelines, from a commit to the merge request: real Git, Buildah, Skopeo and registry."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import requests
import yaml

from tests.e2e.build_root import BUILD
from tests.e2e.built import BASE_IMAGE, CONDA, MICROMAMBA, Built, stand_ins
from tests.e2e.centre import lego
from tests.e2e.conftest import BASE
from tests.e2e.lab_images import RELEASE
from tests.e2e.root import Root, entered
from tests.images.registry import PASSWORD, USER, NoRegistry, Registry
from tests.registry.test_registry_tls import Authority

pytestmark = pytest.mark.skipif(
    bool(CONDA), reason="what is in a prefix of this machine is copied, and not solved"
)

ROOT = Path(__file__).parents[2]
OCEAN, PLATFORM = "bricks/ocean", "linux/amd64"
WHEN = "2026-11-27T10:15:00+00:00"
PUBLISHED = "2026.11.27.1015"

_BUILDAH = f"""\
#!/bin/sh
# The real one; what others publish was made here, and their channel is a folder.
[ "$1" = build ] || exec /usr/bin/buildah "$@"
shift
exec /usr/bin/buildah build --build-arg MICROMAMBA={MICROMAMBA} --build-arg BASE={BASE_IMAGE} --build-arg APT= \\
  --volume /channel:/channel:ro "$@"
"""
_LEGO = """\
#!/bin/sh
PYTHONPATH=/media/lego exec /srv/lego/bin/python -m lego_compile "$@"
"""
_HOOK = """\
#!/bin/sh
# What GitLab makes a merge request of (git-push(1), --push-option).
number=0
while [ "$number" -lt "$GIT_PUSH_OPTION_COUNT" ]; do
  eval "echo \\"\\$GIT_PUSH_OPTION_$number\\"" >>/media/asked
  number=$((number + 1))
done
"""


@dataclass
class Job:
    """What runs the jobs of a commit.

    Attributes:
        root: where Buildah is; the repository is ``/media/images`` there.
        folder: which is ``/media`` there.
        registry: which asks for a password, and has a certificate of an authority that the site made.
    """

    root: Root
    folder: Path
    registry: Registry

    def git(self, at: str, *words: str) -> str:
        """Run git in a folder below ``/media``; what it prints."""
        return self.root.run("git", "-C", f"/media/{at}", *words).stdout.strip()

    def script(self, name: str, *words: str, check: bool = True) -> CompletedProcess[str]:
        """Run one of the scripts, with the variables of a job of the default branch."""
        done = self.root.run(f"/media/images/bin/{name}.sh", *words, timeout=600, check=False)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def ask(self, path: str) -> requests.Response:
        """Ask the registry."""
        with self.root.namespace.network(), requests.Session() as session:
            session.trust_env = False
            accepted = {
                "Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
            }
            session.verify, session.auth = str(self.folder / "ca.pem"), (USER, PASSWORD)
            return session.get(f"{self.registry.url}/v2/{path}", headers=accepted, timeout=60)


@pytest.fixture(scope="module")
def job(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A commit of the repository with locks, and a catalog that has no release of the brick yet."""
    folder = tmp_path_factory.mktemp("pipeline")
    with entered(BASE, recipe=BUILD, shared=folder, network=True) as root:
        root.run("ip", "link", "set", "lo", "up")
        with root.namespace.network():
            registry = Registry(htpasswd=True, tls=Authority(folder).issued("127.0.0.1"))
            try:
                registry.__enter__()
            except NoRegistry as missing:
                pytest.skip(str(missing))
        try:
            stand_ins(root)
            _install(root, folder, built, registry.host)
            yield Job(root, folder, registry)
        finally:
            registry.stop()


def _install(root: Root, folder: Path, built: Built, host: str) -> None:
    """Have the programs, the repository and the catalog."""
    for package in ("lego_compile", "schemas"):
        shutil.copytree(
            ROOT / package, folder / "lego" / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copytree(built.raw / f"lab-{RELEASE}", folder / "lab")
    (folder / "bin").mkdir()
    for name, text in (("buildah", _BUILDAH), ("lego-compile", _LEGO)):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    root.env |= {
        "PATH": "/media/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SSL_CERT_FILE": "/media/ca.pem",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": WHEN,
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": WHEN,
        "LEGO_PUBLISH": "yes", "LEGO_FORGE": "gitlab", "LEGO_TOKEN": "unused", "LEGO_SYSTEM": "oci:/media/lab",
        "LEGO_LOGIN": "/tmp/docker",
        "REGISTRY_USER": USER, "REGISTRY_PASSWORD": PASSWORD,
        "CATALOG_REPOSITORY": "file:///media/catalog.git", "CATALOG_BRANCH": "main", "CATALOG_FILE": "catalog/e2e.yaml",
    }  # fmt: skip
    catalog = yaml.safe_load(built.catalog.read_text().replace("registry.example.org/lego", f"{host}/lego"))
    catalog["bricks"]["ocean"]["releases"] = {}
    (folder / "work/catalog").mkdir(parents=True)
    (folder / "work/catalog/e2e.yaml").write_text(yaml.safe_dump(catalog, sort_keys=False))
    lego(folder, "images", "work/catalog/e2e.yaml", "--out", str(folder))
    (folder / "e2e").rename(folder / "images")
    lock = built.raw.parent / f"contexts/ocean-{RELEASE}/conda-linux-64.lock"
    shutil.copy(lock, folder / "images" / OCEAN)
    for name in ("images", "work"):
        root.run("git", "init", "-q", "-b", "main", f"/media/{name}")
        root.run("git", "-C", f"/media/{name}", "add", "--all")
        root.run("git", "-C", f"/media/{name}", "commit", "-q", "-m", "first")
    root.run("git", "clone", "-q", "--bare", "/media/work", "/media/catalog.git")
    root.run("git", "-C", "/media/catalog.git", "config", "receive.advertisePushOptions", "true")
    hook = folder / "catalog.git/hooks/post-receive"
    hook.write_text(_HOOK)
    hook.chmod(0o755)


def test_a_commit_becomes_a_release_that_the_catalog_is_offered(job: Job) -> None:
    """As both pipelines call them, but for scan.sh: what lists and scans is in no registry that tests may use."""
    said = job.script("build", OCEAN, PLATFORM, "/media/layout").stdout
    assert "/opt/bricks/ocean" in said
    job.script("test", OCEAN, "/media/layout")
    assert job.ask("lego/brick-ocean/tags/list").status_code == 404  # nothing was pushed
    job.script("login", OCEAN)
    job.script("push", OCEAN, PLATFORM, "/media/layout")
    job.script("publish", OCEAN, "none")

    commit = job.git("images", "rev-parse", "--short=12", "HEAD")
    tags = job.ask("lego/brick-ocean/tags/list").json()["tags"]
    assert sorted(tags) == sorted([PUBLISHED, "latest", f"build-{commit}-amd64"])
    index = job.ask(f"lego/brick-ocean/manifests/{PUBLISHED}").json()
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64"]
    layout = json.loads((job.folder / "layout/index.json").read_text())["manifests"]
    assert [each["digest"] for each in index["manifests"]] == [each["digest"] for each in layout]
    assert job.ask("lego/brick-ocean/manifests/latest").json() == index

    job.script("propose", OCEAN)
    branch = f"lego/ocean-{PUBLISHED}"
    reference = f"{job.registry.host}/lego/brick-ocean:{PUBLISHED}"
    assert (job.folder / "asked").read_text().splitlines() == [
        "merge_request.create", "merge_request.target=main", f"merge_request.title=Add {reference}",
        "merge_request.remove_source_branch",
    ]  # fmt: skip
    assert job.git("catalog.git", "diff", "--name-only", "main", branch) == "catalog/e2e.yaml"
    offered = yaml.safe_load(job.git("catalog.git", "show", f"{branch}:catalog/e2e.yaml"))
    kept = yaml.safe_load(job.git("catalog.git", "show", "main:catalog/e2e.yaml"))
    assert list(offered["bricks"]["ocean"]["releases"]) == [PUBLISHED]
    assert offered["bricks"]["hydro"] == kept["bricks"]["hydro"]


def test_a_job_that_runs_again_changes_nothing(job: Job) -> None:
    """The release stays what it is, and what is offered is offered again."""
    before = job.ask(f"lego/brick-ocean/manifests/{PUBLISHED}").json()
    job.script("build", OCEAN, PLATFORM, "/media/again")
    job.script("push", OCEAN, PLATFORM, "/media/again")
    assert "is published already" in job.script("publish", OCEAN, "none").stderr
    job.script("propose", OCEAN)
    assert job.ask(f"lego/brick-ocean/manifests/{PUBLISHED}").json() == before


def test_another_commit_of_the_same_minute_is_refused(job: Job) -> None:
    """A release is of one commit, and is never replaced."""
    with (job.folder / "images" / OCEAN / "environment.yaml").open("a") as file:
        file.write("# once more\n")
    job.git("images", "commit", "-q", "-a", "-m", "second")
    job.script("build", OCEAN, PLATFORM, "/media/second")
    job.script("push", OCEAN, PLATFORM, "/media/second")
    done = job.script("publish", OCEAN, "none", check=False)
    assert (done.returncode, "was made of another commit" in done.stderr) == (1, True)


def test_the_password_is_where_it_belongs(job: Job) -> None:
    """In the file of who logs in, and in nothing that was published or offered."""
    kept = json.loads(job.root.run("cat", "/tmp/docker/config.json").stdout)["auths"]
    assert base64.b64decode(kept[job.registry.host]["auth"]).decode() == f"{USER}:{PASSWORD}"
    assert job.root.run("stat", "-c", "%a", "/tmp/docker/config.json").stdout.strip() == "600"
    found = job.root.run("grep", "-rlF", PASSWORD, "/media/catalog.git", "/media/images", check=False).stdout
    assert found == ""
