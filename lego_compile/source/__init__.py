"""Text with positions: YAML and JSON files, and where each value of them was written.

Knows nothing of what the files mean. ``read_text`` opens a file, ``parse`` reads it, ``merge`` lays one over
another; every mistake of the person who wrote the file comes back as a ``Problem``, never as an exception.
"""
