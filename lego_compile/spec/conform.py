"""A document against its JSON Schema, with a diagnostic for every mistake at the place where it was written.

The schemas are generated from the pydantic models of this room (``lego-compile schema``), and a test checks on
thousands of documents that both agree. A compile reads the schema instead of the models because importing
pydantic and building the models costs more than everything else a compile does; and because our messages need
the key, the raw text and the nearest valid name, which pydantic's errors do not carry.

Understood: the keywords that those schemas use (a test checks that too), no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from lego_compile.diagnostic.model import Path, Report

if TYPE_CHECKING:
    from lego_compile.source.document import Tree

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip
_WORDS = {
    "string": "text", "boolean": "true or false", "integer": "a whole number", "number": "a number",
    "array": "a list", "object": "a mapping", "null": "nothing",
}  # fmt: skip


def conform(tree: Tree, schema: Schema, root: str, report: Report) -> None:
    """Report every place where a document is not what its schema says (LC201-LC204).

    Args:
        tree: the document.
        schema: a JSON Schema with ``$defs``.
        root: name of the document, the first element of every path that is reported.
        report: receives the findings.
    """
    _Walk(tree, schema, root, report).node(tree.data, schema, ())


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody probably meant, or None."""
    from difflib import get_close_matches

    spelled = {each.lower(): each for each in sorted(known)}
    matches = get_close_matches(name.lower(), spelled, n=1, cutoff=0.6)
    return spelled[matches[0]] if matches else None


class _Walk:
    """One walk over one document: the four things that every step needs, kept together."""

    def __init__(self, tree: Tree, schema: Schema, root: str, report: Report) -> None:
        self.tree, self.schema, self.root, self.report = tree, schema, root, report

    def node(self, value: Any, schema: Schema, path: Path) -> None:
        """Check one value and what is below it."""
        schema = self.resolved(schema)
        if "anyOf" in schema:
            branch = self.branch(value, schema)
            if branch is None:
                self.wrong_type(value, [self.resolved(each) for each in schema["anyOf"]], path)
                return
            schema = branch
        kind = schema.get("type")
        if kind and not _is(value, kind):
            self.wrong_type(value, [schema], path)
        elif isinstance(value, dict):
            self.mapping(value, schema, path)
        elif isinstance(value, list):
            self.items(value, schema, path)
        else:
            self.scalar(value, schema, path)

    def resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            target: Any = self.schema
            for step in schema["$ref"].split("/")[1:]:
                target = target[step]
            schema = target
        return schema

    def branch(self, value: Any, schema: Schema) -> Schema | None:
        """The alternative whose type fits; with several (a constant or a pattern), one that accepts."""
        fitting = [each for each in map(self.resolved, schema["anyOf"]) if _is(value, each.get("type", ""))]
        for each in fitting:
            if not isinstance(value, str) or _complaint(value, each) is None:
                return each
        return fitting[-1] if fitting else None

    def wrong_type(self, value: Any, schemas: list[Schema], path: Path) -> None:
        wanted = [each for each in schemas if each.get("type") != "null"]
        words = " or ".join(dict.fromkeys(_WORDS[each["type"]] for each in wanted))
        raw = self.tree.raw(path)
        says = next((each["$comment"] for each in wanted if "$comment" in each), None)
        self.add(
            "LC201",
            f"{_name(path)} is {_read(value, raw)}, where {words} is expected",
            path,
            help_=_instead(value, raw, wanted) or (f"expected {says}" if says else None),
        )

    def mapping(self, value: dict[str, Any], schema: Schema, path: Path) -> None:
        known: Mapping[str, Schema] = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        names = schema.get("propertyNames")
        for key, below in value.items():
            here = (*path, key)
            if key in known:
                self.node(below, known[key], here)
            elif rest is False:
                guess = nearest(key, known)
                others = ", ".join(f"`{each}`" for each in known)
                self.add(
                    "LC202",
                    f"`{key}` is no key of {_name(path)}",
                    here,
                    key=True,
                    help_=f"did you mean `{guess}`?" if guess else f"the keys here are {others}",
                )
            else:
                fault = _complaint(key, names) if names else None
                if fault:
                    self.add("LC204", f"{key!r} cannot be a key here: {fault}", here, key=True)
                if isinstance(rest, Mapping):
                    self.node(below, rest, here)
        for key in schema.get("required", ()):
            if key not in value:
                wanted = self.resolved(known[key])
                note = wanted.get("description") or known[key].get("description", "")
                below = ", ".join(f"`{each}`" for each in wanted.get("required", ()))
                self.add(
                    "LC203",
                    f"{_name(path)} needs the key `{key}`",
                    path,
                    key=True,
                    help_=f"`{key}:` {note}" + (f" It needs {below}" if below else ""),
                )
        if len(value) < schema.get("minProperties", 0):
            self.add("LC204", f"{_name(path)} is empty and needs at least one entry", path)

    def items(self, value: list[Any], schema: Schema, path: Path) -> None:
        for index, each in enumerate(value):
            self.node(each, schema.get("items", {}), (*path, index))
        if len(value) < schema.get("minItems", 0):
            self.add("LC204", f"{_name(path)} is empty and needs at least one entry", path)

    def scalar(self, value: Any, schema: Schema, path: Path) -> None:
        fault = _complaint(value, schema)
        if fault:
            guess = nearest(value, schema["enum"]) if "enum" in schema and isinstance(value, str) else None
            code = schema.get("x-code", "LC204")
            self.add(
                code,
                f"{_shown(value)} is not allowed for {_name(path)}: {fault}",
                path,
                help_=f"did you mean `{guess}`?" if guess else None,
            )

    def add(
        self, code: str, message: str, path: Path, *, key: bool = False, help_: str | None = None
    ) -> None:
        self.report.add(code, message, (self.root, *path), key=key, help=help_)


