"""An OpenID provider on loopback, with keys and codes of its own, that lies on request."""

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "unstuck-console", "s3cret/with+signs: 100%41 ü"


@cache
def a_key(name: str) -> RSAKey:
    """Return the key of this name, which is the same in all tests of this process; its id is always the same."""
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class Provider:
    """`person` holds its claims about the person who signs in; `lies` changes the id token's claims."""

    def __init__(self) -> None:
        self.key = a_key("one")
        self.person: dict[str, object] = {"sub": "42", "email": "ada@example.com", "email_verified": True}
        self.lies: dict[str, object] = {}
        self.sign = self.sign_rightly
        self.codes: dict[str, dict[str, str]] = {}
        self.pad = b""
        self.knows_a_secret = True
        self.stated_issuer: str | None = None
        self.stated_address: str | None = None
        self.requests = 0
        #: While it is not set, the provider sends its headers byte after byte.
        self.is_quick = threading.Event()
        self.is_quick.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def sign_rightly(self, claims: dict[str, object]) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)

    def sign_with_public_key_as_secret(self, claims: dict[str, object]) -> str:
        """HS256 with a key that everyone has: the public key. By hand, since libraries refuse to."""
        signed = _joined({"alg": "HS256", "kid": "one", "typ": "JWT"}, claims)
        mark = hmac.new(self.key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_packed(mark)}"

    def sign_with_nothing(self, claims: dict[str, object]) -> str:
        return _joined({"alg": "none", "typ": "JWT"}, claims) + "."

    def sign_with_another_key(self, claims: dict[str, object]) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, a_key("another"))

    def authorize(self, address: str) -> str:
        """Sign the person in, as its page would, and return where the browser is sent to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, object]]:
        """Answer the token endpoint as RFC 6749 and RFC 7636 say."""
        grant = self.codes.pop(form.get("code", ""), None)
        credentials = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        secret_is_right = [unquote_plus(part) for part in credentials.split(":")] == [CLIENT, SECRET]
        client_is_named = not authorization and form.get("client_id") == CLIENT
        if not (secret_is_right if self.knows_a_secret else client_is_named):
            return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if grant is None or grant["code_challenge"] != challenge or grant["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": grant["nonce"]}
        claims = {**claims, **self.person, **self.lies}
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self.sign(claims)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    url = provider.url
                    provider.requests += 1
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ") if not provider.is_quick.is_set() else None
                    with contextlib.suppress(OSError):
                        while not provider.is_quick.wait(0.05):
                            self.wfile.write(b"x")
                    self._say(
                        200,
                        {
                            "issuer": provider.stated_issuer or url,
                            "authorization_endpoint": f"{url}/authorize?tenant=1",
                            "token_endpoint": provider.stated_address or f"{url}/token",
                            "jwks_uri": f"{url}/keys",
                        },
                    )
                elif self.path.startswith("/authorize"):
                    self.send_response(303)
                    self.send_header("Location", provider.authorize(self.path))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif self.path == "/keys":
                    self._say(200, KeySet([provider.key]).as_dict(private=False))
                else:
                    self._say(404, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._say(*provider.token(form, self.headers.get("Authorization", "")))

            def _say(self, status: int, answer: dict[str, object]) -> None:
                body = json.dumps(answer).encode() + provider.pad
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _joined(*parts: dict[str, object]) -> str:
    return ".".join(_packed(json.dumps(part).encode()) for part in parts)
