"""Who may log in to a hub on one machine. Attribute names are the YAML keys."""

from pydantic import Field

from lego_compile.spec.login import Access, Directory, Dn, LoginService, Search


class OAuth(LoginService):
    """A login service that speaks OAuth 2 (Keycloak, Indigo IAM, …).

    The id of the client is `OAUTH_CLIENT_ID` in `.env`, its secret the file `secrets/oauth_client_secret`;
    its redirect address is https://HOST/hub/oauth_callback.
    """


class LdapSearch(Search):
    """How a user is found whose place in the directory does not follow from the name."""

    user: Dn | None = Field(
        None,
        description="Who asks, with the password in the file `secrets/ldap_password`; anonymously when unsaid.",
        examples=["cn=hub,dc=example,dc=org"],
    )


class Ldap(Directory):
    """A directory that checks passwords; say `users` or `search`."""

    ca: bool = Field(
        False,
        description="Whether the file `secrets/ldap_ca` has the CA of its certificate, as PEM; the CAs of the hub's "
        "image when not.",
    )
    search: LdapSearch | None = Field(None, description="How they are found, where that varies.")


class Authenticator(Access):
    """Who may log in, and how."""

    oauth: OAuth | None = Field(None, description="The login service; only with generic-oauth.")
    ldap: Ldap | None = Field(None, description="The directory; only with ldap.")
