"""What SQL text consists of, as far as drivers' wrappers must know it: statements and their words.

The engine reads statements itself and decides. This only tells which statement does what to a
transaction, and which table it names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Characters of a text that is read; what is longer is not understood.
TEXT_MAX = 1 << 20

# As PostgreSQL's `scan.l` has it: a line ends with either of two characters, space is six characters, and
# whatever is not ASCII belongs to a word. What is not closed goes to the end, so that nothing is read twice.
_SPACE, _WORD = r"[ \t\n\r\f\v]", r"A-Za-z_\u0080-\U0010ffff"
#: Between two parts of one string there is a new line.
_CONTINUED = re.compile(
    r"(?:[ \t\f\v]|--[^\n\r]*(?=[\n\r]))*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'"
)
_PLAIN = re.compile(r"[^']*(?:''[^']*)*")
_ESCAPED = re.compile(r"[^'\\]*(?:(?:\\.|''|\\\Z)[^'\\]*)*", re.DOTALL)
_TOKEN = re.compile(
    rf"""
    (?P<space>{_SPACE}+|--[^\n\r]*)
  | (?P<comment>/\*)
  | (?P<string>[eE]'|(?:[bBxXnN]|[uU]&)?')
  | (?P<name>"(?:[^"]|"")*(?:"|\Z))
  | (?P<dollar>\$(?:[{_WORD}][{_WORD}0-9]*)?\$)
  | (?P<word>[{_WORD}][{_WORD}0-9$]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")

#: What stands before a parenthesis and is no function, and functions that change nothing.
_NO_EFFECT = frozenset(
    """
    all and any array as asc between by case cast desc distinct else end except exists filter from
    group having ilike in intersect into is join lateral like limit not null offset on or order over
    partition rows select similar some then to union using values when where window with within
    materialized recursive sets cube rollup ordinality returning set
    abs age array_agg array_length avg bool_and bool_or btrim ceil ceiling char_length character_length
    coalesce concat concat_ws count current_database current_schema current_setting date_part
    date_trunc dense_rank every extract first_value floor format generate_series greatest initcap
    json_agg json_build_object jsonb_agg jsonb_build_object lag last_value lead least left length lower
    lpad ltrim make_date max md5 min mod now nullif numeric overlay pg_typeof position power
    random rank regexp_replace repeat replace reverse right round row row_number row_to_json rpad
    rtrim sign split_part sqrt string_agg strpos substr substring sum timezone to_char to_date
    to_json to_jsonb to_number to_timestamp translate trim trunc unnest upper varchar version
    char character decimal interval time timestamp timestamptz text int integer bigint boolean
    """.split()
)
_READS = ("select", "values", "table", "show", "explain", "fetch", "move", "declare", "close")
_ENDS = ("commit", "end", "rollback", "abort")
#: What is about the session or a transaction, and changes no data.
_NO_DATA = (
    "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release", "set", "reset",
    "show", "discard", "listen", "unlisten", "lock", "analyze", "analyse", "deallocate", "prepare",
    "checkpoint", "load",
)  # fmt: skip


class Statement:
    """One statement of a text."""

    def __init__(self, tokens: Sequence[str], starts: Sequence[int], end: int) -> None:
        #: Words in lower case, names as they are quoted, and single characters; strings are `''`.
        self.tokens = tokens
        #: Where each begins in the text, and where the statement ends.
        self.starts = starts
        self.end = end

    def word(self, at: int) -> str:
        return self.tokens[at] if at < len(self.tokens) else ""

    @property
    def first(self) -> str:
        # `(SELECT 1) UNION …`
        return next((token for token in self.tokens if token != "("), "")

    def has(self, *words: str) -> bool:
        """Whether one of the words stands somewhere in it."""
        return any(word in self.tokens for word in words)

    @property
    def ends_transaction(self) -> bool:
        if self.first == "rollback":
            return not self.has("to", "prepared")
        return self.first in _ENDS and not self.has("prepared")

    @property
    def commits(self) -> bool:
        return self.first in ("commit", "end") and not self.has("prepared")

    @property
    def begins(self) -> bool:
        return self.first == "begin" or (self.first == "start" and self.word(1) == "transaction")

    @property
    def two_phase(self) -> bool:
        if self.first in ("commit", "rollback"):
            return self.has("prepared")
        return self.first == "prepare" and self.word(1) == "transaction"

    @property
    def functions(self) -> set[str]:
        """The functions that it may call, but for those that are known to change nothing."""
        tokens = self.tokens
        return {
            token.strip('"').lower()
            for token, after in zip(tokens, tokens[1:])
            if after == "(" and is_name(token) and token not in _NO_EFFECT
        }

    @property
    def only_reads(self) -> bool:
        """Whether it certainly changes nothing."""
        if self.first == "explain" and self.has("analyze", "analyse"):
            return False
        if self.first not in (*_READS, "with", *_NO_DATA):
            return False
        if self.first in _NO_DATA:
            return not self.two_phase
        return not self.has("insert", "update", "delete", "merge", "into") and not self.functions

    @property
    def no_data(self) -> bool:
        """Whether it is about the session or a transaction only."""
        return self.first in _NO_DATA and not self.two_phase

    @property
    def needs_no_transaction(self) -> bool:
        """Whether it cannot run in a transaction, or ends those that it runs in."""
        first, second = self.first, self.word(1)
        if first in ("vacuum", "call", "do", "checkpoint"):
            return True
        if first in ("create", "drop", "alter") and second in ("database", "tablespace", "subscription", "system"):
            return True
        if first in ("create", "drop", "reindex", "alter", "refresh") and self.has("concurrently"):
            return first != "refresh"
        return (first == "reindex" and self.has("database", "system", "schema")) or (
            first == "cluster" and len(self.tokens) == 1
        )

    @property
    def target(self) -> str | None:
        """The table that it writes to, as it is written; `None` where that is not plain."""
        at = {"insert": 2, "delete": 2, "merge": 2, "update": 1, "copy": 1}.get(self.first)
        if at is None:
            return None
        if self.word(at) == "only":
            at += 1
        parts = []
        while is_name(self.word(at)):
            parts.append(self.word(at))
            if self.word(at + 1) != ".":
                break
            at += 2
        return ".".join(parts) or None

    def matching(self, sql: str) -> tuple[str, str] | None:
        """For a plain `UPDATE` or `DELETE` in `sql`, what selects the rows that it is about, from
        `FROM` on, and the name of the table in there."""
        at = {"update": 1, "delete": 2}.get(self.first)
        if at is None or self.target is None or self.tokens[0] == "(":
            return None
        places: dict[str, int] = {}
        depth = 0
        for place in range(at, len(self.tokens)):
            token = self.tokens[place]
            depth += (token == "(") - (token == ")")
            if depth == 0 and token in ("set", "from", "using", "where", "returning"):
                places.setdefault(token, place)
        others = "using" if self.first == "delete" else "from"
        ends = [places[word] for word in ("set", others, "where", "returning") if word in places]
        named = list(self.tokens[at : min(ends, default=len(self.tokens))])
        alias = named[-1]
        if not is_name(alias) or (self.first == "update" and "set" not in places):
            return None

        def part(word: str) -> str:
            if word not in places:
                return ""
            start = places[word] + 1
            after = [places[w] for w in ("where", "returning") if places.get(w, -1) > places[word]]
            return sql[self._start(start) : self._start(min(after, default=len(self.tokens)))]

        table = sql[self._start(at) : self._start(min(ends, default=len(self.tokens)))]
        beside = f", {part(others)}" if others in places else ""
        return f"FROM {table}{beside} WHERE {part('where') or 'true'}", alias

    def _start(self, place: int) -> int:
        return self.starts[place] if place < len(self.starts) else self.end


def statements(sql: str) -> list[Statement] | None:
    """The statements of a text; `None` where it is too long to be read."""
    if len(sql) > TEXT_MAX:
        return None
    found: list[tuple[list[str], list[int]]] = [([], [])]
    made: list[Statement] = []
    at = 0

    def put(token: str, start: int) -> None:
        found[-1][0].append(token)
        found[-1][1].append(start)

    while at < len(sql):
        match = _TOKEN.match(sql, at)
        assert match is not None
        kind, text, start, at = match.lastgroup, match.group(), at, match.end()
        if kind == "space":
            continue
        if kind == "comment":
            # They nest.
            depth = 1
            while depth:
                mark = _COMMENT.search(sql, at)
                if mark is None:
                    at = len(sql)
                    break
                depth += 1 if mark.group() == "/*" else -1
                at = mark.end()
        elif kind == "dollar":
            end = sql.find(text, at)
            at = len(sql) if end < 0 else end + len(text)
            put("''", start)
        elif kind == "string":
            at = _string_end(sql, at, text[0] in "eE")
            put("''", start)
        elif kind == "word":
            # The server makes only ASCII lower.
            put(text.lower() if text.isascii() else text, start)
        elif text == ";":
            made.append(Statement(*found[-1], start))
            found.append(([], []))
        else:
            put(text, start)
    made.append(Statement(*found[-1], len(sql)))
    return [statement for statement in made if statement.tokens]


def _string_end(sql: str, at: int, escapes: bool) -> int:
    """Where a string ends of which the first part begins before `at`, with all its parts."""
    body = _ESCAPED if escapes else _PLAIN
    while True:
        part = body.match(sql, at)
        assert part is not None
        # Beyond the quote, if there is one.
        at = min(part.end() + 1, len(sql))
        more = _CONTINUED.match(sql, at)
        if more is None:
            return at
        at = more.end()


def is_name(token: str) -> bool:
    """Whether a token is a word or a quoted name."""
    first = token[:1]
    return first in ("_", '"') or "a" <= first.lower() <= "z" or first > "\x7f"


def quoted(text: str) -> str:
    """A string, for a server that takes backslashes literally."""
    return "'" + text.replace("'", "''") + "'"


def name(*parts: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
