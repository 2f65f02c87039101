"""What is refused or warned about before anything is written."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from lego_compile.diagnostic.model import Report
from lego_compile.ir.features import FEATURES, needs
from lego_compile.ir.model import Deployment
from lego_compile.targets import capability
from lego_compile.targets.apptainer import TARGET
from lego_compile.targets.apptainer.options import Slurm, SlurmProfile
from lego_compile.targets.assets import asset
from tests.strategies import example
from tests.targets.apptainer.samples import (
    compiled,
    everything,
    exceptions,
    hub,
    oar,
    options,
    projected,
    slurm,
)

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
        profiles=tuple(
            replace(each, limits=replace(each.limits, cpu=4000), groups=()) for each in example().profiles
        ),
    )


def oar_cores() -> Deployment:
    """The example, in which no profile asks for what OAR gives otherwise."""
    limits = (replace(each.limits, cpu=4000 if not each.limits.gpus else None) for each in example().profiles)
    pairs = zip(example().profiles, limits, strict=True)
    return replace(example(), profiles=tuple(replace(each, limits=limit, groups=()) for each, limit in pairs))


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
    """Schedulers round up to whole cores, which only a user's accounting would tell."""
    assert [("LC603", ("resources", "cpu"))] == found(example(), options(slurm=slurm()))
    # the profile with a part of a core has GPUs, with which OAR gives the cores that belong to them
    gpus = sum(1 for each in example().profiles if each.limits.gpus)
    assert [("LC603", ("resources", "cpu"))] * gpus == found(example(), options(oar=oar()))
    alone = in_first(limits=replace(example().profiles[0].limits, cpu=1500))
    assert [("LC603", ("resources", "cpu"))] == found(alone, options(oar=oar(profiles={})))


@pytest.mark.parametrize(("url", "place"), [(None, ("hub",)), ("http://127.0.0.1:8081", ("hub", "url"))])
def test_jobs_must_reach_the_hub(url: str | None, place: tuple[str, ...]) -> None:
    """A hub that compute nodes cannot reach is a warning: the first user would wait for a time-out."""
    assert [("LC603", (*HERE, *place))] == found(whole_cores(), options(slurm=slurm(), hub=hub(url=url)))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hub.example.org:99999", "'99999' of"),
        ("http://hub.example.org:0", "'0' of"),
        ("http://hub.example.org", "on which port"),
        ("http://hub.example.org/8081", "on which port"),
        ("https://hub.example.org:8081", "plain HTTP"),
        ("https://127.0.0.1", "plain HTTP"),
    ],
)
def test_the_hub_answers_on_a_port_in_plain_http(url: str, words: str) -> None:
    """An address at which the hub cannot listen is refused, and the help says the one to write."""
    report = Report()
    TARGET.check(projected(whole_cores()), options(slurm=slurm(), hub=hub(url=url)), report)
    assert [("LC601", (*HERE, "hub", "url"))] == [(each.code, each.primary) for each in report]
    (only,) = report
    assert words in only.message
    assert f"http://{url.split('/')[2].split(':')[0]}:8081" in (only.help or "")


@pytest.mark.parametrize(("port", "code"), [(8000, "LC601"), (8001, "LC601"), (80, "LC603"), (1023, "LC603")])
def test_a_port_that_is_somebody_elses(port: int, code: str) -> None:
    """The proxy has two, and those of root are no hub's."""
    chosen = options(slurm=slurm(), hub=hub(url=f"http://hub.example.org:{port}"))
    assert [(code, (*HERE, "hub", "url"))] == found(whole_cores(), chosen)


def test_who_is_in_a_group_has_to_be_said() -> None:
    """By the spec or by the authenticator; JupyterHub's own one says nothing."""
    closed = in_first(groups=("m1",), limits=replace(example().profiles[0].limits, cpu=4000))
    assert [("LC603", ("groups",))] == found(closed, options(slurm=slurm(profiles={}), hub=hub()))
    assert [] == found(closed, options(slurm=slurm(profiles={})))
    listed = replace(closed, groups=(("m1", ("ada",)),))
    assert [] == found(listed, options(slurm=slurm(profiles={}), hub=hub()))


