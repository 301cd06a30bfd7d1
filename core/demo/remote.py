"""The remote demo service: one page per step, with limits on time and size; no response is trusted unchecked.

The protocol is docs/demo-service.md.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Final

import httpx2
from pydantic import HttpUrl, TypeAdapter, ValidationError

from core import clock
from core.demo.batch import Batch, batch_size
from core.demo.presets import Preset
from core.demo.protocol import DemoPage, PageRequest
from core.errors import GiveUp, JobError, TryAgain
from core.outside import call, trusted

#: How it is called in sentences; the name of each of its errors begins so.
NAME: Final = "The demo service"
#: Seconds per connection attempt, and the number of further attempts, with httpx2's growing pauses between them.
CONNECT_SECONDS, RECONNECTS = 3.0, 2
#: Seconds for all of these together.
CONNECTING = (RECONNECTS + 1) * CONNECT_SECONDS + 2
#: A page of 1,000 rows is about 300 kB.
MOST_BYTES = 5_000_000
#: Besides 5xx: statuses for which a later attempt can succeed.
_PATIENCE = frozenset({httpx2.codes.REQUEST_TIMEOUT, httpx2.codes.TOO_MANY_REQUESTS})

_ADDRESS: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


class DemoService:
    """The demo service at DEMO_SERVICE_URL; no other host is contacted.

    `seconds` is the time limit for one response. Raises GiveUp when the URL is invalid.
    """

    def __init__(self, url: str, seconds: float) -> None:
        address = _validated(url)
        self._seconds = seconds
        #: Its name in messages, without user, password and path, which may be secret.
        self.name = f"{NAME} at {address.scheme}://{address.netloc.decode()}"
        self._auth = httpx2.BasicAuth(address.username, address.password) if address.userinfo else None
        self._url = address.copy_with(userinfo=b"", path=address.path.rstrip("/") + "/interactions")

    def batches(
        self,
        preset: Preset,
        seed: str,
        requested_at: datetime,
        start: int,
        is_unwanted: Callable[[], bool] = lambda: False,
    ) -> Iterator[Batch]:
        """Yield the service's batches from unit `start` on, with one request for each.

        Raises TryAgain when the service is unreachable or busy, GiveUp when its response is invalid, Unwanted.
        """
        limit = _limit(preset)
        request = PageRequest(preset, seed, requested_at, start, limit, totals=None)
        with ExitStack() as held:
            client = held.enter_context(self._client(RECONNECTS))
            while request.totals is None or request.start < request.totals.units:
                batch = self._read(self._wait_for(client, request, is_unwanted, held), request).batch(request)
                if batch.end > batch.start:
                    yield batch
                request = PageRequest(preset, seed, requested_at, batch.end, limit, batch.totals)

    def fault_now(self) -> str:
        """Ask for the first page of the smallest preset, once, and return what is wrong: "answers 503"; empty: nothing.

        The request is one of the protocol, with the same limits and credentials; no user and no job is in it. Raises
        TimeoutError where no complete answer comes in time.
        """
        request = PageRequest(Preset.NANO, "probe", clock.now(), 0, _limit(Preset.NANO), totals=None)
        try:
            with self._client(reconnects=0) as client, self._request(client, request) as response:
                if response.status_code != httpx2.codes.OK:
                    return f"answers {response.status_code}"
                self._read(self._body(response, monotonic() + self._seconds), request)
        except (httpx2.TimeoutException, TryAgain):
            raise TimeoutError from None
        except httpx2.TransportError as error:
            return "cannot be reached" if isinstance(error, httpx2.ConnectError) else "closes the connection early"
        except GiveUp:
            return "sends an invalid response"
        return ""

    def _client(self, reconnects: int) -> httpx2.Client:
        return httpx2.Client(
            transport=httpx2.HTTPTransport(verify=trusted(), retries=reconnects, trust_env=False),
            timeout=httpx2.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds)),
            # Ignore the machine's proxy settings: only the configured host is contacted.
            trust_env=False,
            follow_redirects=False,
            auth=self._auth,
            # A compressed response could unpack to a thousand times the size that was checked.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    def _wait_for(
        self, client: httpx2.Client, request: PageRequest, is_unwanted: Callable[[], bool], held: ExitStack
    ) -> bytes:
        """Fetch a page; also headers that come byte by byte have an end."""
        longest = self._seconds + CONNECTING
        try:
            return call(partial(self._fetch, client, request), seconds=longest, is_unwanted=is_unwanted, held=held)
        except TimeoutError:
            raise self._timeout() from None

    def _fetch(self, client: httpx2.Client, request: PageRequest) -> bytes:
        deadline = monotonic() + self._seconds
        try:
            with self._request(client, request) as response:
                if response.status_code != httpx2.codes.OK:
                    raise self._refusal(response.status_code, request)
                return self._body(response, deadline)
        except httpx2.TimeoutException:
            raise self._timeout() from None
        except httpx2.TransportError as error:
            no_connection = isinstance(error, httpx2.ConnectError)
            problem = "did not answer: no connection" if no_connection else "closed the connection early"
            raise TryAgain(f"{self.name} {problem}.") from None

    def _request(self, client: httpx2.Client, request: PageRequest) -> AbstractContextManager[httpx2.Response]:
        headers = {"Idempotency-Key": f"{request.seed}:{request.start}"}
        return client.stream("GET", self._url, params=_parameters(request), headers=headers)

    def _body(self, response: httpx2.Response, deadline: float) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise GiveUp(f"{self.name} sent a compressed response, which was not requested. {_SEE}")
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MOST_BYTES:
                raise GiveUp(f"{self.name} sent more than {MOST_BYTES // 1_000_000} MB in one response. {_SEE}")
            if monotonic() > deadline:
                raise self._timeout()
        return bytes(body)

    def _read(self, body: bytes, request: PageRequest) -> DemoPage:
        try:
            return DemoPage.model_validate_json(body, context=request)
        except ValidationError as error:
            raise GiveUp(f"{self.name} sent an invalid response ({_first(error)}). {_SEE}") from None

    def _refusal(self, status: int, request: PageRequest) -> JobError:
        if status in _PATIENCE or httpx2.codes.is_server_error(status):
            return TryAgain(f"{self.name} answered with an error ({status}).")
        if httpx2.codes.is_redirect(status):
            return GiveUp(f"{self.name} redirects to another address ({status}). Set DEMO_SERVICE_URL to that one.")
        if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
            return GiveUp(f"{self.name} refused the credentials ({status}). Check the password in DEMO_SERVICE_URL.")
        if status == httpx2.codes.NOT_FOUND:
            return GiveUp(
                f"{self.name} has no preset {request.preset} (404). Choose another, or check DEMO_SERVICE_URL."
            )
        return GiveUp(f"{self.name} refused the request ({status}). {_SEE}")

    def _timeout(self) -> TryAgain:
        return TryAgain(f"{self.name} did not answer within {self._seconds:g} s.")


_SEE = "See docs/demo-service.md for the expected format."


def _validated(url: str) -> httpx2.URL:
    try:
        address = _ADDRESS.validate_python(url)
        (address.host or "").encode("idna")  # reports an impossible host name here, not as a network failure
    except (ValidationError, UnicodeError):
        address = None
    if address is None or address.query is not None or address.fragment is not None:
        raise GiveUp("DEMO_SERVICE_URL is invalid: it must look like https://host:port/path, without ? or #.")
    return httpx2.URL(str(address))


def _limit(preset: Preset) -> int:
    return batch_size(len(preset.profile.accounts) + preset.profile.interactions)


def _parameters(request: PageRequest) -> dict[str, str | int]:
    return {
        "preset": request.preset.value,
        "seed": request.seed,
        "start": request.start,
        "limit": request.limit,
        "since": request.since.isoformat(),
        "requested_at": request.requested_at.isoformat(),
    }


def _first(error: ValidationError) -> str:
    """Return the first problem and its place, without the value, which may be long or hostile."""
    details = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in details["loc"])
    message = details["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
