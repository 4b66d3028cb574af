"""`python -m verimage`."""

import sys

from verimage._command_line import main

if __name__ == "__main__":
    sys.exit(main())
