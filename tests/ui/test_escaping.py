"""A page's elements are escaped as NiceGUI escapes them, without looking each letter up."""

import inspect
import json

import pytest
from nicegui import client

from ui import escaping

HOSTILE = ["<script>&amp;</script>", "`${alert(1)}`", "&#96;", "\\", "İ\u202e", "", "$$&&<<", '"quoted"']


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_is_escaped_as_nicegui_does_it(text: str) -> None:
    plain = json.dumps({"text": text})
    assert escaping.Escapable(plain).translate(client.HTML_ESCAPE_TABLE) == plain.translate(client.HTML_ESCAPE_TABLE)
    assert escaping.Escapable(text).translate({ord("a"): "b"}) == text.translate({ord("a"): "b"})


def test_nicegui_writes_its_pages_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(client), "json", vars(client)["json"])
    escaping.install()
    written = vars(client)["json"].dumps({"text": "<"})
    assert type(written) is escaping.Escapable
    assert written.translate(client.HTML_ESCAPE_TABLE) == '{"text":"&lt;"}'
    source = inspect.getsource(client.Client.build_response)
    assert "elements = json.dumps(" in source, "NiceGUI makes its pages in another way"
    assert "elements.translate(HTML_ESCAPE_TABLE)" in source, "NiceGUI escapes its pages in another way"
