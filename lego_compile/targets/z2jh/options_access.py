"""Who may log in to a hub on Kubernetes, and how the hub is reached. Attribute names are the YAML keys."""

from typing import Annotated, Literal

from pydantic import Field

from lego_compile.spec.login import Access, Directory, LoginService, Search
from lego_compile.spec.types import Block, Text, text
from lego_compile.targets.z2jh.options_types import Cidr, LabelKey, NamespaceName, ObjectName

KeyName = Annotated[str, text(r"^[A-Za-z0-9._-]+$", 253, "a key of a Secret: letters, digits and . _ -")]
ClientId = Annotated[str, text(r"^[\x21-\x7e]+$", 200, "a client id, without spaces")]
Email = Annotated[str, text(r"^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", 200, "an e-mail address")]


class SecretKey(Block):
    """One key of a Kubernetes Secret that exists already: never the secret itself."""

    name: ObjectName = Field(description="Name of the Secret.", examples=["jupyterhub-oauth"])
    key: KeyName = Field("client-secret", description="Key in it.")


class PasswordKey(SecretKey):
    """The key of a Secret that holds a password."""

    key: KeyName = Field("password", description="Key in it.")


class AuthorityKey(Block):
    """One key of a ConfigMap that exists already, with certificates of CAs."""

    name: ObjectName = Field(description="Name of the ConfigMap.", examples=["directory-ca"])
    key: KeyName = Field("ca.crt", description="Key in it, with certificates as PEM.")


class OAuth(LoginService):
    """A login service that speaks OAuth 2 (Keycloak, Indigo IAM, …).

    Its redirect address is https://HOST/hub/oauth_callback.
    """

    client_id: ClientId = Field(description="Of the hub at the login service.", examples=["jupyterhub"])
    client_secret: SecretKey = Field(
        description="The Kubernetes Secret that holds the client secret.",
        examples=[{"name": "jupyterhub-oauth"}],
    )


class LdapSearch(Search):
    """How a user is found whose place in the directory does not follow from the name."""

    password: PasswordKey | None = Field(
        None, description="The Kubernetes Secret with its password.", examples=[{"name": "hub-ldap"}]
    )


class Ldap(Directory):
    """A directory that checks passwords; say `users` or `search`."""

    ca: AuthorityKey | None = Field(
        None,
        description="The ConfigMap with the CA of its certificate; the CAs of the hub's image when unsaid.",
        examples=[{"name": "directory-ca"}],
    )
    search: LdapSearch | None = Field(None, description="How they are found, where that varies.")


class Authenticator(Access):
    """Who may log in, and how."""

    oauth: OAuth | None = Field(None, description="The login service; only with generic-oauth.")
    ldap: Ldap | None = Field(None, description="The directory; only with ldap.")


class Ingress(Block):
    """The hub behind an Ingress; this is how it is reached when nothing else is said."""

    ingress_class: ObjectName | None = Field(
        None,
        alias="class",
        description="Ingress class; the cluster's default when unsaid.",
        examples=["traefik"],
    )
    tls_secret: ObjectName | None = Field(
        None, description="Secret with the certificate of `host`.", examples=["jupyter-tls"]
    )
    annotations: dict[LabelKey, Text] = Field(
        default_factory=dict,
        description="Annotations of the Ingress.",
        examples=[{"cert-manager.io/cluster-issuer": "letsencrypt"}],
    )


class Gateway(Block):
    """The hub behind a Gateway of the Gateway API, which ends TLS."""

    name: ObjectName = Field(description="Name of the Gateway.", examples=["public"])
    namespace: NamespaceName | None = Field(
        None, description="Its namespace; that of the hub when unsaid.", examples=["gateways"]
    )
    section: ObjectName | None = Field(
        None, description="Its listener; every one that fits when unsaid.", examples=["https"]
    )
    annotations: dict[LabelKey, Text] = Field(default_factory=dict, description="Annotations of the route.")


class LoadBalancer(Block):
    """The hub behind a load balancer of its own: the service of its proxy."""

    tls: Literal["letsencrypt", "secret", "offload", "none"] = Field(
        description="Who ends TLS. letsencrypt: the proxy, with certificates of Let's Encrypt; secret: the proxy, with "
        "the certificate in `tls_secret`; offload: the load balancer; none: nobody."
    )
    email: Email | None = Field(None, description="For Let's Encrypt.", examples=["ops@example.org"])
    tls_secret: ObjectName | None = Field(None, description="Secret with `tls.crt` and `tls.key`.")
    annotations: dict[LabelKey, Text] = Field(
        default_factory=dict, description="Annotations of the service, which the cloud's load balancer reads."
    )
    sources: tuple[Cidr, ...] = Field(
        (), description="Networks that may reach it; all when empty.", examples=[["192.0.2.0/24"]]
    )
