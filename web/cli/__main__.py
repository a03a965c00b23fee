"""`python -m web.cli`, which run.py starts."""

import sys

from web.cli.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
