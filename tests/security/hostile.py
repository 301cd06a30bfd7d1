"""Input that no client should send, and that will come."""

#: The variable that any of the strings sets if a browser runs it.
PLANTED = "window.hacked=1"

TEXTS = {
    "empty": "",
    "blank": " \t ",
    "long": "x" * 4_000,
    "no place to break": "W" * 300,
    "image": f'<img src=x onerror="{PLANTED}">',
    "script": f"</script><script>{PLANTED}</script>",
    "out of an attribute": f"\"'><svg onload={PLANTED}>",
    "out of a string": f"\\';{PLANTED};//",
    "template of Vue": "{{constructor.constructor('" + PLANTED + "')()}}",
    "template of Python": "{{7*7}}${1}%s%n{0.__class__}",
    "link": f"javascript:{PLANTED}",
    "markdown": f"[x](javascript:{PLANTED}) <b>bold</b>",
    "key of code": f":{PLANTED}",
    "formula": '=HYPERLINK("http://evil.example","x")',
    "turned around": "\u202egnp.exe\u202c\u2066x\u2069",
    "accents without end": "Z" + "\u0301" * 60,
    "no width": "a\u200b\ufeffb\u2028c",
    "lines": "one\r\ntwo\rthree\nfour",
    "terminal": "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b31m\x08\x7f",
    "path": "../../../../etc/passwd",
    "SQL": "'; DROP TABLE users; --",
    "numbers": "9223372036854775808 NaN Infinity -0 1e999",
    "emoji": "👩‍👩‍👧‍👦🏴‍☠️",
}

#: Text that still fits into a row: a megabyte of one word, and markup on many lines.
HUGE = {"a word": "W" * 1_000_000, "markup": f'<img src=x onerror="{PLANTED}"> {{{{7*7}}}}\n' * 5_000}

#: Text that PostgreSQL, or UTF-8, cannot hold.
UNSTORABLE = {"NUL": "a\x00b", "half a character": "a\ud800b"}

#: Whole bodies of requests, as bytes.
BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e999",
    "not a number": b'{"reason": NaN, "max_running": Infinity, "days": -Infinity}',
    "NUL": b'{"reason": "a\\u0000b", "name": "a\\u0000b", "email": "a\\u0000b"}',
    "half a character": b'{"reason": "\\ud800", "name": "\\ud800", "email": "\\ud800"}',
    "a name that is half one": b'{"\\ud800": 1, "\\u0000": 2}',
    "not UTF-8": b'{"reason": "\xff\xfe"}',
    "UTF-16": '{"reason": "x"}'.encode("utf-16"),
    "2^63": b'{"max_running": 9223372036854775808, "rate_count": 9223372036854775807, "rate_seconds": 1, "name": 9}',
    "1e400 digits": b'{"max_running": ' + b"9" * 5_000 + b"}",
    "names twice": b'{"reason": "one", "reason": "two", "preset": "nano", "preset": "huge"}',
    "10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "10,000 deep inside": b'{"args": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "600 deep inside": b'{"args": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b', "name": "x"}',
    "a long string": b'{"reason": "' + b"x" * 900_000 + b'"}',
    "a prototype": b'{"__proto__": {"role": "admin"}, "constructor": 1, "role": "admin"}',
}
