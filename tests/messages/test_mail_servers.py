"""Encryption and sign-in at a real mail server: a password goes to the right server only, and never in clear."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from core.address import mail_sender, mail_server
from core.errors import NotAllowed, Unusable
from core.messages import mail as mail_module
from core.messages import smtp
from core.outside import trusted
from core.settings import settings
from tests.messages import mail_server as servers
from tests.messages.certificates import self_signed
from tests.messages.mail_server import PASSWORD, USER
from tests.messages.sending import use_server

LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"


@pytest.fixture(autouse=True)
def _forget_authorities() -> Iterator[None]:
    trusted.cache_clear()
    yield
    trusted.cache_clear()


def refusal(url: str, monkeypatch: pytest.MonkeyPatch, **more: str) -> str:
    use_server(monkeypatch, url, **more)
    with pytest.raises(NotAllowed) as refused:
        mail_module.try_out("ana@example.com")
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
def test_each_scheme_encrypts_and_signs_in(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, chain = self_signed(tmp_path)
    ways = {"wrapped": context} if scheme == "smtps" else {"tls": context}
    with servers.mail_server(auth=True, **ways) as server:
        use_server(monkeypatch, f"{scheme}://{LOGIN}@localhost:{server.port}", SSL_CERT_FILE=str(chain))
        assert mail_module.try_out("ana@example.com").startswith(f"localhost:{server.port} took the message: 250 OK")
        assert (len(server.received), server.was_encrypted) == (1, True)
        assert LOGIN not in repr(mail_server(settings().smtp_url))


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
def test_a_password_is_not_sent_to_a_server_that_proves_nothing(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = self_signed(tmp_path)
    ways = {"wrapped": context} if scheme == "smtps" else {"tls": context}
    with servers.mail_server(**ways) as server:
        said = refusal(f"{scheme}://{LOGIN}@localhost:{server.port}", monkeypatch)
    assert "certificate" in said
    assert server.received == []


def test_a_certificate_of_another_name_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, chain = self_signed(tmp_path, "mail.elsewhere.example")
    with servers.mail_server(tls=context) as server:
        said = refusal(f"smtp+starttls://localhost:{server.port}", monkeypatch, SSL_CERT_FILE=str(chain))
    assert "not trusted" in said


def test_without_a_password_an_unproven_encryption_is_better_than_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.mail_server(tls=self_signed(tmp_path)[0]) as server:
        use_server(monkeypatch, server.url)
        mail_module.try_out("ana@example.com")
        assert server.was_encrypted


def test_what_a_server_refuses_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mail_server(auth=True) as server:
        name = f"localhost:{server.port}"
        said = refusal(f"smtp://{USER}:wrong@{name}", monkeypatch)
        assert said.startswith(f"{name} refused the user name or the password of SMTP_URL (535")
        assert "refused the sender: 530" in refusal(server.url, monkeypatch)
        assert "does not offer STARTTLS" in refusal(f"smtp+starttls://{name}", monkeypatch)
        assert "scheme of SMTP_URL" in refusal(f"smtps://{name}", monkeypatch)
    assert "cannot be reached: Connection refused" in refusal(server.url, monkeypatch)
    assert "is not known here" in refusal("smtp://no.such.host.invalid", monkeypatch)


def test_a_password_is_not_sent_in_clear_to_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mail_server(auth=True) as server:
        monkeypatch.setattr(smtp.ipaddress, "ip_address", lambda _: type("Far", (), {"is_loopback": False}))
        assert "not sent in clear" in refusal(f"smtp://{LOGIN}@localhost:{server.port}", monkeypatch)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://host:0",
        "smtp://host:port",
        "smtp://user:p@ss@host",
        "smtp://user:p#ss@host",
        "smtp://host/path",
        "smtp://host?x=1",
        "smtp://:pass@host",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_quoting_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_URL", url)
    settings.cache_clear()
    with pytest.raises(Unusable) as refused:
        settings()
    assert "SMTP_URL" in str(refused.value)
    assert "p@ss" not in str(refused.value)
    assert "p#ss" not in str(refused.value)


def test_usual_ports_are_known() -> None:
    ports = [mail_server(f"{scheme}://h").port for scheme in ("smtp", "smtp+starttls", "smtps")]
    assert ports == [25, 587, 465]


@pytest.mark.parametrize("text", ["nobody", "a@", "@b", "a b@c", "", "Ana", "a@b\r\nBcc: c@d"])
def test_a_sender_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unstuck@example\.com"):
        mail_sender(text)


def test_the_sender_is_the_set_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with servers.mail_server() as server:
        use_server(monkeypatch, server.url, UNSTUCK_MAIL_FROM="Team Ünstuck <team@example.org>")
        mail_module.try_out("ana@example.com")
        message = server.received[0].message
    assert message["From"] == "Team Ünstuck <team@example.org>"
    assert message["Message-ID"].endswith("@example.org>")
