"""What contradicts itself in the options, and what Kubernetes has no way to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lego_compile.diagnostic.model import Label, Path, Report
from lego_compile.ir.features import Need
from lego_compile.ir.model import Composition, DataMount, Deployment
from lego_compile.spec.conform import nearest
from lego_compile.targets.login import check_authenticator, check_groups
from lego_compile.targets.z2jh.check_access import check_entrance, check_gitops
from lego_compile.targets.z2jh.check_mounts import SOURCE, check_mounts

_HERE: Path = ("center", "targets", "z2jh")
_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_OAUTH = "oauth: {client_id: …, client_secret: {name: …}, authorize_url: …, …}"


_MOUNTS = {"csi": "csi", "copy": "copy", "hostPath": "directory", "nfs": "directory"}
"""What stands in for image volumes: the end of the names of its features."""


def needs(wanted: Iterable[Need], options: Mapping[str, Any]) -> Iterator[Need]:
    """What the deployment needs here: a fallback stands in for image volumes, and is told once."""
    yield Need(f"volumes-{options['volumes']}", (*_HERE, "volumes"), "the volumes of sessions")
    if options["gateway"]:
        yield Need("gateway", (*_HERE, "gateway"), "the Gateway")
        if options["gateway"]["section"]:
            yield Need("gateway-section", (*_HERE, "gateway", "section"), "the listener of the Gateway")
    told: set[str] = set()
    for need in wanted:
        if options["mounts"] in _MOUNTS and need.feature in ("image-mount", "image-subpath"):
            if need.feature not in told:
                told.add(need.feature)
                yield Need(f"{need.feature}-{_MOUNTS[options['mounts']]}", need.origin, need.what)
        else:
            yield need


def check(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    """Report options that contradict each other, and what Kubernetes cannot do (LC601-LC603).

    Args:
        deployment: projected for this target.
        options: see ``options.py``, settled.
        report: receives the findings.
    """
    check_authenticator(options["authenticator"], (*_HERE, "authenticator"), _OAUTH, report)
    check_entrance(options, report)
    check_gitops(options, report)
    _check_options(options, report)
    if options["session"]["networks"] or options["load_balancer"]:
        _check_networks(options, report)
    check_mounts(deployment, options, report)
    _check_home(deployment, options, report)
    check_groups(deployment, options["authenticator"], report)
    for profile in deployment.profiles:
        _check_profile(profile, options, report)
    _check_placements(deployment, options, report)
    for data in dict.fromkeys(each for profile in deployment.profiles for each in profile.data):
        _check_data(data, report)
    _check_size(deployment, options, report)


def _check_networks(options: Mapping[str, Any], report: Report) -> None:
    """Networks are ones, and sessions do not reach the cloud's metadata through them."""
    from ipaddress import ip_address, ip_network

    asked = [
        ((*_HERE, "session", "networks", index), each)
        for index, each in enumerate(options["session"]["networks"])
    ]
    sources = (options["load_balancer"] or {}).get("sources", ())
    for place, text in (
        *asked,
        *(((*_HERE, "load_balancer", "sources", index), each) for index, each in enumerate(sources)),
    ):
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            report.add(
                "LC204",
                f"{text!r} is no network",
                place,
                help="write one such as 192.0.2.0/24 or 2001:db8::/32",
            )
            continue
        if "session" in place and ip_address("169.254.169.254") in network:
            report.add(
                "LC601",
                f"{text!r} lets sessions reach the cloud's metadata, and with it the credentials of the nodes",
                place,
                help="name the networks that are meant, or `private_network: true` for all private ones but that",
            )


