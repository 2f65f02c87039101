"""``lego-launch``, run as it is, with a stand-in for the runtime."""

from __future__ import annotations

import ast
import csv
import json
import os
import pwd
import re
import runpy
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import lego_compile.targets.apptainer as target
from lego_compile.choices import key_of
from tests.strategies import choices, labels, spelled
from tests.targets.apptainer.conftest import Installed, prepare

pytestmark = pytest.mark.slow

HOME = pwd.getpwuid(os.getuid()).pw_dir


@dataclass
class Session:
    """A command line of the runtime, read by itself.

    Attributes:
        environment: variables of the session that stand before the command.
        flags: what is neither a mount nor behind the image.
        mounts: fields of each ``--mount``; a field without a value is its own value.
        system: the root image.
        guarded: prefixes, then directories, that the guard looks for.
        here: where the command starts; empty at home.
        command: what runs in the session.
    """

    environment: dict[str, str]
    flags: list[str]
    mounts: list[dict[str, str]]
    system: str
    guarded: tuple[list[str], list[str]]
    here: str
    command: list[str]


def parsed(line: str) -> Session:
    """Read what ``--dry-run`` prints, as a shell, then the runtime, then the guard would."""
    words = shlex.split(line)
    environment = {}
    while words[0].startswith("APPTAINERENV_"):
        name, _, value = words.pop(0).partition("=")
        environment[name.removeprefix("APPTAINERENV_")] = value
    words = words[words.index("exec") + 1 :]
    flags, mounts = [], []
    while words[0].startswith("--"):
        flag = words.pop(0)
        if flag == "--mount":
            fields = next(csv.reader([words.pop(0)]))
            mounts.append({key: value or key for key, _, value in (field.partition("=") for field in fields)})
        else:
            flags.append(flag if flag != "--pwd" else f"--pwd {words.pop(0)}")
    system, shell, option, _, zero = words[:5]
    assert ["/bin/sh", "-c", "lego"] == [shell, option, zero]
    first = words.index("--")
    second = words.index("--", first + 1)
    directories, (home, here, *command) = words[first + 1 : second], words[second + 1 :]
    assert HOME == home
    return Session(environment, flags, mounts, system, (words[5:first], directories), here, command)


def stored(center: Installed, digest: str) -> str:
    """The file of an image in the store."""
    return str(center.store / center.records()[f"sif {digest}"]["file"])


def test_every_choice_is_the_composition(ready: Installed) -> None:
    """For every profile and all ticked bricks, the command line has its mounts, variables and command, and no more."""
    for profile in ready.deployment.profiles:
        for ticked in choices(profile):
            words = ["-c", profile.slug, "-b", ",".join(brick.called for brick in ticked), "--dry-run"]
            done = ready.run("lego-launch", *words, JUPYTERHUB_SERVICE_URL="http://0.0.0.0:8888/user/ada/")
            assert 0 == done.returncode, done.stderr
            session = parsed(done.stdout)
            bricks = sorted([*profile.bricks, *ticked], key=lambda brick: brick.prefix)
            expected: list[dict[str, str]] = [
                {"type": "bind", "src": f"{ready.runtime.here}/lego-session", "dst": "/run/lego"},
                {"type": "bind", "src": f"{ready.root}/jupyter", "dst": "/run/lego/etc", "ro": "ro"},
                {
                    "type": "bind",
                    "src": f"{ready.root}/jupyter/ipython_config.json",
                    "dst": "/usr/local/etc/ipython/ipython_config.json",
                    "ro": "ro",
                },
                *(
                    {
                        "type": "bind",
                        "src": data.source,
                        "dst": data.path,
                        **({} if data.writable else {"ro": "ro"}),
                    }
                    for data in profile.data
                ),
                *(
                    {
                        "type": "bind",
                        "src": stored(ready, brick.image.digest),
                        "dst": brick.prefix,
                        "image-src": brick.subpath,
                        "id": "4",
                        "ro": "ro",
                    }
                    for brick in bricks
                ),
            ]
            assert expected == session.mounts
            assert stored(ready, profile.system.image.digest) == session.system
            assert dict(profile.environment).items() <= session.environment.items()
            assert list(profile.command) == session.command
            assert [f"{brick.called}={brick.prefix}" for brick in bricks] == session.guarded[0]
            assert ["/run/lego/jupyter", HOME, *(data.path for data in profile.data)] == session.guarded[1]
            assert "" == session.here
            gpu = ["--nv"] if profile.limits.gpus else []
            assert ["--cleanenv", "--no-eval", "--pwd /", *gpu] == session.flags


