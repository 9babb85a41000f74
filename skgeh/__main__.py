"""``python -m skgeh data.csv --target price``: see `skgeh.command_line`."""

import sys

from skgeh.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
