"""Users: a home with files of credentials and helpers, and the check that none of it is ever printed."""

from __future__ import annotations

import json
import stat
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lego_compile.registry.credentials import Credential, Credentials
from tests.images.registry import PASSWORD, USER, basic

ADA = {"auth": basic().removeprefix("Basic ")}
"""The entry of the user that the real registries know."""

WRONG = {"username": USER, "password": "hunter2-wrong"}


class Home:
    """A user's home, and the environment of the programs that they start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        self.environment = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "PATH": str(folder / "bin"),
        }

    def file(self, name: str, content: Mapping[str, Any] | str) -> str:
        """Write a file of credentials."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def of_ada(self, host: str) -> Credentials:
        """Write the file that opens a host, and read it."""
        self.file(".docker/config.json", {"auths": {host: ADA}})
        return self.credentials()

    def helper(self, name: str, code: str) -> None:
        """Install a credential helper, in Python."""
        path = self.folder / "bin" / f"docker-credential-{name}"
        path.write_text(
            f"#!{sys.executable} -IS\nimport sys, json, os, time\nserver = sys.stdin.read()\n{code}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def find(self, repository: str, **environment: str) -> Credential | None:
        """The credential of this user."""
        return self.credentials(**environment).find(repository)

    def credentials(self, **environment: str) -> Credentials:
        """The credentials of this user."""
        return Credentials.from_environment({**self.environment, **environment})


def assert_hidden(error: BaseException, *secrets: str) -> None:
    """No secret in the message, the help, the traceback, or any error that is chained to it."""
    seen: BaseException | None = error
    said = "".join(traceback.format_exception(error))
    while seen is not None:
        said += f"{seen} {seen!r} {seen.args} {vars(seen)}"
        seen = seen.__cause__ or seen.__context__
    for secret in (*secrets, PASSWORD):
        assert secret not in said.replace(__file__, "")
