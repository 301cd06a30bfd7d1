"""Redis with a password, and nginx with deploy/nginx.conf and TLS, before consoles."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx
import redis

from tests.hosted.place import PASSWORD, PLACES, START, Servers, free_port
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]


def start_redis(folder: Path, addresses: set[str], port: int, servers: Servers) -> None:
    """Start Redis on these addresses and on a socket in the folder, and wait until it answers."""
    program = shutil.which("redis-server", path=PLACES) or ""
    places = ["--port", str(port), "--bind", *sorted(addresses), "--unixsocket", str(folder / "redis.sock")]
    servers.spawn("redis", [program, *places, "--requirepass", PASSWORD, "--save", "", "--dir", "/tmp"])

    def is_up() -> bool:
        try:
            with redis.Redis.from_url(f"redis://:{PASSWORD}@127.0.0.1:{port}/0") as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    eventually(is_up, within=START)


def start_nginx(folder: Path, consoles: Sequence[int], https: int, servers: Servers) -> None:
    """Run the example configuration with our ports, folder and certificate in place of its own."""
    tls = folder / "tls"
    tls.mkdir()
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-keyout", tls / "tls.key", "-out", tls / "tls.crt"], check=True, capture_output=True)
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for number, port in enumerate(consoles, 1):
        text = text.replace(f"console-{number}:8080", f"127.0.0.1:{port}")
    text = text.replace("/etc/nginx/tls", str(tls)).replace("/var/log/nginx", str(folder))
    text = text.replace("unstuck.example.com", "localhost")
    text = re.sub(r"listen 80;", f"listen 127.0.0.1:{free_port()};", text)
    text = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;", text)
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    options = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;"
    servers.spawn("nginx", ["/usr/sbin/nginx", "-c", str(configuration), "-g", options])
    eventually(lambda: is_ready(f"https://localhost:{https}"), within=START)


def is_ready(url: str) -> bool:
    """Tell whether /readyz answers 200."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5, verify=False).status_code == 200
    except httpx.HTTPError:
        return False
