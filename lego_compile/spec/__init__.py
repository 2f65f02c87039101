"""The documents people write: centre, catalog, lock. One pydantic model per YAML block."""
