"""What is said of a catalog that cannot be built as it is: each code, at its place, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.command import run
from tests.imaging.catalogs import findings, parsed, small

Damage = Callable[[dict[str, Any]], object]
BRICK, SYSTEM = ("bricks", "ocean"), ("systems", "lab")

MISTAKES: dict[str, tuple[str, tuple[str | int, ...], Damage]] = {
    "no build of the catalog": ("LC341", (*SYSTEM, "build"), lambda c: c.pop("build")),
    "below a subpath": (
        "LC342", (*BRICK, "subpath"), lambda c: c["bricks"]["ocean"].update(subpath="/srv/ocean"),
    ),
    "no kernel": (
        "LC343", (*BRICK, "kernels", 0),
        lambda c: c["bricks"]["ocean"]["build"].update(packages=["python", "ipykernels"]),
    ),
    "nothing brings it": (
        "LC344", (*SYSTEM, "provides", "odd"), lambda c: c["systems"]["lab"]["provides"].update(odd="1.0"),
    ),
    "no system draws it": (
        "LC344", (*BRICK, "requires", "system", "jupyter-leaflet"),
        lambda c: c["bricks"]["ocean"]["requires"]["system"].update({"jupyter-leaflet": "0.20"}),
    ),
    "twice in a brick": (
        "LC345", (*BRICK, "build", "packages", 2),
        lambda c: c["bricks"]["ocean"]["build"]["packages"].append("forge::python<4"),
    ),
    "provided, and named": (
        "LC345", (*SYSTEM, "build", "packages", 1),
        lambda c: c["systems"]["lab"]["build"]["packages"].append("jupyterlab=4"),
    ),
    "no hub": ("LC346", (*SYSTEM, "provides"), lambda c: c["systems"]["lab"]["provides"].pop("jupyterhub")),
    "no conda to ask": (
        "LC346", (*SYSTEM, "provides"), lambda c: c["systems"]["lab"]["provides"].update(nb_conda_kernels="2.5.2"),
    ),
    "no such platform": (
        "LC347", (*BRICK, "platforms", 1),
        lambda c: c["bricks"]["ocean"].update(platforms=["linux/amd64", "linux/riscv64"]),
    ),
    "a variable that is ours": (
        "LC312", (*BRICK, "build", "variables", "PATH"),
        lambda c: c["bricks"]["ocean"]["build"].update(variables={"PATH": "/bin", "OMP_NUM_THREADS": "1"}),
    ),
    "processor of another platform": (
        "LC347", (*BRICK, "build", "cpu", "linux/ppc64le"),
        lambda c: c["bricks"]["ocean"]["build"].update(cpu={"linux/ppc64le": "power9"}),
    ),
    "GPU without CUDA": (
        "LC348", (*BRICK, "build"), lambda c: c["bricks"]["ocean"]["requires"].update(gpu="nvidia"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "place", "damage"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found_where_it_was_made(
    code: str, place: tuple[str | int, ...], damage: Damage
) -> None:
    """One mistake, one finding."""
    catalog = small()
    assert findings(catalog) == []
    damage(catalog)

    assert findings(catalog) == [(code, place)]


def test_every_mistake_is_told_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Findings of the grammar stop the others; the others come together, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    catalog = small()
    for name in ("below a subpath", "no hub", "no such platform"):
        MISTAKES[name][2](catalog)
    Path("catalog.yaml").write_text(yaml.safe_dump(catalog, sort_keys=False))

    code, out, err = run(["images", "catalog.yaml", "--output-format", "concise"], capsys)

    assert code == 1
    assert {each[0] for each in (MISTAKES[n] for n in ("below a subpath", "no hub", "no such platform"))} == {
        word.rstrip("]").split("[")[-1]
        for line in err.splitlines()
        for word in line.split()
        if "LC34" in word
    }
    assert "Traceback" not in err
    assert out == ""
    assert [each.name for each in tmp_path.iterdir()] == ["catalog.yaml"]


INJECTIONS = [
    "numpy; curl evil", "numpy\n- evil", "$(id)", "`id`", "--file=/etc/passwd", "-c evil", "numpy[url=x]", "git+https://x/y",
    "numpy #", "numpy && id", "a'b", 'a"b', "../x", "", "numpy >=2", "numpy==", "numpy\\", "https://example.org/x.conda",
]  # fmt: skip


@pytest.mark.parametrize("word", INJECTIONS)
@pytest.mark.parametrize("where", ["packages", "channels"])
def test_a_package_is_a_package_and_no_more(word: str, where: str) -> None:
    """What a shell, a solver's option parser or YAML could take for something else is refused by its grammar."""
    if where == "channels" and word.startswith("https://"):
        return
    catalog = small()
    catalog["bricks"]["ocean"]["build"][where] = [word]

    with pytest.raises(ValidationError):
        parsed(catalog)


@pytest.mark.parametrize(
    "word",
    ["xgcm", "python=3.12", "numpy>=2,<3", "conda-forge::gdal", "pytorch=2.10=cuda*", "_libgcc_mutex", "r-base==4.5.1",
     "dask!=2026.1.0", "scipy~=1.15", "jpeg=9e"],
)  # fmt: skip
def test_what_conda_calls_a_package_is_accepted(word: str) -> None:
    """The grammar leaves out nothing that is usual."""
    catalog = small()
    catalog["bricks"]["ocean"]["build"]["packages"] = [word, "ipykernel"]

    assert findings(catalog) == []


@pytest.mark.parametrize("image", ["docker.io/library/debian:trixie-slim", "debian@sha256:" + "0" * 64])
def test_an_image_to_build_on_has_a_digest(image: str) -> None:
    """A tag alone is moved, and a name without a registry is another image for another engine."""
    catalog = small()
    catalog["build"]["images"]["base"] = image

    with pytest.raises(ValidationError):
        parsed(catalog)
