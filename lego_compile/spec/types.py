"""Grammar of the values in a document, each stated once.

The patterns are portable (ECMA 262, Python and Rust). ``$comment`` says the grammar in words; messages quote it.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Block(BaseModel):
    """A mapping of the document; keys that it does not name are refused.

    Strict: validate JSON text (``model_validate_json``), where a list may become a tuple and nothing else
    changes type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def text(pattern: str, max_length: int, says: str, code: str = "LC204") -> Any:
    """Constraints of a text value.

    Args:
        pattern: regular expression for the whole value, with ``^`` and ``$``.
        max_length: in characters.
        says: the grammar in words, for messages: "expected …".
        code: of the diagnostic for a value that is not so.
    """
    extra: dict[str, Any] = {"$comment": says} if code == "LC204" else {"$comment": says, "x-code": code}
    return Field(pattern=pattern, max_length=max_length, json_schema_extra=extra)


_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
REGISTRY = rf"([a-z0-9-]+(\.[a-z0-9-]+)+(:{_PORT})?|localhost(:{_PORT})?|[a-z0-9-]+:{_PORT})"
"""Host of a registry. Without a dot or a port every engine takes it for a path of Docker Hub
(distribution/reference:normalize.go, splitDockerDomain)."""
COMPONENT = r"(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)"
"""One component of a repository's path (distribution/reference:regexp.go)."""

Name = Annotated[
    str, text(r"^[a-z0-9]+(-[a-z0-9]+)*$", 40, "lower-case letters and digits, with single hyphens inside")
]
Release = Annotated[str, text(r"^[0-9A-Za-z][0-9A-Za-z._-]*$", 60, "a release such as 2026.10, in quotes")]
Version = Annotated[
    str,
    text(
        r"^[0-9]+(\.[0-9]+){0,3}([-+~][0-9A-Za-z.+~-]+)?$",
        40,
        'a version in quotes, such as "1.35" or "29.1.4"',
    ),
]
Use = Annotated[
    str,
    text(
        r"^[a-z0-9]+(-[a-z0-9]+)*(@[0-9A-Za-z][0-9A-Za-z._-]*)?$",
        101,
        "a name of the catalog, or NAME@RELEASE",
    ),
]
Text = Annotated[
    str,
    Field(
        # Not those that turn the direction of what follows either: a diff would show something else than is there.
        pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+$",
        max_length=200,
        json_schema_extra={"$comment": "one line of text, without control characters", "x-code": "LC208"},
    ),
]
FileName = Annotated[str, text(r"^[^\u0000-\u001f]+$", 400, "the name of a file")]
DataSource = Annotated[
    str,
    text(
        r"^[^{}$\u0000-\u001f\u007f-\u009f\u2028\u2029]+$",
        400,
        "a path, a claim or an export without { } $ and control characters, which platforms would expand",
        "LC208",
    ),
]
AbsolutePath = Annotated[
    str,
    text(
        r"^(/[A-Za-z0-9_][A-Za-z0-9._+-]*)+$",
        200,
        "an absolute path of letters, digits and . _ + -, with no `..` and no trailing slash",
    ),
]
Repository = Annotated[
    str,
    text(
        rf"^{REGISTRY}{COMPONENT}+$",
        200,
        "registry (a host name, or a host with a port) and path of an image without tag or digest, such as "
        "registry.example.org/lego/lab",
    ),
]
RegistryPrefix = Annotated[
    str,
    text(
        rf"^{REGISTRY}{COMPONENT}*$",
        200,
        "a registry (a host name, or a host with a port), alone or with the beginning of a path, such as "
        "registry.example.org/lego",
    ),
]
Tag = Annotated[str, text(r"^[A-Za-z0-9_][A-Za-z0-9._-]*$", 128, "an image tag")]
Digest = Annotated[str, text(r"^sha256:[0-9a-f]{64}$", 71, "sha256: and 64 hexadecimal digits")]
Platform = Annotated[str, text(r"^linux/[a-z0-9]+(/v[0-9]+)?$", 40, "a platform such as linux/amd64")]
Memory = Annotated[
    str, text(r"^[1-9][0-9]{0,5}[KMGT]$", 7, "a whole number with K, M, G or T (powers of 1024), such as 8G")
]
Cpu = Annotated[float, Field(ge=0.001, le=1024, json_schema_extra={"$comment": "a number of cores"})]
EnvironmentName = Annotated[
    str, text(r"^[A-Za-z_][A-Za-z0-9_]*$", 100, "the name of a variable: letters, digits and underscores")
]
EnvironmentValue = Annotated[
    str,
    text(
        r"^[^{}$\u0000-\u001f\u007f]*$",
        4000,
        "text without { } $ and control characters, which platforms would expand",
        "LC208",
    ),
]
HostName = Annotated[
    str,
    text(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
        253,
        "a full host name in lower case, such as jupyter.example.org",
    ),
]
Url = Annotated[
    str,
    text(
        r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~:/?#@!&()*+,;=%-]*)?$",
        400,
        "an http or https address",
    ),
]
GroupName = Annotated[str, text(r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", 80, "the name of a group")]
UserName = Annotated[str, text(r"^[a-z0-9][a-z0-9._@-]*$", 80, "a user name in lower case")]