@pytest.mark.parametrize(
    "store", ["/opt/lego/grenoble", "/opt/lego", "/opt/lego/grenoble/bin", "/opt/lego/grenoble/kernels/x"]
)
def test_the_store_is_not_among_the_files(store: str) -> None:
    """What is installed is made equal to what is compiled: images would be deleted, or files not be installed."""
    assert [("LC601", (*HERE, "store"))] == found(example(), options(store=store))


@pytest.mark.parametrize(
    "store", ["/opt/lego/grenoble/store", "/opt/lego/grenoble/images/sif", "/opt/lego/grenoble2"]
)
def test_a_store_of_its_own_is_fine(store: str) -> None:
    """Below the installed files in a folder that is none of ours, or elsewhere."""
    assert [] == found(example(), options(store=store))


@pytest.mark.parametrize("key", ["authfile", "executable"])
def test_what_is_the_sites_is_not_among_the_files(key: str) -> None:
    """It would be deleted at the next installation."""
    assert [("LC601", (*HERE, key))] == found(example(), options(**{key: "/opt/lego/grenoble/x"}))


def test_an_app_says_where_its_users_come_from() -> None:
    """Without it, any web page may speak to a session."""
    open_to_all = options(slurm=slurm(), ondemand={"cluster": "dahu", "url": None})
    assert [("LC603", (*HERE, "ondemand"))] == found(whole_cores(), open_to_all)


@pytest.mark.parametrize("text", ["cluster='a", "1=1) OR (1=1", "(a=1", "a=1)", "a=1 -- x"])
def test_a_condition_is_whole(text: str) -> None:
    """OAR puts it between parentheses: what closes them would undo the site's own condition."""
    place = (*HERE, "oar", "properties")
    assert [("LC601", place)] == found(oar_cores(), options(oar=oar(properties=text, profiles={})))
    fine = "cluster='it)--' and (a=1 or (b='(' and c=2))"
    assert [] == found(oar_cores(), options(oar=oar(properties=fine)))


@pytest.mark.parametrize("name", ["CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", "OAR_NODEFILE"])
def test_a_variable_of_the_scheduler_is_a_warning(name: str) -> None:
    """A profile's value would come before that of the job: every session would use one GPU."""
    assert [("LC603", ("environment", name))] == found(in_first(environment=((name, "3"),)), options())


@pytest.mark.parametrize("port", [1024, 8081, 65535])
def test_every_other_port_will_do(port: int) -> None:
    """A plain address with any port that exists is silent."""
    chosen = options(slurm=slurm(), hub=hub(url=f"http://hub.example.org:{port}/hub"))
    assert [] == found(whole_cores(), chosen)


@pytest.mark.parametrize("time", ["00:00:00", "0:00:00", "0-00:00:00", "000-000:00:00"])
def test_no_time_is_no_limit(time: str) -> None:
    """Slurm takes zero for unlimited, which nobody means who writes it: refused, in an exception as well."""
    everywhere = options(slurm=slurm(time=time))
    assert [("LC601", (*HERE, "slurm", "time"))] == found(whole_cores(), everywhere)
    exception = options(slurm=slurm(profiles={"deep": exceptions(time=time)}))
    place = (*HERE, "slurm", "profiles", "deep", "time")
    assert [("LC601", place)] == found(whole_cores(), exception)
    assert [] == found(whole_cores(), options(slurm=slurm(time="0-00:00:01")))


def test_a_job_of_oar_takes_its_time() -> None:
    """It is asked to end a minute before: one that is shorter would be when it starts."""
    for time in ("0:00:00", "0:01:59"):
        chosen = options(oar=oar(time=time, profiles={}))
        assert [("LC601", (*HERE, "oar", "time"))] == found(oar_cores(), chosen)
    assert [] == found(oar_cores(), options(oar=oar(time="0:02:00", profiles={})))


