"""The remote demo service: asked for one page per step, over a bounded wire, and believed in nothing.

The protocol is docs/demo-service.md.
"""

import ssl
from collections.abc import Iterator
from datetime import datetime
from time import monotonic

import httpx2
from pydantic import HttpUrl, TypeAdapter, ValidationError

from core.demo.batch import Batch, batch_size
from core.demo.presets import Preset
from core.demo.protocol import DemoPage, PageRequest
from core.errors import GiveUp, JobError, TryAgain

#: Seconds for one attempt to connect, and how many follow the first, with httpx2's growing pauses in between.
CONNECT_SECONDS, RECONNECTS = 3.0, 2
#: A page of 1,000 rows is about 300 kB.
MOST_BYTES = 5_000_000
#: Besides 5xx: the service asks for patience.
_PATIENCE = frozenset({httpx2.codes.REQUEST_TIMEOUT, httpx2.codes.TOO_MANY_REQUESTS})

_ADDRESS: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


class DemoService:
    """The demo service at the address that DEMO_SERVICE_URL names; no other host is ever asked.

    `seconds` is how long one answer may take. Raises GiveUp when the address cannot be used.
    """

    def __init__(self, url: str, seconds: float) -> None:
        address = _checked(url)
        self._seconds = seconds
        #: How people and errors call it: nothing of what may be secret, neither user nor password nor path.
        self.name = f"The demo service at {address.scheme}://{address.netloc.decode()}"
        self._auth = httpx2.BasicAuth(address.username, address.password) if address.userinfo else None
        self._url = address.copy_with(userinfo=b"", path=address.path.rstrip("/") + "/interactions")

    def batches(self, preset: Preset, seed: str, requested_at: datetime, start: int) -> Iterator[Batch]:
        """Yield the service's batches from unit `start` on, one request for each.

        Raises TryAgain when the service is away or busy, GiveUp when its answer cannot be used.
        """
        profile = preset.profile
        limit = batch_size(len(profile.accounts) + profile.interactions)
        asked = PageRequest(preset, seed, requested_at, start, limit, totals=None)
        with self._client() as client:
            while asked.totals is None or asked.start < asked.totals.units:
                batch = self._read(self._fetch(client, asked), asked).batch(asked)
                if batch.end > batch.start:
                    yield batch
                asked = PageRequest(preset, seed, requested_at, batch.end, limit, batch.totals)

    def _client(self) -> httpx2.Client:
        return httpx2.Client(
            transport=httpx2.HTTPTransport(verify=ssl.create_default_context(), retries=RECONNECTS, trust_env=False),
            timeout=httpx2.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds)),
            # No proxy that the machine may name: only the configured host hears of us.
            trust_env=False,
            follow_redirects=False,
            auth=self._auth,
            # Unpacked answers could be a thousand times larger than what was counted on the wire.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def _fetch(self, client: httpx2.Client, asked: PageRequest) -> bytes:
        deadline = monotonic() + self._seconds
        headers = {"Idempotency-Key": f"{asked.seed}:{asked.start}"}
        try:
            with client.stream("GET", self._url, params=_parameters(asked), headers=headers) as response:
                if response.status_code != httpx2.codes.OK:
                    raise self._refusal(response.status_code, asked)
                return self._body(response, deadline)
        except httpx2.TimeoutException:
            raise self._silence() from None
        except httpx2.TransportError as error:
            what = "did not answer: no connection" if isinstance(error, httpx2.ConnectError) else "broke off its answer"
            raise TryAgain(f"{self.name} {what}. Check that it is running, then retry.") from None

    def _body(self, response: httpx2.Response, deadline: float) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise GiveUp(f"{self.name} sent a compressed answer, which was not asked for. {_SEE}")
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MOST_BYTES:
                raise GiveUp(f"{self.name} sent more than {MOST_BYTES // 1_000_000} MB in one answer. {_SEE}")
            if monotonic() > deadline:
                raise self._silence()
        return bytes(body)

    def _read(self, body: bytes, asked: PageRequest) -> DemoPage:
        try:
            return DemoPage.model_validate_json(body, context=asked)
        except ValidationError as error:
            raise GiveUp(f"{self.name} sent an answer that does not fit ({_first(error)}). {_SEE}") from None

    def _refusal(self, status: int, asked: PageRequest) -> JobError:
        if status in _PATIENCE or httpx2.codes.is_server_error(status):
            return TryAgain(f"{self.name} answered with an error ({status}). Check that it is well, then retry.")
        if httpx2.codes.is_redirect(status):
            return GiveUp(f"{self.name} redirects to another address ({status}). Set DEMO_SERVICE_URL to that one.")
        if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
            return GiveUp(f"{self.name} does not let us in ({status}). Check the password in DEMO_SERVICE_URL.")
        if status == httpx2.codes.NOT_FOUND:
            return GiveUp(f"{self.name} has no preset {asked.preset} (404). Choose another, or check DEMO_SERVICE_URL.")
        return GiveUp(f"{self.name} refused the request ({status}). {_SEE}")

    def _silence(self) -> TryAgain:
        return TryAgain(f"{self.name} did not answer within {self._seconds:g} s. Check that it is running, then retry.")


_SEE = "See docs/demo-service.md for what it must send."


def _checked(url: str) -> httpx2.URL:
    try:
        address = _ADDRESS.validate_python(url)
        (address.host or "").encode("idna")  # a name that cannot be looked up is told now, not as a network failure
    except (ValidationError, UnicodeError):
        address = None
    if address is None or address.query is not None or address.fragment is not None:
        raise GiveUp("DEMO_SERVICE_URL cannot be used: it must look like https://host:port/path, with no ? or #.")
    return httpx2.URL(str(address))


def _parameters(asked: PageRequest) -> dict[str, str | int]:
    return {
        "preset": asked.preset.value,
        "seed": asked.seed,
        "start": asked.start,
        "limit": asked.limit,
        "since": asked.since.isoformat(),
        "requested_at": asked.requested_at.isoformat(),
    }


def _first(error: ValidationError) -> str:
    """Return where and what the first problem is, without the value: it may be long, or hostile."""
    problem = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    what = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