def _instead(value: Any, raw: str | None, wanted: list[Schema]) -> str | None:
    """What to type instead of a value of the wrong type; None unless it would be accepted."""
    kinds = {each["type"]: each for each in wanted}
    if "string" in kinds and raw and not isinstance(value, str):
        fine = any(each["type"] == "string" and _complaint(raw, each) is None for each in wanted)
        return f'write "{raw}", in quotes, for the text' if fine else None
    if not isinstance(value, str):
        return "write [] for an empty list" if "array" in kinds and value is None else None
    if "boolean" in kinds and value.lower() in ("true", "yes", "on", "false", "no", "off"):
        return f"write `{'true' if value.lower() in ('true', 'yes', 'on') else 'false'}`, without quotes"
    if ("number" in kinds or "integer" in kinds) and re.fullmatch(r"[0-9]+(\.[0-9]+)?m?", value):
        number = float(value.rstrip("m")) / (1000 if value.endswith("m") else 1)
        return f"write {number:g}, without quotes" if "number" in kinds or number == int(number) else None
    if "array" in kinds:
        return f"write [{', '.join(part.strip() for part in value.split(',') if part.strip())}], a list"
    return None


def _complaint(value: Any, schema: Schema) -> str | None:
    """What is wrong with a scalar of the right type, or None."""
    says = schema.get("$comment")
    if "const" in schema and value != schema["const"]:
        return f"expected {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        return "expected one of " + ", ".join(repr(each) for each in schema["enum"])
    if isinstance(value, str):
        if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
            return f"expected {says}" if says else f"expected text like {schema['pattern']}"
        longest = schema.get("maxLength")
        if longest is not None and len(value) > longest:
            return f"it has {len(value)} characters, and {longest} are the most"
        if len(value) < schema.get("minLength", 0):
            return "it is empty"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high) or value != value:
            return f"expected {says or 'a number'} from {low} to {high}"
    return None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as ECMA 262 means it: ``$`` is the end of the text, not a line feed before it."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES.get(kind, ()))


def _name(path: Path) -> str:
    if not path:
        return "the document"
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"`{steps[1:]}`"


def _read(value: Any, raw: str | None) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"read as the number {value!r}" + (
            f" (from {raw!r})" if raw not in (None, repr(value)) else ""
        )
    return f"the text {_shown(value)}"


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "…" + shown[0]
