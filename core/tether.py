"""Run a command that dies with its parent and, where asked, not as root.

`python -m core.tether --signal SIGINT [--owner FOLDER] -- COMMAND ...` becomes COMMAND. PostgreSQL
refuses to run as root, or as a user without a name: with `--owner` the command runs as the folder's
owner where that is somebody else, else as `nobody` of a user namespace of its own, where it still
owns its caller's files, and where namespaces are blocked as the true `nobody`, who is then given
the folder.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534


def tethered(
    command: Sequence[str], *, signum: signal.Signals, owner: Path | None = None
) -> tuple[str, ...]:
    """`command` wrapped so that it gets `signum` when its parent dies."""
    program = (sys.executable, "-P", "-m", "core.tether", "--signal", signum.name)
    drop = ("--owner", str(owner)) if owner else ()
    return (*program, *drop, "--", *command)


def import_path(inherited: str | None) -> dict[str, str]:
    """The variable by which a child finds these packages, where they are not installed."""
    root = Path(__file__).resolve().parent.parent
    if root.name in ("site-packages", "dist-packages"):
        return {}
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(root), inherited)))}


def die_with_parent(signum: signal.Signals) -> None:
    """Have the kernel send `signum` to this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def give_up_root(folder: Path) -> None:
    """Be a user with a name, not root, who can read and write `folder`; else stay as we are."""
    owner = folder.stat()
    root = os.geteuid() == 0
    if root and owner.st_uid != 0:
        _become(owner.st_uid, owner.st_gid)
    elif not root and _has_name(os.geteuid()):
        return
    elif _namespaces_allowed():
        _enter_namespace()
    elif root:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
        _become(nobody.pw_uid, nobody.pw_gid)


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _namespaces_allowed() -> bool:
    child = os.fork()
    if child == 0:
        try:
            _enter_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _enter_namespace() -> None:
    if sys.platform != "linux":
        raise OSError("no user namespaces here")
    uid, gid = os.geteuid(), os.getegid()
    inside = next((user.pw_uid for user in pwd.getpwall() if user.pw_name == "nobody"), _NOBODY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{inside} {gid} 1")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `python -m core.tether`."""
    parser = argparse.ArgumentParser(prog="core.tether", description=__doc__)
    parser.add_argument("--signal", required=True, type=lambda name: signal.Signals[name])
    parser.add_argument("--owner", type=Path)
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    try:
        if asked.owner:
            give_up_root(asked.owner)
        die_with_parent(asked.signal)
        os.execvp(asked.command[0], asked.command)
    except OSError as problem:
        sys.exit(f"{asked.command[0]} cannot be run as uid {os.geteuid()}: {problem}")


if __name__ == "__main__":
    main()
