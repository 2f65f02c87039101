"""Grammar of the words of Kubernetes."""

from typing import Annotated

from lego_compile.spec.types import text

ObjectName = Annotated[
    str,
    text(
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
        253,
        "the name of a Kubernetes object: lower-case letters, digits, hyphens and dots",
    ),
]
LabelKey = Annotated[
    str,
    text(
        r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
        253,
        "the key of a Kubernetes label or annotation, such as lego.example.org/bricks",
    ),
]
LabelValue = Annotated[
    str,
    text(
        r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$",
        63,
        'the value of a Kubernetes label, such as "true"',
    ),
]
NamespaceName = Annotated[
    str,
    text(
        r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        63,
        "the name of a Kubernetes namespace: lower-case letters, digits and hyphens",
    ),
]
Cidr = Annotated[
    str,
    text(
        r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*)/[0-9]{1,3}$",
        60,
        "a network such as 192.0.2.0/24 or 2001:db8::/32",
    ),
]
