"""Edits of ``compose.yaml`` whose meaning only shows once Docker Compose has normalised it: lift objects to them.

The judge is Compose: an edit that our lift is silent about has to be one that changes nothing in Compose's model.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lego_compile.targets.compose import TARGET
from tests.conformance.compose_model import Tree, from_model
from tests.conformance.compose_samples import CHOSEN, SAMPLES
from tests.conformance.composes import INSTALLED, LAB, VERSIONS, ask, install
from tests.thorough import EXAMPLES

SAMPLE = "oauth"
GOLDEN = SAMPLES[SAMPLE]
TEXT = GOLDEN["compose.yaml"].decode()
REFUSED = "refused"


def silent(files: dict[str, bytes], sample: str = SAMPLE) -> bool:
    """Whether our lift finds exactly what was compiled."""
    lifted = TARGET.lift(files)
    return (lifted.deployment, lifted.options, lifted.complaints) == (*CHOSEN[sample], ())


def meaning(version: str, folder: Path, text: str, file: str = "compose.yaml") -> Tree | str:
    """What Compose makes of a file with another text, or that it refuses it or has something to remark."""
    folder.joinpath(file).write_bytes(text.encode())
    done = ask(version, folder, "--file", file, "--profile", "*", "config", "--format", "json")
    if done.returncode or done.stderr:
        return REFUSED
    facts = from_model(version, json.loads(done.stdout), folder)
    for service in facts["services"].values():
        # Where there is a digest, nobody looks at the tag (moby/moby:daemon/containerd/image.go, resolveImage).
        service["image"] = re.sub(r":[^:/@]+@", "@", service["image"])
    return facts


def swap(old: str, new: str, text: str = TEXT) -> str:
    """The text with another line in the place of one."""
    assert old in text
    return text.replace(old, new, 1)


PORT = '      - target: 80\n        published: "80"\n        protocol: tcp\n'
VOLUME = "      - type: volume\n        source: hub-data\n        target: /srv/jupyterhub\n"
EDGE, HUB = "  edge:\n", "  hub:\n"
INIT = "    init: true\n"
CAPS = "    cap_drop:\n      - ALL\n"
NETWORKS = "    networks:\n      - control\n      - engine\n      - users\n"
EVIL = "services:\n  hub:\n    privileged: true\n"

ANOTHER: dict[str, str] = {
    "a short port": swap(PORT, '      - "8080:80"\n'),
    "a port of one address": swap(PORT, '      - "127.0.0.1:80:80"\n'),
    "a port more": swap(PORT, f'{PORT}      - "2019:2019"\n'),
    "a range of ports": swap('published: "80"', 'published: "80-90"'),
    "a short volume of the host": swap(VOLUME, f"{VOLUME}      - /:/host\n"),
    "a short volume, read-only": swap(VOLUME, "      - hub-data:/srv/jupyterhub:ro\n"),
    "the socket in the hub": swap(VOLUME, f"{VOLUME}      - /var/run/docker.sock:/var/run/docker.sock\n"),
    "the network with an alias": swap(
        NETWORKS,
        "    networks:\n      control:\n      engine:\n      users:\n        aliases: [proxy]\n",
    ),
    "the network of the host": swap(NETWORKS, "    network_mode: host\n"),
    "a network more": swap(NETWORKS, "    networks:\n      - control\n      - edge\n      - engine\n      - users\n"),
    "control is open": swap("    internal: true\n", "    internal: false\n"),
    "another network of the same name": swap("  edge: {}\n", "  edge:\n    name: lego-grenoble-users\n"),
    "a network of somebody else": swap("  edge: {}\n", "  edge:\n    external: true\n"),
    "a merge key": swap("services:\n", "x-all: &all\n  privileged: true\nservices:\n").replace(
        HUB, f"{HUB}    <<: *all\n"),
    "an anchor for two places": swap(CAPS, "    cap_drop: &caps\n      - ALL\n").replace(
        "    cap_add:\n      - NET_BIND_SERVICE\n", "    cap_add: *caps\n"),
    "extends": swap(HUB, "  other:\n    image: x\n    privileged: true\n    profiles: [never]\n"
                    f"{HUB}    extends:\n      service: other\n"),
    "include": swap("services:\n", "include:\n  - other.yaml\nservices:\n"),
    "a reset": swap(CAPS, "    cap_drop: !reset []\n"),
    "an empty default": swap("lego-grenoble-users", "lego-grenoble-${NONE:-users}x"),
    "a variable in a name": swap("name: lego-grenoble\n", "name: lego-${NONE:-other}\n"),
    "a variable in an image": swap("/caddy:", "/${IMAGE:-caddy}/caddy:"),
    "a variable in a number": swap("pids_limit: 512", "pids_limit: ${PIDS:-0}"),
    "a variable in replicas": swap("replicas: 0", "replicas: ${COPIES:-1}"),
    "a variable in a path": swap('"./Caddyfile"', '"${PWD:-.}/other"'),
    "a dollar more": swap("vre.grenoble.example.org", "vre.$$grenoble.example.org"),
    "a dollar alone": swap("vre.grenoble.example.org", "vre$ example"),
    "profiles": swap(HUB, f"{HUB}    profiles: [never]\n"),
    "a second document": f"{TEXT}---\n{EVIL}",
    "a document before it": f"{EVIL}---\n{TEXT}",
    "replicas by scale": swap("    deploy:\n      replicas: 0\n", "    scale: 1\n"),
    "two replicas": swap("      replicas: 0\n", "      replicas: 2\n"),
    "deploy for nothing": swap("    deploy:\n      replicas: 0\n", "    deploy: {}\n"),
    "privileges": swap(HUB, f"{HUB}    privileged: true\n"),
    "processes of the host": swap(HUB, f"{HUB}    pid: host\n"),
    "no confinement": swap("      - no-new-privileges:true\n", "      - no-new-privileges:false\n"),
    "another capability": swap("      - NET_BIND_SERVICE\n", "      - NET_BIND_SERVICE\n      - SYS_ADMIN\n"),
    "more memory": swap('mem_limit: "512m"', 'mem_limit: "512g"'),
    "memory of another key": swap(
        '    mem_limit: "512m"\n',
        "    deploy:\n      resources:\n        limits:\n          memory: 1g\n          pids: 512\n"),
    "a device": swap(HUB, f"{HUB}    devices:\n      - /dev/kmsg\n"),
    "a variable of the shell": swap("      DOCKER_HOST: tcp://docker-api:2375\n",
                                    "      DOCKER_HOST: tcp://docker-api:2375\n      PYTHONPATH:\n"),
    "a file of variables": swap(EDGE, f"{EDGE}    env_file: [env.example]\n"),
    "an entry point": swap(HUB, f"{HUB}    entrypoint: [sh, -c, id]\n"),
    "another command": swap("    command:\n      - jupyterhub\n", "    command:\n      - sh\n"),
    "a secret in another place": swap("      - oauth_client_secret\n",
                                      "      - source: oauth_client_secret\n        target: /etc/shadow\n"),
    "a secret of the environment": swap('    file: "./secrets/oauth_client_secret"\n', "    environment: HOME\n"),
    "a config with a text": swap('    file: "./Caddyfile"\n', "    content: ':80'\n"),
    "a config of the host": swap('    file: "./Caddyfile"\n', "    file: /etc/passwd\n"),
    "a volume of the host": swap("  hub-data: {}\n",
                                 "  hub-data:\n    driver_opts: {type: none, o: bind, device: /}\n"),
    "a volume with a name": swap("  hub-data: {}\n", "  hub-data:\n    name: other\n"),
    "the dependency on the proxy is started only": swap(
        "        condition: service_healthy", "        condition: service_started"),
    "a dependency that is not required": swap(
        "condition: service_started\n", "condition: service_started\n        required: false\n"),
    "a check that is off": swap(
        "    healthcheck:\n      test:\n        - CMD\n",
        "    healthcheck:\n      disable: true\n      test:\n        - CMD\n"),
    "slower checks": swap('interval: "30s"', 'interval: "30m"'),
    "a socket that may be written": swap("        read_only: true\n", "        read_only: false\n"),
    "a socket that is made": swap("          create_host_path: false\n", "          create_host_path: true\n"),
    "no pull policy": swap("    pull_policy: missing\n", ""),
    "always pulled": swap("pull_policy: missing", "pull_policy: always"),
    "an image of another digest": swap("@sha256:1", "@sha256:0"),
    "an image by its tag": re.sub(r"(/caddy:[0-9.]+)@sha256:[0-9a-f]+", r"\1", TEXT, count=1),
    "a build": swap(HUB, f"{HUB}    build: .\n"),
    "a service more": swap(HUB, f"  more:\n    image: x@sha256:{'0' * 64}\n{HUB}"),
    "a label more": swap("    labels:\n", "    labels:\n      traefik.enable: 'true'\n"),
    "another label": swap("org.lego.config-sha256", "org.lego.config-sha512"),
    "a log that grows": swap("max-size", "max-sizes"),
    "an init of text": swap(INIT, '    init: "false"\n'),
    "no init": swap(INIT, ""),
    "a restart of a boolean": swap("    restart: unless-stopped\n", "    restart: no\n"),
    "a start that nobody waits for": swap("stop_grace_period: \"30s\"", "stop_grace_period: 1s"),
    "a line break in the certificate's words": swap(
        "LEGO_TLS: /run/secrets/tls_certificate /run/secrets/tls_key",
        "LEGO_TLS: |\n        /run/secrets/tls_certificate\n        /run/secrets/tls_key"),
    "a pre-started command": swap(HUB, f"{HUB}    post_start:\n      - command: [id]\n        privileged: true\n"),
}  # fmt: skip
"""Edits after which Compose sees another project."""

REFUSALS: dict[str, str] = {
    "a merge key in quotes": swap(HUB, f'{HUB}    "<<":\n      privileged: true\n'),
    "a variable without braces": swap("vre.grenoble.example.org", "$NONE.example.org"),
    "a key twice": swap(INIT, f"{INIT}{INIT}"),
    "a service twice": f"{TEXT}services:\n  hub:\n    privileged: true\n",
    "a key in another case": swap(INIT, "    Init: true\n"),
    "a heading in another case": swap("services:\n", "Services:\n"),
    "a key of nobody": swap(HUB, f"{HUB}    priviliged: true\n"),
    "a file that is not there": swap("services:\n", "include:\n  - missing.yaml\nservices:\n"),
    "a version": f'version: "3"\n{TEXT}',
    "an alias of nothing": swap("    cap_drop:\n      - ALL\n", "    cap_drop: *none\n"),
    "a variable of nobody": swap("vre.grenoble.example.org", "${NONE}"),
    "a network of nobody": swap("      - engine\n      - users\n", "      - engine\n      - user\n"),
    "two ways to be without a network": swap(
        "    network_mode: none\n", "    network_mode: none\n    networks: [edge]\n"),
    "a list as a mapping": swap("  hub-data: {}\n", "  - hub-data\n"),
    "a tab": swap(INIT, "\tinit: true\n"),
    "a number of text": swap("retries: 4", "retries: four"),
    "a byte order mark within": swap("  caddy-data: {}", "\ufeff caddy-data: {}"),
}  # fmt: skip
"""Edits after which Compose stops, or warns."""

SAME: dict[str, str] = {
    "comments": TEXT.replace("\n", "  # a comment\n", 1),
    "flow style": swap(CAPS, "    cap_drop: [ALL]\n"),
    "other quotes": swap('"80"', "'80'"),
    "quotes more": swap("restart: unless-stopped", 'restart: "unless-stopped"'),
    "an escape": swap("unless-stopped", '"unless\\x2dstopped"'),
    "a folded text": swap(
        "LEGO_HOST: vre.grenoble.example.org", "LEGO_HOST: >-\n        vre.grenoble.example.org"),
    "blank lines": TEXT.replace("services:\n", "\n\nservices:\n\n"),
    "a marker of the document": f"---\n{TEXT}",
    "line ends of Windows": TEXT.replace("\n", "\r\n"),
    "another tag, by the same digest": re.sub(r"(/brick-[a-z-]+:)[^@]+@", r"\1other@", TEXT, count=1),
    "True": swap(INIT, "    init: True\n"),
    "short ports that mean the same": swap(PORT, '      - "80:80"\n'),
    "a volume in one line": swap(VOLUME, "      - hub-data:/srv/jupyterhub\n"),
    "networks as a mapping": swap(NETWORKS, "    networks:\n      control:\n      engine:\n      users:\n"),
    "an extension": f"x-note: of ours\n{TEXT}",
    "labels as a list": re.sub(r"(    labels:\n)      (org.lego.config-sha256): \"?([0-9a-f]+)\"?\n",
                               r"\1      - \2=\3\n", TEXT, count=1),
    "variables as a list": swap("      LEGO_HOST: vre.grenoble.example.org\n      LEGO_TLS: ",
                                "      - LEGO_HOST=vre.grenoble.example.org\n      - LEGO_TLS="),
    "a test in another unit": swap('interval: "30s"', 'interval: "0h0m30s"'),
    "a size in another unit": swap('mem_limit: "512m"', "mem_limit: 536870912"),
    "a command as text": swap(
        '    command:\n      - jupyterhub\n      - "-f"\n      - /etc/jupyterhub/jupyterhub_config.py\n',
        "    command: jupyterhub -f '/etc/jupyterhub/jupyterhub_config.py'\n"),
    "an anchor of nobody": swap(CAPS, "    cap_drop: &caps\n      - ALL\n"),
    "a merge of nothing": swap(HUB, f"{HUB}    <<: {{}}\n"),
    "an empty network": swap("  edge: {}\n", "  edge:\n"),
    "a secret at its place": swap("      - oauth_client_secret\n", "      - source: oauth_client_secret\n"),
    "a number of a port as a text": swap("target: 80\n", 'target: "80"\n'),
    "a tag of YAML": swap("    init: true\n", "    init: !!bool true\n"),
}  # fmt: skip
"""Edits that change nothing; our lift may be silent about them, and is about the first ones."""

READ_ALIKE = list(SAME)[:11]
EDITS = {**ANOTHER, **REFUSALS, **SAME}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as an operator has it, with a file beside it that an edit names."""
    other = b"services:\n  other:\n    image: x\n"
    return install(tmp_path_factory.mktemp("damage"), {**GOLDEN, "other.yaml": other})


