"""Tiny genuine OCI images of a catalog, and a real registry that has them."""

from tests.images.contents import SERVICES, build
from tests.images.oci import Built, write_layout

__all__ = ["SERVICES", "Built", "build", "write_layout"]
