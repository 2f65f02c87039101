"""What JupyterHub says in its log that is more than information, and need not worry the operator of a centre."""

from __future__ import annotations

import re

TRIAL = r"JupyterHub auth:\d+\] Using testing authenticator DummyAuthenticator! .*"
# It says itself that this matters to big hubs alone.
SLOW = r"IdleCuller __init__:\d+\] Could not load pycurl: .*"
REFUSED = (
    r"JupyterHub (web|log):\d+\] (40[034]|503) .*",
    r"JupyterHub base:\d+\] Couldn't parse JSON",
    r"JupyterHub scopes:\d+\] Not authorizing access to .*",
    r"JupyterHub spawner:\d+\] Exception applying user_options for .*",
    r"JupyterHub (user|pages|base):\d+\] ((Error|Unhandled error) starting|Failed to spawn) .*",
    r"JupyterHub jupyterhub_config:\d+\] not on this machine .*",
    r"JupyterHub base:\d+\] User ada server stopped, with exit code: ExitCode=78, .*",
    r"JupyterHub dockerspawner:\d+\] (Container not found|Removing container that should have been cleaned up): .*",
    r"JupyterHub proxy:\d+\] Adding missing route for .*",
    r"JupyterHub ioloop:\d+\] Exception in callback <bound method JupyterHub.update_last_activity .*",
    r"JupyterHub app:\d+\] Received signal SIGTERM, initiating shutdown\.\.\.",
    r"Traceback .*",
)
"""What the hub says of what is done to it here, and of its restart."""

JOBS = (
    r"JupyterHub spawner:\d+\] ",  # batchspawner uses the database session of JupyterHub, which plans to end that
    r"JupyterHub batchspawner:\d+\] (Subprocess returned exitcode 1|sbatch: error: .*|Job \d+ neither .*)",
    r"JupyterHub base:\d+\] (User ada server stopped, with exit code: 1|Rolling back dirty objects .*)",
    r"JupyterHub pages:\d+\] Previous spawn for ada failed: .*",
)
"""What it says besides where sessions are jobs, some of which end at once."""

ENDS = r"tornado\.web\.HTTPError: HTTP (4|503)|json\.decoder\.JSONDecodeError|RecursionError|ConnectionRefusedError"
"""Of tracebacks that JupyterHub logs for that, though it answers well."""


def unexpected(complaints: list[str], *expected: str) -> list[str]:
    """Those that nobody has to expect."""
    known = re.compile("|".join((TRIAL, SLOW, *expected)))
    return [each for each in complaints if not known.fullmatch(each)]
