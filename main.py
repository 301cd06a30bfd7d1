"""The composition root: the only module that knows the console, the workers and the servers. It joins them."""

import gc

gc.disable()  # collections while modules load find nothing, and take a quarter of the time to start

import os
import signal
import sys

if os.path.basename(sys.argv[0]) in ("main.py", "unstuck") and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # noqa: PTH119
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules load ends it without a traceback

import io
import socket
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError

from core import bus, logs, schema
from core.address import masked
from core.database.engine import PATIENCE, connect, console_options, has_tables, refuse_unusable, worker_options
from core.database.failover import DatabaseReadOnly
from core.encryption.key_check import refuse_wrong_key
from core.encryption.rotation import token_cipher
from core.errors import Invalid, Refused, Unusable
from core.local.embedded import Services, require_installation, secret_key
from core.local.folders import absolute
from core.local.sandbox.starting import client_secret
from core.local.services import noted_address, services
from core.people import rate_limits
from core.settings import settings, unknown_names
from core.wording import PROGRAM
from ui import cli

if TYPE_CHECKING:
    from migrations.report import Finding, Report

gc.freeze()  # no later collection looks through what stays for good
gc.enable()

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Unstuck: an operators' console for background jobs and for the users waiting on them.",
)

_stop_signals: list[int] = []

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)]
DataDir = Annotated[Path | None, typer.Option(help="Directory of the embedded servers. Default: .unstuck.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the database answers and is migrated.")]
Threads = Annotated[int, typer.Option(help="Jobs that one worker runs at a time.", min=1, max=64)]


