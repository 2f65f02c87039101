"""The repository that builds a catalog's images: what is in it, and that text of people is inert."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.command import run
from tests.imaging.catalogs import small, text, written

ROOT = Path(__file__).parents[2]
HOSTILE = [
    """it's "quoted" `id` $(id) ${HOME} $HOME \\""",
    "{{ secrets.X }} ${{ github.token }} %s %d", "# no comment", "é 🐟 日本",
    "<<EOF", "a\\nb \\", "& && | ; > <", "/\\/&\\1", "[x](javascript:y) <b>|</b>", "'; DROP", "- a: b", "\\${X}", '"',
]  # fmt: skip
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\u2028\u2029"),
    min_size=1,
    max_size=60,
)


def test_the_committed_repository_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """``images/gaia-data`` is what the catalog says now."""
    os.chdir(ROOT)

    code, _, err = run(["images", "--check", "catalog/gaia-data.yaml"], capsys)

    assert (code, err) == (0, "")


def test_a_release_changes_nothing() -> None:
    """The merge request that adds a release to the catalog must not start the pipeline that made it."""
    catalog = small()
    before = written(catalog)
    catalog["bricks"]["ocean"]["releases"]["2026.11"] = {"note": "new"}
    catalog["systems"]["lab"]["releases"]["2026.11"] = {}

    assert written(catalog) == before


def test_one_image_that_fails_keeps_no_other_from_its_release() -> None:
    """GitHub skips what needs a matrix of which one job failed, unless its condition has a status function."""
    workflow = yaml.safe_load(written(small())[".github/workflows/images.yml"].data)
    condition = workflow["jobs"]["publish"]["if"].split(" && ")

    assert condition[0] == "!cancelled()"
    assert "needs.changed.result == 'success'" in condition
    assert "needs.changed.outputs.images != '[]'" in condition
    assert "github.event_name != 'pull_request'" in condition


_BRANCH = "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)"


def test_only_the_default_branch_is_the_default_branch() -> None:
    """A tag of its name is not, which anybody who may push tags could make; nor is a branch that locks are started on.

    A schedule is always of the default branch, but its event has no repository.
    """
    files = written(small())
    images = yaml.safe_load(files[".github/workflows/images.yml"].data)
    locks = yaml.safe_load(files[".github/workflows/locks.yml"].data)

    condition = f"github.event_name != 'pull_request' && {_BRANCH}"
    assert images["env"]["LEGO_PUBLISH"] == f"${{{{ ({condition}) && 'yes' || 'no' }}}}"
    assert images["jobs"]["publish"]["if"].endswith(f" && {condition}")
    assert [job["if"] for job in locks["jobs"].values()] == [f"github.event_name == 'schedule' || {_BRANCH}"]


@pytest.mark.parametrize("sign", ["keyless", "none"])
def test_both_systems_keep_the_list_of_contents(sign: str) -> None:
    """As an artifact of each build, also of one that the scan stops: without signatures it is nowhere else."""
    catalog = small()
    catalog["build"]["sign"] = sign
    files = written(catalog)
    kept = yaml.safe_load(files[".gitlab-ci.yml"].data)[".build"]["artifacts"]
    steps = yaml.safe_load(files[".github/workflows/images.yml"].data)["jobs"]["build"]["steps"]
    (upload,) = [each for each in steps if each.get("uses", "").startswith("actions/upload-artifact@")]

    assert kept == {"when": "always", "paths": ["layout.sbom.json"]}
    assert upload["with"]["path"] == "layout.sbom.json"
    assert "matrix.name" in upload["with"]["name"]  # one of the same name would be refused
    assert upload["if"] == "!cancelled()"


def test_a_brick_of_somebody_else_is_not_built() -> None:
    """Nothing is written for it, and the page says so."""
    catalog = small()
    other = copy.deepcopy(catalog["bricks"]["ocean"])
    del other["build"]
    catalog["bricks"]["other"] = {**other, "subpath": "/srv/conda/envs/notebook"}
    files = written(catalog)

    assert not [path for path in files if path.startswith("bricks/other/")]
    assert "other" not in text(files, "images.tsv")
    assert "not built here: other." in text(files, "README.md")


