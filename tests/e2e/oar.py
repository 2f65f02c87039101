"""An OAR cluster of one machine: database, server, and the sshd by which the server reaches nodes.

Its nodes are names of this machine. What needs systemd on a node is off: the manager of resources, which confines a
job to its cores and ends what the job leaves behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import CompletedProcess

from tests.e2e.engine import wait
from tests.e2e.machine import ADDRESS, NODE, Job, Machine

NODES = (NODE, "node2")
CORES = 4
"""Of each node. The second node has two GPUs, with two of the cores each."""

PORT = 6666
"""Of the server."""

OVER = ("Terminated", "Error")

_SET = {
    "SERVER_HOSTNAME": "frontend",
    "DB_BASE_PASSWD": "oar",
    "DB_BASE_PASSWD_RO": "oar_ro",
    "SCHEDULER_JOB_SECURITY_TIME": "1",  # seconds between two jobs on a core; 60 otherwise
    "SCHEDULER_MIN_TIME_BETWEEN_2_CALLS": "1",
    "OAREXEC_DEBUG_MODE": "1",
}
_UNSET = "JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD"


def number_of(done: CompletedProcess[str]) -> str:
    """The job that was submitted."""
    return str(re.findall(r"(?m)^OAR_JOB_ID=([0-9]+)$", done.stdout)[-1])


class Oar:
    """The cluster, as its users and its administrator see it.

    Args:
        machine: where it runs.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._services: list[Job] = []

    def start(self) -> None:
        """Make the database, start the services, and wait until the nodes take jobs."""
        run = self.machine.root.run
        hosts = run("cat", "/etc/hosts").stdout
        self.machine.root.write("/etc/hosts", f"{hosts}{ADDRESS} frontend {' '.join(NODES)}\n")
        settings = [rf's/^#?({name})=.*/\1="{value}"/' for name, value in _SET.items()]
        run("sed", "-i", "-E", ";".join([*settings, f"s/^{_UNSET}=/#&/"]), "/etc/oar/oar.conf")
        run("install", "-d", "-o", "postgres", "-g", "postgres", "/run/postgresql")
        run("install", "-o", "oar", "-g", "oar", "-m", "640", "/dev/null", "/var/log/oar.log")
        run("mkdir", "/run/sshd")
        run("sh", "-c", "pg_ctlcluster $(pg_lsclusters --no-header | cut -d' ' -f1-2) start")
        run("oar-database", "--create", "--db-is-local")
        self._services.append(
            self.machine.start("root", "/usr/sbin/sshd", "-D", "-f", "/etc/oar/sshd_config")
        )
        self._start_server()
        self._add_nodes()
        wait(
            lambda: run("oarnodes", "-s").stdout.count("Alive") == CORES * len(NODES), "no nodes", self._said
        )

    def _start_server(self) -> None:
        """Start the server; what is told to it before it listens is lost."""
        self._services.append(self.machine.start("root", "/usr/sbin/Almighty"))
        wait(self._listens, "no server of OAR", self._said)

    def _stop_server(self) -> None:
        """End the server, which is what was started last, and whatever of it listens still."""
        server = self._services.pop()
        if server.code is None:
            server.signal("TERM")
            server.wait()
        wait(lambda: not self._listens(), "the server of OAR listens still", self._said)

    def _listens(self) -> bool:
        return bool(self.machine.root.run("ss", "-Hltn", f"sport = :{PORT}").stdout)

    def _add_nodes(self) -> None:
        run = self.machine.root.run
        run("oarproperty", "-a", "cpu", "-a", "core", "-a", "gpu")
        run("oarproperty", "-c", "-a", "host")
        for number, node in enumerate(NODES):
            for core in range(CORES):
                facts = {
                    "host": node, "cpu": number + 1, "core": number * CORES + core + 1,
                    "gpu": number * (core // 2 + 1), "cpuset": core,
                }  # fmt: skip
                said = [word for name, value in facts.items() for word in ("-p", f"{name}={value}")]
                run("oarnodesetting", "-a", "-h", node, *said)

    def _log(self) -> str:
        return self.machine.root.run("tail", "-n", "60", "/var/log/oar.log", check=False).stdout

    def _said(self) -> str:
        return "\n".join([*(each.output[-2000:] for each in self._services), self._log()])

    def version(self) -> str:
        """As it says itself."""
        return self.machine.root.run("oarstat", "--version").stdout.strip()

    def submit(self, user: str, script: str, *options: str) -> str:
        """Submit a script as somebody does, and return the number of the job."""
        done = self.machine.run(user, "oarsub", *options, "-S", script)
        return number_of(done)

    def show(self, number: str, user: str = "bob") -> str:
        """What OAR says of a job to somebody, also when it has ended."""
        return self.machine.run(user, "oarstat", "-f", "-j", number).stdout

    def state(self, number: str) -> str:
        """The state of a job."""
        return self.facts(number)["state"]

    def facts(self, number: str) -> dict[str, str]:
        """The lines of what OAR says of a job, by name."""
        return dict(re.findall(r"(?m)^    (\w+) = (.*?) *$", self.show(number)))

    def wait(self, number: str, *states: str, patience: float = 180) -> str:
        """Wait until a job is in one of the states; returns it.

        Raises:
            AssertionError: it is not, within so many seconds.
        """
        wait(
            lambda: self.state(number) in states,
            f"job {number} gets none of {states}",
            lambda: f"{self.show(number)}\n{self._said()}",
            patience,
        )
        return self.state(number)

    def jobs(self, user: str) -> list[str]:
        """Numbers of the jobs of a user that are not over."""
        said = self.machine.root.run("oarstat", "-u", user).stdout
        return re.findall(r"(?m)^([0-9]+) ", said)

    def delete(self, user: str, *words: str) -> CompletedProcess[str]:
        """``oardel``, as somebody."""
        return self.machine.run(user, "oardel", *words, check=False)

    def set_state(self, number: str, state: str) -> None:
        """Make the database say so: some states last for too short to be seen."""
        sql = f"UPDATE jobs SET state = '{state}' WHERE job_id = {int(number)}"
        self.machine.root.run("sudo", "-u", "postgres", "psql", "-q", "-d", "oar", "-c", sql)

    @contextmanager
    def without(self, what: str) -> Iterator[None]:
        """Without its server or its database, until the ``with`` ends."""
        if what == "database":
            self._database("stop", "-m", "fast")
            try:
                yield
            finally:
                self._database("start")
                if self._services[-1].code is not None:  # it may end when a part of it had asked the database
                    self._stop_server()
                    self._start_server()
            return
        self._stop_server()
        try:
            yield
        finally:
            self._start_server()

    def _database(self, *words: str) -> None:
        line = "pg_ctlcluster $(pg_lsclusters --no-header | cut -d' ' -f1-2) \"$@\""
        self.machine.root.run("sh", "-c", line, "sh", *words)

    def stop(self) -> None:
        """End the services; their jobs end with the machine."""
        for each in reversed(self._services):
            if each.code is None:
                each.signal("TERM")
                each.wait()
        self._services.clear()
        self._database("stop", "-m", "fast")


@contextmanager
def running(machine: Machine) -> Iterator[Oar]:
    """The cluster, until the ``with`` ends."""
    oar = Oar(machine)
    try:
        oar.start()
        yield oar
    finally:
        oar.stop()
