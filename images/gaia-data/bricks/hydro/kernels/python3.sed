s/"display_name"[[:space:]]*:[[:space:]]*"\(\\.\|[^"\\]\)*"/"display_name": "Hydrology (Python 3.12)"/