@pytest.mark.parametrize(
    ("slug", "word", "release"),
    [
        ("ocean", "ml", "2026.10"),
        ("ocean", "ml@include", "2026.10"),
        ("ocean", "ml@2026.10", "2026.10"),
        ("ocean", "ml@2026.3", "2026.3"),
        ("ocean", "ml@v2026-3", "2026.3"),
        ("ocean", "ml@v2025-1", "2026.10"),
        ("ocean", "ml@2025.1", "2026.10"),
        ("ocean", "notebook@include", "2026.01.30"),
        ("ocean", "notebook@2025.7.1", "2026.01.30"),
        ("field", "climate", "2026.3"),
        ("field", "climate@include", "2026.3"),
        ("field", "climate@v2026-10", "2026.10"),
    ],
)
def test_a_word_has_one_meaning(ready: Installed, slug: str, word: str, release: str) -> None:
    """A release by its name or its key; what was offered once, and a brick without a release, are the first one."""
    (profile,) = (each for each in ready.deployment.profiles if each.slug == slug)
    (brick,) = (
        each for each in profile.offers if (each.name, each.image.tag) == (word.partition("@")[0], release)
    )
    done = ready.run("lego-launch", "-c", slug, "-b", f"{word},{word},{spelled(brick)}", "--dry-run")
    assert 0 == done.returncode, done.stderr
    mounts = [mount for mount in parsed(done.stdout).mounts if mount["dst"] == brick.prefix]
    assert [stored(ready, brick.image.digest)] == [mount["src"] for mount in mounts]


@given(labels)
def test_the_launcher_knows_the_keys_of_releases(label: str) -> None:
    """A release that was retired is found by its name, since the launcher makes keys of names as the compiler does."""
    assert key_of(label) == LAUNCHER["key_of"](label)


LAUNCHER = runpy.run_path(str(Path(target.__file__).parent / "assets" / "lego-launch"), run_name="launcher")


def test_without_a_hub_it_is_jupyterlab(ready: Installed) -> None:
    """The single-user server ends where no hub started it: JupyterLab takes its flags, so bricks are kernels."""
    flags = list(ready.deployment.profiles[0].command[1:])
    assert any("kernel_spec_manager_class" in flag for flag in flags)
    done = ready.run("lego-launch")
    assert (0, " ".join(["lab", *flags]) + "\n") == (done.returncode, done.stdout)
    assert ["jupyter-lab", *flags] == parsed(ready.run("lego-launch", "--dry-run").stdout).command
    assert ["true"] == parsed(ready.run("lego-launch", "--dry-run", "--", "true").stdout).command


def test_our_variables_are_few(ready: Installed) -> None:
    """Besides the profile's variables, the session gets those that keep its files off the network, and no more."""
    profile = ready.deployment.profiles[0]
    session = parsed(ready.run("lego-launch", "--dry-run").stdout)
    assert {
        "LANG", "JUPYTER_CONFIG_PATH", "JUPYTER_PREFER_ENV_PATH", "JUPYTER_RUNTIME_DIR", "XDG_RUNTIME_DIR",
        "TMPDIR",
    } == session.environment.keys() - dict(profile.environment).keys()  # fmt: skip


