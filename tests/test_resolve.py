"""``resolve``: what a centre gets for the names it uses; and mirrors, which rewrite every image.

What is reported is drawn in ``tests/cases``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lego_compile.diagnostic.model import Report
from lego_compile.ir.model import Deployment, ImageRef, Limits
from lego_compile.mirrors import Mirrors
from lego_compile.pipeline import compile_center
from lego_compile.resolve import resolve
from lego_compile.sizes import in_bytes
from lego_compile.source.read import read_text
from lego_compile.spec.load import Sources, load

CASES = Path(__file__).parent / "cases"


def resolved(text: str, tmp_path: Path) -> Deployment:
    """The deployment of a centre that extends the base of the cases; nothing is to be said about it."""
    spec = tmp_path / "center.yaml"
    spec.write_text(f"lego: 1\nextends: {CASES}/base/shared.yaml\ncenter: c\n{text}", encoding="utf-8")
    report = Report()
    inputs = load(str(spec), read_text, Sources(), report)
    mirrors = Mirrors(inputs.center.mirrors)
    deployment = resolve(inputs.center, inputs.catalog, inputs.lock, mirrors, inputs.options, report)
    assert [] == [found.message for found in report]
    assert deployment is not None
    return deployment


def test_defaults_are_decided_here(tmp_path: Path) -> None:
    """The only profile is the default one; what is not asked for is not limited; the lock's digests are used."""
    deployment = resolved("profiles: {main: {default: null}}\n", tmp_path)
    (profile,) = deployment.profiles

    assert profile.default
    assert Limits() == profile.limits
    assert ((), (), "") == (profile.groups, profile.offers, profile.description)
    assert None is deployment.home_size
    assert ("/home/jovyan", 1000, 100) == (profile.system.home, profile.system.uid, profile.system.gid)
    assert (
        ImageRef(
            "registry.example.org/lego/lab",
            "sha256:a51146d38077ff992eba84cf1d5e9b249073503eb74868699016153b031a38f7",
            "2026.10",
        )
        == profile.system.image
    )
    assert "2026.10" == profile.system.image.tag


def test_the_session_finds_its_bricks(tmp_path: Path) -> None:
    """conda is told where to look, the user's own packages stay out, and the first brick's kernel is the default."""
    text = "profiles: {main: {bricks: [pangeo, climate], offer: [geo], environment: {A: b}}}\n"
    (profile,) = resolved(text, tmp_path).profiles

    assert (
        ("A", "b"),
        ("CONDA_ENVS_DIRS", "/opt/bricks:/opt/more:/srv/conda/envs"),
        ("PYTHONNOUSERSITE", "1"),
    ) == profile.environment
    assert (
        "jupyterhub-singleuser",
        "--ServerApp.kernel_spec_manager_class=nb_conda_kernels.CondaKernelSpecManager",
        "--CondaKernelSpecManager.env_filter=^/opt/conda$",
        "--CondaKernelSpecManager.name_format={display_name}",
        "--MultiKernelManager.default_kernel_name=conda-env-conda-notebook-py",
    ) == profile.command


def test_order_that_means_nothing_is_taken_away(tmp_path: Path) -> None:
    """Bricks are sorted by prefix, offers by name, groups and data too; profiles keep the order of the page."""
    text = """\
groups: {b: {users: [zoe, ada]}, a: {}}
profiles:
  z: {title: Z, bricks: [pangeo, climate, ocean@2026.3], offer: [needs-glibc, geo], groups: [b, a]}
  a: {title: A, bricks: [climate]}
storage: {data: [{name: z, source: /z, mount: /data/z}, {name: a, source: /a, mount: /data/a}]}
"""
    text = text.replace("needs-glibc", "in-usr")  # any other brick: legality is not judged here
    deployment = resolved(text, tmp_path)
    z = deployment.profiles[1]

    assert ["main", "z", "a"] == [profile.slug for profile in deployment.profiles]
    assert ["climate", "ocean", "pangeo"] == [brick.name for brick in z.bricks]
    assert "2026.3" == z.bricks[1].image.tag
    assert ["geo", "in-usr"] == [brick.name for brick in z.offers]
    assert ("a", "b") == z.groups
    assert (("b", ("ada", "zoe")),) == deployment.groups
    assert ["/data/a", "/data/z"] == [mount.path for mount in z.data]
    assert z.data == deployment.profiles[0].data


def test_two_ways_to_write_one_centre_mean_the_same(tmp_path: Path) -> None:
    """The order of bricks, of offers and of keys is no part of the meaning."""
    one = resolved("profiles: {main: {bricks: [ocean, climate], offer: [geo, pangeo]}}\n", tmp_path)
    other = resolved("profiles: {main: {offer: [pangeo, geo], bricks: [ocean, climate]}}\n", tmp_path)

    assert one == other


def test_units(tmp_path: Path) -> None:
    """Cores become thousandths, sizes become bytes by powers of 1024."""
    text = "profiles: {main: {resources: {cpu: 0.5, memory: 8G, gpu: {}}}}\nstorage: {home: {size: 1T}}\n"
    deployment = resolved(text, tmp_path)

    assert Limits(500, 8 * 1024**3, 1, "nvidia") == deployment.profiles[0].limits
    assert 1024**4 == deployment.home_size
    assert [1024, 3 * 1024**2] == [in_bytes("1K"), in_bytes("3M")]


