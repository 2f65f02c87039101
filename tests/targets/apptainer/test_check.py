"""What is refused or warned about before anything is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lego_compile.diagnostic.model import Report
from lego_compile.ir.features import FEATURES, needs
from lego_compile.ir.model import Deployment
from lego_compile.targets import capability
from lego_compile.targets.apptainer import TARGET
from tests.strategies import example
from tests.targets.apptainer.samples import everything, exceptions, options, projected, slurm

HERE = ("center", "targets", "apptainer")


def found(deployment: Deployment, chosen: dict[str, Any]) -> list[tuple[str, tuple[str | int, ...]]]:
    """Code and place of everything that ``check`` reports."""
    report = Report()
    TARGET.check(projected(deployment), chosen, report)
    return [(each.code, each.primary) for each in report]


def judged(chosen: dict[str, Any], versions: dict[str, str], gates: tuple[str, ...] = ()) -> dict[str, str]:
    """Code by feature of everything that the capability table reports about the example."""
    report = Report()
    wanted = TARGET.needs(needs(projected(example())), chosen)
    capability.check("apptainer", wanted, versions, gates, report)
    return {each.message.split("'")[1]: each.code for each in report}


def whole_cores() -> Deployment:
    """The example, in which no profile asks for a part of a core."""
    return replace(
        example(),
        profiles=tuple(replace(each, limits=replace(each.limits, cpu=4000)) for each in example().profiles),
    )


def in_first(**changes: Any) -> Deployment:
    """The example with another first profile, alone."""
    first = example().profiles[0]
    return replace(example(), profiles=(replace(first, **changes),))


def test_sound_options_are_silent() -> None:
    """A centre without mistakes gets no message, with Slurm and without."""
    assert [] == found(example(), options())
    assert [] == found(whole_cores(), everything())


def test_a_slurm_profile_must_exist() -> None:
    """An exception for a profile that the centre does not have would never apply."""
    chosen = options(slurm=slurm(profiles={"depe": exceptions(partition="gpu")}))
    assert [("LC601", (*HERE, "slurm", "profiles", "depe"))] == found(whole_cores(), chosen)


def test_a_part_of_a_core_is_a_warning() -> None:
    """Slurm rounds up to whole cores, which only a user's accounting would tell."""
    assert [("LC603", ("resources", "cpu"))] == found(example(), options(slurm=slurm()))


@pytest.mark.parametrize(
    ("url", "place"), [(None, ("slurm",)), ("http://127.0.0.1:8081", ("slurm", "hub_url"))]
)
def test_jobs_must_reach_the_hub(url: str | None, place: tuple[str, ...]) -> None:
    """A hub that compute nodes cannot reach is a warning: the first user would wait for a time-out."""
    assert [("LC603", (*HERE, *place))] == found(whole_cores(), options(slurm=slurm(hub_url=url)))


@pytest.mark.parametrize("bind", ["/opt", "/opt/bricks/ocean", "/opt/bricks/ocean/lib"])
def test_a_site_bind_must_not_cover_a_brick(bind: str) -> None:
    """The runtime cannot make a mount point in what the site binds, and a bind hides what is below it."""
    first = example().profiles[0]
    ocean = replace(first.bricks[1], origin=("center", "profiles", "ocean", "bricks", 0))
    deployment = in_first(bricks=(ocean,), offers=())
    assert [("LC602", ocean.origin)] == found(deployment, options(site_binds=["/scratch2", bind]))


@pytest.mark.parametrize("bind", ["/run", "/run/lego/etc", "/usr/local/etc"])
def test_a_site_bind_must_leave_room_for_the_session(bind: str) -> None:
    """The launcher mounts a directory of its own into every session."""
    assert [("LC602", (*HERE, "site_binds", 0))] == found(example(), options(site_binds=[bind]))


@pytest.mark.parametrize("source", ["pvc:era5", "nfs:server:/export", "relative", "/a/../b", "/a,b", "/a:b"])
def test_data_is_a_directory_of_the_compute_nodes(source: str) -> None:
    """A claim or an export means nothing to Apptainer; the message is at the source, once for all profiles."""
    data = replace(
        example().profiles[0].data[0],
        sources=(("apptainer", source),),
        origin=("center", "storage", "data", 0, "mount"),
    )
    first = replace(example().profiles[0], data=(data,))
    deployment = replace(example(), profiles=(first, replace(first, slug="other", default=False)))
    assert [("LC602", ("center", "storage", "data", 0, "source", "apptainer"))] == found(
        deployment, options()
    )


def test_many_bricks_are_a_warning() -> None:
    """Each brick costs time at every start; thirty are fine, and one more is said."""
    brick = example().profiles[0].bricks[0]
    many = tuple(replace(brick, name=f"b{i}", prefix=f"/opt/bricks/b{i:02}") for i in range(31))
    assert [] == found(in_first(bricks=many[:30], offers=()), options())
    assert [("LC603", ("bricks",))] == found(in_first(bricks=many[:30], offers=many[30:]), options())