def test_jobs_are_of_one_scheduler() -> None:
    """Two blocks, or the block of one and the name of the other, are a mistake; so is a hub that has none."""
    both = {**options(slurm=slurm(), hub=hub()), "oar": oar()}
    assert [("LC601", (*HERE, "oar"))] == found(whole_cores(), both)
    assert [("LC601", (*HERE, "slurm"))] == found(whole_cores(), {**both, "scheduler": "oar"})
    other = {**options(oar=oar()), "scheduler": "slurm"}
    assert [("LC601", (*HERE, "oar"))] == found(whole_cores(), other)
    for name, block in (("hub", hub()), ("ondemand", {"cluster": "dahu"})):
        assert [("LC601", (*HERE, name))] == found(whole_cores(), options(**{name: block}))


def test_jupyterhub_moss_is_for_slurm() -> None:
    """Its form asks Slurm what partitions there are."""
    chosen = options(oar=oar(), hub=hub(spawner="moss"))
    assert [("LC601", (*HERE, "hub", "spawner"))] == found(oar_cores(), chosen)
    assert [] == found(oar_cores(), options(oar=oar(), hub=hub(spawner="wrapspawner")))


@pytest.mark.parametrize("spawner", ["wrapspawner", "moss"])
def test_a_form_without_bricks_is_a_warning(spawner: str) -> None:
    """Bricks that no form shows can be added in a terminal only."""
    chosen = options(slurm=slurm(), hub=hub(spawner=spawner))
    assert {**GROUPS, "offered-bricks-without-form": "LC504"} == judged(chosen, {"apptainer": "1.4.5"})


@pytest.mark.parametrize("gres", ["gpu:", "gpu::a100", ":a100", "gpu:a100:2", "gpu:a100:"])
def test_a_gres_is_a_name_and_perhaps_a_type(gres: str) -> None:
    """The number comes last, so nothing that Slurm would read as another number, or as an empty name, passes."""
    for block in (Slurm, SlurmProfile):
        with pytest.raises(ValidationError, match="gres"):
            block(gres=gres)
        for fine in ("gpu", "gpu:a100", "gpu:1g.5gb", "gpu:rtx_2080-ti"):
            assert fine == block(gres=fine).gres


@pytest.mark.parametrize("bind", ["/opt/bricks/ocean", "/opt/bricks/ocean/lib"])
def test_a_site_bind_must_not_cover_a_brick(bind: str) -> None:
    """The runtime cannot make a mount point in what the site binds, and a bind hides what is below it."""
    first = example().profiles[0]
    ocean = replace(first.bricks[1], origin=("center", "profiles", "ocean", "bricks", 0))
    deployment = in_first(bricks=(ocean,), offers=())
    assert [("LC602", ocean.origin)] == found(deployment, options(site_binds=["/scratch2", bind]))


