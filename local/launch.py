"""Becomes another program that ends when its parent ends, and that is not root where that program refuses root.

Run as a script by `local.process`: `python -I -S launch.py PARENT SIGNAL UID:GID|- PROGRAM ARGUMENT...`. Imports
nothing of ours and nothing heavy, since it runs before every part of the system.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

REMEDY = "work as an ordinary user, or in a directory that every user may enter"


def launch(parent: int, death_signal: signal.Signals, owner: str, program: list[str]) -> None:
    """Replace this process by `program`; does not return."""
    if owner != "-":
        user, _, group = owner.partition(":")
        become(int(user), int(group))
    if sys.platform == "linux":
        # After the change of user, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal.value, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent process ended before its part started")
    try:
        os.execv(program[0], program)  # noqa: S606 # this is what the script is for
    except OSError as error:
        sys.exit(f"{program[0]} cannot be run by user {os.getuid()}: {error.strerror}; {REMEDY}")


def become(user: int, group: int) -> None:
    """Give up root, but keep the right to reach files: the program may lie in a directory that only root may enter."""
    library = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform == "linux"
    if linux:
        # Rights stay with the process when its user changes, and access(2) counts them, as open(2) does.
        library.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    if linux:
        # All rights but this one are given up. Where the machine does not grant it, the program starts without.
        _keep(library, CAP_DAC_OVERRIDE)


def _keep(library: ctypes.CDLL, capability: int) -> None:
    bit = 1 << capability
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Effective, permitted and inheritable sets of capabilities 0-31, then of 32-63.
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if library.capset(header, sets) == 0:
        library.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


if __name__ == "__main__":
    launch(int(sys.argv[1]), signal.Signals(int(sys.argv[2])), sys.argv[3], sys.argv[4:])
