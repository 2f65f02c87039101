"""A real OpenLDAP server on this machine, for as long as a test wants one, and the people it knows."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.conformance.ports import free_ports

PACKAGE = "slapd"
"""The Debian package that has the program."""

BASE = "dc=example,dc=org"
PEOPLE, GUESTS, HIDDEN = f"ou=people,{BASE}", f"ou=guests,{BASE}", f"ou=hidden,ou=people,{BASE}"
ACCOUNT, ACCOUNT_PASSWORD = f"cn=hub,{BASE}", "from the Secret, #1"
GROUPS = {kind: f"cn={kind},ou=groups,{BASE}" for kind in ("researchers", "operators", "fellows")}
"""One of each kind: with ``member``, with ``uniqueMember`` and with ``memberUid``."""


@dataclass(frozen=True)
class Person:
    """Somebody in the directory.

    Attributes:
        name: what is typed to log in.
        dn: the place in the directory, whose first part need not be the name.
    """

    name: str
    dn: str

    @property
    def password(self) -> str:
        """Of nobody else."""
        return f"{self.name}: correct horse, battery"

    @property
    def mail(self) -> str:
        """An address that is as good as the name."""
        return f"{self.name}@example.org"


ADA, GRACE, HEDY, EVE, ROOT = (
    Person(name, f"uid={name},{PEOPLE}") for name in ("ada", "grace", "hedy", "eve", "root")
)
SEVEN = Person("7of9@x.org", f"uid=7of9@x.org,{PEOPLE}")
GIL = Person("gil", f"uid=gil,{GUESTS}")
MARY = Person("mary", f"cn=Mary Somerville\\, 1780,ou=physics,{PEOPLE}")
RHEA = Person("rhea", f"cn=Rhea Silvia,{HIDDEN}")
EVERYBODY = (ADA, GRACE, HEDY, EVE, ROOT, SEVEN, GIL, MARY, RHEA)

_SCHEMAS = ("/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema")
_PATIENCE = 60.0
_CONFIGURATION = """\
include {core}
# What RFC 2307 has about groups: all of it would be read by every client anew.
attributetype ( 1.3.6.1.1.1.1.12 NAME 'memberUid' EQUALITY caseExactIA5Match
  SUBSTR caseExactIA5SubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
objectclass ( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top STRUCTURAL MUST cn MAY ( memberUid $ description ) )
# As other directories do: a name without a password is welcome, as nobody.
allow bind_anon_cred
pidfile {folder}/pid
argsfile {folder}/args
{tls}
database ldif
suffix "{base}"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="{hidden}" by dn.exact="{account}" read by self read by * none
access to dn.subtree="ou=groups,{base}" by users read by * none
access to * by * read
"""


class NoDirectory(Exception):  # noqa: N818 - tests skip because of it
    """There is no OpenLDAP server on this machine, or one that does not take our directory."""


def _entry(dn: str, **attributes: str | Sequence[str]) -> str:
    lines = [f"dn: {dn}"]
    for name, value in attributes.items():
        lines += [f"{name}: {each}" for each in ([value] if isinstance(value, str) else value)]
    return "\n".join(lines)


def _contents() -> str:
    """The directory as LDIF (RFC 2849)."""
    entries = [_entry(BASE, objectClass=["dcObject", "organization"], dc="example", o="Example")]
    for dn in (PEOPLE, GUESTS, HIDDEN, f"ou=physics,{PEOPLE}", f"ou=groups,{BASE}"):
        entries.append(_entry(dn, objectClass="organizationalUnit"))
    entries.append(
        _entry(
            ACCOUNT, objectClass=["organizationalRole", "simpleSecurityObject"], userPassword=ACCOUNT_PASSWORD
        )
    )
    for each in EVERYBODY:
        entries.append(
            _entry(
                each.dn,
                objectClass=["person", "extensibleObject"],
                cn=each.name if each.dn.startswith("uid=") else [],
                uid=each.name,
                sn=each.name,
                mail=each.mail,
                userPassword=each.password,
            )
        )
    researchers, operators, fellows = GROUPS.values()
    entries += [
        _entry(researchers, objectClass="groupOfNames", member=[ADA.dn, MARY.dn, RHEA.dn]),
        _entry(operators, objectClass="groupOfUniqueNames", uniqueMember=GRACE.dn),
        _entry(fellows, objectClass="posixGroup", memberUid=HEDY.name),
    ]
    return "\n\n".join(entries) + "\n"


def program() -> str | None:
    """The server: what LEGO_SLAPD names, or the one of PATH; None without one."""
    named = os.environ.get("LEGO_SLAPD", PACKAGE)
    return shutil.which(named) or shutil.which(named, path="/usr/sbin:/usr/local/sbin:/usr/lib/openldap")


class Directory:
    """A server that listens on free ports of the loopback interface until the ``with`` ends.

    Args:
        tls: files of its certificate, its key, and the CA of both; without them it speaks no TLS.

    Attributes:
        port: of LDAP, on which TLS may be started.
        secure_port: of LDAP over TLS; 0 without.
    """

    def __init__(self, tls: tuple[str, str, str] | None = None) -> None:
        self._tls = tls
        self.port = self.secure_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Directory:
        found = program()
        if found is None:
            raise NoDirectory(
                f"no `{PACKAGE}` on PATH: install Debian's package {PACKAGE}, or name it in LEGO_SLAPD"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="lego-slapd-")
        try:
            self._start(found, Path(self._folder.name))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the program and delete what it stored."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _start(self, found: str, folder: Path) -> None:
        # A copy: where AppArmor is on, Debian's own may only look into the folders of Debian's service.
        copy = str(shutil.copy(found, folder / "slapd"))
        configuration, contents = folder / "slapd.conf", folder / "contents.ldif"
        configuration.write_text(self._configuration(folder))
        contents.write_text(_contents())
        (folder / "data").mkdir()
        filled = subprocess.run(
            [copy, "-T", "add", "-f", configuration, "-l", contents], capture_output=True, text=True
        )
        if filled.returncode:
            raise NoDirectory(f"`{found}` takes nothing: {filled.stderr[-500:]}")
        log = folder / "log"
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            ports = free_ports(2)
            addresses = f"ldap://127.0.0.1:{ports[0]}/"
            if self._tls:
                addresses += f" ldaps://127.0.0.1:{ports[1]}/"
            with log.open("wb") as out:
                self._process = subprocess.Popen(
                    [copy, "-d", "0", "-f", configuration, "-h", addresses], stdout=out, stderr=out
                )
            while time.monotonic() < end and self._process.poll() is None:
                if (folder / "pid").exists() and all(map(_answers, ports if self._tls else ports[:1])):
                    self.port, self.secure_port = ports[0], ports[1] if self._tls else 0
                    return
                time.sleep(0.02)
            # It has ended: somebody else may have been given a port meanwhile.
        raise AssertionError(f"`{found}` does not start: {log.read_text(errors='replace')[-500:]}")

    def _configuration(self, folder: Path) -> str:
        """OpenLDAP's slapd.conf(5)."""
        core = next(
            (path for path in (Path(each, "core.schema") for each in _SCHEMAS) if path.exists()), None
        )
        if core is None:
            raise NoDirectory(f"no core.schema of OpenLDAP in {', '.join(_SCHEMAS)}")
        keys = ("TLSCertificateFile", "TLSCertificateKeyFile", "TLSCACertificateFile")
        tls = (f"{key} {file}" for key, file in zip(keys, self._tls or (), strict=False))
        return _CONFIGURATION.format(
            core=core,
            folder=folder,
            tls="\n".join(tls),
            base=BASE,
            hidden=HIDDEN,
            account=ACCOUNT,
        )


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Tap:
    """A port of the loopback interface that leads to another one until the ``with`` ends.

    Args:
        target: the other port.

    Attributes:
        port: to be asked instead.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sent: list[bytes] = []

    @property
    def sent(self) -> bytes:
        """Every byte that was sent to the other port."""
        return b"".join(self._sent)

    def __enter__(self) -> Tap:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with suppress(OSError), near, socket.create_connection(("127.0.0.1", self._target)) as far:
            back = threading.Thread(target=self._copy, args=(far, near, None), daemon=True)
            back.start()
            self._copy(near, far, self._sent)
            back.join()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket, kept: list[bytes] | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if kept is not None:
                    kept.append(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
