"""What people wrote is text in the lists that are written as HTML."""

from types import SimpleNamespace

import pytest

from ui.components.base.markup import anchor, moment, tagged, words
from ui.components.base.state_chip import state_words

HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b>', "' onclick='x", "&lt;b&gt;", "{0}%s"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    written = [words(text), words("a", classes=text), tagged("li", words(text), data_event=text), state_words(text)]
    for each in [*written, moment(text)]:
        opened = each.replace("<span", "").replace("</span", "").replace("<li", "").replace("</li", "")
        assert "<" not in opened.replace("<time-text", "").replace("</time-text", "")
        assert "'" not in each
        assert each.count('"') % 2 == 0
        assert f'"{text}' not in each or not set(text) & set("<>\"'")


def test_a_mark_that_turns_the_text_around_is_shown_as_what_it_is() -> None:
    assert "\u202e" not in words("gpj.\u202eexe")


@pytest.mark.parametrize("prefix", ["", "/console", '/"><script>'])
def test_a_link_keeps_the_path_under_which_a_proxy_serves_us(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = SimpleNamespace(headers={"X-Forwarded-Prefix": prefix}, scope={})
    context = SimpleNamespace(client=SimpleNamespace(request=request))
    monkeypatch.setattr("ui.components.base.box.ui", SimpleNamespace(context=context))
    link = anchor("/users/1", words("Ana"))
    assert "<script" not in link
    if prefix.isascii() and '"' not in prefix:
        assert f'href="{prefix}/users/1"' in link
