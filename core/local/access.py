"""Who may connect to the private PostgreSQL: by `peer`, the kernel's word on the user at the other end of the socket.

No password has to be kept, and none can leak. The map names root and the accounts that run servers and program. Both
files are beside the data and not in it: root must not write into a folder of the servers' account, which might have put
a link there. They are written at each start, so they hold for existing data too.
"""

import os
import pwd
from pathlib import Path

from core.local.account import Account

_MAP = "unstuck"
_HBA, _IDENT = "pg_hba.conf", "pg_ident.conf"


def write_rules(data_dir: Path, account: Account) -> dict[str, str]:
    """Write the access rules of a data directory's PostgreSQL, and return the settings that name their files."""
    names = [_name_of(uid) for uid in sorted({0, account.uid, os.geteuid()})]
    # PostgreSQL cannot map a user without an entry in passwd; the socket's folder still keeps all others out.
    method = "trust" if None in names else f"peer map={_MAP}"
    rules = f"local all all {method}\nlocal replication all {method}\n"
    users = "".join(f'{_MAP} "{name}" all\n' for name in names if name)
    for name, text in {_HBA: rules, _IDENT: users}.items():
        _write(data_dir / name, text)
    return {"hba_file": str(data_dir / _HBA), "ident_file": str(data_dir / _IDENT)}


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _write(path: Path, text: str) -> None:
    """Replace a file; the servers' account reads it, and the folder around it keeps others out."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(text)
    new.chmod(0o644)
    new.rename(path)