def test_squashfs_needs_no_number(tmp_path: Path) -> None:
    """A bare file system is mounted without ``id``; the path inside it is still said."""
    center = prepare(tmp_path, format="squashfs", site_binds=["/projects"])
    center.run("lego-materialize", "--no-try")
    session = parsed(center.run("lego-launch", "-c", "field", "--dry-run").stdout)
    mounts = [mount for mount in session.mounts if "image-src" in mount]
    assert [brick.subpath for brick in center.deployment.profiles[1].bricks] == [
        each["image-src"] for each in mounts
    ]
    assert all("id" not in mount and mount["src"].endswith(".sqfs") for mount in mounts)
    assert "/projects" in session.guarded[1]


def test_singularity_is_called_by_its_own_names(tmp_path: Path) -> None:
    """It reads none of Apptainer's variables; of flags it gets those that it has had since 3.10."""
    center = prepare(tmp_path, runtime="singularity")
    done = center.run("lego-materialize", "--no-try")
    assert 0 == done.returncode, done.stderr
    pull = center.runtime.calls()[0]
    assert center.runtime.here == Path(pull["environment"]["SINGULARITY_TMPDIR"]).parent
    done = center.run(
        "lego-launch", "--", "printenv", "LANG", "SLURM_JOB_ID", SLURM_JOB_ID="7", APPTAINERENV_EVIL="1"
    )
    assert (0, "C.UTF-8\n7\n") == (done.returncode, done.stdout)
    call = center.runtime.calls()[-1]
    assert not [name for name in call["environment"] if name.startswith("APPTAINER")]
    flags = {word for word in call["words"][: call["words"].index("/bin/sh")] if word.startswith("-")}
    # sylabs/singularity:cmd/internal/cli/action_flags.go@v3.10.0
    assert {"--cleanenv", "--no-eval", "--pwd", "--mount"} == flags


def test_hostile_words_stay_words(ready: Installed) -> None:
    """Quotes, dollars, line feeds, options and separators in a command arrive as they were typed."""
    words = [
        "printf",
        "%s|",
        "$(id)",
        "`id`",
        "a b",
        "'",
        '"',
        "\\",
        "a\nb",
        "--",
        "-c",
        "{display_name}",
        "été",
        "",
    ]
    shown = parsed(ready.run("lego-launch", "--dry-run", "--", *words).stdout)
    assert words == shown.command
    done = ready.run("lego-launch", "--", *words, LC_ALL="C")
    assert (0, "|".join([*words[2:], ""])) == (done.returncode, done.stdout)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_hostile_values_arrive(ready: Installed, locale: str) -> None:
    """Quotes, backslashes, percent signs and accents in a variable arrive in any locale."""
    expected = dict(ready.deployment.profiles[1].environment)["SITE_NOTE"]
    done = ready.run("lego-launch", "-c", "field", "--", "sh", "-c", 'printf %s "$SITE_NOTE"', LC_ALL=locale)
    assert (0, expected) == (done.returncode, done.stdout)


def test_nothing_of_the_caller_leaks(ready: Installed) -> None:
    """Modules, conda and inherited settings of a runtime stay outside; what JupyterHub and Slurm say comes in."""
    hostile = {
        "APPTAINER_BIND": "/etc:/opt/bricks",
        "SINGULARITY_BIND": "/etc:/opt/bricks",
        "APPTAINERENV_EVIL": "1",
        "SINGULARITYENV_EVIL": "1",
        "APPTAINERENV_PYTHONNOUSERSITE": "",
        "PYTHONPATH": "/evil",
        "LD_PRELOAD": "",
        "CONDA_PREFIX": "/evil",
        "MODULEPATH": "/evil",
        "BASH_ENV": "/evil",
        "JUPYTER_PATH": "/evil",
    }
    wanted = {
        "JUPYTERHUB_API_TOKEN": "s3cret-t0ken",
        "SLURM_JOB_ID": "7",
        "MEM_LIMIT": "1024",
        "https_proxy": "http://p",
    }
    done = ready.run("lego-launch", "--", "env", "-0", **hostile, **wanted)
    inside = dict(each.partition("=")[::2] for each in done.stdout.split("\0") if each)
    assert "evil" not in done.stdout.lower()
    assert wanted.items() <= inside.items()
    assert "1" == inside["PYTHONNOUSERSITE"]
    assert "/run/lego/xdg" == inside["XDG_RUNTIME_DIR"]
    call = ready.runtime.calls()[-1]
    assert hostile.keys().isdisjoint(call["environment"].keys() - {"APPTAINERENV_PYTHONNOUSERSITE"})
    assert "s3cret-t0ken" not in " ".join(call["words"])
    assert "s3cret-t0ken" not in ready.run("lego-launch", "--dry-run", **wanted).stdout


