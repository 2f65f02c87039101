# Compiled by lego-compile from the centre specification: edit that, not this file.
"""How a session tells the hub its port. The same file for every centre; to import it is to use it."""

from __future__ import annotations

import batchspawner  # noqa: F401 - it has a handler of its own for that, which comes first
from choice import refusal  # it lies beside this file
from jupyterhub import apihandlers
from tornado import web


class PortHandler(apihandlers.APIHandler):
    """Takes the port on which a session listens.

    batchspawner's own handler sets any attribute of the spawner (jupyterhub/batchspawner:batchspawner/api.py@v1.3.0),
    and every session has a token for it: with `exec_prefix`, a user would run commands on the hub.
    """

    @web.authenticated
    def post(self) -> None:
        """Answer 201, or 400 for anything but ``{"port": 40000}``, or 403 for a token of no session."""
        token = self.get_auth_token()
        spawners = getattr(self.current_user, "spawners", {}).values()  # a service has none
        spawner = next((each for each in spawners if token and each.api_token == token), None)
        if spawner is None:
            raise refusal(403, "this is not the token of a session")
        body = self.get_json_body()
        port = body.get("port") if isinstance(body, dict) and len(body) == 1 else None
        if type(port) is not int or not 1024 <= port <= 65535:
            raise refusal(400, "a session says its port from 1024 to 65535, and nothing else")
        spawner.port = port
        self.set_status(201)
        self.finish({"message": "The port is known"})


REPORT = "/api/batchspawner"
apihandlers.default_handlers[:] = [
    *(each for each in apihandlers.default_handlers
      if each[0] != REPORT and not each[1].__module__.startswith("batchspawner")),
    (REPORT, PortHandler),
]  # fmt: skip