def _print_version(is_given: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if is_given:
        typer.echo(f"unstuck {version()}")
        raise typer.Exit


@app.callback()
def unstuck(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Declare the options that stand before a command."""


@app.command()
def run(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    data_dir: DataDir = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=0, max=32)] = 1,
    threads: Threads = 8,
    empty: Annotated[bool, typer.Option("--empty", help="Start without sample data.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the browser.")] = False,
) -> None:
    """Start everything: embedded servers where no URL is set, migrations, workers and the console."""
    from core.local import first_run
    from core.sample import is_production
    from tasks.supervisor import Supervisor
    from ui.server import address_of, listen

    logs.set_up(settings().log_level)
    _use(data_dir, may_create=True)
    _require_key()
    own_key = "UNSTUCK_CHILD_KEY" not in os.environ
    with listen(host, port, own_key=own_key) as listening, services(hold=True) as where:
        _print_servers(where)
        with connected(where) as engine:
            with_sample = not empty and not settings().database_url and not is_production()
            if with_sample and not has_tables(engine):
                first_run.load_legacy(engine)
            _migrate(engine, where, to_finish=not settings().database_url)  # no other program uses the embedded one
            if with_sample:
                _export_sandbox(where)
                first_run.fill_history(engine, typer.echo)
            address = (settings().public_url or "").rstrip("/") or address_of(host, listening.getsockname()[1])
            sign_in = f"{address}/login/{first_run.local_admin_link(engine)}"
        _export(where)
        with _opened(where, pool_size=1, patience=PATIENCE) as engine:
            supervisor = Supervisor(Path(__file__).resolve(), workers, threads, engine)
            supervisor.start()
            try:
                typer.echo(
                    f"\n  Unstuck is served at {address}\n  Sign in once with     {sign_in}\n  Stop with Ctrl-C.\n"
                )
                if not no_browser and sys.stdout.isatty():
                    webbrowser.open(sign_in)
                with noted_address(address):
                    _serve(where, listening)
            finally:
                supervisor.stop()


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8080, wait: Wait = False) -> None:
    """Serve the console and the API only; run workers elsewhere."""
    from ui.server import address_of, listen

    logs.set_up(settings().log_level)
    _use()
    _require_key()
    own_key = "UNSTUCK_CHILD_KEY" not in os.environ
    with listen(host, port, own_key=own_key) as listening, services() as where:
        _print_servers(where)
        _export_sandbox(where)
        _require_fit(where, wait=wait)
        typer.echo(f"Unstuck is served at {address_of(host, listening.getsockname()[1])}")
        _serve(where, listening)


@app.command()
def worker(
    threads: Threads = 8,
    data_dir: DataDir = None,
    queues: Annotated[str, typer.Option(help="Queues to serve, comma-separated. Default: all.")] = "",
    wait: Wait = False,
) -> None:
    """Run jobs until stopped; on SIGTERM, unfinished jobs go back to their queue."""
    from core.queues.controls import known_queues
    from tasks.worker import work

    logs.set_up(settings().log_level)
    _use(data_dir)
    _require_key()
    served = [name.strip() for name in queues.split(",") if name.strip()] or known_queues()
    if unknown := set(served) - set(known_queues()):
        raise Unusable(f"Unknown queue: {', '.join(sorted(unknown))}. Known queues: {', '.join(known_queues())}.")
    options = worker_options(settings().lease_seconds)
    with services() as where:
        _export_sandbox(where)
        _require_fit(where, wait=wait)
        with _opened(where, pool_size=threads + 4, options=options, patience=PATIENCE) as engine:
            refuse_unusable(engine)
            refuse_wrong_key(engine, token_cipher())
            _stop_if_asked()
            work(engine, where.redis_url, threads=threads, queues=served, version=version())


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Show all that is pending, and blockers.")] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL instead of running it.")] = False,
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Also drop what only the legacy product needs."),
    ] = False,
    down: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Go back to this revision, or to base: the legacy schema.")
    ] = None,
    to: Annotated[str, typer.Option(help="Stop at this revision; see docs/migrations.md.")] = "head",
) -> None:
    """Migrate the database to head, from nothing or from any legacy schema."""
    from migrations import run as migrations

    if (to != "head" and (check or sql or finish or down)) or (down and (check or sql or finish)) or (check and sql):
        raise Unusable("--check, --sql, --down and --to do not go together; --finish goes with --check and with --sql.")
    _use()
    with services() as where:
        if sql:
            typer.echo(migrations.sql(where.database_url, to_finish=finish))
        elif check:
            _show_pending(migrations.check(where.database_url, secret=settings().secret_key, to_finish=finish))
        else:
            _require_key()
            with _opened(where) as engine:
                report = _go_down(engine, where, down) if down else _migrate(engine, where, to, to_finish=finish)
            present = "head" if to == "head" and not down else report.end or "base"
            lines = [*report.steps, *map(str, report.warnings)]  # a warning names what others wrote into the database
            typer.echo(
                "\n".join(map(logs.escape_control_characters, lines)) or f"The database was at {present} already."
            )


def _show_pending(findings: "Sequence[Finding]") -> None:
    """Print what is pending; exit 1 if anything is."""
    for finding in findings:
        typer.echo(logs.escape_control_characters(str(finding)))
    if findings:
        raise typer.Exit(1)
    typer.echo("The database is at head.")


@app.command()
def sample(
    users: Annotated[int | None, typer.Option(help="Users to add.", min=1, max=1_000_000)] = None,
    jobs: Annotated[int, typer.Option(help="Finished jobs to add.", min=0, max=20_000_000)] = 5_000,
    force: Annotated[bool, typer.Option("--force", help="Also fill a database that already has jobs.")] = False,
) -> None:
    """Fill the database with sample data, with times relative to now."""
    from core import clock
    from core.sample import fill, refuse_if_not_empty

    _use()
    with services() as where, connected(where) as engine:
        if not force:
            refuse_if_not_empty(engine)
        refuse_unusable(engine)  # and hear the database's time
        began = time.perf_counter()
        fill(engine, users=users, jobs=jobs, now=clock.now())
        typer.echo(f"Added {jobs:,} jobs in {time.perf_counter() - began:.1f} s.")


def version() -> str:
    """Return the installed version, or "dev" for a checkout that is not installed."""
    try:
        return installed_version("unstuck")
    except PackageNotFoundError:
        return "dev"


@contextmanager
def connected(where: Services, *, patience: float | None = None) -> Iterator[Engine]:
    """Open the database and the bus for one block; give up on a silent server after `patience` seconds."""
    from tasks.broker import make_broker
    from tasks.redis_bus import RedisBus

    carrier = RedisBus(make_broker(where.redis_url))
    bus.use(carrier)
    # A console may be frozen as a worker may: its open transaction blocks others for one lease at most.
    limits = {"options": console_options(settings().lease_seconds)} if patience else {}
    with _opened(where, patience=patience, **limits) as engine:
        try:
            yield engine
        finally:
            carrier.close()


@contextmanager
def _opened(where: Services, **options: Any) -> Iterator[Engine]:
    engine = connect(where.database_url, **options)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _connected_command() -> Iterator[Engine]:
    _use()
    with services() as where, connected(where) as engine:
        _export_sandbox(where)
        yield engine


def _use(data_dir: Path | None = None, *, may_create: bool = False) -> None:
    """Fix the data directory and the secret key of this process and its children; only `run` makes a new directory."""
    for warning in unknown_names():
        typer.echo(warning, err=True)
    if data_dir:
        os.environ["UNSTUCK_DATA_DIR"] = str(data_dir.absolute())
        settings.cache_clear()
    if not may_create and not settings().database_url:
        require_installation(settings().data_dir)
    own_file = settings().data_dir / "secret_key"
    # A key is made for an embedded database alone: another database has one, which other processes know.
    if settings().secret_key is None and (not settings().database_url or own_file.exists()):
        key, made = secret_key(settings().data_dir)
        if made:
            typer.echo(f"Created {own_file}: keep it with your backups.", err=True)
        os.environ.update(UNSTUCK_SECRET_KEY=key, UNSTUCK_CHILD_KEY="1")
        settings.cache_clear()


def _require_key() -> None:
    """Raise Unusable without a secret key; an empty one is none."""
    if settings().secret_key is None:
        raise Unusable(
            "UNSTUCK_SECRET_KEY is not set: set the key that this database's other processes use. For a new database, "
            "make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    if not (settings().secret_key or "").strip():
        raise Unusable("UNSTUCK_SECRET_KEY is empty: set it, or remove it to use the key in the data directory.")


def _migrate(engine: Engine, where: Services, to: str = "head", *, to_finish: bool = False) -> "Report":
    """Bring the database to a revision, unless it belongs to another key; a new one gets the present key."""
    from migrations import run as migrations

    secret = settings().secret_key or ""
    refuse_wrong_key(engine, token_cipher())
    if to_finish:
        report = migrations.finish(where.database_url, secret=secret)
    else:
        report = migrations.upgrade(where.database_url, secret=secret, to=to)
    refuse_wrong_key(engine, token_cipher())
    return report


def _go_down(engine: Engine, where: Services, to: str) -> "Report":
    """Bring the database back to an earlier revision, unless it belongs to another key."""
    from migrations import run as migrations

    refuse_wrong_key(engine, token_cipher())
    return migrations.downgrade(where.database_url, to, secret=settings().secret_key or "")


def _export(where: Services) -> None:
    if not settings().database_url:  # its folder lasts as long as this database
        os.environ.setdefault("UNSTUCK_AUDIT_ARCHIVE_DIR", str(settings().data_dir.absolute() / "audit-archive"))
    os.environ["DATABASE_URL"] = where.database_url
    os.environ["REDIS_URL"] = where.redis_url
    _export_sandbox(where)
    settings.cache_clear()


def _export_sandbox(where: Services) -> None:
    """Let this process and its children know the sandbox, if one runs."""
    if where.sandbox_url:
        secret = client_secret(absolute(settings().data_dir))
        os.environ.update(UNSTUCK_SANDBOX_URL=where.sandbox_url, UNSTUCK_SANDBOX_SECRET=secret)
        settings.cache_clear()


def _print_servers(where: Services) -> None:
    typer.echo(f"Database  {masked(where.database_url)}\nBroker    {masked(where.redis_url)}")
    if where.sandbox_url:
        typer.echo(f"Sandbox   {where.sandbox_url}")


def _require_fit(where: Services, *, wait: bool) -> None:
    """Refuse to start on a database of another release, or wait until it fits."""
    engine = connect(where.database_url, pool_size=1)
    try:
        schema.require_fit(engine, typer.echo if wait else None)
    finally:
        engine.dispose()


def _serve(where: Services, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    from tasks.lookout import Lookout
    from tasks.redis_bus import Subscription
    from tasks.shared_limiter import SharedLimiter
    from tasks.sweeper import Sweeper
    from ui import app as console
    from ui import live
    from ui.server import serve_until_stopped

    rate_limits.use(SharedLimiter(where.redis_url))
    with connected(where, patience=PATIENCE) as engine:
        refuse_unusable(engine)
        refuse_wrong_key(engine, token_cipher())
        application = console.create(engine, version())
        gc.freeze()
        gc.set_threshold(5_000, 10, 5)  # a page makes thousands of objects: look less often, for 10 MB more memory
        subscription = Subscription(where.redis_url, live.hub.on_change)
        live.hub.bus_is_up = lambda: subscription.connected
        sweeper, lookout = Sweeper(engine), Lookout(engine)
        try:
            _stop_if_asked()
            sweeper.start()
            lookout.start()
            serve_until_stopped(application, listening)
        finally:
            lookout.stop()
            sweeper.stop()
            subscription.close()


def _on_signal(number: int, _frame: FrameType | None) -> None:
    _stop_signals.append(number)
    _stop_if_asked()


def _stop_if_asked() -> None:
    """Raise what ends the program if a signal asked for it.

    Python drops an exception that a signal raises while an object is deleted, as many are while modules load.
    """
    if _stop_signals:
        raise KeyboardInterrupt if _stop_signals[0] == signal.SIGINT else SystemExit(143)


cli.install(app, _connected_command)


def main() -> None:
    """Run the command line; print each refusal or failure as one sentence, never as a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` and a shell's `&` have it
            signal.signal(number, _on_signal)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal in ASCII shows what it can
            stream.reconfigure(errors="replace")
    try:
        app()
    except Invalid as error:
        more = " ".join(message for message in error.fields.values() if message not in error.detail)
        sys.exit(_print_error(f"{error.detail} {more}".strip()))
    except (Refused, Unusable) as error:
        sys.exit(_print_error(str(error)))
    except DatabaseReadOnly as error:
        sys.exit(_print_error(error.sentence))
    except OperationalError as error:
        reason = (str(error.orig or "").strip() or "no reason given").splitlines()[0]
        sys.exit(
            _print_error(f"The database does not answer: {reason}. Check DATABASE_URL and that the server is running.")
        )
    except ProgrammingError as error:
        reason = str(error.orig).splitlines()[0]
        sys.exit(_print_error(f"The database is not at head ({reason}). Run: {PROGRAM} migrate"))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the traceback goes to a file, never to the screen
        report = logs.write_crash_report(error, _data_dir())
        sys.exit(_print_error(f"Unexpected error: {type(error).__name__}. Details are in {report}."))


def _data_dir() -> Path:
    """Return the data directory, also when the settings themselves are the error."""
    try:
        return settings().data_dir
    except Unusable:
        return Path(".unstuck")


def _print_error(text: str) -> int:
    typer.echo(logs.escape_control_characters(text), err=True)  # it may name what others wrote into the database
    return 1


if __name__ == "__main__":
    main()