def test_the_session_has_a_private_directory_on_the_node(ready: Installed) -> None:
    """Sockets and databases are in a directory that only the user can read, and that is gone afterwards."""
    assert 0 == ready.run("lego-launch", "--", "true").returncode
    path, mode, content = ready.runtime.session()
    assert str(ready.runtime.here) == str(Path(path).parent)
    assert (0o700, ["etc", "jupyter", "lock", "tmp", "xdg"]) == (mode, content)
    assert not Path(path).exists()
    slurm = ready.runtime.here / "slurm-7"
    slurm.mkdir()
    ready.run("lego-launch", "--", "true", SLURM_TMPDIR=str(slurm))
    assert str(slurm) == str(Path(ready.runtime.session()[0]).parent)


def test_a_full_disk_is_named(ready: Installed) -> None:
    """A Lab would start there, and fail with something else; nothing is left behind."""
    words = ready.command("lego-launch", "--", "true")
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *words],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(ready.runtime.here)},
        capture_output=True,
        text=True,
        check=False,
    )
    says = f"lego-launch: {ready.runtime.here} takes no files of the session: File too large\n"
    assert (78, says) == (done.returncode, done.stderr)
    assert not list(ready.runtime.here.glob("lego-session-*"))


def test_the_session_has_the_umask_of_the_caller(ready: Installed) -> None:
    """Files in shared data are as readable as the user wants; the session's own directory is private anyway."""
    for umask in (0o000, 0o027):
        done = subprocess.run(
            ready.command("lego-launch", "--", "sh", "-c", "umask"),
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(ready.runtime.here)},
            stdout=subprocess.PIPE,
            text=True,
            umask=umask,
            check=False,
        )
        assert umask == int(done.stdout.split()[0], 8)
        assert 0o700 == ready.runtime.session()[1]


@pytest.mark.parametrize(
    ("command", "status"), [(["sh", "-c", "exit 7"], 7), (["true"], 0), (["no-such-thing"], 127)]
)
def test_the_status_is_that_of_the_command(ready: Installed, command: list[str], status: int) -> None:
    """A batch system sees how the session ended."""
    assert status == ready.run("lego-launch", "--", *command).returncode


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-c", "depe"], "there is no profile 'depe'; try one of: ocean, field, deep"),
        (
            ["-b", "clouds"],
            "brick 'clouds' is not offered by 'ocean'; it offers: ml@2026.10 or ml@2026.3, notebook",
        ),
        (
            ["-b", "notebook,ml@2024.1"],
            "brick 'ml@2024.1' is not offered by 'ocean'; it offers: ml@2026.10 or ml@2026.3, notebook",
        ),
        (
            ["-c", "field", "-b", "climate@"],
            "brick 'climate@' is not offered by 'field'; it offers: climate@2026.3 or climate@2026.10",
        ),
        (["-b", "ml,ml@2026.3"], "a session has one release of a brick, and not ml@2026.10 and ml@2026.3"),
        (
            ["-c", "field", "-b", "climate@2026.10,climate@include"],
            "a session has one release of a brick, and not climate@2026.10 and climate@2026.3",
        ),
        (["-c", "deep", "-b", "ocean"], "brick 'ocean' is not offered by 'deep'; it offers: none"),
    ],
)
def test_what_a_profile_does_not_offer_is_refused(ready: Installed, words: list[str], says: str) -> None:
    """The status is 78 and the message names what there is."""
    done = ready.run("lego-launch", *words, "--", "true")
    assert (78, f"lego-launch: {says}\n") == (done.returncode, done.stderr)


