"""The scripts that both CI systems call: real git, real sh, a real kernel; stand-ins of what needs a registry."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from tests.imaging.catalogs import small, written

_LOG = """#!/bin/sh
# Writes down how it was called, what it was told on standard input, and what it could see of secrets in its words.
{{ printf '%s' "$(basename "$0")"; for word in "$@"; do printf ' %s' "$word"; done; echo; }} >>"$CALLS"
{body}
"""
_BODIES = {
    "buildah": 'case "$1" in from) echo "container-$#-$2" ;; login) cat >"$CALLS.password" ;; esac',
    "skopeo": """case "$*" in
  list-tags*) printf '{"Tags": ["latest"%s]}\\n' "${PUBLISHED:-}" ;;
  *--config*) printf '{\\n "config": {"Labels": {"org.opencontainers.image.revision": "%s"}}}' "${REVISION:-}" ;;
  inspect*) printf '{}' ;;
esac""",
    "lego-compile": """case "$1 $2" in
  "catalog add") echo "# added $5" >>"$4" ;;
  "inspect --label") exit "${LABEL_FAILS:-0}" ;;
esac""",
    "conda-lock": """printf '@EXPLICIT\\n' >conda-linux-64.lock""",
    "cosign": "", "syft": "", "grype": 'exit "${VULNERABLE:-0}"', "gh": 'echo "token ${GH_TOKEN:+seen}" >>"$CALLS"',
}  # fmt: skip
SECRET = "s3cr3t-of-the-registry"
TOKEN = "t0ken-of-the-forge"
IMAGE = "bricks/ocean"


class Clone:
    """A clone of the repository that ``lego-compile images`` wrote, and programs that write down their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "clone"
        self.calls = folder / "calls"
        programs = folder / "programs"
        programs.mkdir()
        for name, body in _BODIES.items():
            (programs / name).write_text(_LOG.format(body=body))
            (programs / name).chmod(0o755)
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder), "CALLS": str(self.calls),
            "TMPDIR": str(folder),
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
            "LEGO_LOGIN": str(folder / "docker"), "REGISTRY_USER": "robot", "REGISTRY_PASSWORD": SECRET,
            "LEGO_TOKEN": TOKEN, "LEGO_FORGE": "gitlab",
        }  # fmt: skip
        for path, file in written(small()).items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
            target.chmod(0o755 if file.executable else 0o644)
        self.git("init", "-q", "-b", "main")
        self.commit("first", "2026-11-01T10:00:00+02:00")

    def git(self, *words: str, at: Path | None = None, env: Mapping[str, str] = {}) -> str:
        """Run git; what it prints."""
        who = {
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b",
        }
        done = subprocess.run(
            ["git", *words],
            cwd=at or self.root,
            env={**self.env, **who, **env},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, message: str, when: str) -> None:
        """Commit everything at this time."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, env={"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when})

    def run(self, script: str, *words: str, code: int = 0, told: str = "", **env: str) -> str:
        """Run one of the scripts from another folder; its standard output."""
        done = subprocess.run(
            [str(self.root / "bin" / script), *words], cwd=env.pop("cwd", self.root), env={**self.env, **env},
            capture_output=True, text=True, input=told,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        self.said = done.stderr
        return done.stdout

    def called(self) -> list[str]:
        """Every call so far, a line each; no secret is in any."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        assert not [each for each in lines if SECRET in each or TOKEN in each]
        return lines


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone at its first commit, without locks."""
    return Clone(tmp_path)


def test_a_release_is_the_time_of_the_last_change(clone: Clone) -> None:
    """In UTC, of that image alone; commits of other images do not give it a new one."""
    (clone.root / "bricks/ocean/conda-linux-64.lock").write_text("@EXPLICIT\n")
    clone.commit("lock", "2026-11-27T00:30:00+01:00")
    (clone.root / "NOTES").write_text("x")
    clone.commit("notes", "2026-12-01T00:00:00+00:00")

    assert clone.run("release.sh", IMAGE).strip() == "2026.11.26.2330"
    assert clone.run("release.sh", "systems/lab").strip() == "2026.11.01.0800"
    clone.run("release.sh", "bricks/none", code=1)


def test_what_changed_is_told_as_github_wants_it(clone: Clone) -> None:
    """Images without a lock wait; those whose folder is as it was are left out; a commit that is unknown means all."""
    first = clone.git("rev-parse", "HEAD")
    assert clone.run("changed.sh") == "builds=[]\nimages=[]\n"
    assert "no lock yet" in clone.said
    for image in (IMAGE, "systems/lab"):
        (clone.root / image / "conda-linux-64.lock").write_text("@EXPLICIT\n")
    clone.commit("locks", "2026-11-02T00:00:00Z")
    second = clone.git("rev-parse", "HEAD")
    (clone.root / "bricks/ocean/environment.yaml").write_text("x")
    clone.commit("change", "2026-11-03T00:00:00Z")

    def told(*since: str) -> tuple[list[dict[str, str]], list[str]]:
        builds, images = clone.run("changed.sh", *since).splitlines()
        return json.loads(builds.removeprefix("builds=")), json.loads(images.removeprefix("images="))

    both = ["systems/lab", IMAGE]
    assert told(second) == (
        [
            {"image": IMAGE, "platform": f"linux/{each}", "name": f"bricks-ocean-{each}"}
            for each in ("amd64", "arm64")
        ],
        [IMAGE],
    )
    assert told(first)[1] == told("0" * 40)[1] == told("f" * 40)[1] == told("")[1] == told()[1] == both


def test_locks_are_made_beside_each_environment(clone: Clone) -> None:
    """Of all images, or of those that are named."""
    clone.run("lock.sh", IMAGE)
    assert (clone.root / "bricks/ocean/conda-linux-64.lock").exists()
    assert not (clone.root / "systems/lab/conda-linux-64.lock").exists()
    clone.run("lock.sh", cwd=str(clone.folder))
    assert (clone.root / "systems/lab/conda-linux-64.lock").exists()


def test_a_build_is_of_its_commit_and_is_judged(clone: Clone) -> None:
    """The times of files are those of the commit; a label or a finding that is wrong ends the job."""
    clone.run("build.sh", IMAGE, "linux/arm64", "layout")
    revision = clone.git("rev-parse", "HEAD")

    assert clone.called() == [
        "buildah build --platform linux/arm64 --format oci --timestamp 1793520000 "
        f"--build-arg RELEASE=2026.11.01.0800 --build-arg REVISION={revision} --file bricks/ocean/Containerfile "
        "--tag localhost/lego-bricks-ocean-linux-arm64 bricks/ocean",
        "buildah push --quiet localhost/lego-bricks-ocean-linux-arm64 oci:layout:2026.11.01.0800",
        "lego-compile inspect --label oci:layout",
        "lego-compile inspect oci:layout",
    ]
    clone.run("build.sh", IMAGE, "linux/arm64", "layout", code=1, LABEL_FAILS="1")


@pytest.mark.parametrize("publish", ["", "no"])
def test_only_the_default_branch_publishes(clone: Clone, publish: str) -> None:
    """A fork has neither the word nor the secrets; nothing is called, and the job is green."""
    for script, words in (
        ("login.sh", ()), ("push.sh", ("linux/amd64", "layout")), ("publish.sh", ("keyless",)), ("propose.sh", ()),
    ):  # fmt: skip
        clone.run(script, IMAGE, *words, LEGO_PUBLISH=publish)
    assert clone.called() == []


def test_the_password_is_on_no_command_line(clone: Clone) -> None:
    """It goes through standard input, to the host of the image's own registry."""
    clone.run("login.sh", IMAGE, LEGO_PUBLISH="yes")

    (call,) = clone.called()
    assert call.endswith("--username robot --password-stdin registry.example.org")
    assert Path(f"{clone.calls}.password").read_text() == SECRET
    assert clone.run("login.sh", IMAGE, LEGO_PUBLISH="yes", REGISTRY_PASSWORD="", code=2) == ""


