s/"display_name"[[:space:]]*:[[:space:]]*"\(\\.\|[^"\\]\)*"/"display_name": "Geo (Python 3.12)"/
