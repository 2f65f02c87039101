"""A Slurm cluster of one node: controller, node and munge on one machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.engine import wait
from tests.e2e.machine import ADDRESS, NODE, Job, Machine

# Facts about the machine are overridden: more sessions run at once than it has cores.
_CONFIGURATION = """\
ClusterName=e2e
SlurmctldHost={host}({address})
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
CredType=cred/munge
SlurmUser=slurm
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
DefMemPerCPU=500
SchedulerParameters=batch_sched_delay=0
MpiDefault=none
PrivateData=jobs
MinJobAge=300
KillWait=120
MessageTimeout=60
StateSaveLocation=/run/slurm/state
SlurmdSpoolDir=/run/slurm/spool
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
NodeName={node} NodeHostname={host} NodeAddr={address} CPUs=16 RealMemory=16000 State=UNKNOWN
PartitionName=interactive Nodes={node} Default=YES MaxTime=12:00:00 State=UP
PartitionName=fat Nodes={node} MaxTime=02:00:00 State=UP
"""


class Slurm:
    """The cluster, as its users and its administrator see it.

    Args:
        machine: where it runs.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._services: list[Job] = []

    def start(self) -> None:
        """Start the services, and wait until the node takes jobs."""
        machine, host = self.machine, os.uname().nodename
        machine.root.write(
            "/etc/slurm/slurm.conf", _CONFIGURATION.format(host=host, node=NODE, address=ADDRESS)
        )
        for owner, *places in (("munge", "/run/munge"), ("slurm", "/run/slurm", "/run/slurm/state")):
            machine.root.run("install", "-d", "-m", "755", "-o", owner, "-g", owner, *places)
        for user, *words in (
            ("munge", "munged", "--foreground"),
            ("slurm", "slurmctld", "-D"),
            ("root", "slurmd", "-D", "-N", NODE),
        ):
            become = ("setpriv", "--reuid", user, "--regid", user, "--init-groups")
            self._services.append(machine.start("root", *become, *words))
            if user == "munge":
                wait(
                    lambda: not machine.root.run("munge", "-n", check=False).returncode,
                    "no munge",
                    self._said,
                )
        idle = ("sinfo", "--noheader", "--format", "%T")
        wait(lambda: "idle" in machine.root.run(*idle, check=False).stdout, "no node of Slurm's", self._said)

    def _said(self) -> str:
        return "\n".join(each.output[-2000:] for each in self._services)

    def version(self) -> str:
        """As it says itself."""
        return self.machine.root.run("sinfo", "--version").stdout.strip()

    def jobs(self, user: str) -> list[str]:
        """Numbers of the jobs of a user that wait or run."""
        return self.machine.root.run("squeue", "--noheader", "--user", user, "--format", "%A").stdout.split()

    def job(self, number: str, user: str = "root") -> dict[str, str]:
        """What Slurm says of a job to a user, also when it has ended."""
        said = self.machine.run(user, "scontrol", "show", "job", "--details", number).stdout
        return dict(re.findall(r"(\S+?)=(\S*)", said))

    def stop(self) -> None:
        """Cancel every job, and end the services."""
        self.machine.root.run("sh", "-c", "scancel --full --signal=KILL $(squeue -h -o %A); true")
        for each in reversed(self._services):
            if each.code is None:
                each.signal("TERM")
                each.wait()
        self._services.clear()


@contextmanager
def running(machine: Machine) -> Iterator[Slurm]:
    """The cluster, until the ``with`` ends."""
    slurm = Slurm(machine)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