def test_a_release_has_all_platforms_and_is_signed_by_digest(clone: Clone) -> None:
    """What this commit built for each platform, in one index; signed by what arrived in the registry."""
    clone.run("push.sh", IMAGE, "linux/arm64", "layout", LEGO_PUBLISH="yes")
    clone.run("publish.sh", IMAGE, "keyless", LEGO_PUBLISH="yes")
    commit = clone.git("rev-parse", "HEAD")[:12]
    calls = clone.called()

    where = "registry.example.org/ocean"
    assert calls[0] == f"skopeo copy --preserve-digests oci:layout docker://{where}:build-{commit}-arm64"
    added = [each.split(" docker://")[1] for each in calls if each.startswith("buildah manifest add")]
    assert added == [f"{where}:build-{commit}-amd64", f"{where}:build-{commit}-arm64"]
    digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # of {}
    assert f"cosign sign --yes --recursive {where}@{digest}" in calls
    attested = [each for each in calls if each.startswith(("syft", "cosign attest"))]
    assert [each.split()[0] for each in attested] == ["syft", "cosign"] * 2
    assert [each.split(" --platform ")[1].split()[0] for each in attested[::2]] == [
        "linux/amd64",
        "linux/arm64",
    ]
    assert {each.endswith(f" {where}@{digest}") for each in attested[1::2]} == {True}
    assert (clone.root / "published/bricks/ocean").read_text() == f"{where}:2026.11.01.0800\n"
    assert not clone.git("status", "--porcelain")


