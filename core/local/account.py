"""The account that the servers run under: the present user, or `pgserver` for root, since PostgreSQL refuses root.

`pgserver` must pass through root's private folders to reach the data and the wheel's programs. The wheel's own code
opens these folders to all users; here an access control list admits this account alone. It is packed by hand, since
neither Python nor every Debian has a tool for it.
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

#: The system user made for root's servers; it owns the databases in root's data directories.
SYSTEM_USER = "pgserver"
#: An access control list as Linux stores it (include/uapi/linux/posix_acl_xattr.h): a version, then entries of tag,
#: permissions and user id, in this order.
_ACL = "system.posix_acl_access"
_ACL_VERSION = struct.pack("<I", 2)
_ENTRY = struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_UNNAMED = 0xFFFFFFFF
_PASS = 0o1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A user of this machine; `is_other` means another user than the one who runs this program."""

    uid: int
    gid: int
    is_other: bool = False

    @classmethod
    def for_servers(cls, database: Path) -> Self:
        """Return the account for the servers; for root, the database's owner or `pgserver`, made if missing."""
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
        """Return the arguments with which subprocess starts a program under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": ()} if self.is_other else {}

    def own(self, folder: Path) -> None:
        """Make a folder that only this account can enter, unless it exists."""
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return
        os.chown(folder, self.uid, self.gid)

    def grant_passage(self, folder: Path) -> None:
        """Let this account alone pass through a folder and its parents, without listing them."""
        if self.is_other:
            for each in (folder, *folder.parents):
                status = each.stat()
                if not status.st_mode & stat.S_IXOTH and status.st_uid != self.uid:
                    _grant_passage(each, self.uid)

    def grant_use(self, wheel: Path, programs: Path) -> None:
        """Let this account run a wheel's programs, even if root installed them under umask 077.

        Their shared libraries are in the folder beside the wheel's that ends in `.libs`.
        """
        if self.is_other:
            self.grant_passage(programs)
            libraries = wheel.with_name(f"{wheel.name}.libs")
            for each in (programs, *programs.rglob("*"), *wheel.parent.glob(libraries.name), *libraries.glob("*")):
                mode = each.stat().st_mode
                usable = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
                if usable != mode:
                    each.chmod(usable)


def _make_system_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Unusable(
            f"PostgreSQL does not run as root, and creating the user {SYSTEM_USER} for it failed; run this as an "
            f"ordinary user, or create it: useradd --system {SYSTEM_USER}"
        ) from None


def _grant_passage(folder: Path, uid: int) -> None:
    """Let one user pass, by an access control list; where the file system has none, let all users pass."""
    try:
        entries = _access_list(folder)
        group = entries.get((_MASK, _UNNAMED), entries[_GROUP, _UNNAMED])
        entries[_MASK, _UNNAMED] = group | _PASS
        entries[_USER, uid] = entries.get((_USER, uid), 0) | _PASS
        packed = b"".join(_ENTRY.pack(tag, permission, number) for (tag, number), permission in sorted(entries.items()))
        os.setxattr(folder, _ACL, _ACL_VERSION + packed)
    except (OSError, AttributeError):
        log.warning("opened %s for all users of this machine to pass through, since PostgreSQL must", folder)
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)


def _access_list(folder: Path) -> dict[tuple[int, int], int]:
    """Return the permissions of a folder by tag and user id, from its access control list or else its mode."""
    try:
        packed = os.getxattr(folder, _ACL)[len(_ACL_VERSION) :]
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        mode = folder.stat().st_mode
        return {(_OWNER, _UNNAMED): mode >> 6 & 7, (_GROUP, _UNNAMED): mode >> 3 & 7, (_OTHER, _UNNAMED): mode & 7}
    return {(tag, number): permission for tag, permission, number in _ENTRY.iter_unpack(packed)}