def _check_options(options: Mapping[str, Any], report: Report) -> None:
    if options["mounts"] == "csi" and len(options["pull_secrets"]) > 1:
        report.add(
            "LC601",
            "with `mounts: csi` the driver reads one Secret, and there are more",
            (*_HERE, "pull_secrets", 1),
            related=(Label((*_HERE, "mounts"), "the driver is chosen here"),),
            help="put the credentials of all registries into one Secret",
        )
    session = options["session"]
    if options["placeholders"] and not session["reserve_cpu"] and not session["reserve_memory"]:
        report.add(
            "LC601",
            "placeholders hold the room that a session reserves, and sessions reserve nothing",
            (*_HERE, "placeholders"),
            key=True,
            help="say what a session reserves: `session: {reserve_cpu: 0.5, reserve_memory: 2G}`",
        )
    if session["private_network"] and session["networks"]:
        report.add(
            "LC601",
            "`networks` lists some private networks, and `private_network` opens all of them",
            (*_HERE, "session", "networks"),
            key=True,
            related=(Label((*_HERE, "session", "private_network"), "all of them"),),
            help="delete one of them",
        )
    if options["cull"]["max_age"] and not options["cull"]["timeout"]:
        report.add(
            "LC601",
            "`max_age` needs a `timeout`: without one the culler takes ten minutes",
            (*_HERE, "cull", "max_age"),
            key=True,
            help="set `timeout` to the same number of seconds",
        )


