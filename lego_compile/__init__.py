"""One spec per data centre in, agreeing JupyterHub deployments out."""

__version__ = "0.1.0"
