"""Tiny genuine OCI images of a catalog, and the locks of the example centres that pin them."""

from tests.images.contents import SERVICES, build
from tests.images.oci import Built, write_layout

__all__ = ["SERVICES", "Built", "build", "write_layout"]