@pytest.mark.parametrize(
    ("bind", "hidden"),
    [
        ("/opt", "the conda installation '/opt/conda'"),
        ("/opt/conda", "the conda installation '/opt/conda'"),
        ("/opt/conda/lib", "a part of the conda installation '/opt/conda'"),
        ("/opt/bricks", "the environment directory '/opt/bricks'"),
        ("/srv", "the environment directory '/srv/conda/envs'"),
        *((path, repr(path)) for path in ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/usr/lib", "/var")),
    ],
)  # fmt: skip
def test_a_site_bind_must_not_hide_the_system(bind: str, hidden: str) -> None:
    """A session without its system's programs would start elsewhere and not here; said once, at the entry."""
    report = Report()
    TARGET.check(projected(example()), options(site_binds=["/projects", bind]), report)
    assert [("LC602", (*HERE, "site_binds", 1))] == [(each.code, each.primary) for each in report]
    assert [f"the site's bind {bind!r} hides {hidden} of the system image"] == [
        each.message for each in report
    ]


@pytest.mark.parametrize(
    "bind",
    ["/home", "/lustre", "/lustre/users", "/tmp", "/dev/shm", "/etc/slurm", "/run/munge", "/var/spool", "/mnt"],
)  # fmt: skip
def test_what_sites_bind_is_fine(bind: str) -> None:
    """Parents of homes and of large file systems, what the host gives anyway, and directories of services."""
    assert [] == found(example(), options(site_binds=[bind]))


@pytest.mark.parametrize("bind", ["/data", "/data/era5", "/data/era5/2026"])
def test_a_site_bind_and_data_in_each_others_way(bind: str) -> None:
    """One would hide the other, unless the data is at the path that it has outside."""
    (era5,) = (data for data in example().profiles[0].data if data.name == "era5")
    refused = in_first(data=(replace(era5, sources=(("apptainer", "/export/era5"),)),))
    assert [("LC602", (*HERE, "site_binds", 0))] == found(refused, options(site_binds=[bind]))
    same = in_first(data=(replace(era5, sources=(("apptainer", "/data/era5"),)),))
    assert [] == found(same, options(site_binds=[bind]))


@pytest.mark.parametrize("bind", ["/run", "/run/lego/etc", "/usr/local/etc"])
def test_a_site_bind_must_leave_room_for_the_session(bind: str) -> None:
    """The launcher mounts a directory of its own into every session."""
    assert [("LC602", (*HERE, "site_binds", 0))] == found(example(), options(site_binds=[bind]))


@pytest.mark.parametrize("source", ["/données/x", "/a b", "/a/-b"])
def test_the_help_names_what_a_source_may_hold(source: str) -> None:
    """Who has such a directory learns which characters are the trouble."""
    data = replace(example().profiles[0].data[0], sources=(("apptainer", source),))
    report = Report()
    TARGET.check(projected(in_first(data=(data,))), options(), report)
    (only,) = report
    assert "LC602" == only.code
    assert "letters without accents, digits and . _ + -, each part beginning with" in (only.help or "")


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
    releases = tuple(
        replace(many[29], choice=f"v{number}", release=str(number), origin=()) for number in range(5)
    )
    assert [] == found(in_first(bricks=many[:29], offers=releases), options())


@pytest.mark.parametrize(
    "name",
    [
        "PREPEND_PATH", "PREPEND_LD_LIBRARY_PATH", "LD_LIBRARY_PATH", "UID", "IFS", "PROMPT_COMMAND",
        "PPID", "SHLVL", "_", "PS1", "SHELLOPTS", "APPTAINER_BIND", "APPTAINERENV_X", "SINGULARITY_NAME",
        "SINGULARITYENV_X", "SING_USER_DEFINED_PATH",
    ],
)  # fmt: skip
def test_variables_that_do_not_arrive_are_refused(name: str) -> None:
    """Apptainer reads some names as wishes of its own, or sets them itself, and does not pass them on."""
    deployment = in_first(environment=((name, "/x"),))
    assert [("LC602", ("environment", name))] == found(deployment, options())
    complaints = TARGET.lift(compiled(projected(deployment))).complaints
    assert [f"variable `{name}` does not arrive in the session as it is"] == [
        each.message for each in complaints
    ]


def launchers() -> set[str]:
    """The variables that lego-launch sets, as its source says."""
    for node in ast.parse(asset("apptainer", "lego-launch")).body:
        if isinstance(node, ast.Assign) and "OF_SESSION" == ast.unparse(node.targets[0]):
            return set(ast.literal_eval(node.value))
    return pytest.fail("lego-launch has no OF_SESSION")


@pytest.mark.parametrize("name", sorted(launchers()))
def test_variables_of_the_launcher_are_refused(name: str) -> None:
    """The session's own directories hang on them, so a profile that sets one is refused."""
    deployment = in_first(environment=((name, "/x"),))
    assert [("LC602", ("environment", name))] == found(deployment, options())


def test_an_empty_variable_arrives() -> None:
    """Empty is a value like others."""
    fine = (("FOO", ""), ("JUPYTER_PATH", ""), ("SINGULAR", ""), ("TMPDIR", ""))
    assert [] == found(in_first(environment=fine), options())


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
    TARGET.check(projected(with_system(*provides)), options(slurm=slurm(), hub=hub()), report)
    assert [("LC408", ("center", "system"))] * len(missing) == [(each.code, each.primary) for each in report]
    for package, each in zip(missing, report, strict=True):
        assert f"system image 'lab' does not say that it provides {package!r}" in each.message
        assert [(("catalog", "systems", "lab", "provides"), True)] == [
            (label.where, label.key) for label in each.related
        ]
        assert each.help is not None
        assert package in each.help


def test_without_a_hub_the_image_needs_none() -> None:
    """JupyterLab is enough where users run the launcher."""
    assert [] == found(with_system("jupyterlab"), options())
    assert [] == found(with_system("jupyterlab"), options(slurm=slurm()))


# --- the capability table -----------------------------------------------------------------------------------


def test_every_feature_has_rows() -> None:
    """Whatever a deployment may need, or this target adds, the table knows it."""
    rows = capability.table("apptainer").rows
    assert set() == FEATURES.keys() - rows.keys()
    moss = options(oar=oar(), hub=hub(spawner="moss"))
    for chosen in (options(authfile="/x"), everything(), options(runtime="singularity"), moss):
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
        (
            "1.1.0",
            dict.fromkeys(["image-mount", "image-subpath", "runtime-apptainer"], "LC501"),
        ),
    ],
)
def test_an_old_apptainer_lacks_what_the_table_says(version: str, expected: dict[str, str]) -> None:
    """Image binds that make their own mount points came with 1.1.3, and patience with FUSE with 1.1.6."""
    assert {**GROUPS, **expected} == judged(options(slurm=slurm(), hub=hub()), {"apptainer": version})


