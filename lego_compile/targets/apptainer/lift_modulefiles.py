"""Modulefiles as Lmod reads them: a table of data, and below it the code that we ship."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lego_compile.ir.model import Composition, Deployment
from lego_compile.targets.apptainer.files import HEADER
from lego_compile.targets.apptainer.files_around import DEFAULT_MODULE, module
from lego_compile.targets.apptainer.lift_text import read_text
from lego_compile.targets.assets import asset
from lego_compile.targets.reading import Complaint, Reading

_DEEPEST = 6
# https://www.lua.org/manual/5.1/manual.html#2.1; numbers, long brackets and escapes that only some Lua knows are not
# among them, because nothing of ours needs them.
_TOKEN = re.compile(r'(?P<blank>[ \n]+)|(?P<text>"(?:[^"\\\n]|\\[^\n])*")|(?P<name>[a-z_]+)|(?P<sign>[{}=,])')
_ESCAPE = re.compile(r'\\(?:(["\\])|(0[0-9]{2}|1[01][0-9]|12[0-7])|.)')
_DEFAULT = re.compile(rf'-- {re.escape(HEADER)}\nmodule_version\("lego/([^"\\\n]*)", "default"\)\n')
_PROGRAMS = {("python", "python"), ("R", "R"), ("R", "Rscript"), ("julia", "julia")}


class _Unreadable(Exception):  # noqa: N818 - what became of a file, not a fault of ours
    """Why a text is no table of ours; words that follow its name."""


def check_modulefiles(
    files: Mapping[str, bytes], deployment: Deployment, options: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Complaints when a module would give another profile than its name says."""
    code = asset("apptainer", "module.lua").decode()
    for profile in deployment.profiles:
        yield from _check(files, code, profile, options["root"])
    yield from _check_default(files, deployment)


def _check(files: Mapping[str, bytes], code: str, profile: Composition, root: str) -> Sequence[Complaint]:
    path = module(profile.slug)
    complaints: list[Complaint] = []
    text = read_text(files, path, complaints)
    if text is None:
        return complaints
    begin, end = f"-- {HEADER}\nlocal profile = ", f"\n\n{code}"
    if not text.startswith(begin) or not text.endswith(end):
        return [Complaint("LC704", f"{path!r} is not the code that lego-compile ships", (path,))]
    try:
        reading = Reading(path, _table(text[len(begin) : len(text) - len(end)]))
    except _Unreadable as problem:
        return [Complaint("LC705", f"the data of {path!r} {problem}", (path,))]
    for key, value in (("slug", profile.slug), ("title", profile.title), ("root", root)):
        reading.expect(value, key)
    reading.expect(list(_programs(profile)), "programs")
    return reading.finish()


def _programs(profile: Composition) -> Iterator[dict[str, Any]]:
    """The interpreters for the languages of a brick; the launcher takes a bare name for the first release."""
    first = {brick.name: (True, brick) for brick in reversed(profile.offers)}
    ordered = [(False, brick) for brick in profile.bricks]
    ordered += [first[name] for name in dict.fromkeys(brick.name for brick in profile.offers)]
    for offered, brick in ordered:
        for language in dict.fromkeys(kernel.language for kernel in brick.kernels):
            for program in sorted(name for known, name in _PROGRAMS if known == language):
                yield {
                    "name": f"{brick.name}-{program}",
                    "brick": brick.name,
                    "title": brick.title,
                    "offered": offered,
                    "program": program,
                }


def _check_default(files: Mapping[str, bytes], deployment: Deployment) -> Iterator[Complaint]:
    """https://lmod.readthedocs.io/en/latest/093_modulerc.html: which module `lego` alone stands for."""
    complaints: list[Complaint] = []
    text = read_text(files, DEFAULT_MODULE, complaints)
    yield from complaints
    if text is None:
        return
    match = _DEFAULT.fullmatch(text)
    if match is None:
        yield Complaint("LC705", f"{DEFAULT_MODULE!r} does not name a default", (DEFAULT_MODULE,))
    elif [match[1]] != [each.slug for each in deployment.profiles if each.default]:
        words = f"`module load lego` gives {match[1]!r}, which is not the default profile"
        yield Complaint("LC701", words, (DEFAULT_MODULE,))


# --- Lua ----------------------------------------------------------------------------------------------------


def _table(text: str) -> Any:
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Unreadable("is no table of Lua's")
        if match.lastgroup != "blank":
            tokens.append((str(match.lastgroup), match[0]))
        at = match.end()
    tokens.reverse()
    value = _value(tokens, 0)
    if tokens:
        raise _Unreadable("has code in it")
    return value


def _value(tokens: list[tuple[str, str]], depth: int) -> Any:
    kind, word = tokens.pop() if tokens else ("", "")
    if kind == "text":
        return _ESCAPE.sub(_unescaped, word[1:-1])
    if word in ("true", "false"):
        return word == "true"
    if word != "{" or depth > _DEEPEST:
        raise _Unreadable("is no table of Lua's")
    found: dict[str, Any] = {}
    listed: list[Any] = []
    while tokens and tokens[-1][1] != "}":
        if len(tokens) > 1 and tokens[-1][0] == "name" and tokens[-2][1] == "=":
            key = tokens.pop()[1]
            tokens.pop()
            if key in found:
                raise _Unreadable(f"has `{key}` twice")
            found[key] = _value(tokens, depth + 1)
        else:
            listed.append(_value(tokens, depth + 1))
        if not tokens or tokens.pop()[1] != ",":
            raise _Unreadable("is no table of Lua's")
    if not tokens or (found and listed):
        raise _Unreadable("is no table of Lua's")
    tokens.pop()
    return found or listed


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    if match[2]:
        return chr(int(match[2]))
    raise _Unreadable("has an escape that not every Lua knows")
