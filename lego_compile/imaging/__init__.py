"""The catalog's ``build:`` blocks → the git repository that builds the images: pure, and deterministic."""
