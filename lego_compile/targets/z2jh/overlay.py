"""Hand-written values over ours: what they destroy, what they change, and what nobody can prove.

What the merged values mean is read by ``lift`` alone, and compared with what went in by who asks; this module knows
how Helm merges them, which key of which file caused a difference, and what the chart has keys for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lego_compile.diagnostic.model import Label, Report
from lego_compile.emit import yaml
from lego_compile.ir.model import Path
from lego_compile.targets import Judge
from lego_compile.targets.goyaml import Unreadable, load
from lego_compile.targets.reading import Complaint
from lego_compile.targets.z2jh.lift_text import byte_count
from lego_compile.targets.z2jh.overlay_keys import dotted, known, reason, table, unknown
from lego_compile.targets.z2jh.overlay_merge import NOTHING, at, leaves, merged, only
from lego_compile.targets.z2jh.overlay_text import Layer, read, writable

VALUES = "values.yaml"
_MOST = 150
"""Readings of merged values in the search for causes; what is left then is blamed on the place above."""

_SUM = ("hub", "annotations", "lego-compile/values")
"""A sum over our values, for the hub to be restarted when they change; no overlay is to blame for its own part."""

_SHOWN = 4
"""Consequences that a finding names beside the first one; a profile list may have hundreds."""

_LONGEST = 300
"""Characters of a message; some repeat a value, which may be a whole file."""

_NOUNS = {
    "extraVolumes": "volumes", "extraVolumeMounts": "mounts", "extraEnv": "variables", "profileList": "profiles",
    "hosts": "hosts", "environment": "variables", "volumes": "volumes", "volume_mounts": "mounts",
}  # fmt: skip
_SAY_IT = "say it in the centre's specification and compile, or remove it here"
_OPTION = "say it in the centre's specification, below `targets: z2jh:`, and compile; or remove it here"
_KEYED = "write it as a map keyed by name: Helm merges maps, and replaces everything else"
_LIST = "Helm cannot add to a list of another file: say it in the centre's specification and compile"
_NULL = "remove the key: without a value it is null, and for Helm a null takes away what is there"


def overlay(
    files: Mapping[str, bytes], layers: Sequence[tuple[str, Layer]], judge: Judge, report: Report
) -> tuple[str, ...]:
    """Report what hand-written values do to ours (LC706-LC709), each at its key.

    Args:
        files: path below the target's folder → bytes.
        layers: name and document of each values file; a later one is laid over an earlier one.
        judge: compares files with what went in.
        report: receives the findings.

    Returns:
        Places that are set and that change nothing of what was proven, such as ``hub.resources``.
    """
    laid: list[Any] = []
    for name, layer in layers:
        values, refused = read(layer)
        laid.append(values)
        for place in refused:
            words = f"Helm cannot read `{layer.raw(place)}`, which JSON has no way to write"
            report.add("LC708", words, (name, *place), help="write a number, or quotes for the text")
    names = [name for name, _ in layers]
    ours = _ours(files)
    refused_at = _unknown(names, laid, ours, report)
    return _Guard(files, names, laid, ours, judge, report).look(refused_at) if ours is not None else ()


class _Guard:
    """One look at one folder.

    Attributes:
        all: our values with the overlays over them.
        own: what is wrong without any overlay; it is somebody else's finding.
        told: places of values that have a finding.
        left: readings that may still be made.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        names: Sequence[str],
        laid: Sequence[Any],
        ours: dict[str, Any],
        judge: Judge,
        report: Report,
    ) -> None:
        self.files, self.names, self.laid, self.ours = files, names, laid, ours
        self.judge, self.report = judge, report
        self.own = {complaint.message for complaint, _ in judge(files)}
        self.all = self.laid_over(())
        self.told: set[Path] = set()
        self.left = _MOST

    def look(self, refused: set[Path]) -> tuple[str, ...]:
        """Report everything but what the chart refuses; returns the places that change nothing."""
        self.told |= refused
        self.sizes()
        found = self.found(())
        unread = {message: each.place[1:] for message, (each, _) in found.items() if self.addition(each)}
        rest = [message for message in found if message not in unread]
        wanted = [message for message in rest if not self.leftover(found[message][0])] or rest
        for where, messages in self.causes((), set(wanted)):
            self.tell(where, [found[message] for message in wanted if message in messages])
        for place in dict.fromkeys(self.named(leaf) for leaf in unread.values()):
            self.unproven(place)
        places = dict.fromkeys(self.named(leaf) for values in self.laid for leaf in leaves(values))
        return tuple(".".join(place) for place in places if place and not self.is_told(place))

    def is_told(self, place: Path) -> bool:
        """Whether there is a finding about a value, about one that it is in, or about one in it."""
        return any(told[: len(place)] == place[: len(told)] for told in self.told)

    # ── what follows from which part ──────────────────────────────────────────────────────────────────────

    def found(self, part: Path) -> dict[str, tuple[Complaint, bool]]:
        """What goes wrong when only a part of the overlays is laid over our values, by message."""
        self.left -= 1
        values = self.laid_over(part)
        data = yaml.dump(writable(values)).encode()
        passed = (VALUES, *_SUM) if at(values, _SUM) == at(self.ours, _SUM) else None
        return {
            each.message: (each, mild)
            for each, mild in self.judge({**self.files, VALUES: data})
            if each.message not in self.own and each.place != passed
        }

    def laid_over(self, part: Path) -> Any:
        """Our values with a part of the overlays over them."""
        values: Any = self.ours
        for laid in self.laid:
            values = merged(values, only(laid, part))
        return values

    def causes(self, place: Path, wanted: set[str]) -> Iterator[tuple[Path, set[str]]]:
        """The places of the overlays that cause what is wanted, as deep as Helm merges, each with its messages."""
        keys = self.keys(place)
        rest = set(wanted)
        for key in keys:
            if self.left <= 0:
                break
            part = (*place, key)
            here = wanted if len(keys) == 1 else wanted & self.found(part).keys()
            if here:
                rest -= here
                yield from self.causes(part, here)
        if rest:
            yield place, rest

    def keys(self, place: Path) -> tuple[str, ...]:
        """Keys that are merged one by one; none where a value is laid down as a whole."""
        here = [value for value in (at(values, place) for values in self.laid) if value is not NOTHING]
        if not all(isinstance(value, dict) for value in (*here, at(self.ours, place))):
            return ()
        return tuple(dict.fromkeys(key for value in here for key in value))

    def addition(self, complaint: Complaint) -> bool:
        """Whether nobody reads a value because it is new, at a place that the chart has for it."""
        where = complaint.place[1:]
        if complaint.code != "LC702" or complaint.place[:1] != (VALUES,):
            return False
        new = next((where[:n] for n in range(1, len(where) + 1) if at(self.ours, where[:n]) is NOTHING), ())
        if not new or not all(isinstance(step, str) for step in new):
            return False
        return known(new[:-1]) is not None or (len(new) > 1 and known(new[:-2]) is not None)

    def leftover(self, complaint: Complaint) -> bool:
        """Whether nobody reads any more what we wrote, because something else was changed."""
        where = complaint.place[1:]
        ours, now = (at(values, where) for values in (self.ours, self.all))
        ended = ours is not NOTHING and (ours == now or not isinstance(now, dict | list))
        return complaint.code == "LC702" and (ended or complaint.place[:1] != (VALUES,))

    def named(self, leaf: Path) -> tuple[str, ...]:
        """What to call a new value: its first step that is new and whose keys are free; nothing when it is not new."""
        for n in range(1, len(leaf) + 1):
            if at(self.ours, leaf[:n]) is NOTHING and (known(leaf[:n]) is None or n == len(leaf)):
                return tuple(map(str, leaf[: max(n, reason(leaf)[0])]))
        return ()

    # ── words ─────────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, where: Path, found: Sequence[tuple[Complaint, bool]]) -> None:
        """One finding for each key that is to blame, apart for what it takes away and for what it changes."""
        if where in self.told:
            return
        whole = not self.keys(where)
        groups: dict[tuple[int, Path, bool], list[str]] = {}
        for complaint, mild in found:
            index, place = self.nearest(where, complaint.place, whole=whole)
            file = "" if complaint.place[:1] in ((), (VALUES,)) else f", in {complaint.place[0]!r}"
            groups.setdefault((index, place, mild), []).append(_short(complaint.message) + file)
        for (index, place, mild), (words, *others) in groups.items():
            ours, over = at(self.ours, where), at(self.laid[index], where)
            deed = _deed(where, ours, over) if whole and place == where and not mild else ""
            related = [Label((), each) for each in others[:_SHOWN]]
            if others[_SHOWN:]:
                related.append(Label((), f"and {len(others) - _SHOWN} more"))
            self.report.add(
                "LC707" if mild else "LC706",
                deed or words,
                (self.names[index], *place),
                key=True,
                note=words if deed else "",
                related=(*related, *(self.written(where) if whole else ())),
                help=(_OPTION if words.startswith("option ") else _SAY_IT) if mild else _instead(ours, over),
            )
        if whole:
            self.told.add(where)

    def nearest(self, where: Path, about: Path, *, whole: bool) -> tuple[int, Path]:
        """The overlay to blame, and its key that is nearest to what a complaint is about, at or below ``where``."""
        there = [index for index, values in enumerate(self.laid) if at(values, where) is not NOTHING]
        if whole:  # the last that lays something else than a map there took away what was there
            there = [i for i in there if not isinstance(at(self.laid[i], where), dict)] or there
            there = there[-1:]
        about = about[1:] if about[:1] == (VALUES,) else ()
        places = {}
        for index in there:
            place = about if about[: len(where)] == where else where
            while at(self.laid[index], place) is NOTHING:
                place = place[:-1]
            places[index] = place
        return max(places.items(), key=lambda each: (len(each[1]), each[0]))

    def written(self, where: Path) -> tuple[Label, ...]:
        """Where our values have what was laid over."""
        if at(self.ours, where) is NOTHING:
            return ()
        return (Label((VALUES, *where), "lego-compile wrote this", key=True),)

    def sizes(self) -> None:
        """Limits that JupyterHub refuses when it makes a spawner, be there a profile that says something else."""
        for resource in ("cpu", "memory"):
            for key in ("limit", "guarantee"):
                self.size(("singleuser", resource, key))

    def size(self, where: tuple[str, str, str]) -> None:
        """Report one of them when it is none."""
        said = [(name, at(values, where)) for name, values in zip(self.names, self.laid, strict=True)]
        name, size = next((each for each in reversed(said) if each[1] is not NOTHING), ("", None))
        cores = isinstance(size, int | float) and not isinstance(size, bool)
        if size is None or (cores if where[1] == "cpu" else byte_count(size) is not None):
            return
        needs = "a number of cores" if where[1] == "cpu" else "a size in K, M, G or T"
        words = f"{dotted(where)} is {_short(repr(size))}, which JupyterHub refuses: it takes {needs}"
        shorter = size.rstrip("i") if isinstance(size, str) else ""
        help_ = f"write `{shorter}`" if where[1] == "memory" and byte_count(shorter) is not None else _SAY_IT
        self.report.add("LC706", words, (name, *where), key=True, help=help_)
        self.told.add(where)

    def unproven(self, place: tuple[str, ...]) -> None:
        """Report a new value that decides over sessions: it replaces what was proven, or nothing proves it."""
        replaced = table()["replaces"].get(".".join(place))
        because = reason(place)[1]
        if self.is_told(place) or not (replaced or because):
            return
        index, _ = self.nearest(place, (), whole=True)
        self.told.add(place)
        if replaced:
            self.report.add(
                "LC706",
                f"{dotted(place)} replaces all that the chart makes of `{replaced}`",
                (self.names[index], *place),
                key=True,
                related=self.written(tuple(replaced.split("."))),
                help=_SAY_IT,
            )
        else:
            words = f"{dotted(place)} decides over sessions, and nothing proves what it does"
            self.report.add("LC709", words, (self.names[index], *place), key=True, note=because)


