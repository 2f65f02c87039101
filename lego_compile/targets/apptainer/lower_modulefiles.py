"""Modulefiles for Lmod: a terminal gets the profile's launcher, its kernels for Jupyter, and its interpreters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lego_compile.targets.apptainer.files import HEADER
from lego_compile.targets.apptainer.files_around import DEFAULT_MODULE, module
from lego_compile.targets.assets import asset

_PROGRAMS = {"python": ("python",), "R": ("R", "Rscript"), "julia": ("julia",)}


def modulefiles(data: Mapping[str, Any]) -> dict[str, str]:
    """One modulefile per profile: its data, then the code that is the same in all of them."""
    code = asset("apptainer", "module.lua").decode()
    files = {
        module(profile["slug"]): f"-- {HEADER}\nlocal profile = {_lua(_profile(data, profile))}\n\n{code}"
        for profile in data["profiles"]
    }
    default = next((each["slug"] for each in data["profiles"] if each["default"]), None)
    if default is not None:
        files[DEFAULT_MODULE] = f'-- {HEADER}\nmodule_version({_quoted(f"lego/{default}")}, "default")\n'
    return files


def _profile(data: Mapping[str, Any], profile: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "slug": profile["slug"],
        "title": profile["title"],
        "root": data["root"],
        "programs": list(_programs(profile)),
    }


def _programs(profile: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The interpreters of each brick; of one that is offered in several releases, those of the first."""
    seen = set()
    for offered, brick in (
        *((False, each) for each in profile["bricks"]),
        *((True, each) for each in profile["offers"]),
    ):
        if brick["name"] in seen:
            continue
        seen.add(brick["name"])
        languages = dict.fromkeys(kernel["language"] for kernel in brick["kernels"])
        for program in (each for language in languages for each in _PROGRAMS.get(language, ())):
            yield {
                "name": f"{brick['name']}-{program}",
                "brick": brick["name"],
                "title": brick["title"],
                "offered": offered,
                "program": program,
            }


def _lua(value: Any, indent: str = "") -> str:
    """Plain data as a constructor of Lua's."""
    below = indent + "  "
    if isinstance(value, dict):
        lines = [f"{below}{key} = {_lua(each, below)},\n" for key, each in value.items()]
        return "{\n" + "".join(lines) + indent + "}"
    if isinstance(value, list):
        return "{\n" + "".join(f"{below}{_lua(each, below)},\n" for each in value) + indent + "}"
    return _quoted(value) if isinstance(value, str) else ("true" if value else "false")


def _quoted(text: str) -> str:
    r"""A text as a literal of Lua's (https://www.lua.org/manual/5.1/manual.html#2.1); ``\ddd`` is a byte."""
    return '"' + re.sub(r'[\\"\x00-\x1f\x7f]', _escaped, text) + '"'


def _escaped(match: re.Match[str]) -> str:
    return "\\" + match[0] if match[0] in '\\"' else f"\\{ord(match[0]):03d}"
