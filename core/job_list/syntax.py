"""The grammar of the filter language: a text becomes qualifiers, such as `-queue:maintenance`, and free words.

`luqum`, a parser of Lucene queries, was tried and does not fit. What support pastes is an error, an address or a URL,
and much of that is syntax to Lucene: `HTTPConnectionPool(host='x', port=80): Max retries` is refused, `TimeoutError: no
answer` is a field, `Ana <ana@example.com>` a range, and the zone in `created:2026-11-20T14:02:00+00:00..` a field in a
field. So free text stays as it was typed, and only `name:value` has a grammar.
"""

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.errors import NotAFilter

#: What may be a qualifier; `https://` is none, and `mailto:` is part of an address that was copied.
_QUALIFIER: Final = re.compile(r"(-?)(?!mailto:)((?i:arg\.)[^\s:\"(),]+|[A-Za-z][A-Za-z0-9_.\-]*):(?!//)")
#: An argument by itself; its name is in any letters.
ARGUMENT: Final = re.compile(r"(-?)([^\s:\"(),\-][^\s:\"(),]*):")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_VISIBLE: Final = re.compile(r"\S")
_WORD: Final = re.compile(r"\S+")
_GROUP: Final = re.compile(r"-?\(+\s*-?[A-Za-z][A-Za-z0-9_.\-]*:\S")
#: In brackets: their end, a quoted value, a value, or what cannot stand there.
_PART: Final = re.compile(r'[\s,]*(?:(\))|"((?:[^"\\]|\\.)*)"|([^\s,()"]+)|(.))', re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(["\\])')
_OPERATORS: Final = ("AND", "OR", "NOT")
_HINT: Final = "in quotes it is searched as text"


@dataclass(frozen=True, slots=True)
class Term:
    """One qualifier, or without a name one free word, or what stands in quotes, from `start` to `end` in the text."""

    name: str
    #: What follows the colon, without quotes, and its parts where several values are meant.
    text: str
    values: tuple[str, ...]
    start: int
    end: int
    is_negated: bool = False
    is_quoted: bool = False
    #: Brackets, or several quoted values: more than one is meant, also where a comma is part of a value.
    is_list: bool = False


def terms_in(text: str, known: Container[str], names: re.Pattern[str] = _QUALIFIER) -> Iterator[Term]:
    """Yield the terms of a text in their order. Raises NotAFilter for what the language does not have.

    Without a value, only a `known` name is a qualifier: `status: failed` is a slip, `TimeoutError: no answer` is text.
    """
    terms = [*_scanned(text, known, names)]
    for place, term in enumerate(terms):
        before, after = terms[max(place - 1, 0) : place], terms[place + 1 : place + 2]
        if is_operator(term) and any(each.name for each in before + after):
            _check_operator(term, bool(after and after[0].name))
            continue
        is_after_not = bool(term.name and before and is_operator(before[0]) and before[0].text == "NOT")
        yield replace(term, is_negated=term.is_negated != is_after_not)


def is_operator(term: Term) -> bool:
    """Return whether a word has a meaning beside a qualifier."""
    return not (term.name or term.is_quoted) and term.text in _OPERATORS


def _check_operator(term: Term, is_before_filter: bool) -> None:  # noqa: FBT001 - called above
    if term.text == "OR":
        message = "OR stands only between values of one filter, such as status:(failed OR queued)"
        raise NotAFilter(message, term.start, term.end)
    if term.text == "NOT" and not is_before_filter:
        raise NotAFilter("NOT stands only before a filter, such as NOT kind:demo.enable", term.start, term.end)


def quoted(text: str) -> str:
    """Return a text in quotes, so that nothing in it has a meaning."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def value_text(value: str) -> str:
    """Return a value as it can stand behind a colon."""
    return value if _is_plain(value) and not value.startswith('"') else quoted(value)


def list_text(values: Sequence[str]) -> str:
    """Return several values as they can stand behind a colon: all of them in quotes, or none."""
    are_plain = all(_is_plain(value) and '"' not in value for value in values)
    return ",".join(values if are_plain else map(quoted, values))


def _is_plain(value: str) -> bool:
    """Return whether a value is one word, no bracket, and makes no URL of the name before it."""
    return bool(_WORD.fullmatch(value)) and not value.startswith(("(", "//"))


def _scanned(text: str, known: Container[str], names: re.Pattern[str]) -> Iterator[Term]:
    place = 0
    while match := _VISIBLE.search(text, place):
        place = match.start()
        if _GROUP.match(text, place):
            raise NotAFilter("Brackets stand only around the values of one filter, such as status:(failed OR queued)",
                             place, place + 1)  # fmt: skip
        qualifier = names.match(text, place)
        term = _qualifier(text, qualifier) if qualifier else _word(text, place)
        if qualifier and not term.text and term.name.lower() not in known:
            term = _word(text, place)
        yield term
        place = term.end


def _word(text: str, start: int) -> Term:
    """Return a free word, or several in quotes; a quote that is never closed is a character like others."""
    match = _QUOTED.match(text, start)
    if match and match[1].strip() and (match.end() == len(text) or text[match.end()].isspace()):
        return Term("", _plain(match[1]), (), start, match.end(), is_quoted=True)
    word = _WORD.match(text, start)
    assert word is not None, "called at a character"
    return Term("", word[0], (), start, word.end())


def _qualifier(text: str, match: re.Match[str]) -> Term:
    start, at = match.start(), match.end()
    is_list, quotes = text[at : at + 1] == "(", text[at : at + 1] == '"'
    if is_list:
        values, end = _bracketed(text, at)
    elif quotes:
        values, end = _quoted_values(text, at)
    else:
        word = _WORD.match(text, at)
        raw, end = (word[0], word.end()) if word else ("", at)
        return Term(match[2], raw, _parts(raw), start, end, bool(match[1]))
    if end < len(text) and not text[end].isspace():
        raise NotAFilter("A space is missing here", end, end + 1)
    return Term(match[2], ",".join(values), (*values,), start, end, bool(match[1]), quotes, is_list=len(values) > 1)


def _parts(raw: str) -> tuple[str, ...]:
    return tuple(part for part in raw.split(",") if part)


def _quoted_values(text: str, at: int) -> tuple[list[str], int]:
    """Return the values of "one" or "one","two", and where the text goes on."""
    values: list[str] = []
    end = at
    while True:
        quote = _QUOTED.match(text, end)
        if quote is None:
            raise NotAFilter("The quote is not closed", end, len(text))
        values, end = [*values, _plain(quote[1])], quote.end()
        if text[end : end + 2] != ',"':
            return values, end
        end += 1


def _bracketed(text: str, at: int) -> tuple[list[str], int]:
    """Return the values in brackets, with OR, commas or spaces between them, and where the text goes on."""
    values: list[str] = []
    place = at + 1
    while True:
        match = _PART.match(text, place)
        if match is None:
            raise NotAFilter("The bracket is not closed", at, len(text))
        place = match.end()
        if match[1]:
            break
        if match[4] or match[3] in ("AND", "NOT"):
            raise NotAFilter("Between brackets stand only values, with OR between them: a group in a group and AND "
                             "are not possible", match.end() - 1, match.end())  # fmt: skip
        if match[3] != "OR":
            values.append(match[3] if match[2] is None else _plain(match[2]))
    return values, place


def _plain(escaped: str) -> str:
    return _ESCAPED.sub(r"\1", escaped)


def unknown(name: str, nearest: str | None, start: int, end: int) -> NotAFilter:
    """Return the error for a name that is no filter's."""
    meant = f"did you mean {nearest}?" if nearest else _HINT
    return NotAFilter(f"{name} is not a filter; {meant}", start, end)