def _check_home(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    home = options["home"]
    claim = Label((*_HERE, "home", "claim"), "one claim for all homes")
    if home["claim"] and home["storage_class"]:
        report.add(
            "LC601",
            "`storage_class` is for claims that are made, and the one for all homes is there already",
            (*_HERE, "home", "storage_class"),
            key=True,
            related=(claim,),
            help="delete one of them",
        )
    if home["claim"] and deployment.home_size is not None:
        report.add(
            "LC602",
            "homes that share a claim have no size of their own: only the file system can set a quota",
            ("center", "storage", "home", "size"),
            related=(claim,),
            help="write `storage: {home: {size: null}}`, or let every user have a claim",
        )
    first = deployment.profiles[0].system
    for profile in deployment.profiles[1:]:
        mine = profile.system
        if mine.uid and first.uid and (mine.uid, mine.gid) != (first.uid, first.gid):
            report.add(
                "LC603",
                f"sessions of {profile.slug!r} run as {mine.uid}:{mine.gid} and those of "
                f"{deployment.profiles[0].slug!r} as {first.uid}:{first.gid}, and they share the user's home",
                mine.origin,
                related=(Label(first.origin, "the other system image"),),
                help="use system images with one uid and gid in all profiles, or the one finds files of the other "
                "that it may not change",
            )


def _check_profile(profile: Composition, options: Mapping[str, Any], report: Report) -> None:
    system, limits = profile.system, profile.limits
    if not system.uid:
        report.add(
            "LC602",
            f"the system image of profile {profile.slug!r} runs as {'root' if system.uid == 0 else 'a named user'}, "
            "and Kubernetes is told to refuse root",
            system.origin,
            help="use an image with a numeric user other than 0",
        )
    for key, most, count in (
        ("reserve_cpu", limits.cpu, _thousandths),
        ("reserve_memory", limits.memory, _bytes),
    ):
        place, asked = _reserved(profile.slug, key, options)
        if most is not None and asked and count(asked) > most:
            report.add(
                "LC601",
                f"`{key}` is more than the limit of profile {profile.slug!r}, so Kubernetes refuses its sessions",
                place,
                related=(Label((*profile.origin, "resources"), "the limit"),),
                help="set aside less, or raise the limit",
            )
    for brick in profile.offers:
        if brick.name == "profile":
            report.add(
                "LC602",
                "a brick called 'profile' cannot be offered: KubeSpawner keeps the user's profile under that name",
                brick.origin,
                help="mount it always, with `bricks:`, or rename it in the catalog",
            )


def _thousandths(cores: float) -> int:
    return round(cores * 1000)


def _bytes(size: str) -> int:
    return int(size[:-1]) * _UNITS[size[-1]]


def _reserved(slug: str, key: str, options: Mapping[str, Any]) -> tuple[Path, Any]:
    """What a profile sets aside, and where that is said: for itself, or for every session."""
    own = options["profiles"].get(slug)
    if own and own[key]:
        return (*_HERE, "profiles", slug, key), own[key]
    return (*_HERE, "session", key), options["session"][key]


def _check_placements(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    by_slug = {profile.slug: profile for profile in deployment.profiles}
    for slug, placement in options["profiles"].items():
        here = (*_HERE, "profiles", slug)
        profile = by_slug.get(slug)
        if profile is None:
            guess = nearest(slug, by_slug)
            known = ", ".join(map(repr, by_slug))
            report.add(
                "LC601",
                f"there is no profile {slug!r}",
                here,
                key=True,
                help=f"did you mean {guess!r}?" if guess else f"the profiles are {known}",
            )
            continue
        for key, value in placement["node_selector"].items():
            every = options["session"]["node_selector"].get(key)
            if every is not None:
                report.add(
                    "LC601",
                    f"every session asks for nodes with {key}={every}"
                    + (" already" if every == value else ", and images are fetched on these only"),
                    (*here, "node_selector", key),
                    key=True,
                    help="delete it" if every == value else "select nodes of profiles by another label",
                )
        name, limits = placement["gpu_resource"], profile.limits
        if name and not (
            limits.gpus
            and name.startswith(f"{limits.gpu_vendor}.com/")
            and name != f"{limits.gpu_vendor}.com/gpu"
        ):
            report.add(
                "LC601",
                f"{name!r} is what GPUs of {limits.gpu_vendor} are called when nothing is said"
                if limits.gpus and name == f"{limits.gpu_vendor}.com/gpu"
                else f"profile {slug!r} asks for "
                + (f"GPUs of {limits.gpu_vendor}, and {name!r} is none" if limits.gpus else "no GPU"),
                (*here, "gpu_resource"),
                related=(Label((*profile.origin, "resources"), "what the profile asks for", key=True),),
                help="delete it"
                if not limits.gpus or name.endswith(".com/gpu")
                else "name a resource of theirs",
            )


_MOST_BYTES = 9 * 2**20 // 10
"""Of values.yaml: the chart puts it into a Secret, folded and with a little more; one holds 1 MiB."""


def _check_size(deployment: Deployment, options: Mapping[str, Any], report: Report) -> None:
    """The values fit into the hub's Secret (kubernetes/api:core/v1/types.go, ``MaxSecretSize``)."""
    words = sum(
        len(profile.bricks) + len(profile.offers) + len(profile.environment) + len(profile.data)
        for profile in deployment.profiles
    )
    if words < _FEW:
        return
    from lego_compile.targets.z2jh.emit import emit
    from lego_compile.targets.z2jh.lower import lower

    size = len(emit(lower(deployment, options))["values.yaml"].data)
    if size > _MOST_BYTES:
        report.add(
            "LC602",
            f"values.yaml would have {size} bytes, and the chart puts it into a Secret, which holds {2**20}",
            ("center", "profiles"),
            key=True,
            help="offer fewer bricks, or divide the centre into two hubs",
        )


_FEW = 200
"""Bricks, variables and data of all profiles together that always fit: a variable has 4000 characters at most."""


def _check_data(data: DataMount, report: Report) -> None:
    here = (*data.origin[:4], "source")
    if not SOURCE.fullmatch(data.source):
        report.add(
            "LC602",
            f"Kubernetes cannot mount {data.source!r}, the source of data {data.name!r}",
            here,
            help="an absolute path of every node (/data/era5), pvc:CLAIM or nfs:SERVER:/EXPORT; "
            "`source: {z2jh: …}` says another one for this target",
        )
    elif not data.source.startswith("pvc:"):
        # kubernetes/website:content/en/docs/concepts/security/pod-security-standards.md
        nfs = data.source.startswith("nfs:")
        what = "an NFS export" if nfs else "a directory of the nodes"
        report.add(
            "LC603",
            f"{data.source!r} is {what}, which Pod Security {'restricted' if nfs else 'baseline'} refuses",
            here,
            help="make it a claim, and write `source: {z2jh: 'pvc:CLAIM'}`",
        )