def test_data_has_a_source_for_each_target(tmp_path: Path) -> None:
    """One source stands for all targets; it is read-only unless said otherwise."""
    text = """\
storage:
  data:
    - {name: one, source: /one, mount: /data/one}
    - {name: two, source: {apptainer: /two, compose: /unused}, mount: /data/two, write: true}
"""
    one, two = resolved(text, tmp_path).profiles[0].data

    assert ((("apptainer", "/one"),), False) == (one.sources, one.writable)
    assert ((("apptainer", "/two"),), True) == (two.sources, two.writable)


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("registry.example.org/lego/lab", "harbor.example.org/gaia/lego/lab"),
        ("registry.example.org/lego/deep/lab", "deep.example.org/lab"),
        ("registry.example.org/lego/deeper/lab", "harbor.example.org/gaia/lego/deeper/lab"),
        ("registry.example.org.evil/lab", "registry.example.org.evil/lab"),
        ("quay.io/lab", "quay.io/lab"),
    ],
)
def test_the_longest_rule_decides(repository: str, expected: str) -> None:
    """Rules match whole components; the longest that matches is applied, once."""
    rules = {
        "registry.example.org": "harbor.example.org/gaia",
        "registry.example.org/lego/deep": "deep.example.org",
    }

    assert expected == Mirrors(rules).rewrite(repository, ())


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("r.example.org/a/hub:6.1@sha256:00", "m.example.org/a/hub:6.1@sha256:00"),
        ("r.example.org/a/hub@sha256:00", "m.example.org/a/hub@sha256:00"),
        ("r.example.org:5000/a/hub:6.1", "r.example.org:5000/a/hub:6.1"),
        (None, None),
    ],
)
def test_whole_references_are_rewritten(reference: str | None, expected: str | None) -> None:
    """Tag and digest stay; a port is part of the registry."""
    assert expected == Mirrors({"r.example.org": "m.example.org"}).reference(reference, ())


def test_images_in_the_options_of_a_target_are_behind_the_mirrors_too() -> None:
    """Every image that is emitted is rewritten, and counts as a use of the rule."""
    mirrors, report = Mirrors({"r.example.org": "m.example.org"}), Report()
    options = {
        "images": {"hub": "r.example.org/hub@sha256:00"},
        "host": "h",
    }
    mirrors.check(report)
    before = [found.code for found in report]

    assert {
        "images": {"hub": "m.example.org/hub@sha256:00"},
        "host": "h",
    } == mirrors.options(options, "compose")
    report = Report()
    mirrors.check(report)
    assert (["LC311"], []) == (before, [found.code for found in report])
    assert {"host": "h"} == mirrors.options({"host": "h"}, "z2jh")


def test_six_mistakes_in_three_rooms_are_six_findings(tmp_path: Path) -> None:
    """One run tells of an ambiguous value, a misspelt key, an unknown brick and group, nesting, and a version."""
    spec = tmp_path / "center.yaml"
    spec.write_text(
        f"""\
lego: 1
extends: {CASES}/base/shared.yaml
center: c
colour: blue
profiles:
  main:
    environment: {{ANSWER: yes}}
    bricks: [ocean, inside-ocean, oceans]
  more:
    title: More
    groups: [staff]
targets: {{apptainer: {{versions: {{apptainer: "1.1.4"}}}}}}
storage: {{home: {{size: 1G}}}}
""",
        encoding="utf-8",
    )
    outcome = compile_center(str(spec), read_text)
    told = {(found.line, found.code) for found in outcome.findings if found.severity == "error"}

    assert {(4, "LC202"), (7, "LC109"), (8, "LC301"), (8, "LC402"), (8, "LC405"), (11, "LC308")} == told
    assert {"LC503", "LC504"} == {found.code for found in outcome.findings if found.severity == "warning"}
    assert outcome.failed


@pytest.mark.parametrize(
    ("provides", "kernels", "wanted"),
    [
        ({}, "conda", []),
        ({"glibc": "2.34"}, "conda", []),
        ({"jupyterhub": "6.1", "batchspawner": "1.3"}, "static", []),
        ({"jupyterhub": "6.1", "batchspawner": "1.3", "conda": "26.7"}, "conda", ["nb_conda_kernels"]),
    ],
)
def test_an_image_of_which_nothing_is_said_is_believed(
    provides: dict[str, str], kernels: str, wanted: list[str], tmp_path: Path
) -> None:
    """Its packages are not known, so that none of them is missing; `kernels: static` takes no conda."""
    catalog = (CASES / "base" / "catalog.yaml").read_text()
    (line,) = (each for each in catalog.splitlines(keepends=True) if "nb_conda_kernels" in each)
    (tmp_path / "catalog.yaml").write_text(catalog.replace(line, f"    provides: {json.dumps(provides)}\n"))
    (tmp_path / "center.yaml").write_text(
        f"lego: 1\nextends: {CASES}/base/shared.yaml\ncenter: c\ncatalog: catalog.yaml\nkernels: {kernels}\n"
    )
    found = [
        each
        for each in compile_center(str(tmp_path / "center.yaml"), read_text).findings
        if each.code == "LC408"
    ]

    # what the brick needs of the C library is another matter
    lacking = [each.message.rpartition(" ")[2] for each in found if "`kernels:" in each.message]
    assert wanted == lacking
