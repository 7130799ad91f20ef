"""`python -m straw` is `straw`."""

import sys

from straw.cli import main

if __name__ == "__main__":
    sys.exit(main())