def test_variables_that_do_not_arrive_are_refused() -> None:
    """Apptainer reads PREPEND_PATH as a wish about PATH and does not pass it on."""
    deployment = in_first(environment=(("PREPEND_PATH", "/x"),))
    assert [("LC602", ("environment", "PREPEND_PATH"))] == found(deployment, options())


def with_system(*provides: str) -> Deployment:
    """The example in whole cores, with a system image that the catalog says to provide something."""
    system = replace(
        example().profiles[0].system,
        provides=tuple((name, "1.0") for name in provides),
        origin=("center", "system"),
        declared=("catalog", "systems", "lab"),
    )
    return replace(
        whole_cores(), profiles=tuple(replace(each, system=system) for each in whole_cores().profiles)
    )


@pytest.mark.parametrize(
    ("provides", "missing"),
    [
        (("jupyterlab",), ["batchspawner", "jupyterhub"]),
        (("jupyterhub", "jupyterlab"), ["batchspawner"]),
        (("batchspawner",), ["jupyterhub"]),
        (("batchspawner", "jupyterhub"), []),
        ((), []),
    ],
)
def test_a_job_needs_batchspawner_in_the_image(provides: tuple[str, ...], missing: list[str]) -> None:
    """A session on Slurm reports with batchspawner's program and serves with JupyterHub's, once for all profiles."""
    report = Report()
    TARGET.check(projected(with_system(*provides)), options(slurm=slurm()), report)
    assert [("LC408", ("center", "system"))] * len(missing) == [(each.code, each.primary) for each in report]
    for package, each in zip(missing, report, strict=True):
        assert f"system image 'lab' does not say that it provides {package!r}" in each.message
        assert [(("catalog", "systems", "lab", "provides"), True)] == [
            (label.where, label.key) for label in each.related
        ]
        assert each.help is not None
        assert package in each.help


def test_without_slurm_the_image_needs_no_hub() -> None:
    """JupyterLab is enough where users run the launcher."""
    assert [] == found(with_system("jupyterlab"), options())


# --- the capability table -----------------------------------------------------------------------------------


def test_every_feature_has_rows() -> None:
    """Whatever a deployment may need, or this target adds, the table knows it."""
    rows = capability.table("apptainer").rows
    assert set() == FEATURES.keys() - rows.keys()
    for chosen in (options(authfile="/x"), everything(), options(runtime="singularity")):
        assert set() == {need.feature for need in TARGET.needs(needs(example()), chosen)} - rows.keys()
    assert all(row.source for each in rows.values() for row in each)


GROUPS = {"groups": "LC504"}
"""What the table says of the example whatever the versions: groups end where a terminal begins."""


def test_a_current_apptainer_does_everything_but_keep_groups() -> None:
    """With Slurm and a recent Apptainer, only the launcher in a terminal goes past the groups of a profile."""
    assert GROUPS == judged(everything(), {"apptainer": "1.4.5"})


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.1.6", {}),
        ("1.1.5", {"image-mount": "LC503"}),
        ("1.1.0", dict.fromkeys(["image-mount", "image-subpath", "runtime-apptainer"], "LC501")),
    ],
)
def test_an_old_apptainer_lacks_what_the_table_says(version: str, expected: dict[str, str]) -> None:
    """Image binds that make their own mount points came with 1.1.3, and patience with FUSE with 1.1.6."""
    assert {**GROUPS, **expected} == judged(options(slurm=slurm()), {"apptainer": version})


def test_credentials_in_a_file_need_a_newer_runtime() -> None:
    """``--authfile`` came with Apptainer 1.4."""
    assert {**GROUPS, "authfile": "LC501"} == judged(everything(), {"apptainer": "1.3.6"})


def test_singularity_mounts_bricks_when_it_is_set_user_id_only() -> None:
    """SingularityCE mounts images through loop devices: an error until the centre says that it is installed so."""
    chosen = options(runtime="singularity", slurm=slurm())
    assert {**GROUPS, "image-mount": "LC501"} == judged(chosen, {"singularity": "4.5.1"})
    assert {**GROUPS, "image-mount": "LC503"} == judged(chosen, {"singularity": "4.5.1"}, ("setuid",))


def test_the_version_must_be_of_the_runtime() -> None:
    """A launcher that calls one program, judged by the version of the other, would prove nothing."""
    assert (
        "LC501" == judged(options(slurm=slurm()), {"singularity": "4.5.1"}, ("setuid",))["runtime-apptainer"]
    )
    assert "LC501" == judged(options(runtime="singularity"), {"apptainer": "1.4.5"})["runtime-singularity"]


def test_without_slurm_limits_and_groups_are_a_warning() -> None:
    """Nobody but the batch system limits a session, and nobody but the hub knows groups."""
    expected = {"limits-without-slurm": "LC504", "groups-without-slurm": "LC504"}
    assert expected == judged(options(), {"apptainer": "1.4.5"})
