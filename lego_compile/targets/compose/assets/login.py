# Compiled by lego-compile from the centre specification: edit that, not this file.
"""Who may log in to the hub, and who is in which group. The same file for every centre; jupyterhub_config.py loads it.

Needs what the authenticator in composition.json is made of: oauthenticator 17, ldapauthenticator 2 or
nativeauthenticator 1.3.
"""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path
from typing import Any

from traitlets import TraitError

c: Any = get_config()  # traitlets gives it to this file

CENTER: dict[str, Any] = json.loads(Path(__file__).with_name("composition.json").read_text("utf-8"))
ASKED: dict[str, Any] = CENTER["authenticator"]
SECRETS = Path(os.environ.get("LEGO_SECRETS", "/run/secrets"))
LDAP_TLS = {"starttls": "before_bind", "ldaps": "on_connect", "none": "insecure"}


def secret(name: str) -> str:
    """What a file below secrets/ holds, without the line break that editors add.

    Raises:
        TraitError: nothing is there, or nobody can read it. JupyterHub ends with the message, and without a traceback.
    """
    try:
        text = (SECRETS / name).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TraitError(
            f"the file secrets/{name} cannot be read ({error}); env.example says what it is"
        ) from None
    if not text.strip():
        raise TraitError(f"the file secrets/{name} is empty; env.example says what it is")
    return text


def authority(name: str) -> str:
    """Path of a file below secrets/ with certificates of CAs.

    Raises:
        TraitError: there is none in it, or nobody can read it.
    """
    path = str(SECRETS / name)
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # of ssl too
        raise TraitError(
            f"the file secrets/{name} has no certificate ({error}); env.example says what it is"
        ) from None
    return path


def generic_oauth(oauth: dict[str, Any]) -> None:
    """jupyterhub/oauthenticator:oauthenticator/{oauth2,generic}.py@17.4.0."""
    section = c.GenericOAuthenticator
    section.client_id = os.environ["OAUTH_CLIENT_ID"]
    section.client_secret = secret("oauth_client_secret")
    section.oauth_callback_url = f"https://{CENTER['host']}/hub/oauth_callback"
    for key in ("authorize_url", "token_url", "userdata_url", "login_service", "username_claim", "scope"):
        section[key] = oauth[key]
    if oauth["groups_claim"]:
        section.manage_groups = True
        section.auth_state_groups_key = f"oauth_user.{oauth['groups_claim']}"
        section.allowed_groups = set(ASKED["allowed_groups"])


def ldap(asked: dict[str, Any]) -> None:
    """jupyterhub/ldapauthenticator:ldapauthenticator/ldapauthenticator.py@2.0.2."""
    section, search = c.LDAPAuthenticator, asked["search"]
    section.server_address = asked["server"]
    if asked["port"]:
        section.server_port = asked["port"]
    section.tls_strategy = LDAP_TLS[asked["tls"]]
    if asked["tls"] != "none":
        # Else no certificate is checked (cannatag/ldap3:ldap3/core/tls.py@2.9.1).
        ours = {"ca_certs_file": authority("ldap_ca")} if asked["ca"] else {}
        section.tls_kwargs = {"validate": ssl.CERT_REQUIRED, **ours}
    # Its own takes neither capitals nor addresses, and a line break in the end.
    section.valid_username_regex = r"^[A-Za-z0-9][A-Za-z0-9._@-]*\Z"
    if asked["users"]:
        section.bind_dn_template = asked["users"]
    if asked["allowed_groups"]:
        section.allowed_groups = asked["allowed_groups"]
    if search:
        section.lookup_dn = True
        section.user_search_base = search["base"]
        section.user_attribute = search["attribute"]
        section.lookup_dn_user_dn_attribute = search["attribute"]  # without it every search is a TypeError
        if search["user"]:
            section.lookup_dn_search_user = search["user"]
            section.lookup_dn_search_password = secret("ldap_password")
    if asked["allowed_groups"] and not ASKED["allowed_users"]:
        # JupyterHub adds administrators to a list of users only when there is one, and this class knows no others.
        section.allowed_users = set(ASKED["admin_users"])


class Unmeasured:
    """The timer of logins that nativeauthenticator 1.3.0 asks JupyterHub for, and that 6 has no more."""

    def timer(self, _: str) -> Unmeasured:
        return self

    def start(self) -> Unmeasured:
        return self

    def stop(self, **_: bool) -> None:
        return None


def native(asked: dict[str, Any]) -> None:
    """jupyterhub/nativeauthenticator:nativeauthenticator/{nativeauthenticator,handlers}.py@1.3.0."""
    import nativeauthenticator
    from nativeauthenticator.handlers import LoginHandler

    section = c.NativeAuthenticator
    section.open_signup = asked["open_signup"]
    section.check_common_password = True
    section.minimum_password_length = asked["minimum_password_length"]
    section.allowed_failed_logins = asked["failed_logins"]
    section.seconds_before_next_try = 600  # 0 in truth: its 600 is a tag of the trait
    # Its pages, with links to where administrators let people in and passwords are changed.
    c.JupyterHub.template_paths.insert(0, str(Path(nativeauthenticator.__file__).with_name("templates")))
    if not hasattr(LoginHandler, "statsd"):
        LoginHandler.statsd = Unmeasured()


def only_listed_administrators(authenticator: Any, _: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Whom the spec dropped is no administrator any more: JupyterHub alone makes some, and unmakes none."""
    return {**found, "admin": found["name"] in authenticator.admin_users}


SET_UP: dict[str, Any] = {
    "generic-oauth": ("oauth", generic_oauth),
    "ldap": ("ldap", ldap),
    "native": ("native", native),
    "dummy": ("", lambda _: None),
}
KIND, SET_UP_KIND = SET_UP[ASKED["type"]]
BLOCK: dict[str, Any] = ASKED[KIND] if KIND else {}

c.JupyterHub.authenticator_class = ASKED["type"]
c.Authenticator.admin_users = set(ASKED["admin_users"])
c.Authenticator.allowed_users = set(ASKED["allowed_users"])
c.Authenticator.allow_all = not (
    ASKED["allowed_users"] or ASKED["allowed_groups"] or BLOCK.get("allowed_groups")
)
c.Authenticator.allow_existing_users = False  # members of groups are in the database, and not thereby allowed
c.Authenticator.post_auth_hook = only_listed_administrators
SET_UP_KIND(BLOCK)
if not BLOCK.get("groups_claim"):
    c.JupyterHub.load_groups = {name: {"users": users} for name, users in CENTER["groups"].items()}
