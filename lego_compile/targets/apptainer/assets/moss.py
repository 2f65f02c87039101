# Compiled by lego-compile from the centre specification: edit that, not this file.
"""The form of jupyterhub_moss 10.1, with the profiles of the centre as its environments. The same for every centre.

Users choose partition, cores, memory, GPUs and time up to those of the profile; a profile is in the partition that the
centre gives it. What else the form sends is refused: an environment of one's own, and options of sbatch, both of which
jupyterhub_moss pastes into the job's script (silx-kit/jupyterhub_moss:jupyterhub_moss/{spawner.py,batch_script.sh}
@v10.1.0). Its list has no bricks to tick: who wants more of them starts ``lego-launch -b`` in a terminal.
"""

from __future__ import annotations

import re
import shlex
from types import SimpleNamespace
from typing import Any

import choice  # these two lie beside this file
import jobs
import jupyterhub_moss
from jupyterhub_moss import MOSlurmSpawner
from jupyterhub_moss.models import UserOptions
from jupyterhub_moss.utils import parse_timelimit
from pydantic import ValidationError

set_config = jupyterhub_moss.set_config

OF_USERS = ("environment_id", "partition", "nprocs", "memory", "ngpus", "runtime", "default_url", "root_dir")
"""What the form may say; the others are derived, or not a user's to say."""

# The form puts texts into HTML and into a quoted text of JavaScript, and escapes them for neither.
SHOWN = str.maketrans(
    {"'": "\u2019", '"': "\u201d", "<": "\u2039", ">": "\u203a", "\\": "\u2216", "`": "\u2018"}
)

UNITS = {
    "": 1024,
    "K": 1,
    "M": 1024,
    "G": 1024**2,
    "T": 1024**3,
}  # KiB; Slurm's memory without a unit is in MiB


def shown(text: str) -> str:
    """A text as the form can show it: quotes and brackets are others that look alike."""
    return " ".join(text.translate(SHOWN).split()) or "?"


def path(profile: dict[str, Any]) -> str:
    """Where jupyterhub_moss finds the programs of a profile."""
    return f"{jobs.CENTER['root']}/moss/{profile['slug']}/bin/"


def seconds(time: str) -> int:
    """Of a time that the centre says: hours:minutes:seconds, maybe after days and a hyphen."""
    days, _, clock = time.rpartition("-")
    hours, minutes, rest = map(int, clock.split(":"))
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + rest


def partitions() -> dict[str, dict[str, Any]]:
    """``MOSlurmSpawner.partitions``: what is null, jupyterhub_moss asks Slurm for."""
    found: dict[str, list[dict[str, Any]]] = {}
    for profile in jobs.CENTER["profiles"]:
        found.setdefault(jobs.asked("slurm", profile)["partition"], []).append(profile)
    return {name: partition(profiles) for name, profiles in found.items()}


