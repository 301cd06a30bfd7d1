"""Whose rights the servers have: this user's, and for root, under whom PostgreSQL refuses to run, `pgserver`'s.

That account must pass through root's private folders to the data and to the wheel's programs. The wheel's own code
opens them to every user of the machine; here an access control list lets in this account alone. It is written by hand,
since neither Python nor every Debian has a tool for it.
"""

import errno
import logging
import os
import pwd
import stat
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from core.errors import Unusable

#: The system user that is made for root's servers; data directories of root belong to it.
SYSTEM_USER = "pgserver"
#: An access control list as Linux keeps it (include/uapi/linux/posix_acl_xattr.h): a version, then entries of kind,
#: right and number of a user, in this order.
_ACL = "system.posix_acl_access"
_ACL_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_UNNAMED = 0xFFFFFFFF
_PASS = 0o1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A user of this machine, other than the one who runs this program if `is_other`."""

    uid: int
    gid: int
    is_other: bool = False

    @classmethod
    def for_servers(cls, database: Path) -> Self:
        """Return the account for the servers; for root the owner of the database, or `pgserver`, made if need be."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        if database.exists() and (owner := database.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid, is_other=True)
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            _make_system_user()
            entry = pwd.getpwnam(SYSTEM_USER)
        return cls(entry.pw_uid, entry.pw_gid, is_other=True)

    def spawning(self) -> dict[str, Any]:
        """Return what subprocess needs to start a program under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": ()} if self.is_other else {}

    def own(self, folder: Path) -> None:
        """Make a folder that only this account enters, if there is none."""
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return
        os.chown(folder, self.uid, self.gid)

    def let_in(self, folder: Path) -> None:
        """Let this account pass through a folder and all above it: pass, not list, and nobody else."""
        if self.is_other:
            for each in (folder, *folder.parents):
                status = each.stat()
                if not status.st_mode & stat.S_IXOTH and status.st_uid != self.uid:
                    _let_pass(each, self.uid)

    def let_use(self, wheel: Path, programs: Path) -> None:
        """Let this account run a wheel's programs, even if root installed them for itself alone: umask 077 does that.

        The libraries that they share are not in the wheel's folder but beside it, in one that ends in `.libs`.
        """
        if self.is_other:
            self.let_in(programs)
            libraries = wheel.with_name(f"{wheel.name}.libs")
            for each in (programs, *programs.rglob("*"), *wheel.parent.glob(libraries.name), *libraries.glob("*")):
                mode = each.stat().st_mode
                wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
                if wanted != mode:
                    each.chmod(wanted)


def _make_system_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Unusable(
            f"PostgreSQL does not run as root, and the user {SYSTEM_USER} for it could not be made; run this as an "
            f"ordinary user, or make it: useradd --system {SYSTEM_USER}"
        ) from None


def _let_pass(folder: Path, uid: int) -> None:
    """Give one user the right to pass, by an access control list; where there is none, give it to everybody."""
    try:
        entries = _access_list(folder)
        group = entries.get((_MASK, _UNNAMED), entries[_GROUP, _UNNAMED])
        entries[_MASK, _UNNAMED] = group | _PASS
        entries[_USER, uid] = entries.get((_USER, uid), 0) | _PASS
        packed = b"".join(_ENTRY.pack(tag, right, who) for (tag, who), right in sorted(entries.items()))
        os.setxattr(folder, _ACL, _ACL_VERSION + packed)
    except (OSError, AttributeError):
        log.warning("opened %s for all users of this machine to pass through, so that PostgreSQL can", folder)
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)


def _access_list(folder: Path) -> dict[tuple[int, int], int]:
    """Return the rights of a folder by kind of user and number, from its list or else from its mode."""
    try:
        packed = os.getxattr(folder, _ACL)[len(_ACL_VERSION) :]
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = folder.stat().st_mode
        return {(_OWNER, _UNNAMED): mode >> 6 & 7, (_GROUP, _UNNAMED): mode >> 3 & 7, (_OTHER, _UNNAMED): mode & 7}
    return {(tag, who): right for tag, right, who in _ENTRY.iter_unpack(packed)}
