"""Kernel names are predicted as nb_conda_kernels gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lego_compile.ir.kernels import environment_names, kernel_name

RECORDED = [
    # prefixes, kernel directory, kernel names in the order of the prefixes
    (["/opt/envs/croco"], "python3", ["conda-env-opt-croco-py"]),
    (["/opt/bricks/croco"], "python3", ["conda-env-croco-py"]),
    (["/opt/conda/envs/croco"], "python3", ["conda-env-croco-py"]),
    (["/opt/bricks/croco/croco"], "python3", ["conda-env-croco-py"]),
    (
        ["/srv/a/envs/croco", "/opt/envs/croco"],
        "python3",
        ["conda-env-a-croco-py", "conda-env-opt-croco-py"],
    ),
    (["/srv/b/x", "/srv/c/x"], "python3", ["conda-env-x-py", "conda-env-x-2-py"]),
    (["/opt/envs/multi"], "ir", ["conda-env-opt-multi-r"]),
    (["/opt/envs/multi"], "xpython", ["conda-env-opt-multi-xpython"]),
    (["/srv/conda/envs/notebook"], "python3", ["conda-env-conda-notebook-py"]),
    (["/opt/bricks/old"], "python2", ["conda-env-old-py"]),
    (["/opt/bricks/a+b"], "my kernel", ["conda-env-a_b-my_kernel"]),
    (["/opt/bricks/météo"], "python3", ["conda-env-meteo-py"]),
]
"""What anaconda/nb_conda_kernels:nb_conda_kernels/manager.py@2.5.2 lists below a conda in /opt/conda; the first
seven rows were recorded from it, the others follow from its text."""


@pytest.mark.parametrize(("prefixes", "directory", "expected"), RECORDED)
def test_names_are_those_that_were_recorded(prefixes: list[str], directory: str, expected: list[str]) -> None:
    """Each recorded environment gets the name that notebooks stored for it."""
    names = environment_names("/opt/conda", prefixes)

    assert expected == [kernel_name(names[prefix], directory) for prefix in prefixes]


def test_the_conda_itself_is_base() -> None:
    """The system's conda is called base, and its kernels are not those of an environment."""
    assert "conda-base-py" == kernel_name(environment_names("/opt/conda", [])["/opt/conda"], "python3")


def test_an_environment_of_conda_that_clashes_is_renamed() -> None:
    """Of two environments with one name, the one in the conda's own folder keeps it when it is listed first."""
    names = environment_names("/opt/conda", ["/opt/conda/envs/x", "/opt/a/x"])

    assert {"/opt/conda": "base", "/opt/a/x": "x", "/opt/conda/envs/x": "conda-x"} == names


paths = st.from_regex(r"/(opt|srv)(/(envs|[a-c])){1,3}", fullmatch=True)


@given(st.lists(paths, max_size=6), st.randoms())
def test_names_are_unique_and_do_not_depend_on_the_order(prefixes: list[str], random: object) -> None:
    """Every environment has a name of its own, whatever order the mounts are listed in."""
    shuffled = list(prefixes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    names = environment_names("/opt/conda", prefixes)

    assert names == environment_names("/opt/conda", shuffled)
    assert len(set(names.values())) == len(names)
    assert {*prefixes, "/opt/conda"} == set(names)
