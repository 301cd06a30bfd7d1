"""The line to a provider: bounded in time and size, without redirects; what is no answer of the protocol is an error.

Each error begins with the platform's name, and says nothing of the request or the answer.
"""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from core import clock
from core.errors import GiveUp, TryAgain
from core.limited_transport import LimitedTransport
from core.outside import trusted

REPORT: Final = "Tell the admins: it may have changed."
#: The longest pause that a provider may ask for, in seconds.
LONGEST_PAUSE: Final = 3_600.0
#: Seconds before one that did not answer in time is asked again: it may be at work on the request still.
LATE_PAUSE: Final = 60.0


class ProviderTransport(LimitedTransport):
    """Sends requests to one provider. Raises TryAgain where another attempt can help, else GiveUp."""

    def __init__(self, label: str) -> None:
        super().__init__(trust_env=False, verify=trusted())
        self._label = label

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return an answer that is neither busy nor elsewhere."""
        self._require_private(request.url)
        try:
            answer = super().handle_request(request)
        except httpx2.ConnectTimeout:
            raise TryAgain(f"{self._label} did not answer in time.", is_untouched=True) from None
        except httpx2.TimeoutException:
            raise TryAgain(f"{self._label} did not answer in time.", LATE_PAUSE) from None
        except httpx2.ConnectError:
            raise TryAgain(f"{self._label} did not answer: no connection.", is_untouched=True) from None
        except httpx2.TransportError:
            raise TryAgain(f"{self._label} closed the connection early.") from None
        if answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            pause = _pause(answer.headers.get("retry-after", ""))
            said = f"{self._label} answered with an error (429: too many requests)."
            raise TryAgain(said, pause, is_untouched=True)
        if answer.status_code == httpx2.codes.REQUEST_TIMEOUT or answer.is_server_error:
            pause = _pause(answer.headers.get("retry-after", ""))
            is_untouched = answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE
            said = f"{self._label} answered with an error ({answer.status_code})."
            raise TryAgain(said, pause, is_untouched=is_untouched)
        if answer.is_redirect:
            raise GiveUp(f"{self._label} redirects to another address ({answer.status_code}). {REPORT}")
        return answer

    def _require_private(self, address: httpx2.URL) -> None:
        """Require that nobody on the way can read the tokens."""
        if address.scheme != "https" and address.host not in ("127.0.0.1", "::1", "localhost"):
            raise GiveUp(f"{self._label} has an address without encryption. {REPORT}")


def _pause(text: str) -> float:
    """Return the seconds of a Retry-After header, a number or a date; 0 without a sound one."""
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(text) - clock.now()
    except (ValueError, TypeError):
        return 0
    return min(max(until, timedelta(0)).total_seconds(), LONGEST_PAUSE)