def _ours(files: Mapping[str, bytes]) -> dict[str, Any] | None:
    try:
        data = load(files[VALUES])
    except (KeyError, Unreadable):
        return None
    return data if isinstance(data, dict) else None


def _unknown(names: Sequence[str], laid: Sequence[Any], ours: Any, report: Report) -> set[Path]:
    places = set()
    for name, values in zip(names, laid, strict=True):
        for where, message, help_ in unknown(values):
            if not isinstance(at(ours, where), dict):  # else it destroys something, which says more
                report.add(
                    "LC708",
                    message,
                    (name, *where),
                    key=True,
                    note=f"Helm refuses it, with chart {table()['versions']}",
                    help=help_,
                )
                places.add(where)
    return places


def _deed(where: Path, ours: Any, over: Any) -> str:
    """What happens to what we wrote, where it is more than another value in the place of a value."""
    noun = _NOUNS.get(str(where[-1]), "entries") if where else "entries"
    if isinstance(ours, dict | list):
        count = f"{len(ours)} {noun if len(ours) != 1 else 'entry' if noun == 'entries' else noun[:-1]}"
        was = f"the {'map' if isinstance(ours, dict) else 'list'} of {count}"
    elif ours is NOTHING or not isinstance(over, dict | list | None):
        return ""
    else:
        was = "the value"
    if isinstance(ours, dict) and isinstance(over, dict):
        return ""
    return f"{_kind(over)} takes the place of {was} that lego-compile wrote at {dotted(where)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    return "a text" if isinstance(value, str) else "a truth value" if isinstance(value, bool) else "a number"


def _instead(ours: Any, over: Any) -> str:
    if over is None:
        return _NULL
    if isinstance(over, list) and isinstance(ours, dict):
        return _KEYED
    return _LIST if isinstance(over, list) and isinstance(ours, list) else _SAY_IT
