"""The composition, naming no target: what a user finds inside the notebook."""
