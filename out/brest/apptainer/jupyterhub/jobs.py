# Compiled by lego-compile from the centre specification: edit that, not this file.
"""Sessions as jobs of a cluster, started by batchspawner. The same file for every centre."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import batchspawner
import choice  # it lies beside this file
from batchspawner.batchspawner import JobStatus, format_template
from traitlets import Any as Anything
from traitlets import Float, Unicode, default

CENTER: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parent.parent / "composition.json").read_text("utf-8")
)
# Listed members are not put into the hub's database, which may have groups of ours or of the authenticator, not both
# (jupyterhub/jupyterhub:jupyterhub/app.py, init_groups).
CHOICES = choice.Choices(CENTER["profiles"], CENTER["groups"], loaded=False)

# Of the hub's variables, its own commands get these. batchspawner passes them all on when it asks for the state of a
# job, to a program that runs as the user, who can read there what the proxy and the database of the hub are asked with.
OF_COMMANDS = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SLURM_CONF")
TRIES = 3  # to read a log that a compute node wrote a moment ago


def asked(scheduler: str, profile: dict[str, Any]) -> dict[str, Any]:
    """What the centre says of jobs of a profile: what it says of all, but for its exceptions."""
    block = CENTER[scheduler]
    return {**block, **block["profiles"].get(profile["slug"], {})}


class Sessions(batchspawner.BatchSpawnerBase):
    """What every spawner of ours does: it starts sessions of the profiles, and nothing else, whatever the request says.

    A subclass has the batch script and ``request``; also a class of batchspawner's, after this one.

    JupyterHub 5 stores whatever a user sends to its REST API, and only then finds that a list is no dict: at every
    later look at that user, and whenever the hub starts, which ends it
    (jupyterhub/jupyterhub:jupyterhub/{apihandlers/users,user,app}.py@5.5.4; 6.0 refuses it).
    """

    user_options = Anything({})
    startup_poll_interval = Float(2.0).tag(
        config=True
    )  # a scheduler has more to do than to answer every half second

    req_profile = Unicode()
    req_bricks = Unicode()
    req_launcher = Unicode(f"{CENTER['root']}/bin/lego-launch")

    submitted = ""  # the job of this start, also when it is gone

    def request(self, profile: dict[str, Any]) -> dict[str, Any]:
        """What a profile asks of the scheduler: variables of the script, empty for what is left to the cluster."""
        raise NotImplementedError

    def log_file(self) -> str:
        """Where the job writes what it says, in the user's home."""
        return f"{self.req_homedir}/.jupyterhub-{self.submitted}.log"

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Any:
        """What JupyterHub 5.3 calls before a start, and warns of options without it."""
        return type(self).choose

    async def start(self) -> Any:
        """Ask for the job that the user's options stand for, and wait until its session says its port.

        Raises:
            HTTPError: 400 or 403 for options that are not the user's to choose; 503 with the last words of a job that
                was not accepted, or ended before.
        """
        self.choose(self.user_options)
        self.req_keepvars = ",".join(self.get_env())  # batchspawner computes it once, and the limits differ
        self.submitted = ""
        try:
            return await self.running()
        except RuntimeError as error:
            if not self.submitted:
                raise choice.refusal(
                    503, f"the cluster did not accept the job: {last(str(error))}"
                ) from error
            words = await self.last_words() or f"{self.log_file()} may say why"
            raise choice.refusal(503, f"the session ended at once: {words}") from error

    def choose(self, options: Any) -> None:
        """Make the job the one that options stand for.

        Raises:
            HTTPError: like ``Choices.chosen``.
        """
        profile, bricks = CHOICES.chosen(self, options)
        # for jupyter-resource-usage
        self.cpu_limit = None if profile["cpu"] is None else profile["cpu"] / 1000
        self.mem_limit = profile["memory"]
        self.cmd = list(profile["command"])
        self.req_profile, self.req_bricks = profile["slug"], ",".join(map(choice.spelled, bricks))
        for name, value in self.request(profile).items():
            setattr(self, f"req_{name}", value)

    async def running(self) -> Any:
        """Submit the job, and wait for its session; batchspawner would wait for a port, and not look whether the job
        that has to say it is still there.

        Raises:
            RuntimeError: the job was not accepted, or it is gone.
        """
        starting = background(self.submit_and_wait())
        try:
            while not (await asyncio.wait({starting}, timeout=self.startup_poll_interval))[0]:
                # Without a number it was stopped: JupyterHub does so when the start takes too long, and goes on.
                if self.submitted and (not self.job_id or await self.gone()) and not starting.done():
                    raise RuntimeError("the job ended before its session was there")
            return starting.result()
        finally:
            starting.cancel()
            await asyncio.wait({starting})

    async def submit_and_wait(self) -> Any:
        """What batchspawner does at a start."""
        return await super().start()

    async def gone(self) -> bool:
        """Whether a job that ran runs no more."""
        return bool(self.state_isrunning()) and await self.query_job_status() is JobStatus.NOTFOUND

    async def submit_batch_script(self) -> Any:
        """Submit the job, and note its number: batchspawner forgets it when the job is gone.

        A start that is given up waits for the number, without which nobody could cancel the job.
        """
        submitting = background(super().submit_batch_script())
        try:
            self.submitted = await asyncio.shield(submitting)
        except asyncio.CancelledError:
            await asyncio.wait({submitting}, timeout=60)
            raise
        return self.submitted

    async def last_words(self) -> str:
        """What the session said last in its log, of the launcher if that did; empty when nobody can tell.

        The hub may not read in a home: the user does, as in all that has to do with the job.
        """
        prefix = format_template(self.exec_prefix, **self.get_req_subvars())
        program = shlex.quote(f"{CENTER['root']}/bin/lego-log")
        for attempt in range(TRIES):
            await asyncio.sleep(attempt * self.startup_poll_interval)
            process = await asyncio.create_subprocess_shell(
                f"{prefix} {program} {shlex.quote(str(self.submitted))}",
                cwd="/",  # the user may not be in a hub's own directory
                env=of_commands(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                said, _ = await asyncio.wait_for(process.communicate(), timeout=15)
            except asyncio.TimeoutError:  # noqa: UP041 - two before Python 3.11
                process.kill()
                return ""
            if words := last(said.decode("utf-8", "replace")):
                return words
        return ""

    async def run_command(self, cmd: str, input: str | None = None, env: dict[str, str] | None = None) -> str:
        """Run a command, with the variables that it needs; see OF_COMMANDS.

        To its end, even when a start is given up: batchspawner kills it then, takes that for a job that is gone, and
        forgets its number; the job would stay in the queue.
        """
        variables = {**of_commands(), **(env or {})}
        return str(await asyncio.shield(background(super().run_command(cmd, input, variables))))

    def cmd_formatted_for_batch(self) -> str:
        """The command that the job runs, quoted for the shell: batchspawner's own only puts spaces between words."""
        bricks = ["-b", self.req_bricks] if self.req_bricks else []
        # what prepares the kernels starts batchspawner's program, which only starts programs in Python
        server = self.cmd.index("jupyterhub-singleuser")
        session = [*self.cmd[:server], self.batchspawner_singleuser_cmd, *self.cmd[server:], *self.get_args()]
        return shlex.join([self.req_launcher, "-c", self.req_profile, *bricks, "--", *session])

    async def _get_batch_script(self, **_variables: Any) -> str:
        """Render the script from our own variables: batchspawner lets user_options replace any, cmd included."""
        variables = {**self.get_req_subvars(), "cmd": self.cmd_formatted_for_batch()}
        return str(await super()._get_batch_script(**variables))


def background(work: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
    """Work that goes on by itself, and whose failure nobody has to ask for."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def of_commands() -> dict[str, str]:
    """The variables of a command of the hub; see OF_COMMANDS."""
    return {name: os.environ[name] for name in OF_COMMANDS if name in os.environ}


def last(text: str) -> str:
    """The last line, or the last of the launcher and its guard if there is one: short, and with nothing unprintable."""
    lines = ["".join(sign for sign in line if sign.isprintable()).strip() for line in text.splitlines()]
    said = [line for line in lines if line]
    ours = [line for line in said if line.startswith(("lego: ", "lego-launch: "))]
    return (ours or said or [""])[-1][:500]


# The log is made private by itself: a umask would reach the session, and its files in shared data with it.
RUN = """\
set -euo pipefail
[ ! -f /dev/stdout ] || chmod go= /dev/stdout
unset XDG_RUNTIME_DIR LD_PRELOAD
{{prologue}}
exec {{cmd}}
"""


# --- Slurm ------------------------------------------------------------------------------------------------------

# --get-user-env, in batchspawner's own script, does not run on Slurm 25.05 or later (jupyterhub/batchspawner#319).
# A second run would be a session that the hub's proxy looks for on the node of the first.
BATCH_SCRIPT = (
    """\
#!/bin/bash
#SBATCH --job-name=jupyter-{{profile}}
#SBATCH --chdir={{homedir}}
#SBATCH --output={{homedir}}/.jupyterhub-%j.log
#SBATCH --export={{keepvars}}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --no-requeue
#SBATCH --time={{runtime}}
{% if partition %}#SBATCH --partition={{partition}}
{% endif %}{% if account %}#SBATCH --account={{account}}
{% endif %}{% if qos %}#SBATCH --qos={{qos}}
{% endif %}{% if reservation %}#SBATCH --reservation={{reservation}}
{% endif %}{% if nprocs %}#SBATCH --cpus-per-task={{nprocs}}
{% endif %}{% if memory %}#SBATCH --mem={{memory}}
{% endif %}{% if gres %}#SBATCH --gres={{gres}}
{% endif %}{% if exclusive %}#SBATCH --exclusive
{% endif %}{% if options %}#SBATCH {{options}}
{% endif %}
"""
    + RUN
)


class LegoSlurmSpawner(Sessions, batchspawner.SlurmSpawner):
    """Sessions as jobs of Slurm."""

    batch_script = Unicode(BATCH_SCRIPT).tag(config=True)
    req_exclusive = Unicode()

    def request(self, profile: dict[str, Any]) -> dict[str, str]:
        """What a profile asks of Slurm."""
        words, gpus = asked("slurm", profile), profile["gpus"]
        return {
            **{key: words.get(key, "") for key in ("partition", "account", "qos", "reservation")},
            "runtime": words["time"],
            "gres": f"{words['gres']}:{gpus['count']}" if gpus else "",
            "nprocs": "" if profile["cpu"] is None else str(-(-profile["cpu"] // 1000)),
            "memory": "" if profile["memory"] is None else f"{profile['memory'] // 1024}K",
            "exclusive": "yes" if words.get("exclusive") else "",
        }