@pytest.fixture(scope="module")
def unharmed(folder: Path) -> Callable[[str], Tree]:
    """Version → what Compose makes of the file as it was written."""
    known: dict[str, Any] = {}

    def of(version: str) -> Tree:
        if version not in known:
            known[version] = meaning(version, folder, TEXT)
            assert known[version] != REFUSED
        facts: Tree = known[version]
        return facts

    return of


def test_the_sample_is_silent() -> None:
    """Without an edit there is nothing to object to, and every edit is one."""
    assert silent(GOLDEN)
    assert [name for name, text in EDITS.items() if text == TEXT] == []
    assert len(EDITS) == len(ANOTHER) + len(REFUSALS) + len(SAME)


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_what_it_says(name: str, folder: Path, unharmed: Callable[[str], Tree]) -> None:
    """The newest Compose sees another project, refuses it, or sees the same one: so the tables prove something."""
    found = meaning(INSTALLED, folder, EDITS[name])
    kind = REFUSED if found == REFUSED else "the same" if found == unharmed(INSTALLED) else "another"
    assert kind == (REFUSED if name in REFUSALS else "the same" if name in SAME else "another")


@pytest.mark.parametrize("name", EDITS)
def test_nothing_that_matters_is_passed_over(name: str) -> None:
    """Our lift objects to every edit that changes or breaks the project."""
    quiet = silent({**GOLDEN, "compose.yaml": EDITS[name].encode()})
    assert not quiet or name in SAME
    assert quiet or name not in READ_ALIKE


