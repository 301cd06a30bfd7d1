"""Make .venv contain exactly what the lock file names; uses the standard library only, since nothing else is installed.

The environment is created without ensurepip, which Debian packages separately. uv fills it if available; otherwise one
pinned pip wheel does, whatever pip this machine has and however it is configured.
"""

import fcntl
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"  # the same versions and more, as `make lock` ensures

PIP = (
    "https://files.pythonhosted.org/packages/f3/6e/1736e5b4ae2b778ef2f81c47d797de9f891d4d8acb047a24ca37a60294dd/"
    "pip-26.2.1-py3-none-any.whl"
)
PIP_SHA256 = "71138adf1f4ca900cdb7d289c21b7494329f2332b6d85f0e1c42108c0384ed3e"
#: Settings for a mirror or proxy, which are kept; the hashes in the lock decide which files may come from there.
KEPT = {"PIP_INDEX_URL", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_PROXY", "PIP_TRUSTED_HOST", "PIP_CACHE_DIR"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class SetupError(Exception):
    """Set-up cannot continue; the text says what to do."""


def main(arguments: list[str]) -> None:
    """Bring .venv up to date with the lock; `dev` adds the development packages and a browser."""
    lock = DEV_LOCK if "dev" in arguments else RUN_LOCK
    if not is_current(lock):
        with exclusive():
            if not is_current(lock):
                bring_up_to(lock)
    if "dev" in arguments:
        ensure_browser()


def is_current(lock: Path) -> bool:
    """Tell whether a working .venv contains what this lock names."""
    copy = copy_in_venv(lock)
    return copy is not None and copy.is_file() and copy.read_bytes() == lock.read_bytes()


def copy_in_venv(lock: Path) -> Path | None:
    """Return the path of .venv's copy of the lock that filled it, or None if its Python does not work.

    It is next to the packages, so that another Python, which does not see the packages, does not see the copy either.
    """
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    try:
        answer = subprocess.run([PYTHON, "-I", "-c", script], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    site = Path(answer.stdout.strip())
    return site / f".{lock.name}" if site.is_relative_to(VENV) else None


def bring_up_to(lock: Path) -> None:
    """Install the lock, into a new environment unless the present one was completed before."""
    print(f"Setting up .venv from {lock.name}; the first time takes about a minute.", file=sys.stderr)
    copies = [copy for each in (RUN_LOCK, DEV_LOCK) if (copy := copy_in_venv(each)) is not None and copy.is_file()]
    if not copies:
        if VENV.is_dir() and not VENV.is_symlink():
            shutil.rmtree(VENV)
        else:
            VENV.unlink(missing_ok=True)
        venv.EnvBuilder(symlinks=True).create(VENV)
    for copy in copies:
        copy.unlink()  # an interrupted installation leaves no copy, so the next one starts afresh
    install(lock)
    for each in (RUN_LOCK, DEV_LOCK) if lock == DEV_LOCK else (RUN_LOCK,):
        copy = copy_in_venv(each)
        assert copy is not None
        shutil.copyfile(each, copy)


def install(lock: Path) -> None:
    """Install with uv if it is available and succeeds, otherwise with pip."""
    uv = shutil.which("uv")
    arguments = ["--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
    if uv:
        # uv cannot hard-link across file systems, and prints long warnings about it.
        command = [uv, "--no-config", "pip", "install", "--link-mode", "copy", "--python", str(PYTHON), *arguments]
        if subprocess.run(command, env=uv_environment(), check=False).returncode == 0:
            return
        print("uv could not install the lock; trying pip.", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        wheel, trusting = fetch_pip(Path(folder))
        command = [str(PYTHON), f"{wheel}/pip", "install", "--disable-pip-version-check", *trusting, *arguments]
        if subprocess.run(command, env=pip_environment(), check=False).returncode:
            raise SetupError("Installing the dependencies failed: see above. Run the same command again to continue.")


def fetch_pip(folder: Path) -> tuple[Path, list[str]]:
    """Download the pinned pip, and return it with the options it needs here.

    A bare Debian has no certificates. Then the wheel is downloaded without verification, since its checksum decides
    whether it runs, and pip uses the certificates that it includes.
    """
    trusting: list[str] = []
    try:
        content = download(ssl.create_default_context())
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
        content = download(ssl._create_unverified_context())  # noqa: SLF001
        trusting = ["--use-deprecated=legacy-certs"]
    if hashlib.sha256(content).hexdigest() != PIP_SHA256:
        raise SetupError(f"The file from {PIP} is not the expected pip; does a proxy change downloads?")
    wheel = folder / PIP.rsplit("/", 1)[1]
    wheel.write_bytes(content)
    return wheel, trusting


def download(context: ssl.SSLContext) -> bytes:
    """Return the content of pip's wheel."""
    with urllib.request.urlopen(PIP, timeout=60, context=context) as answer:
        content: bytes = answer.read()
    return content


def uv_environment() -> dict[str, str]:
    """Return the environment in which uv trusts this machine's certificates, such as those of a company's proxy."""
    trusting = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"} if CERTIFICATES.is_file() else {}  # new and old name
    return os.environ | trusting


def pip_environment() -> dict[str, str]:
    """Return the environment without this machine's pip settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name in KEPT}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_ROOT_USER_ACTION": "ignore"}


@contextmanager
def exclusive() -> Iterator[None]:
    """Wait until no other set-up of this tree runs, and keep others out."""
    with RUN_LOCK.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ensure_browser() -> None:
    """Find Chromium or Chrome for the browser tests, or install Chromium without windows, on Debian as root."""
    if any(map(shutil.which, BROWSERS)):
        return
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print("Installing Debian's chromium-headless-shell for the browser tests.", file=sys.stderr)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for action in (
            ["update", "-q"],
            ["install", "-y", "-q", "--no-install-recommends", BROWSERS[0], "fonts-liberation"],
        ):
            subprocess.run([apt, *action], env=environment, check=False, stdout=subprocess.DEVNULL)
    if not any(map(shutil.which, BROWSERS)):
        raise SetupError(
            "The browser tests need Chromium or Chrome, and none is on PATH: install it (Debian: as root, apt-get "
            "install chromium-headless-shell; Ubuntu: Google Chrome from google.com/chrome), then run this again."
        )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        sys.exit(str(error))
    except urllib.error.URLError as error:
        sys.exit(f"Downloading pip from files.pythonhosted.org failed ({error.reason}): check the network or proxy.")
    except OSError as error:
        sys.exit(
            f"Set-up stopped at {error.filename or VENV}: {error.strerror}. Can you write to {ROOT}? Is its disk full?"
        )
