"""The console script `verimage`: the same command line as the binary of that name."""

import signal
import sys

from verimage import _native


def main() -> int:
    """Runs the command line of this process and returns its exit code."""
    # Ctrl-C ends the process at once, as it ends the binary; where it is ignored, it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.command_line(["verimage", *sys.argv[1:]])
