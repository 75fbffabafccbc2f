"""Rows that an agent changed in PostgreSQL databases, and how they come back.

What a transaction changed is in the undo journal before it commits, with its transaction id: the
server says later whether it did. An undo runs in one transaction of its own. Every row must be as the
agent left it, and nothing but these rows may change with it: where a trigger or a foreign key would
touch another, nothing is undone.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any

from . import _sql
from ._capture_postgres import (
    Captured,
    Changed,
    Table,
    Values,
    chunks,
    contents,
    digest,
    shown_sql,
)
from ._postgres_link import SETTINGS, Failed, connect, seconds
from .errors import InterlockError

#: Bytes of what undoes one transaction, compressed.
PAYLOAD_BYTES_MAX = 900_000
#: How long an undo waits for others' transactions.
_WAIT = "SET LOCAL lock_timeout TO '5s'; SET LOCAL statement_timeout TO '120s'; "
#: Rows of a table that was made, when it is looked at again.
_MADE_ROWS_MAX = 20_000

_CLUSTER = "SELECT system_identifier::text FROM pg_control_system()"
#: In which order relations go: what is built on others first.
_DROPS = (("v", "VIEW"), ("i", "INDEX"), ("rp", "TABLE"), ("S", "SEQUENCE"))


def cluster(run: Any) -> str | None:
    """What tells a server from any other, if it may be known."""
    try:
        return str(run(_CLUSTER)[0][0])
    except Failed:
        return None


# -- what is kept -----------------------------------------------------------------------------------


def payload(
    captured: Captured, parameters: dict[str, str], server: str | None, alone: bool
) -> str | None:
    """What undoes a transaction, for the journal; `None` if it is too large. `alone` says that no
    later effect of the same step can touch the same rows."""
    tables = [_kept(changed) for changed in captured.changed]
    text = json.dumps({"tables": tables, "made": captured.made}, separators=(",", ":"))
    packed = base64.b85encode(zlib.compress(text.encode(), 6)).decode()
    if len(packed) > PAYLOAD_BYTES_MAX:
        return None
    about = {"target": parameters, "cluster": server, "xid": captured.xid, "alone": alone}
    return json.dumps({**about, "changes": packed})


def _kept(changed: Changed) -> dict[str, Any]:
    table = changed.table
    rows: list[list[Any]] = []
    for key, (before, after) in changed.rows.items():
        was = None if before is None else digest(before)
        now = None if after is None else digest(after)
        kept: Any = before
        if before is not None and after is not None:
            # Of a row that stays, what is different.
            kept = {i: old for i, old in enumerate(before) if old != after[i]}
        rows.append([json.loads(key), kept, was, now])
    return {
        "oid": table.oid,
        "schema": table.schema,
        "name": table.name,
        "columns": table.columns,
        "types": table.types,
        "always": table.always,
        "key": table.key,
        "rows": rows,
    }


# -- how it comes back ------------------------------------------------------------------------------


class _Rows:
    """The rows of one table that are put back."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.table = Table(**{key: value for key, value in kept.items() if key != "rows"})
        self._rows = kept["rows"]
        self._by_key = {json.dumps(row[0]): row for row in self._rows}
        self.deletes = [row[0] for row in self._rows if row[2] is None]
        self.inserts = [row[1] for row in self._rows if row[3] is None]
        self.updates = [
            (row[0], {int(i): value for i, value in row[1].items()})
            for row in self._rows
            if row[2] is not None and row[3] is not None
        ]

    def found(self, link: Any) -> dict[str, str]:
        """The digests of the rows that are there now, which nobody can change from here on."""
        table, found = self.table, {}
        for part in chunks([row[0] for row in self._rows]):
            for key, values in link.run(
                f"SELECT {table.texts(table.key)}, {table.texts(table.columns)} FROM ONLY {table.sql} t "
                f"WHERE {table.having(part)} FOR UPDATE"
            ):
                found[json.dumps(json.loads(key))] = digest(json.loads(values))
        return found

    def differing(self, found: dict[str, str], at: int) -> list[str]:
        """Keys of rows that are not as before (2) or as the agent left them (3)."""
        return [key for key, row in self._by_key.items() if found.get(key) != row[at]]

    def statements(self) -> Iterator[tuple[str, str]]:
        """What puts them back, by what it does."""
        table = self.table
        if self.deletes:
            yield "deleted", f"DELETE FROM ONLY {table.sql} t WHERE {table.having(self.deletes)}"
        by_columns: dict[tuple[int, ...], list[tuple[list[str], dict[int, Any]]]] = {}
        for key, changes in self.updates:
            by_columns.setdefault(tuple(changes), []).append((key, changes))
        for columns, rows in by_columns.items():
            yield "updated", self._update(columns, rows)
        if self.inserts:
            listed = ", ".join(_sql.name(column) for column in table.columns)
            values = ", ".join(self._values(table.types, row) for row in self.inserts)
            yield (
                "inserted",
                f"INSERT INTO {table.sql} ({listed}) OVERRIDING SYSTEM VALUE VALUES {values}",
            )

    def _update(self, columns: tuple[int, ...], rows: list[tuple[list[str], dict[int, Any]]]) -> str:
        table = self.table
        types = [*table.key_types, *(table.types[i] for i in columns)]
        names = [f"c{i}" for i in range(len(types))]
        values = ", ".join(
            self._values(types, [*key, *(changes[i] for i in columns)]) for key, changes in rows
        )
        sets = ", ".join(
            f"{_sql.name(table.columns[i])} = v.{names[len(table.key) + at]}"
            for at, i in enumerate(columns)
        )
        same = " AND ".join(f"t.{_sql.name(k)} = v.{n}" for k, n in zip(table.key, names))
        return f"UPDATE ONLY {table.sql} t SET {sets} FROM (VALUES {values}) v ({', '.join(names)}) WHERE {same}"

    @staticmethod
    def _values(types: list[str], values: Values) -> str:
        shown = (
            f"NULL::{kind}" if value is None else f"{_sql.quoted(value)}::{kind}"
            for value, kind in zip(values, types)
        )
        return f"({', '.join(shown)})"

    def expected(self) -> dict[str, int]:
        return {
            "inserted": len(self.inserts),
            "updated": len(self.updates),
            "deleted": len(self.deletes),
        }


