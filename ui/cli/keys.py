"""Verbs about the secret key that encrypts provider tokens."""

import typer

from core.encryption.key_check import refuse_wrong_key
from core.encryption.rotation import rotate, token_cipher
from ui.cli.terminal import Json, me, opened, print_answer

verbs = typer.Typer(no_args_is_help=True, help="The secret that encrypts provider tokens: rotate.")


@verbs.callback()
def _group() -> None:
    """The secret that encrypts provider tokens: rotate."""


@verbs.command("rotate")
def rotate_keys(as_json: Json = False) -> None:
    """Encrypt provider tokens and second factors with the current UNSTUCK_SECRET_KEY; exit 1 if some are unreadable.

    Former secrets are read from UNSTUCK_PREVIOUS_SECRET_KEYS. It can be interrupted and started again.
    """
    with opened() as engine:
        cipher = token_cipher()
        refuse_wrong_key(engine, cipher)
        rotation = rotate(engine, cipher, me())
    unreadable = {str(row): why for row, why in rotation.unreadable.items()}
    answer = {
        "key": rotation.key,
        "connections_encrypted_anew": rotation.connections,
        "second_factors_encrypted_anew": rotation.second_factors,
        "unreadable": unreadable,
    }
    print_answer(answer if as_json else {**answer, "unreadable": len(unreadable)}, as_json=as_json)
    if not as_json:
        for row, why in unreadable.items():
            typer.echo(f"  {row}: {why}")
    if unreadable:
        raise typer.Exit(1)
