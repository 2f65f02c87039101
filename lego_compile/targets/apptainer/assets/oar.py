# Compiled by lego-compile from the centre specification: edit that, not this file.
"""Sessions as jobs of OAR, for which batchspawner has no spawner. The same file for every centre.

What OAR prints and does here was seen with 2.6.1.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from typing import Any

import batchspawner
import jobs  # it lies beside this file
from batchspawner.batchspawner import JobStatus, format_template
from traitlets import List, Unicode

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATIENCE = 15  # seconds that a session has to end when it is asked to, and when it is killed
TRIES = 3  # to kill a job: an oardel that OAR's server did not hear, because it was restarting, is lost

# The value of a directive is the rest of its line, as it stands. Nothing here is secret: OAR shows it to everybody.
# The job's variables are written into the script by lego-oarsub, which also says where the job starts: in the home.
# OAR kills at the end of the walltime, so the launcher is asked to end, and to clean up, one minute before.
BATCH_SCRIPT = (
    """\
#!/bin/bash
#OAR -n jupyter-{{profile}}
#OAR -O {{homedir}}/.jupyterhub-%jobid%.log
#OAR -E {{homedir}}/.jupyterhub-%jobid%.log
#OAR -l {{resources}},walltime={{runtime}}
#OAR --checkpoint 60
#OAR --signal 15
{% if queue %}#OAR -q {{queue}}
{% endif %}{% if project %}#OAR --project {{project}}
{% endif %}{% if properties %}#OAR -p {{properties}}
{% endif %}{% for type in types %}#OAR -t {{type}}
{% endfor %}{% if options %}#OAR {{options}}
{% endif %}
"""
    + jobs.RUN
)


class LegoOarSpawner(jobs.Sessions, batchspawner.BatchSpawnerRegexStates):
    """Sessions as jobs of OAR."""

    req_project = Unicode()
    req_properties = Unicode()
    req_resources = Unicode()
    req_types = List(Unicode())

    batch_script = Unicode(BATCH_SCRIPT).tag(config=True)
    batch_submit_cmd = Unicode(f"{shlex.quote(jobs.CENTER['root'] + '/bin/lego-oarsub')} {{keepvars}}").tag(
        config=True
    )
    batch_query_cmd = Unicode("oarstat -f -j {job_id}").tag(config=True)
    batch_cancel_cmd = Unicode("oardel {job_id}").tag(config=True)
    # A session that is suspended goes on some day. What is not here is over, or about to be: Terminated, Finishing,
    # Error, toError. Of a job that it does not know any more, oarstat says nothing, and that it has failed otherwise.
    state_pending_re = Unicode(
        r"(?m)^    state = (?:Waiting|Hold|toLaunch|toAckReservation|Launching|Suspended|Resuming)$"
    ).tag(config=True)
    state_running_re = Unicode(r"(?m)^    state = Running$").tag(config=True)
    state_exechost_re = Unicode(r"(?m)^    assigned_hostnames = ([^\s+]+)").tag(config=True)
    state_unknown_re = Unicode(r"\A(?!Job_Id: )").tag(config=True)

    def request(self, profile: dict[str, Any]) -> dict[str, Any]:
        """What a profile asks of OAR, which counts cores and GPUs, and no memory; a GPU comes with its cores."""
        words, gpus = jobs.asked("oar", profile), profile["gpus"]
        part = f"/gpu={gpus['count']}" if gpus else f"/core={-(-(profile['cpu'] or 1) // 1000)}"
        return {
            **{key: words.get(key, "") for key in ("queue", "project", "properties")},
            "types": words.get("types", []),
            "resources": "/nodes=1" if words.get("exclusive") else f"/nodes=1{part}",
            "runtime": words["time"],
        }

    def get_req_subvars(self) -> dict[str, Any]:
        """Variables of scripts and commands; a shell reads the names of the job's own ones, so they are only names.

        The hub's PATH is not passed on: nodes have their own.
        """
        variables: dict[str, Any] = super().get_req_subvars()
        names = {name for name in variables["keepvars"].split(",") if VARIABLE.fullmatch(name)}
        return {**variables, "keepvars": ",".join(sorted(names - {"PATH"}))}

    def parse_job_id(self, output: str) -> str:
        """The number that oarsub prints on a line of its own, after what the site's admission rules say."""
        found = re.search(r"(?m)^OAR_JOB_ID=([0-9]+)$", output)
        return found[1] if found else ""

    async def cancel_batch_job(self) -> None:
        """End the job: kindly, and then at once. oardel kills every process, and no launcher cleans up after itself.

        Raises:
            RuntimeError: OAR did not take the command, the last time too, and the job is not over.
        """
        if not self.job_id:
            return
        if await self.query_job_status() is JobStatus.RUNNING and await self.ended_kindly():
            return
        problem = None
        for _ in range(TRIES):
            problem = await self.refused()
            if await self.ended():
                return
        if problem:
            raise problem

    async def refused(self) -> RuntimeError | None:
        """Delete the job, and return why that failed: the job may be over, or being deleted, and its end be near."""
        try:
            await super().cancel_batch_job()
        except RuntimeError as error:
            self.log.warning("Job %s cannot be deleted: %s", self.job_id, error)
            return error
        return None

    async def ended_kindly(self) -> bool:
        """Whether the job has ended because it was asked to."""
        variables = {**self.get_req_subvars(), "job_id": self.job_id}
        words = (self.exec_prefix, "oardel -s TERM {job_id}")
        try:
            await self.run_command(" ".join(format_template(each, **variables) for each in words))
        except RuntimeError as error:
            self.log.warning("Job %s cannot be asked to end: %s", self.job_id, error)
            return False
        return await self.ended()

    async def ended(self) -> bool:
        """Whether the job is over, now or soon."""
        for _ in range(PATIENCE):
            if await self.query_job_status() is JobStatus.NOTFOUND:
                return True
            await asyncio.sleep(1)
        return False
