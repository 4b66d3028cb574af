"""The console script `verimage`: the same command line as the binary of that name."""

import signal
import sys

from verimage import _native


def main() -> int:
    """Runs the command line of this process and returns its exit code."""
    # Ctrl-C ends the process at once, as it ends the binary.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.command_line(["verimage", *sys.argv[1:]])
