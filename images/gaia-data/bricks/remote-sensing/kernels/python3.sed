s/"display_name"[[:space:]]*:[[:space:]]*"\(\\.\|[^"\\]\)*"/"display_name": "Remote sensing (Python 3.12)"/
