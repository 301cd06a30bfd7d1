"""Provider tokens: readable with their secret, and only with it."""

import pytest

from core.encryption.cipher import TokenCipher
from core.errors import Unusable

TOKEN = "ya29.a0Ař✓"


def test_an_encrypted_token_decrypts_to_the_same_text() -> None:
    cipher = TokenCipher("secret")
    for text in (TOKEN, "", "f1:looks:encrypted", "x" * 8192):
        assert cipher.decrypt(cipher.encrypt(text)) == text


def test_the_stored_text_names_its_key_and_shows_neither_token_nor_secret() -> None:
    stored = TokenCipher("secret").encrypt("legacy-access")
    scheme, key, body = stored.split(":")
    assert (scheme, len(key)) == ("f1", 8)
    assert "legacy" not in stored
    assert "secret" not in stored
    assert body.startswith("gAAAA")


def test_the_same_secret_makes_the_same_key_in_every_process_and_release() -> None:
    assert TokenCipher("secret").encrypt("x").startswith("f1:aa10f94a:")


def test_the_same_token_is_stored_differently_each_time() -> None:
    cipher = TokenCipher("secret")
    assert cipher.encrypt(TOKEN) != cipher.encrypt(TOKEN)


def test_another_secret_cannot_read_it_and_says_which_key_is_missing() -> None:
    stored = TokenCipher("secret").encrypt(TOKEN)
    with pytest.raises(Unusable, match=stored.split(":")[1]):
        TokenCipher("other").decrypt(stored)
    assert TokenCipher("other").is_encrypted(stored)
    assert not TokenCipher("other").can_decrypt(stored)


def test_a_former_secret_reads_and_rotates() -> None:
    stored = TokenCipher("former").encrypt(TOKEN)
    cipher = TokenCipher("secret", old=["former"])
    assert cipher.decrypt(stored) == TOKEN
    rotated = cipher.rotate(stored)
    assert TokenCipher("secret").decrypt(rotated) == TOKEN
    assert cipher.rotate(rotated) == rotated


def test_an_altered_token_is_refused() -> None:
    stored = TokenCipher("secret").encrypt(TOKEN)
    altered = stored[:-6] + ("A" if stored[-6] != "A" else "B") + stored[-5:]
    with pytest.raises(Unusable, match="altered"):
        TokenCipher("secret").decrypt(altered)


@pytest.mark.parametrize("plain", ["legacy-access-1", "", "f1:", "f1:abc", "f1:00000000:", "f2:00000000:gAAAA"])
def test_plain_text_is_known_as_such_and_not_taken_for_a_token(plain: str) -> None:
    cipher = TokenCipher("secret")
    assert not cipher.is_encrypted(plain)
    with pytest.raises(Unusable, match="not encrypted"):
        cipher.decrypt(plain)


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(Unusable, match="UNSTUCK_SECRET_KEY"):
        TokenCipher("")
