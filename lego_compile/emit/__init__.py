"""Formats and the disk: data to text (``yaml``, ``json``), and a tree of files to a folder (``tree``)."""
