"""System images: what is read of a sound one, and one damage after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.images.oci import Entry, script
from tests.inspecting.samples import OTHER, built, codes, glibc, library, look, system

Files = dict[str, Entry]
SETTINGS: Mapping[str, object] = {"User": "1000:100", "Env": ["PATH=/opt/conda/bin:/usr/bin:/bin"]}
C_LIBRARY = "lib/x86_64-linux-gnu/libc.so.6"


def test_a_sound_system_is_read_and_has_no_fault(tmp_path: Path) -> None:
    """Every fact of a system image is read, without a label to help."""
    (found,), report = look(tmp_path, built(system(), settings=SETTINGS))

    assert codes(report) == []
    assert found.kind == "system"
    facts = found.facts
    assert (facts["server"], facts["conda"], facts["user"]) == ("/opt/conda", "/opt/conda", "1000:100")
    assert facts["home"] == "/home/jovyan"
    assert tuple(map(int, facts["glibc"].split("."))) >= tuple(map(int, glibc(needed=False).split(".")))
    assert facts["provides"] == {
        "conda": "26.7.1", "jupyterhub": "6.1.1", "jupyterlab": "4.6.6", "nb_conda_kernels": "2.5.2",
    }  # fmt: skip
    assert facts["labextensions"] == {"@jupyter-widgets/jupyterlab-manager": "5.0.16"}


def without(*parts: str) -> Callable[[Files], Files]:
    """A damage: everything with these in its path taken away."""
    return lambda files: {key: each for key, each in files.items() if not any(part in key for part in parts)}


CONDA = ("conda-26.7.1", "bin/conda")
DAMAGES = {
    "no JupyterLab": (without("jupyterlab-4"), SETTINGS, "LC668", "JupyterLab"),
    "no single-user": (without("singleuser"), SETTINGS, "LC668", "jupyterhub-singleuser"),
    "no bash": (without("bin/bash"), SETTINGS, "LC668", "bash"),
    "no conda": (without(*CONDA), SETTINGS, "LC673", "no conda"),
    "micromamba": (
        lambda files: {**without(*CONDA)(files), "opt/conda/bin/micromamba": script("")},
        SETTINGS, "LC673", "micromamba cannot stand in",
    ),
    "musl": (
        lambda files: {**without("libc.so.6")(files), "lib/ld-musl-x86_64.so.1": Entry(library())},
        SETTINGS, "LC659", "Alpine",
    ),
    "root": (dict, {**SETTINGS, "User": ""}, "LC671", "root"),
    "root by number": (dict, {**SETTINGS, "User": "0:0"}, "LC671", "root"),
    "nobody known": (dict, {**SETTINGS, "User": "ada"}, "LC671", "does not know"),
    "a leak": (
        dict, {**SETTINGS, "Env": [*SETTINGS["Env"], "PROJ_DATA=/x", "PYTHONPATH=/y"]},  # type: ignore[misc]
        "LC672", "PROJ_DATA, PYTHONPATH",
    ),
    "two lists of environments": (
        dict, {**SETTINGS, "Env": [*SETTINGS["Env"], "CONDA_ENVS_DIRS=/a", "CONDA_ENVS_PATH=/b"]},  # type: ignore[misc]
        "LC673", "CONDA_ENVS_PATH",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "settings", "code", "words"), DAMAGES.values(), ids=DAMAGES)
def test_every_damage_is_named(
    damage: Callable[[Files], Files],
    settings: Mapping[str, object],
    code: str,
    words: str,
    tmp_path: Path,
) -> None:
    """One damage gives one finding, of its code, that says where or what."""
    said = {"org.gaia-data.lego.system.name": "lab"}
    _, report = look(tmp_path, built(damage(system()), said, settings=settings))
    named = [each for each in report if each.code != "LC670"]

    assert [each.code for each in named] == [code]
    assert words in named[0].message


def test_a_static_system_needs_no_conda(tmp_path: Path) -> None:
    """With static kernelspecs neither conda nor nb_conda_kernels is needed, and none is missed."""
    files = without(*CONDA, "nb_conda_kernels", "conda-meta")(system())
    (found,), report = look(tmp_path, built(files, settings=SETTINGS))

    assert codes(report) == []
    assert found.facts["conda"] is None


def test_the_c_library_of_another_platform_is_found(tmp_path: Path) -> None:
    """The platform of the manifest is compared with the C library."""
    _, report = look(tmp_path, built(system(), settings=SETTINGS, platform=OTHER))

    assert codes(report) == ["LC658"]


def test_a_user_is_looked_up_by_name(tmp_path: Path) -> None:
    """A name of ``/etc/passwd`` stands for its numbers."""
    (found,), report = look(tmp_path, built(system(), settings={**SETTINGS, "User": "jovyan"}))

    assert codes(report) == []
    assert found.facts["user"] == "1000:100"


def test_a_folder_has_no_configuration_to_judge(tmp_path: Path) -> None:
    """Of an unpacked image, nobody knows the user: that is no fault of its files."""
    from lego_compile.diagnostic.model import Report
    from lego_compile.inspecting.folder import read_folder
    from lego_compile.inspecting.inspection import Expected, inspect
    from lego_compile.inspecting.model import Image

    for path, entry in system().items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.data is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(entry.data)
            target.chmod(entry.mode)
    report = Report()
    found = inspect(Image("x", lambda: read_folder(str(tmp_path))), Expected(), report)

    assert found.kind == "system"
    assert codes(report) == []