def test_a_release_without_one_of_its_platforms_is_none(clone: Clone) -> None:
    """Where the build for a platform failed, nothing of that image is published, signed or offered."""
    fails = 'case "$*" in "manifest add"*arm64) echo "manifest unknown" >&2; exit 125 ;; esac'
    (clone.folder / "programs/buildah").write_text(_LOG.format(body=fails))
    clone.run("publish.sh", IMAGE, "keyless", LEGO_PUBLISH="yes", code=125)

    assert not [each for each in clone.called() if "manifest push" in each or each.startswith("cosign")]
    assert not (clone.root / "published").exists()


def test_a_release_is_never_replaced(clone: Clone) -> None:
    """A job that runs again signs what is there; without signatures nothing is signed."""
    there = {"LEGO_PUBLISH": "yes", "PUBLISHED": ', "2026.11.01.0800"'}
    clone.run("publish.sh", IMAGE, "none", **there, REVISION=clone.git("rev-parse", "HEAD"))

    assert "published already" in clone.said
    assert not [each for each in clone.called() if "manifest push" in each or each.startswith("cosign")]


def test_two_commits_of_one_minute_are_not_one_release(clone: Clone) -> None:
    """The second is not taken for the first: the job fails, and says what to do."""
    there = {"LEGO_PUBLISH": "yes", "PUBLISHED": ', "2026.11.01.0800"'}
    clone.run("publish.sh", IMAGE, "keyless", **there, REVISION="0" * 40, code=1)

    assert "commit the image once more" in clone.said
    assert not [each for each in clone.called() if each.startswith("cosign") or " copy " in each]
    assert not (clone.root / "published").exists()


@pytest.mark.parametrize(("other", "moved"), [("2026.10.01.0800", True), ("2026.11.02.0000", False)])
def test_latest_never_goes_back(clone: Clone, other: str, moved: bool) -> None:
    """A job of an older commit that runs again leaves `latest` where it is; what is no release does not count."""
    clone.run("publish.sh", IMAGE, "none", LEGO_PUBLISH="yes", PUBLISHED=f', "{other}", "build-9999-amd64"')

    copied = [each for each in clone.called() if each.endswith(":latest") and each.startswith("skopeo copy")]
    assert bool(copied) == moved


def test_a_known_vulnerability_stops_the_job(clone: Clone) -> None:
    """From the severity on that the catalog says; with `none` they are listed only."""
    clone.run("scan.sh", "layout", "high", code=1, VULNERABLE="1")
    clone.run("scan.sh", "layout", "none")
    assert [each for each in clone.called() if each.startswith("grype")] == [
        "grype sbom:layout.sbom.json --fail-on high", "grype sbom:layout.sbom.json",
    ]  # fmt: skip


def test_kernels_are_started_in_the_published_system_image(clone: Clone) -> None:
    """The brick lies at its prefix; the containers are removed, whatever happens."""
    clone.run("test.sh", IMAGE, "layout")
    calls = clone.called()
    assert "buildah from docker://registry.example.org/lab:latest" in calls
    assert [each for each in calls if each.endswith(" / /opt/bricks/ocean")]
    assert [each for each in calls if each.endswith("python3 /tmp/kernels.py /opt/bricks/ocean")]
    assert len([each for each in calls if each.startswith("buildah rm")]) == 2
    clone.run("test.sh", "systems/lab", "layout")
    assert clone.called()[-2].endswith("-- jupyterhub-singleuser --version")