def test_the_brick_asks_the_solver_for_the_machine_that_it_runs_on() -> None:
    """The floor of the C library is that of the catalog; CUDA and processors are those of the build."""
    catalog = small()
    catalog["bricks"]["ocean"]["build"] |= {"cuda": "12.6", "cpu": {"linux/amd64": "x86_64_v3"}}
    found = yaml.safe_load(text(written(catalog), "bricks/ocean/virtual-packages.yaml"))["subdirs"]

    assert {key: each["packages"].get("__archspec") for key, each in found.items()} == {
        "linux-64": "1 x86_64_v3", "linux-aarch64": "1 aarch64",
    }  # fmt: skip
    assert {(each["packages"]["__glibc"], each["packages"]["__cuda"]) for each in found.values()} == {
        ("2.28", "12.6")
    }

    del catalog["bricks"]["ocean"]["requires"]
    found = yaml.safe_load(text(written(catalog), "bricks/ocean/virtual-packages.yaml"))["subdirs"]
    assert found["linux-64"]["packages"]["__glibc"] == "2.39"  # that of the oldest system image


def test_a_system_image_installs_what_it_provides() -> None:
    """In that version; conda and its finder of kernels only where they are provided."""
    catalog = small()
    wanted = yaml.safe_load(text(written(catalog), "systems/lab/environment.yaml"))["dependencies"]
    assert wanted == ["python=3.12", "jupyterlab=4.6.6", "jupyterhub-singleuser=6.1.1"]
    assert "nb_conda_kernels" not in text(written(catalog), "systems/lab/jupyter.json")

    catalog["systems"]["lab"]["provides"] |= {
        "conda": "26.7.1", "nb_conda_kernels": "2.5.2", "@jupyter-widgets/jupyterlab-manager": "5.0.16",
    }  # fmt: skip
    files = written(catalog)
    wanted = yaml.safe_load(text(files, "systems/lab/environment.yaml"))["dependencies"]
    assert {"conda=26.7.1", "nb_conda_kernels=2.5.2", "jupyterlab_widgets=3"} <= {*wanted}
    server = json.loads(text(files, "systems/lab/jupyter.json"))["ServerApp"]
    assert server["kernel_spec_manager_class"] == "nb_conda_kernels.CondaKernelSpecManager"


def test_every_trap_of_a_brick_is_avoided() -> None:
    """What makes kernels slow, invisible or unreadable is avoided, in the right order."""
    said = text(written(small()), "bricks/ocean/Containerfile")
    order = [
        "micromamba create -y -q -p /opt/bricks/ocean --file",
        "kernels/*.sed",
        "-name '*.a' -o -name '*.js.map'",
        "compileall -qq -f --invalidation-mode unchecked-hash",
        "> /opt/bricks/ocean/conda-meta/history",
        "> /opt/bricks/ocean/conda-meta/frozen",
        "chmod -R a+rX /opt/bricks/ocean",
        "FROM scratch",
        "COPY --from=build /opt/bricks/ocean /\n",
    ]
    places = [said.index(each) for each in order]
    assert places == sorted(places)
    assert not re.search(r"^(RUN|CMD|ENTRYPOINT|ENV)", said[places[-2] :], re.MULTILINE)

    catalog = small()
    catalog["bricks"]["ocean"]["build"]["static_libraries"] = True
    assert "'*.a'" not in text(written(catalog), "bricks/ocean/Containerfile")


def hostile(title: str) -> dict[str, Any]:
    """A catalog with this text wherever people may write some."""
    catalog = small()
    for entry in (catalog["bricks"]["ocean"], catalog["systems"]["lab"]):
        entry |= {"title": title, "description": title}
    catalog["bricks"]["ocean"]["kernels"][0]["title"] = title
    return {**catalog, "title": title}


def names_and_shape(node: object) -> object:
    """A document without its text."""
    if isinstance(node, dict):
        return {key: names_and_shape(value) for key, value in node.items()}
    return [names_and_shape(each) for each in node] if isinstance(node, list) else type(node).__name__


