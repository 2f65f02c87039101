s/"display_name"[[:space:]]*:[[:space:]]*"\(\\.\|[^"\\]\)*"/"display_name": "Climate (Python 3.12)"/