def test_a_token_that_everybody_knows_is_noticed() -> None:
    """A default in the place of the message shows in no model as long as .env sets the variable, and is noticed."""
    for weak in (":-known", "-known", "?", "+"):
        text = swap("${CONFIGPROXY_AUTH_TOKEN:?", f"${{CONFIGPROXY_AUTH_TOKEN{weak}")
        assert not silent({**GOLDEN, "compose.yaml": text.encode()})


@pytest.mark.parametrize("version", VERSIONS)
def test_silence_means_the_same(version: str, folder: Path, unharmed: Callable[[str], Tree]) -> None:
    """In every version, what our lift is silent about is the same project to Compose."""
    quiet = [name for name, text in EDITS.items() if silent({**GOLDEN, "compose.yaml": text.encode()})]
    assert [name for name in quiet if meaning(version, folder, EDITS[name]) != unharmed(version)] == []


SLIPS = 8 * EXAMPLES
"""As many as the properties have examples, and some."""

ODD = ["\u00a0", "\u2028", "\u0085", "\ufeff", "\x0c", "\r", "\t", "#", " #", ": ", "- ", "'", '"', "&a ",
       "*a", "!!str ", "!reset ", "<<: ", "0", "e", "~", "$", "$$", "|", "{}",
       "[]", "---\n", "...\n", "? ", "\\\n"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sample", "file"), [("oauth", "compose.yaml"), ("volume", LAB), ("podman, baked", "compose.yaml")]
)
def test_silence_means_the_same_for_any_slip(sample: str, file: str, tmp_path: Path) -> None:
    """The same for slips of the hand anywhere in a file: signs put in, lines lost, doubled or quoted otherwise."""
    files = SAMPLES[sample]
    install(tmp_path, files)
    text = files[file].decode()
    unharmed, slips, quiet = meaning(INSTALLED, tmp_path, text, file), random.Random(7), []
    for _ in range(SLIPS):
        other = slipped(text, slips)
        if other != text and silent({**files, file: other.encode()}, sample):
            quiet.append(other)
    assert len(quiet) >= 5
    assert [each for each in quiet[:20] if meaning(INSTALLED, tmp_path, each, file) != unharmed] == []


def slipped(text: str, slips: random.Random) -> str:
    """The text with one slip."""
    lines = text.splitlines(keepends=True)
    at = slips.randrange(len(lines))
    line = lines[at]
    match slips.randrange(6):
        case 0 | 1:
            column = slips.randrange(len(line))
            lines[at] = line[:column] + slips.choice(ODD) + line[column:]
        case 2:
            del lines[at]
        case 3:
            lines.insert(slips.randrange(len(lines)), line)
        case 4:
            lines[at] = line.replace('"', slips.choice(["", "'"]))
        case _:
            start, sign, value = line.rstrip("\n").rpartition(slips.choice([": ", "- "]))
            style = slips.choice(
                ["'%s'", '"%s"', ">-\n          %s", "|\n          %s", "!!str %s", "&a %s", " %s # x"]
            )
            lines[at] = f"{start}{sign}{style % value}\n" if sign else line
    return "".join(lines)