@pytest.mark.parametrize("forge", ["gitlab", "github"])
def test_a_merge_request_offers_the_release(clone: Clone, forge: str) -> None:
    """The catalog is changed on a branch of its own, and the token is in no word, file or remote."""
    catalog, work = clone.folder / "catalog.git", clone.folder / "work"
    clone.git("init", "-q", "--bare", "-b", "main", str(catalog))
    clone.git("-C", str(catalog), "config", "receive.advertisePushOptions", "true")
    clone.git("clone", "-q", str(catalog), str(work))
    (work / "catalog.yaml").write_text("lego: 1\n")
    clone.git("switch", "-q", "-c", "main", at=work)
    clone.git("add", "-A", at=work)
    clone.git("commit", "-q", "-m", "catalog", at=work)
    clone.git("push", "-q", "origin", "main", at=work)
    (clone.root / "published/bricks").mkdir(parents=True)
    (clone.root / "published/bricks/ocean").write_text("registry.example.org/ocean:2026.11\n")
    for _ in range(2):  # again, as when a job is run again
        clone.run(
            "propose.sh", IMAGE, LEGO_PUBLISH="yes", LEGO_FORGE=forge, CATALOG_REPOSITORY=str(catalog),
            CATALOG_BRANCH="main", CATALOG_FILE="catalog.yaml",
        )  # fmt: skip

    assert clone.git("-C", str(catalog), "log", "--format=%s", "lego/ocean-2026.11").splitlines() == [
        "Add registry.example.org/ocean:2026.11", "catalog",
    ]  # fmt: skip
    assert clone.git("-C", str(catalog), "show", "main:catalog.yaml") == "lego: 1"
    assert TOKEN not in "".join(
        path.read_text(errors="replace") for path in catalog.rglob("*") if path.is_file()
    )
    pulls = [each for each in clone.called() if each.startswith("gh pr create")]
    assert len(pulls) == (2 if forge == "github" else 0)
    assert ("token seen" in clone.called()) == (forge == "github")


def test_git_is_told_the_token_when_it_asks(clone: Clone) -> None:
    """As a credential helper; and never the word that it would store one."""
    there = {"LEGO_REMOTE": "https://robot@forge.example.org:8443/lego/catalog.git"}
    asked = "protocol=https\nhost=forge.example.org:8443\n\n"
    assert clone.run("credential.sh", "get", told=asked, **there) == f"username=oauth2\npassword={TOKEN}\n"
    assert clone.run("credential.sh", "store", told=asked, **there) == ""


@pytest.mark.parametrize(
    "asked",
    [
        "protocol=https\nhost=elsewhere.example.org\n",
        "protocol=https\nhost=forge.example.org:8443\n",
        "protocol=http\nhost=forge.example.org\n",
        "protocol=https\nhost=forge.example.org.elsewhere.org\n",
        "host=forge.example.org\n",
        "",
    ],
)
def test_no_other_host_gets_the_token(clone: Clone, asked: str) -> None:
    """Not even by another port or without TLS, as where a server sends git on to somebody else."""
    answer = clone.run(
        "credential.sh", "get", told=asked, LEGO_REMOTE="https://forge.example.org/catalog.git"
    )

    assert (answer, "no token for" in clone.said) == ("", True)
    assert TOKEN not in clone.said