class _Undo:
    """One undo, in one transaction."""

    def __init__(self, link: Any, changes: dict[str, Any]) -> None:
        self._link = link
        self._tables = [_Rows(kept) for kept in changes["tables"]]
        self._made = changes["made"]

    def run(self, strict: bool) -> None:
        """Puts everything back, or raises. Without `strict` rows that were changed since are no
        reason to: whoever looks knows only later whether they are then as they were left."""
        link = self._link
        self._same_tables()
        there = self._made_there()
        found = [(rows, rows.found(link)) for rows in self._tables]
        before = [key for rows, now in found for key in rows.differing(now, 2)]
        if not before and not there:
            # It was undone, and whoever did it was cut off before it could say so.
            return
        for rows, now in found:
            changed = rows.differing(now, 3)
            if changed:
                if not strict:
                    return
                key = ", ".join(json.loads(changed[0]))
                raise InterlockError(f"the row `{key}` of `{rows.table.shown}` was changed since")
        self._drop(there, strict)
        triggers = self._without_triggers()
        self._put_back()
        link.run("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in triggers:
            link.run(statement)
        self._verify()

    def _same_tables(self) -> None:
        for rows in self._tables:
            table = rows.table
            there = self._link.run(f"SELECT to_regclass({_sql.quoted(table.sql)})::oid::text")[0][0]
            if there != str(table.oid):
                raise InterlockError(f"`{table.shown}` is gone or another one")
            columns = self._link.run(
                "SELECT count(*)::text FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
                f"AND attgenerated = '' AND attrelid = {table.oid}"
            )[0][0]
            if int(columns) != len(table.columns):
                raise InterlockError(f"the columns of `{table.shown}` were changed since")

    def _made_there(self) -> list[dict[str, Any]]:
        """Of what the transaction made, what is still there."""
        there = []
        for one in self._made:
            oid = self._link.run(f"SELECT to_regclass({_sql.quoted(shown_sql(one))})::oid::text")[0][0]
            if oid == str(one["oid"]):
                there.append(one)
        return there

    def _drop(self, made: list[dict[str, Any]], strict: bool) -> None:
        for one in made:
            shown = f"{one['schema']}.{one['name']}"
            if "rows" in one:
                self._link.run(f"LOCK TABLE {shown_sql(one)} IN ACCESS EXCLUSIVE MODE")
                if contents(self._link, shown_sql(one), _MADE_ROWS_MAX) != one["rows"] and strict:
                    raise InterlockError(f"`{shown}` was written to since")
        for kind, word in _DROPS:
            listed = [shown_sql(one) for one in made if one["kind"] in kind]
            if listed:
                # At once: they may refer to each other.
                self._link.run(f"DROP {word} {', '.join(listed)} RESTRICT")

    def _without_triggers(self) -> list[str]:
        """Switches the tables' own triggers off where that is allowed; what switches them on again.
        Those of foreign keys stay."""
        oids = ", ".join(str(rows.table.oid) for rows in self._tables)
        if not oids:
            return []
        again = []
        for table, trigger, enabled in self._link.run(
            "SELECT t.tgrelid::text, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            f"WHERE t.tgrelid IN ({oids}) AND NOT t.tgisinternal AND t.tgenabled <> 'D' "
            "AND t.tgparentid = 0 AND pg_has_role(c.relowner, 'USAGE')"
        ):
            sql = next(rows.table.sql for rows in self._tables if str(rows.table.oid) == table)
            mode = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}.get(enabled, "ENABLE")
            self._link.run(f"ALTER TABLE ONLY {sql} DISABLE TRIGGER {_sql.name(trigger)}")
            again.append(f"ALTER TABLE ONLY {sql} {mode} TRIGGER {_sql.name(trigger)}")
        return again

    def _put_back(self) -> None:
        """In one statement: foreign keys are held against its end."""
        parts: dict[str, list[str]] = {"deleted": [], "updated": [], "inserted": []}
        for rows in self._tables:
            for kind, sql in rows.statements():
                parts[kind].append(sql)
        listed = [sql for kind in ("deleted", "updated", "inserted") for sql in parts[kind]]
        if not listed:
            return
        # Counted in this order, they are done in it: a value that must be unique is given up first.
        withs = ", ".join(f"w{i} AS ({sql} RETURNING 1)" for i, sql in enumerate(listed))
        counts = ", ".join(f"(SELECT count(*) FROM w{i})::text" for i in range(len(listed)))
        self._link.run(f"SET CONSTRAINTS ALL DEFERRED; WITH {withs} SELECT {counts}")

    def _verify(self) -> None:
        """That these rows are as they were, and that nothing else changed with them."""
        for rows in self._tables:
            if rows.differing(rows.found(self._link), 2):
                raise InterlockError(f"the rows of `{rows.table.shown}` do not become what they were")
        expected = {str(rows.table.oid): rows.expected() for rows in self._tables}
        for oid, shown, inserted, updated, deleted in self._link.run(
            "SELECT c.oid::text, c.oid::regclass::text, pg_stat_get_xact_tuples_inserted(c.oid)::text, "
            "pg_stat_get_xact_tuples_updated(c.oid)::text, pg_stat_get_xact_tuples_deleted(c.oid)::text "
            "FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() "
            "AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND c.relkind = 'r' "
            "AND c.relnamespace <> 'pg_catalog'::regnamespace "
            "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ):
            counts = {"inserted": int(inserted), "updated": int(updated), "deleted": int(deleted)}
            if counts != expected.get(oid, {"inserted": 0, "updated": 0, "deleted": 0}):
                raise InterlockError(
                    f"other rows of `{shown}` would change with it, by a trigger or a foreign key"
                )


def undo(about: dict[str, Any], check: bool) -> None:
    """Undoes a transaction, or tries whether it could."""
    parameters: dict[str, str] = about["target"]
    shown = f"postgres://{parameters.get('host', '')}:{parameters.get('port', '')}/{parameters.get('dbname', '')}"
    try:
        link = connect(parameters, seconds.password(parameters))
    except Failed as error:
        raise InterlockError(
            f"`{shown}` is not reached as `{parameters.get('user', '')}`: {error}; "
            "set `PGPASSWORD` or `PGPASSFILE` if it wants a password"
        ) from error
    try:
        if about["cluster"] is not None and cluster(link.run) not in (about["cluster"], None):
            raise InterlockError(f"`{shown}` is another server now")
        if not _committed(link, about["xid"], shown):
            return
        changes = json.loads(zlib.decompress(base64.b85decode(about["changes"])))
        link.run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        link.run(SETTINGS + _WAIT + "SET LOCAL row_security TO off")
        _Undo(link, changes).run(strict=about["alone"] or not check)
        link.run("ROLLBACK" if check else "COMMIT")
    except Failed as error:
        raise InterlockError(f"`{shown}`: {error}") from error
    finally:
        link.close()


def _committed(link: Any, xid: str, shown: str) -> bool:
    """Whether the transaction did anything at all."""
    try:
        status = link.run(f"SELECT pg_xact_status('{int(xid)}')")[0][0]
    except Failed as error:
        raise InterlockError(f"`{shown}` does not know transaction {xid}: {error}") from error
    if status == "in progress":
        raise InterlockError(f"transaction {xid} of `{shown}` is underway")
    # Of one that is long ago nothing is known but what it left.
    return bool(status != "aborted")
