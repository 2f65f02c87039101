"""Asking container registries what an image is; the only room that uses the network, imported when asked for."""
