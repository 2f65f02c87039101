s/"display_name"[[:space:]]*:[[:space:]]*"\(\\.\|[^"\\]\)*"/"display_name": "Hydrology (R 4.5)"/
