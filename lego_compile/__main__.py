"""``python -m lego_compile``."""

from lego_compile.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