class Asks(BaseHTTPRequestHandler):
    """A server of git that wants to know who asks; ``/on/…`` is sent on to another name of the same machine."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """The first request of a clone or push."""
        self.seen.append(f"{self.headers['Host'].split(':')[0]} {self.headers['Authorization']}")
        if self.path.startswith("/on/"):
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}{self.path[3:]}")  # type: ignore[attr-defined]
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    """Its port."""
    Asks.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Asks) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield found.server_port
        found.shutdown()


@pytest.mark.parametrize("script", ["propose.sh", "offer.sh"])
def test_the_token_goes_where_it_was_meant_to_go(clone: Clone, server: int, script: str) -> None:
    """The real git: the forge is told, and who it sends git on to is not."""
    said = "Basic " + base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()
    (clone.root / "published/bricks").mkdir(parents=True)
    (clone.root / "published/bricks/ocean").write_text("registry.example.org/ocean:2026.11\n")
    for path, told in (("", True), ("/on", False)):
        Asks.seen.clear()
        remote = f"http://127.0.0.1:{server}{path}/catalog.git"
        if script == "propose.sh":
            words = [IMAGE]
        else:
            clone.git("switch", "-q", "main")
            clone.git("config", "remote.origin.url", remote)
            (clone.root / "bricks/ocean/conda-linux-64.lock").write_text("@EXPLICIT\n")
            words = ["lego/locks", "Newer", "main", "--", "bricks"]
        clone.run(
            script, *words, code=128, LEGO_PUBLISH="yes", CATALOG_REPOSITORY=remote, CATALOG_BRANCH="main",
            CATALOG_FILE="catalog.yaml",
        )  # fmt: skip
        assert bool([each for each in Asks.seen if each.endswith(said)]) == told, Asks.seen
        assert ("localhost None" in Asks.seen) != told


@pytest.mark.parametrize(
    ("runs", "remote", "pulls"),
    [
        ("github", "https://gitlab.example.org/lego/catalog", False),
        ("gitlab", "https://github.com/lego/catalog", True),
        ("github", "https://github.com/lego/catalog", True),
        ("gitlab", "https://gitlab.example.org/lego/catalog", False),
    ],
)
def test_a_merge_request_is_opened_where_the_catalog_is(
    clone: Clone, runs: str, remote: str, pulls: bool
) -> None:
    """A pipeline of GitHub whose catalog is on a GitLab asks that GitLab, and the other way round."""
    bare = clone.folder / "bare.git"
    clone.git("init", "-q", "--bare", str(bare))
    clone.git("-C", str(bare), "config", "receive.advertisePushOptions", "true")
    clone.git("remote", "add", "origin", remote)
    clone.git("config", f"url.{bare}.pushInsteadOf", remote)
    (clone.root / "bricks/ocean/conda-linux-64.lock").write_text("@EXPLICIT\n")
    clone.run("offer.sh", "lego/locks", "Newer packages", "main", "--", "bricks", LEGO_FORGE=runs)

    assert clone.git("-C", str(bare), "log", "-1", "--format=%s", "lego/locks") == "Newer packages"
    assert bool([each for each in clone.called() if each.startswith("gh pr create")]) == pulls


def _environment(folder: Path, kernel: str) -> Path:
    prefix = folder / "env"
    spec = prefix / "share/jupyter/kernels/python3"
    spec.mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to(sys.executable)
    (prefix / "etc/conda/activate.d").mkdir(parents=True)
    (prefix / "etc/conda/activate.d/set.sh").write_text("export SEEN=activated\n")
    (prefix / "etc/conda/env_vars.d").mkdir()
    (prefix / "etc/conda/env_vars.d/lego.json").write_text('{"DECLARED": "yes"}')
    said = {
        "argv": ["python", "-c", kernel, "-f", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    (spec / "kernel.json").write_text(json.dumps(said))
    return prefix


_KERNEL = """
import os, sys
assert os.environ["SEEN"] == "activated" and os.environ["DECLARED"] == "yes"
sys.prefix = {prefix}
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


@pytest.mark.parametrize(("prefix", "code"), [("os.environ['CONDA_PREFIX']", 0), ("'/elsewhere'", 1)])
def test_a_kernel_has_to_run_in_its_environment(prefix: str, code: int, clone: Clone, tmp_path: Path) -> None:
    """A real kernel, activated, with its variables; one that runs with another Python's packages is found."""
    pytest.importorskip("ipykernel")
    folder = _environment(tmp_path, _KERNEL.format(prefix=prefix))
    done = subprocess.run(
        [sys.executable, str(clone.root / "bin/kernels.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout.startswith("python3: ok" if code == 0 else "python3: its cell printed '/elsewhere'")


def test_an_environment_without_a_kernel_is_found(clone: Clone, tmp_path: Path) -> None:
    """Nothing to start is no success."""
    pytest.importorskip("jupyter_client")
    done = subprocess.run(
        [sys.executable, str(clone.root / "bin/kernels.py"), str(tmp_path / "none")],
        env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
