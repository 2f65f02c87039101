"""Stand-ins for the commands of Slurm, and for sudo: jobs run here, one process group for each.

They do what batchspawner needs of the real ones, in the words of those (recorded on Slurm 26.05): what `sbatch`
refuses, how `squeue` says where a job is and that it is gone, that `--export` keeps all other variables out of a job,
and that `scancel` ends every process of it. `sudo` only notes what it was asked for.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

COMMANDS = ("sudo", "sbatch", "squeue", "scancel", "sinfo")

_PROGRAM = """#!{python} -I
import json, os, re, signal, subprocess, sys, time

HERE = {here!r}


def job(number):
    return os.path.join(HERE, "jobs", number)


def sudo(words):
    # -E -u NAME COMMAND
    with open(HERE + "/asked", "a") as file:
        file.write(json.dumps({{"words": words, "environment": dict(os.environ)}}) + "\\n")
    if os.path.basename(words[3]) == "lego-log":  # which asks the system for the home of a user, who is none of it
        patched = ("import pwd, runpy, sys, types; home = sys.argv.pop(1); sys.argv.pop(0);"
                   "pwd.getpwuid = lambda _: types.SimpleNamespace(pw_dir=home);"
                   "runpy.run_path(sys.argv[0], run_name='__main__')")
        home = os.path.dirname(HERE) + "/homes/" + words[2]
        os.execv(sys.executable, [sys.executable, "-c", patched, home, *words[3:]])
    os.execvp(words[3], words[3:])


def sbatch(words):
    script = sys.stdin.read()
    said = dict(re.findall("(?m)^#SBATCH --([a-z-]+)=?(.*)$", script))
    if said.get("partition") == "closed":
        sys.exit("sbatch: error: invalid partition specified: closed\\n"
                 "sbatch: error: Batch job submission failed: Invalid partition name specified")
    number = str(len(os.listdir(HERE + "/jobs")) + 1)
    os.makedirs(job(number))
    with open(job(number) + "/script", "w") as file:
        file.write(script)
    kept = {{name: os.environ[name] for name in said["export"].split(",") if name in os.environ}}
    variables = {{**kept, "PATH": "/usr/bin:/bin", "SLURM_JOB_ID": number, "TMPDIR": HERE + "/tmp"}}
    if os.fork():
        print(number)
        return
    os.setsid()
    for each in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), each)
    while os.path.exists(HERE + "/hold"):
        if os.path.exists(job(number) + "/end"):
            os._exit(0)
        time.sleep(0.05)
    output = said["output"].replace("%j", number)
    with open(output, "wb") as log:
        process = subprocess.Popen(["bash", job(number) + "/script"], cwd=said["chdir"], env=variables, stdout=log,
                                   stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        with open(job(number) + "/group", "w") as file:
            file.write(str(process.pid))
        status = process.wait()
    with open(job(number) + "/end", "w") as file:
        file.write(str(status))
    os._exit(0)


def squeue(words):
    number = words[words.index("-j") + 1]
    if not os.path.isdir(job(number)):
        sys.exit("slurm_load_jobs error: Invalid job id specified")
    if os.path.exists(job(number) + "/end"):
        return
    print("RUNNING 127.0.0.1" if os.path.exists(job(number) + "/group") else "PENDING n/a")


def scancel(words):
    (number,) = words
    if os.path.exists(job(number) + "/group"):
        with open(job(number) + "/group") as file:
            os.killpg(int(file.read()), signal.SIGTERM)
    else:
        open(job(number) + "/end", "w").close()


def sinfo(words):
    print("interactive 2/46/0/48 35+ 38/1642/0/1680 (null) 196000+ 1-00:00:00")
    print("gpu 2/5/0/7 128 116/780/0/896 gpu:a100:4 512000 12:00:00")


globals()[os.path.basename(sys.argv[0])](sys.argv[1:])
"""


class Slurm:
    """A cluster of one node, which is this machine.

    Args:
        here: a folder of its own.

    Attributes:
        programs: what comes first on PATH.
    """

    def __init__(self, here: Path) -> None:
        self._here, self.programs = here, here / "programs"
        for folder in ("programs", "jobs", "tmp"):
            (here / folder).mkdir(parents=True)
        for name in COMMANDS:
            program = self.programs / name
            program.write_text(_PROGRAM.format(python=sys.executable, here=str(here)))
            program.chmod(0o755)

    def hold(self, on: bool) -> None:
        """Let jobs wait in the queue, or no more."""
        (self._here / "hold").touch() if on else (self._here / "hold").unlink()

    def asked(self) -> list[dict[str, Any]]:
        """What sudo was asked for so far: ``words`` and ``environment``."""
        path = self._here / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def scripts(self) -> list[str]:
        """The scripts of all jobs so far."""
        folders = sorted((self._here / "jobs").iterdir(), key=lambda each: int(each.name))
        return [(each / "script").read_text() for each in folders]

    def alive(self) -> list[int]:
        """Numbers of jobs that run or wait."""
        return sorted(
            int(each.name) for each in (self._here / "jobs").iterdir() if not (each / "end").exists()
        )

    def sessions(self) -> list[str]:
        """Directories of sessions that are there."""
        return [each.name for each in (self._here / "tmp").iterdir()]

    def close(self) -> None:
        """End every job that still runs."""
        for each in (self._here / "jobs").iterdir():
            if not (each / "end").exists():
                (each / "end").touch()  # what waits goes away
                with suppress(OSError, ValueError):
                    os.killpg(int((each / "group").read_text()), signal.SIGKILL)
