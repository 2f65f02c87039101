"""How long a session of the Apptainer target takes to start, by its number of bricks.

    python benchmarks/apptainer_bricks.py [--bricks 0,1,5,20] [--rounds 5]

As root on Linux, with the Debian root folder of the end-to-end tests (below .cache/e2e or LEGO_E2E_ROOT; it is made
when it is not there). A centre is compiled with a profile for each number of bricks, its images are materialised
from a registry of this machine, and an ordinary user runs ``lego-launch -c PROFILE -- true``. Rounds are
interleaved: each round runs every profile once, so that a busy machine slows all of them. The median and the least
wall time of each are printed, and what a brick adds to the first row.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for `tests`

from tests.e2e.centre import lego  # noqa: E402
from tests.e2e.docker_centre import Shelf  # noqa: E402
from tests.e2e.hpc_root import HPC, prepare  # noqa: E402
from tests.e2e.images import OURS, PLATFORM, published  # noqa: E402
from tests.e2e.machine import Machine, as_user, entered  # noqa: E402
from tests.images.contents import environment  # noqa: E402
from tests.images.oci import Built, image  # noqa: E402
from tests.labelled import labels  # noqa: E402

BASE = Path(os.environ.get("LEGO_E2E_ROOT") or ROOT / ".cache" / "e2e").resolve()
PLACE, STORE = "/opt/lego/bench", "/scratch/bench/store"
RELEASE = "2026.10"
SPEC = """\
lego: 1
center: bench
title: Sessions with many bricks
catalog: catalog/bench.yaml
system: lab
mirrors: {{registry.example.org: {host}/ours}}
profiles:
{profiles}
targets:
  apptainer: {{versions: {{apptainer: "{version}"}}, root: {root}, store: {store}}}
"""


def brick(name: str) -> Built:
    """A small environment."""
    prefix = f"/opt/bricks/{name}"
    facts = {"name": name, "prefix": prefix, "kernels": [("python3", name, "python")]}
    tree = environment(name, RELEASE, prefix, [{"title": name}], PLATFORM)
    return image({PLATFORM: tree}, labels(facts, title=name), {})


def profile(count: int, default: bool) -> str:
    """Lines of the specification, for a profile of so many bricks."""
    names = ", ".join(map(called, range(count)))
    lines = [f"  p{count}:", f"    title: {count} bricks", f"    bricks: [{names}]"]
    return "\n".join([*lines, "    default: true"] if default else lines)


def called(number: int) -> str:
    """Name of a brick."""
    return f"brick-{number}"


def install(machine: Machine, folder: Path, counts: list[int]) -> None:
    """Publish, catalogue, lock, compile and materialise a centre with a profile for each number of bricks."""
    lab = (f"{OURS}/lab", RELEASE)
    images = {lab: published(machine.root)[lab]}
    images |= {(f"{OURS}/{name}", RELEASE): brick(name) for name in map(called, range(max(counts)))}
    profiles = "\n".join(profile(count, count == counts[0]) for count in counts)
    version = machine.run("root", "apptainer", "version").stdout.strip()
    with machine.network(), Shelf() as shelf:
        for (repository, tag), built in images.items():
            shelf.put(f"ours/{repository.partition('/')[2]}", tag, built, {})
        (folder / "catalog").mkdir()
        (folder / "bench.yaml").write_text(
            SPEC.format(host=shelf.host, profiles=profiles, version=version, root=PLACE, store=STORE)
        )
        every = [f"{repository}:{tag}" for repository, tag in images]
        here = f"registry.example.org={shelf.host}/ours"
        lego(folder, "catalog", "add", *every, "--via", here, "--catalog", "catalog/bench.yaml")
        lego(folder, "lock", "bench.yaml", "--via", "mirror")
        lego(folder, "bench.yaml")
        machine.root.run("install", "-d", "-o", "software", "-g", "software", STORE.rpartition("/")[0])
        machine.bring(folder / "out" / "bench" / "apptainer", PLACE, "software")
        command = as_user("software", (f"{PLACE}/bin/lego-materialize", "--no-https", "--no-try"))
        machine.root.run(*command, timeout=900)


TIMED = """\
import subprocess, sys, time
begun = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.monotonic() - begun)
"""


def measured(machine: Machine, counts: list[int], rounds: int) -> dict[int, list[float]]:
    """Seconds of every round, by number of bricks; a round before the first one warms what can be warm."""
    found: dict[int, list[float]] = {count: [] for count in counts}
    for number in range(rounds + 1):
        for count in counts:
            launch = (f"{PLACE}/bin/lego-launch", "-c", f"p{count}", "--", "/bin/sh", "-c", ":")
            said = machine.run("alice", "python3", "-c", TIMED, *launch).stdout
            if number:
                found[count].append(float(said))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bricks", default="0,1,5,20", help="numbers of bricks")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    counts = [int(each) for each in arguments.bricks.split(",")]
    begun = time.monotonic()
    with entered(BASE, HPC) as machine, tempfile.TemporaryDirectory() as folder:
        prepare(machine)
        install(machine, Path(folder), counts)
        version = machine.run("root", "apptainer", "version").stdout.strip()
        print(f"Apptainer {version}, Linux {os.uname().release}, {os.cpu_count()} cores; user namespaces")
        print(f"(a centre of {max(counts)} bricks was ready after {time.monotonic() - begun:.0f} s)")
        print("| bricks | median | least | more for each brick |")
        print("| ---: | ---: | ---: | ---: |")
        found = measured(machine, counts, arguments.rounds)
        first = statistics.median(found[counts[0]])
        for count in counts:
            median = statistics.median(found[count])
            more = (median - first) / (count - counts[0]) if count > counts[0] else 0
            print(f"| {count} | {median:.2f} s | {min(found[count]):.2f} s | {more * 1000:.0f} ms |")


if __name__ == "__main__":
    main()