def test_credentials_in_a_file_need_a_newer_runtime() -> None:
    """``--authfile`` came with Apptainer 1.4."""
    assert {**GROUPS, "authfile": "LC501"} == judged(everything(), {"apptainer": "1.3.6"})


def test_singularity_mounts_bricks_when_it_is_set_user_id_only() -> None:
    """SingularityCE mounts images through loop devices: an error until the centre says that it is installed so."""
    chosen = options(runtime="singularity", slurm=slurm(), hub=hub())
    assert {**GROUPS, "image-mount": "LC501"} == judged(chosen, {"singularity": "4.5.1"})
    assert {**GROUPS, "image-mount": "LC503"} == judged(chosen, {"singularity": "4.5.1"}, ("setuid",))


def test_the_version_must_be_of_the_runtime() -> None:
    """A launcher that calls one program, judged by the version of the other, would prove nothing."""
    assert (
        "LC501" == judged(options(slurm=slurm()), {"singularity": "4.5.1"}, ("setuid",))["runtime-apptainer"]
    )
    assert "LC501" == judged(options(runtime="singularity"), {"apptainer": "1.4.5"})["runtime-singularity"]


def test_without_a_scheduler_limits_and_groups_are_a_warning() -> None:
    """Nobody but the batch system limits a session, and nobody but the hub knows groups."""
    expected = {"limits-without-scheduler": "LC504", "groups-without-hub": "LC504"}
    assert expected == judged(options(), {"apptainer": "1.4.5"})
    assert {"groups-without-hub": "LC504"} == judged(options(slurm=slurm()), {"apptainer": "1.4.5"})


def test_oar_knows_no_memory() -> None:
    """A limit that it cannot be asked for is a warning."""
    expected = {**GROUPS, "memory-limit-oar": "LC504"}
    assert expected == judged(options(oar=oar(), hub=hub()), {"apptainer": "1.4.5"})
