"""The real Lmod loads, swaps, unloads and shows the modulefiles."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.strategies import example
from tests.targets.apptainer.around import ODD, put, titled, with_everything
from tests.targets.apptainer.samples import projected

INIT = Path(os.environ.get("LEGO_LMOD", "/usr/share/lmod/lmod")) / "init" / "bash"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not INIT.exists(), reason="no Lmod: apt-get install lmod, or LEGO_LMOD=…/lmod/lmod"),
]

LAUNCHER = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word"; done >"${0%/*}/../words"
"""


@dataclass
class Site:
    """An installed centre, and a shell with Lmod."""

    root: Path

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run lines of bash after `module use`; a failing line ends it."""
        begin = f"source {INIT}\nset -e\nmodule use {self.root}/modulefiles\ncd {self.root}\n"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", begin + script],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.root), "USER": "ada", "LMOD_PAGER": "none"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def says(self, script: str) -> str:
        """What a script prints, errors included; Lmod writes to standard error."""
        done = self.shell(script)
        assert 0 == done.returncode, done.stderr
        return done.stdout + done.stderr

    def words(self) -> list[str]:
        """With which words the launcher was called."""
        return (self.root / "words").read_text().split("\0")[:-1]


def site(root: Path, title: str = "") -> Site:
    """The example, with a launcher that writes down how it is called."""
    deployment = projected(example())
    chosen = with_everything(root=str(root))
    put(root, titled(deployment, title) if title else deployment, chosen)
    launcher = root / "bin" / "lego-launch"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    return Site(root)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The example."""
    return site(tmp_path_factory.mktemp("plain"))


def test_a_module_gives_a_profile(plain: Site) -> None:
    """The launcher is found, knows its profile, and a Jupyter outside finds the kernels."""
    root = plain.root
    said = plain.says(
        'module load lego/field; command -v lego-launch; echo "$LEGO_PROFILE" "$JUPYTER_PATH"'
    ).splitlines()
    assert [f"{root}/bin/lego-launch", f"field {root}/kernels/field"] == said


def test_the_name_alone_is_the_default_profile(plain: Site) -> None:
    """`module load lego` is the profile that the spawn page would preselect, whatever sorts last."""
    assert "ocean" == plain.says('module load lego; echo "$LEGO_PROFILE"').strip()


def test_programs_run_in_their_brick(plain: Site) -> None:
    """Words of the user arrive as they are, and an offered brick is asked for."""
    words = ["a b", "$(id)", "`id`", "'\"", "*", "", "--x"]
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    plain.says(f"module load lego/ocean; climate-python {quoted}")
    assert ["-c", "ocean", "--in", "climate", "--", "python", *words] == plain.words()
    plain.says("module load lego/ocean; ml-python x.py")
    assert ["-c", "ocean", "-b", "ml", "--in", "ml", "--", "python", "x.py"] == plain.words()


def test_one_profile_replaces_another(plain: Site) -> None:
    """Modules of the family exclude each other: nothing of the first is left."""
    said = plain.shell(
        "module load lego/ocean; module load lego/deep; "
        'echo "$LEGO_PROFILE" "$JUPYTER_PATH"; type -t climate-python ml-python || true; module --redirect -t list'
    )
    assert f"deep {plain.root}/kernels/deep\nfunction\nlego/deep\n" == said.stdout, said.stderr
    plain.says("module load lego/deep; ml-python")
    assert ["-c", "deep", "--in", "ml", "--", "python"] == plain.words()


def test_unloading_leaves_nothing(plain: Site) -> None:
    """Variables and functions are as they were before."""
    state = "env | grep -v -e ^_ -e LMOD -e LOADED -e OLDPWD; declare -F | grep -e -python || true"
    before, loaded, after = plain.says(
        f"{state}; echo ---; module load lego/ocean; {state}; echo ---; module unload lego/ocean; {state}"
    ).split("---\n")
    assert before == after
    assert "declare -f ml-python" in loaded
    assert "LEGO_PROFILE=ocean" in loaded


def test_a_kernel_path_of_the_user_stays(plain: Site) -> None:
    """What was in JUPYTER_PATH stays behind ours."""
    said = plain.says(
        'export JUPYTER_PATH=/mine; module load lego/ocean; echo "$JUPYTER_PATH"; module purge; env'
    )
    first, *rest = said.splitlines()
    assert f"{plain.root}/kernels/ocean:/mine" == first
    assert "JUPYTER_PATH=/mine" in rest


@pytest.mark.parametrize("title", ODD)
def test_odd_titles_are_shown_and_do_nothing(title: str, tmp_path: Path) -> None:
    """Help, `whatis`, `spider` and `show` print a title as it is, and nobody runs it."""
    odd = site(tmp_path / "root", title)
    for command in ("help", "whatis", "spider"):
        said = odd.says(f"module {command} lego/ocean")
        assert title in said, command
    said = odd.says("module show lego/ocean; module load lego/ocean; module unload lego/ocean; module avail")
    assert "uid=" not in said
    assert not (odd.root / "here").exists()


def test_spider_and_keyword_find_every_profile(plain: Site) -> None:
    """Users search without knowing the name."""
    said = plain.says("module -t avail; module keyword Profile")
    for slug in ("ocean", "field", "deep"):
        assert f"lego/{slug}" in said


def test_every_shell_of_lmod_gets_it(plain: Site) -> None:
    """The commands for csh name the launcher and pass the words on; and so do those for other shells."""
    lmod = INIT.parent.parent / "libexec" / "lmod"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(plain.root),
        "MODULEPATH": f"{plain.root}/modulefiles",
    }
    said = {
        shell: subprocess.run(
            [str(lmod), shell, "load", "lego/ocean"],
            env=environment, capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for shell in ("csh", "fish", "zsh", "python", "sh", "ksh")
    }  # fmt: skip
    line = f"{plain.root}/bin/lego-launch -c ocean -b ml --in ml -- python"
    for shell in ("sh", "ksh"):  # where a name of a function has no hyphen; dash would end with an error
        assert "ml-python" not in said[shell]
    dash = subprocess.run(
        ["/bin/sh", "-c", f'{said["sh"]}\necho "$LEGO_PROFILE"'],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (dash.stdout, dash.stderr) == ("ocean\n", "")
    assert f"alias ml-python '{line} \\!*';" in said["csh"]
    assert f'ml-python () {{ {line} "$@"' in said["zsh"]
    for text in said.values():
        assert "LEGO_PROFILE" in text