def partition(profiles: list[dict[str, Any]]) -> dict[str, Any]:
    """A partition with the profiles that are in it; its limits are those of the largest of them."""
    asked = [(jobs.asked("slurm", profile), profile) for profile in profiles]
    cores = [profile["cpu"] for profile in profiles]
    gpus = [(words["gres"], profile["gpus"]["count"]) for words, profile in asked if profile["gpus"]]
    longest = max((words["time"] for words, _ in asked), key=seconds)
    return {
        "description": ", ".join(shown(profile["title"]) for profile in profiles),
        "architecture": f"up to {longest}",  # a text that the form shows in brackets after the description
        "gpu": gpus[0][0] + ":{}" if gpus else "",  # empty: none can be asked for
        "max_ngpus": max((count for _, count in gpus), default=0),
        "max_nprocs": None if None in cores else max(-(-each // 1000) for each in cores),
        "max_runtime": seconds(longest),
        "simple": True,
        "jupyter_environments": {
            profile["slug"]: {
                "description": shown(profile["title"]),
                "path": path(profile),
                "add_to_path": False,
            }
            for profile in profiles
        },
    }


class LegoMOSlurmSpawner(jobs.LegoSlurmSpawner, MOSlurmSpawner):
    """Starts sessions of the profiles from the form of jupyterhub_moss, and nothing else, whatever the request says."""

    async def _get_partitions_info(self) -> Any:
        """Partitions and environments as the form shows them, without those that are not for this user."""
        mine = {profile["slug"] for profile in jobs.CHOICES.permitted(self)}
        if not mine:
            raise choice.refusal(403, "no profile of this hub is open to you")
        try:
            known = await super()._get_partitions_info()
        except KeyError as error:
            raise choice.refusal(503, f"Slurm has no partition {error}") from error
        found = {}
        for name, info in known.items():
            environments = {slug: each for slug, each in info.jupyter_environments.items() if slug in mine}
            if environments:
                found[name] = info.model_copy(update={"jupyter_environments": environments})
        return found

    @staticmethod
    async def create_options_form(spawner: Any) -> str:
        """The form; jupyterhub_moss asks a request where the hub is, and JupyterHub 5.3 shows it again without one."""
        spawner.handler = spawner.handler or SimpleNamespace(hub=spawner.hub)
        return str(await MOSlurmSpawner.create_options_form(spawner))

    async def options_from_form(self, formdata: dict[str, list[str]]) -> dict[str, Any]:
        """What the form says, read as jupyterhub_moss reads it; ``choose`` refuses what is not a user's to say."""
        said = UserOptions.parse_formdata(formdata).model_dump()
        foreign = ("environment_path", "environment_modules", "options", "reservation")
        return {
            key: said[key] for key in (*OF_USERS, *(key for key in foreign if said[key])) if said[key] != ""
        }

    def choose(self, options: Any) -> None:
        """Make the job the one that options stand for.

        Raises:
            HTTPError: 400 for what is not a user's to say, or more than the profile has.
        """
        said = understood(options)
        super().choose({"profile": said.environment_id or self.usual(said.partition)})
        (profile,) = (each for each in jobs.CENTER["profiles"] if each["slug"] == self.req_profile)
        if said.partition not in ("", self.req_partition):
            raise choice.refusal(400, f"this profile is in partition {self.req_partition}")
        given = said.model_fields_set
        if "nprocs" in given:
            self.req_nprocs = within(said.nprocs, self.req_nprocs or "1000000", "cores")
            self.cpu_limit = float(said.nprocs)
        if said.memory:
            wanted = kibibytes(said.memory)
            self.req_memory = within(wanted, self.req_memory.rstrip("K"), "KiB of memory") + "K"
            self.mem_limit = wanted * 1024
        if "ngpus" in given:
            count = profile["gpus"]["count"] if profile["gpus"] else 0
            within(said.ngpus, str(count), "GPUs")
            gres = jobs.asked("slurm", profile)["gres"]
            self.req_gres = f"{gres}:{said.ngpus}" if said.ngpus else ""
        if said.runtime:
            # As the form shows it: to Slurm, "30" and "30:00" would be minutes, and zero no limit at all.
            wanted = int(parse_timelimit(said.runtime).total_seconds())
            if not wanted:
                raise choice.refusal(400, "a session lasts longer than that")
            within(wanted, str(seconds(self.req_runtime)), "seconds")
            self.req_runtime = f"{wanted // 3600:02}:{wanted // 60 % 60:02}:{wanted % 60:02}"
        self.default_url, self.notebook_dir = said.default_url, said.root_dir

    def usual(self, name: str) -> str:
        """The profile that is meant when none is named: of a partition, if one is."""
        mine = {profile["slug"]: profile for profile in jobs.CHOICES.permitted(self)}
        there = {
            slug: each for slug, each in mine.items() if name in ("", jobs.asked("slurm", each)["partition"])
        }
        return choice.default(there or mine) if mine else ""

    def cmd_formatted_for_batch(self) -> str:
        """The command that the job runs, by the programs where jupyterhub_moss looks for them."""
        (profile,) = (each for each in jobs.CENTER["profiles"] if each["slug"] == self.req_profile)
        program, server = f"{path(profile)}batchspawner-singleuser", self.cmd.index("jupyterhub-singleuser")
        if server:  # what prepares the kernels starts both programs in the session
            words = [*self.cmd[:server], "batchspawner-singleuser", "jupyterhub-singleuser"]
        else:
            words = [f"{path(profile)}jupyterhub-singleuser"]
        return shlex.join([program, *words, *self.cmd[server + 1 :], *self.get_args()])

    async def submit_and_wait(self) -> Any:
        """What batchspawner does at a start; jupyterhub_moss would first take its environment from the options."""
        return await super(MOSlurmSpawner, self).start()


def understood(options: Any) -> UserOptions:
    """Options by the rules of jupyterhub_moss, and none that is not a user's to say.

    Raises:
        HTTPError: 400 for anything else.
    """
    if not isinstance(options, dict):
        raise choice.refusal(400, "the options are not those of the form")
    for key in options:
        if key not in OF_USERS:
            what = key if key in UserOptions.model_fields else "such option"
            raise choice.refusal(400, f"this hub starts its own profiles alone, and takes no {what}")
    try:
        said = UserOptions.model_validate({"partition": "", **options})
        if said.runtime:
            parse_timelimit(said.runtime)
    except (ValidationError, ValueError, OverflowError) as error:
        raise choice.refusal(400, "the options are not those of the form") from error
    # JupyterHub fills in templates that stand there.
    if re.search(r"[{}\x00-\x1f]", said.default_url + said.root_dir):
        raise choice.refusal(400, "the options are not those of the form")
    return said


def within(wanted: int, most: str, what: str) -> str:
    """A number that is asked for, if it is not more than the profile has; empty stands for no limit.

    Raises:
        HTTPError: 400 when it is.
    """
    if most and wanted > int(most):
        raise choice.refusal(400, f"this profile has {most} {what}, and not {wanted}")
    return str(wanted)


def kibibytes(memory: str) -> int:
    """Of memory as the form says it.

    Raises:
        HTTPError: 400 for none, which is all that a node has.
    """
    match = re.fullmatch(r"([0-9]{1,12})([KMGT]?)", memory)
    wanted = int(match[1]) * UNITS[match[2]] if match else 0
    if not wanted:
        raise choice.refusal(400, "say how much memory the session may use, or nothing")
    return wanted