def test_profiles_are_listed(ready: Installed) -> None:
    """People see what they can start, in the order of the spawn page."""
    assert [
        "ocean (default): Profile ocean", "  bricks: climate, ocean", "  may add: ml@2026.10 or ml@2026.3, notebook",
        "field: Profile field", "  bricks: ocean, notebook", "  may add: climate@2026.3 or climate@2026.10",
        "deep: Profile deep", "  bricks: ml",
    ] == ready.run("lego-launch", "--list").stdout.splitlines()  # fmt: skip


def test_a_damaged_store_is_refused(installed: Installed) -> None:
    """An image that is not there, or not what was pulled, ends the launch before anything starts."""
    assert "is not in the store: run lego-materialize" in failure(installed)
    installed.run("lego-materialize", "--no-try")
    path = installed.store / installed.records()["sif sha256:" + "a" * 64]["file"]
    path.chmod(0o644)
    assert "may be written to" in failure(installed)
    path.write_text("another length")
    path.chmod(0o444)
    assert "was changed since it was pulled" in failure(installed)
    path.unlink()
    assert f"{path} is missing" in failure(installed)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("composition.json", "{", "{}/composition.json is damaged: Expecting property name"),
        ("composition.json", '{"profiles": [null]}', "TypeError: 'NoneType'"),
        ("resolved.json", "{", "{}/resolved.json is damaged: Expecting property name"),
    ],
)
def test_damaged_data_is_named(installed: Installed, name: str, content: str, says: str) -> None:
    """By its path and not by a traceback."""
    installed.run("lego-materialize", "--no-try")
    folder = installed.store if name == "resolved.json" else installed.root
    (folder / name).write_text(content)
    assert failure(installed).startswith(f"lego-launch: {says.format(folder)}")


def test_any_value_anywhere_is_no_traceback(installed: Installed) -> None:
    """Whatever takes the place of a value in what says what a session is."""
    installed.run("lego-materialize", "--no-try")
    path = installed.root / "composition.json"
    center = json.loads(path.read_text())
    for changed in (
        {**center, "runtime": None},
        {**center, "profiles": [{**center["profiles"][0], "system": {"image": 5}}]},
        {**center, "profiles": [{**center["profiles"][0], "environment": []}]},
    ):
        path.write_text(json.dumps(changed))
        assert "Traceback" not in failure(installed)


def test_a_brick_that_is_not_there_ends_the_session(installed: Installed) -> None:
    """A site that forbids binds only warns: the guard looks from inside and says which brick is missing."""
    installed.runtime.publish("sha256:" + "b" * 64, "forbidden 4")
    installed.run("lego-materialize", "--no-try")
    assert "lego: brick climate is not at" in failure(installed)


def test_a_directory_that_is_not_there_ends_the_session(installed: Installed) -> None:
    """Data that is missing is an error and not an empty directory: on this machine, or for the runtime."""
    installed.run("lego-materialize", "--no-try")
    data = installed.deployment.profiles[0].data[0]
    Path(data.source).rename(f"{data.source}-gone")
    assert f"the data of {data.name}, is not on this machine" in failure(installed)
    Path(f"{data.source}-gone").rename(data.source)
    tree = json.loads((installed.root / "composition.json").read_text())
    tree["site_binds"] = ["/nowhere"]
    (installed.root / "composition.json").write_text(json.dumps(tree))
    assert "/nowhere is not in the session" in failure(installed)


def test_a_runtime_that_is_not_there_is_named(installed: Installed) -> None:
    """The message says where it was looked for."""
    installed.run("lego-materialize", "--no-try")
    installed.runtime.program.unlink()
    assert f"{installed.runtime.program} is not there; does it need `module load`?" in failure(installed)


