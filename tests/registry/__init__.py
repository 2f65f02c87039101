"""The registry room, judged by the registry that the Distribution project publishes."""