@given(TEXT)
@example("x\u00a0y")
def test_text_of_people_changes_labels_and_titles_only(title: str) -> None:
    """Everything else of the repository is the same bytes: no ``RUN``, no script and no pipeline can hold it."""
    inert, changed = written(hostile("plain")), written(hostile(title))
    assert inert.keys() == changed.keys()
    differ = {path for path in inert if inert[path] != changed[path]}
    assert differ <= {
        "README.md", "bricks/ocean/Containerfile", "systems/lab/Containerfile", "bricks/ocean/kernels/python3.sed",
    }  # fmt: skip
    for path in ("bricks/ocean/Containerfile", "systems/lab/Containerfile"):
        before, after = (text(files, path).split("\n") for files in (inert, changed))
        assert len(before) == len(after)
        assert {a.split("=")[0] for b, a in zip(before, after, strict=True) if a != b} <= {
            "LABEL org.opencontainers.image.title", "LABEL org.opencontainers.image.description",
        }  # fmt: skip


@pytest.mark.parametrize("title", HOSTILE)
@pytest.mark.parametrize("layout", ["indented", "one line", "escaped"])
def test_sed_writes_the_title_into_a_kernelspec(title: str, layout: str, tmp_path: Path) -> None:
    """The real sed, in the C locale, on the ways in which packages write their kernel.json."""
    spec = {"argv": ["/p/bin/python", "-m", "x"], "display_name": 'Old "name" \\ é', "language": "python"}
    (tmp_path / "kernel.json").write_text(
        json.dumps(spec, indent=None if layout == "one line" else 1, ensure_ascii=layout == "escaped"),
        encoding="utf-8",
    )
    script = tmp_path / "python3.sed"
    script.write_bytes(written(hostile(title))["bricks/ocean/kernels/python3.sed"].data)
    subprocess.run(
        ["sed", "-i", "-f", str(script), str(tmp_path / "kernel.json")],
        check=True,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )

    assert json.loads((tmp_path / "kernel.json").read_text(encoding="utf-8")) == {
        **spec,
        "display_name": title,
    }


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A repository that was written, with a lock that the pipeline made and a file of the keeper's."""
    monkeypatch.chdir(tmp_path)
    catalog = small()
    catalog["bricks"]["geo"] = {
        **copy.deepcopy(catalog["bricks"]["ocean"]), "image": "registry.example.org/geo", "prefix": "/opt/bricks/geo",
    }  # fmt: skip
    Path("catalog.yaml").write_text(yaml.safe_dump(catalog, sort_keys=False))
    assert run(["images", "catalog.yaml"], capsys)[0] == 0
    root = tmp_path / "images/small"
    for name in ("ocean", "geo"):
        (root / f"bricks/{name}/conda-linux-64.lock").write_text("@EXPLICIT\n")
    (root / "NOTES").write_text("mine")
    return root


def test_files_of_others_stay_and_nothing_is_stale(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Locks are the pipeline's: they are neither reported nor removed, not even those of a brick that went."""
    assert run(["images", "--check", "catalog.yaml"], capsys)[0] == 0
    catalog = yaml.safe_load(Path("catalog.yaml").read_text())
    del catalog["bricks"]["geo"]
    Path("catalog.yaml").write_text(yaml.safe_dump(catalog, sort_keys=False))

    code, _, err = run(["images", "--check", "--output-format", "concise", "catalog.yaml"], capsys)
    assert code == 1
    assert "LC804" in err
    assert (repository / "bricks/geo/Containerfile").exists()

    assert run(["images", "catalog.yaml"], capsys)[0] == 0
    assert [each.name for each in (repository / "bricks/geo").iterdir()] == ["conda-linux-64.lock"]
    assert (repository / "NOTES").read_text() == "mine"
    assert (repository / "bin/build.sh").stat().st_mode & 0o777 == 0o755
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=repository, check=True)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda root: (root / "bin/push.sh").write_text("exit 0\n"), "LC803"),
        (lambda root: (root / "README.md").unlink(), "LC802"),
        (lambda root: (root / "bin/push.sh").chmod(0o644), "LC801"),
        (lambda root: (root / "SHA256SUMS").write_text("x"), "LC806"),
    ],
)
def test_what_is_not_current_is_named(
    damage: Any, code: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--check`` writes nothing, and ends with 1."""
    damage(repository)
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}

    exit_code, _, err = run(["images", "--check", "--output-format", "concise", "catalog.yaml"], capsys)

    assert exit_code == 1
    assert code in err
    assert before == {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