def test_a_closed_store_is_not_an_empty_one(installed: Installed) -> None:
    """Who may not enter the store reads that, and is not sent to pull images that are there."""
    installed.run("lego-materialize", "--no-try")
    installed.store.chmod(0o000)
    try:
        done = subprocess.run(
            [*powerless(), *installed.command("lego-launch", "--", "true")],
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(installed.runtime.here)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        installed.store.chmod(0o755)
    assert 78 == done.returncode
    assert f"PermissionError: [Errno 13] Permission denied: '{installed.store}/resolved.json'" in done.stderr
    (installed.store / "resolved.json").unlink()
    (installed.store / "resolved.json").symlink_to("resolved.json")
    assert "Too many levels of symbolic links" in failure(installed)


def test_an_image_that_cannot_be_looked_at_is_not_missing(installed: Installed) -> None:
    """Only a file that is not there is told to be pulled."""
    installed.run("lego-materialize", "--no-try")
    path = Path(stored(installed, installed.deployment.profiles[0].system.image.digest))
    path.unlink()
    assert f"{path} is missing: run lego-materialize" in failure(installed)
    path.symlink_to(path.name)
    assert "Too many levels of symbolic links" in failure(installed)


def powerless() -> list[str]:
    """Words before a command that take root's power over files away."""
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.getuid() == 0 else []


def failure(center: Installed) -> str:
    """What a launch says that fails with status 78."""
    done = center.run("lego-launch", "--", "true")
    assert 78 == done.returncode, done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_command(ready: Installed, number: signal.Signals) -> None:
    """The end of a job is announced to the server, which saves its work; then the directory goes away."""
    name, flag = number.name.removeprefix("SIG"), ready.runtime.here / f"flag-{number.name}"
    script = f'trap "exit 3" {name}; echo on > "{flag}"; while :; do sleep 0.05; done'
    launch = subprocess.Popen(
        ready.command("lego-launch", "--", "sh", "-c", script),
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(ready.runtime.here)},
        stdin=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 300
        while not flag.exists():
            assert launch.poll() is None, "the command did not begin"
            assert time.monotonic() < end, "the command did not begin"
            time.sleep(0.05)
        launch.send_signal(number)
        assert 3 == launch.wait(timeout=300)
    finally:
        launch.kill()
        launch.wait()
    assert not Path(ready.runtime.session()[0]).exists()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_was_ignored_stays_ignored(ready: Installed, number: signal.Signals) -> None:
    """``nohup lego-launch`` outlives the terminal, and what a shell has in its background Ctrl-C in the foreground."""
    flag = ready.runtime.here / f"ignored-{number.name}"
    words = ready.command("lego-launch", "--", "sh", "-c", f'echo on > "{flag}"; sleep 1; exit 5')
    launch = subprocess.Popen(
        ["/bin/sh", "-c", f"trap '' {number.name[3:]}; exec \"$@\"", "sh", *words],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(ready.runtime.here)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 300
        while not flag.exists():
            assert launch.poll() is None, "the command did not begin"
            assert time.monotonic() < end, "the command did not begin"
            time.sleep(0.05)
        os.killpg(launch.pid, number)  # as a terminal does
        assert 5 == launch.wait(timeout=300)
    finally:
        launch.kill()
        launch.wait()


@pytest.mark.parametrize(
    "before",
    ["signal.signal(signal.SIGCHLD, signal.SIG_IGN)", "os.closerange(0, 3)"],
    ids=["children are ignored", "nothing is open"],
)
def test_a_daemon_may_start_us(ready: Installed, before: str) -> None:
    """The status arrives whatever it ignores, and no file of ours takes the place of what it closed."""
    flag = ready.runtime.here / "written"
    script = f"import os, signal, sys; {before}; os.execv(sys.argv[1], sys.argv[1:])"
    inside = f'echo words && echo words >&2 && ls -l /proc/self/fd/ > "{flag}"; exit 7'
    done = subprocess.run(
        [sys.executable, "-c", script, *ready.command("lego-launch", "--", "sh", "-c", inside)],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(ready.runtime.here)},
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert 7 == done.returncode
    open_in_it = dict(re.findall(r" ([0-2]) -> (\S+)", flag.read_text()))
    assert {"0", "1", "2"} == set(open_in_it)
    assert "/dev/null" == open_in_it["2"]


def test_a_command_that_a_signal_ends_has_the_status_of_a_shell(ready: Installed) -> None:
    """128 and the number, as every batch system reads it."""
    assert 128 + 15 == ready.run("lego-launch", "--", "sh", "-c", "kill -TERM $$").returncode


def test_a_newer_composition_is_obeyed(installed: Installed) -> None:
    """The launcher holds nothing of the centre: what it starts is what the data file says."""
    installed.run("lego-materialize", "--no-try")
    path = installed.root / "composition.json"
    tree: dict[str, Any] = json.loads(path.read_text())
    tree["profiles"][0]["environment"]["ADDED"] = "yes"
    path.write_text(json.dumps(tree))
    assert "yes" == parsed(installed.run("lego-launch", "--dry-run").stdout).environment["ADDED"]


@pytest.mark.parametrize("name", ["lego-launch", "lego-materialize"])
def test_the_programs_are_written_for_the_oldest_python(ready: Installed, name: str) -> None:
    """Clusters have Python 3.6; the programs ask for no newer syntax, and ignore the caller's Python settings."""
    source = (ready.root / "bin" / name).read_text()
    ast.parse(source, feature_version=(3, 6))
    assert "#!/usr/bin/python3 -I" == source.splitlines()[0]
    assert os.access(ready.root / "bin" / name, os.X_OK)


def test_a_session_whose_launcher_was_killed_is_swept(ready: Installed) -> None:
    """A scheduler kills at the end of the time; the next session of the user removes what is left, and nothing else."""
    base = ready.runtime.here / "node"
    base.mkdir()
    words = ready.command("lego-launch", "--", "sleep", "60")
    variables = {"PATH": "/usr/bin:/bin", "TMPDIR": str(base)}
    killed, alive = (subprocess.Popen(words, env=variables) for _ in range(2))
    try:
        for _ in range(600):
            if 2 == len(list(base.glob("lego-*/lock"))) and 2 == len(running("sleep 60")):
                break
            time.sleep(0.05)
        killed.kill()
        killed.wait()
        for _ in range(200):  # the session goes with it
            if 1 == len(running("sleep 60")):
                break
            time.sleep(0.05)
        assert 1 == len(running("sleep 60"))
        foreign = base / "lego-notes"
        foreign.mkdir()
        (foreign / "lock").write_text("")
        host = os.uname().nodename
        others = [foreign, base / "lego-session-elsewhere-x", base / f"lego-session-{host}-mine"]
        for place, text in zip(
            others[1:], ("lego-launch holds this session\n", "of something else"), strict=True
        ):
            place.mkdir()
            (place / "lock").write_text(text)
        pipe = base / f"lego-session-{host}-pipe"
        pipe.mkdir()
        os.mkfifo(pipe / "lock")
        others.append(pipe)
        assert 2 == len(set(base.iterdir()) - set(others))
        assert 0 == ready.run("lego-launch", "--", "true", TMPDIR=str(base)).returncode
        assert 1 == len(set(base.iterdir()) - set(others))
        assert all(place.exists() for place in others)
        assert alive.poll() is None
    finally:
        killed.kill()
        alive.terminate()
        assert 143 == alive.wait(20)
    assert set(others) == set(base.iterdir())


def running(command: str) -> list[int]:
    """Processes of ours with this command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().replace(b"\0", b" ").strip() == command.encode():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def test_a_module_may_choose_the_profile(ready: Installed) -> None:
    """LEGO_PROFILE is the profile that nobody names, and an unknown one is an error."""
    expected = ready.run("lego-launch", "-c", "field", "--dry-run").stdout
    assert expected == ready.run("lego-launch", "--dry-run", LEGO_PROFILE="field").stdout
    default = ready.run("lego-launch", "--dry-run").stdout
    assert default == ready.run("lego-launch", "-c", "ocean", "--dry-run", LEGO_PROFILE="field").stdout
    assert default == ready.run("lego-launch", "--dry-run", LEGO_PROFILE="").stdout
    assert 78 == ready.run("lego-launch", "--dry-run", LEGO_PROFILE="gone").returncode


def test_words_with_dashes_are_for_the_lab(ready: Installed) -> None:
    """What begins with a dash is no program: it is added to the command of the profile."""
    own = parsed(ready.run("lego-launch", "--dry-run").stdout).command
    found = parsed(ready.run("lego-launch", "--dry-run", "--", "--port=1", "x").stdout).command
    assert [*own, "--port=1", "x"] == found


def test_a_command_starts_where_the_caller_is(ready: Installed, tmp_path: Path) -> None:
    """What is given by a relative path is found, as without the launcher; the profile's own server starts at home."""
    (tmp_path / "it").write_text("here")
    command = ready.command("lego-launch", "--", "cat", "it")
    variables = {"PATH": "/usr/bin:/bin", "TMPDIR": str(ready.runtime.here)}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert (0, "here") == (done.returncode, done.stdout), done.stderr
    line = subprocess.run(
        ready.command("lego-launch", "--dry-run"),
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "" == parsed(line).here


def test_a_home_may_be_a_link(ready: Installed, tmp_path: Path) -> None:
    """The session has it by the name of the link: where the caller is below it is called so, too."""
    real, link, other = tmp_path / "export", tmp_path / "home", tmp_path / "other"
    (real / "p").mkdir(parents=True)
    link.symlink_to(real)
    other.symlink_to(real / "p")
    script = (
        "import os, runpy, sys; launch = runpy.run_path(sys.argv[1]); print(launch['directory'](sys.argv[2]))"
    )
    for said, expected in ((None, link / "p"), (str(other), other), ("/", link / "p"), ("p", link / "p")):
        environment = {"PATH": "/usr/bin:/bin", **({} if said is None else {"PWD": said})}
        words = [sys.executable, "-c", script, str(ready.root / "bin" / "lego-launch"), str(link)]
        done = subprocess.run(
            words, cwd=real / "p", env=environment, capture_output=True, text=True, check=True
        )
        assert str(expected) == done.stdout.strip()


def test_a_directory_that_the_session_has_not_is_said(ready: Installed, tmp_path: Path) -> None:
    """And the command runs all the same."""
    place = tmp_path / "gone"
    place.mkdir()
    script = f"import os, sys; os.chdir({str(place)!r}); os.rmdir({str(place)!r}); os.execv(sys.argv[1], sys.argv[1:])"
    command = ready.command("lego-launch", "--", "echo", "on")
    variables = {"PATH": "/usr/bin:/bin", "TMPDIR": str(ready.runtime.here)}
    words = [sys.executable, "-c", script, *command]
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    assert (0, "on\n") == (done.returncode, done.stdout), done.stderr


def test_a_name_of_a_variable_is_a_name(ready: Installed, tmp_path: Path) -> None:
    """The runtime's shell evaluates names: one that is more than a name is left out."""
    names = {f"SLURM_$(touch {tmp_path}/x)": "1", "JUPYTERHUB_X y": "1", "OAR_JOB_ID": "7"}
    done = ready.run("lego-launch", "--", "env", **names)
    assert "OAR_JOB_ID=7" in done.stdout.splitlines()
    (call,) = [each for each in ready.runtime.calls() if "APPTAINERENV_OAR_JOB_ID" in each["environment"]][
        -1:
    ]
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in call["environment"])


def test_what_everybody_can_write_is_run_by_nobody(installed: Installed) -> None:
    """A store that is open to all is refused, and so are its record and what says what a session is."""
    assert 0 == installed.run("lego-materialize", "--no-try").returncode
    for path in (installed.store, installed.store / "resolved.json", installed.root / "composition.json"):
        mode = path.stat().st_mode & 0o777
        path.chmod(mode | 0o002)
        done = installed.run("lego-launch", "--", "true")
        assert (78, True) == (done.returncode, "everybody can write" in done.stderr)
        path.chmod(mode)
    assert 0 == installed.run("lego-launch", "--", "true").returncode
