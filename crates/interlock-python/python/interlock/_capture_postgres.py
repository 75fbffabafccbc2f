"""What a PostgreSQL transaction changed, found before it commits.

The server itself says which tables a transaction wrote to: it holds a lock on each of them until its
end, whether a statement, a trigger, a foreign key or a function wrote. Its new versions of rows carry
its transaction id. A second connection still sees the rows as they were, and nobody else can change
them meanwhile; the primary key joins both.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from . import _sql
from ._postgres_link import SETTINGS, Failed, Seconds, key_list
from .errors import InterlockError

#: Rows of one transaction that are kept; past it the transaction cannot be undone.
ROWS_MAX = 10_000
#: Bytes of a table that is looked through for them. In a larger one they are found by the keys of the
#: rows that a statement is about.
SCAN_BYTES_MAX = 64 << 20
#: Pages at the end of a large table that are looked through for new rows.
_LAST_PAGES = 256
_PAGE_BYTES = 8192
#: Keys that are asked for in one statement.
KEYS_MAX = 500
#: The server's transaction ids count to this and begin again.
_XIDS = 1 << 32
#: Versions of the server before this one do not tell of their transactions what is needed here.
VERSION_MIN = 130_000

_SAVEPOINT = "interlock_capture"
#: Locks that what writes to a table holds.
_WRITING = "'RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'"
#: Parts of the catalogue that change when tables, views, indexes and sequences are made.
_MADE = (
    "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_depend", "pg_description", "pg_index",
    "pg_inherits", "pg_init_privs", "pg_partitioned_table", "pg_rewrite", "pg_sequence", "pg_shdepend",
    "pg_statistic", "pg_trigger", "pg_type",
)  # fmt: skip

_ABOUT = f"""
SELECT json_build_object(
  'xid', pg_current_xact_id(), 'snapshot', pg_current_snapshot(), 'pid', pg_backend_pid(),
  'counts', current_setting('track_counts'),
  'relations', (SELECT coalesce(json_agg(r), '[]') FROM (
    SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
      c.relhasrules AS rules, row_security_active(c.oid) AS secured,
      has_table_privilege(c.oid, 'SELECT') AS readable,
      CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) ELSE 0 END AS bytes,
      l.exclusive, l.written,
      pg_stat_get_xact_tuples_inserted(c.oid) AS inserted,
      pg_stat_get_xact_tuples_updated(c.oid) AS updated,
      pg_stat_get_xact_tuples_deleted(c.oid) AS deleted,
      CASE WHEN c.relkind = 'r' THEN (
        SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
          a.attgenerated <> '', a.attidentity) ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END AS columns,
      CASE WHEN c.relkind = 'r' THEN (
        SELECT json_agg(a.attname ORDER BY k.place)
        FROM pg_index i, LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place), pg_attribute a
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum
          AND k.place <= i.indnkeyatts) END AS key
    FROM (
      SELECT l.relation, bool_or(l.mode = 'AccessExclusiveLock') AS exclusive,
        bool_or(l.mode = 'RowExclusiveLock') AS written
      FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.mode IN ({_WRITING}) GROUP BY l.relation) l
      JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'm', 'S', 'v', 'i')
      AND c.relpersistence <> 't' AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast'
    ORDER BY c.oid) r),
  'catalogues', (SELECT coalesce(json_agg(json_build_array(c.relname, has_table_privilege(c.oid, 'SELECT'))), '[]')
    FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'
      AND pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
        + pg_stat_get_xact_tuples_deleted(c.oid) > 0),
  'made', (SELECT coalesce(json_agg(m), '[]') FROM (
    SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
      has_table_privilege(c.oid, 'SELECT') AS readable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE age(c.xmin) <= 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'i', 'f') AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
        AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'P')
        AND (c.relkind = 'S' OR d.deptype IN ('i', 'P')))
      AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
        WHERE x.indexrelid = c.oid AND age(t.xmin) <= 0)) m)
)::text
"""


@dataclasses.dataclass
class Table:
    """A table as undoing needs to know it."""

    oid: int
    schema: str
    name: str
    #: Names, types, and whether a value is always made by the server; without generated columns.
    columns: list[str]
    types: list[str]
    always: list[bool]
    key: list[str]

    @classmethod
    def of(cls, found: dict[str, Any]) -> Table:
        kept = [column for column in found["columns"] if not column[2]]
        return cls(
            found["oid"],
            found["schema"],
            found["name"],
            [column[0] for column in kept],
            [column[1] for column in kept],
            [column[3] == "a" for column in kept],
            found["key"] or [],
        )

    @property
    def sql(self) -> str:
        return _sql.name(self.schema, self.name)

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def key_types(self) -> list[str]:
        return [self.types[self.columns.index(column)] for column in self.key]

    def texts(self, columns: Sequence[str]) -> str:
        """The values of columns as one JSON text."""
        values = ", ".join(f"t.{_sql.name(column)}::text" for column in columns)
        return f"array_to_json(ARRAY[{values}]::text[])::text"

    def having(self, keys: list[list[str]]) -> str:
        """The condition that finds rows by their keys, through the index."""
        names = ", ".join(f"t.{_sql.name(column)}" for column in self.key)
        left = names if len(self.key) == 1 else f"({names})"
        return f"{left} IN ({', '.join(key_list(self.key_types, key) for key in keys)})"


Values = list[Any]


@dataclasses.dataclass
class Hint:
    """What is known of a transaction's changes of a table that is too large to be looked through."""

    #: What the server had counted before the first of them.
    before: tuple[int, int, int]
    #: The keys of rows that statements were about.
    keys: set[str] = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Changed:
    """The rows of one table that changed."""

    table: Table
    #: By key: the row before and after; `None` where there was or is none.
    rows: dict[str, tuple[Values | None, Values | None]]


@dataclasses.dataclass
class Captured:
    """What a transaction changed."""

    xid: str
    changed: list[Changed] = dataclasses.field(default_factory=list)
    #: Tables, views, indexes and sequences that it made, with the digest of their rows.
    made: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    #: Sequences that went on, which no transaction turns back.
    sequences: list[str] = dataclasses.field(default_factory=list)
    #: Why parts of it cannot be undone.
    why: list[str] = dataclasses.field(default_factory=list)


def chunks(keys: Sequence[Any]) -> Iterator[list[Any]]:
    for at in range(0, len(keys), KEYS_MAX):
        yield list(keys[at : at + KEYS_MAX])


def digest(values: Values) -> str:
    """What tells a row from any other."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _newer(xid: int, than: int) -> bool:
    """Whether a transaction id was given at the same time or later; they count in a circle."""
    return (xid - than) % _XIDS < _XIDS // 2


class _Snapshot:
    """Which transactions had ended, for a statement."""

    def __init__(self, text: str) -> None:
        low, high, running = text.split(":")
        self._low, self._high = int(low) % _XIDS, int(high) % _XIDS
        self._running = {int(xid) % _XIDS for xid in running.split(",") if xid}

    def sees(self, xid: int) -> bool:
        if not _newer(xid, self._low):
            return True
        return not _newer(xid, self._high) and xid not in self._running


class _Scan:
    """The changes of one transaction, read through its own connection and a second one."""

    def __init__(
        self, own: Any, seconds: Seconds, parameters: dict[str, str], hints: dict[int, Hint]
    ) -> None:
        self._hints = hints
        self._own = own
        self._seconds = seconds
        self._parameters = parameters
        self._rows = 0

    def second(self, sql: str) -> list[Any]:
        return self._seconds.run(self._parameters, sql)

    def run(self) -> Captured:
        about = json.loads(self._own.run(f"SAVEPOINT {_SAVEPOINT}; {SETTINGS}{_ABOUT}")[0][0])
        found = Captured(str(about["xid"]))
        if about["counts"] != "on":
            found.why.append("the server does not count changes (`track_counts`)")
        self._top = int(found.xid) % _XIDS
        self._snapshot = _Snapshot(about["snapshot"])
        relations = about["relations"]
        candidates = [made["oid"] for made in about["made"]]
        fresh = self._not_there(candidates + [r["oid"] for r in relations if r["exclusive"]])
        self._altered([oid for oid in candidates if oid not in fresh], found)
        self._made(found, [made for made in about["made"] if made["oid"] in fresh])
        for catalogue, readable in about["catalogues"]:
            # The counts may be those of the transaction before.
            if catalogue not in _MADE and (not readable or self._catalogue(catalogue)):
                found.why.append(f"the catalogue changed (`{catalogue}`)")
        for relation in relations:
            if relation["oid"] not in fresh and self._undoable(relation, found):
                self._table(relation, found)
        return found

    def _not_there(self, oids: list[int]) -> set[int]:
        """Of relations, those that are not there for anybody else."""
        if not oids:
            return set()
        listed = ", ".join(map(str, oids))
        there = {int(row[0]) for row in self.second(f"SELECT oid::text FROM pg_class WHERE oid IN ({listed})")}
        return set(oids) - there

    def _catalogue(self, name: str) -> bool:
        """Whether entries of a part of the catalogue came or went."""
        # A schema for temporary tables is nobody's.
        but = " AND c.nspname !~ '^pg_(toast_)?temp_'" if name == "pg_namespace" else ""
        exists = f"SELECT EXISTS (SELECT FROM pg_catalog.{_sql.name(name)} c WHERE"
        new = self._own.run(f"{exists} age(c.xmin) <= 0{but})::text")
        gone = self.second(f"{exists} c.xmax <> '0' AND {self._recent('c.xmax')}{but})::text")
        return "true" in (new[0][0], gone[0][0])

    def _recent(self, xid: str) -> str:
        """SQL for whether a transaction id was given since this transaction got its own."""
        return f"({xid}::text::bigint - {self._top} + {_XIDS}) % {_XIDS} < {_XIDS // 2}"

    def _altered(self, oids: list[int], found: Captured) -> None:
        """Notes the relations that are described in another way than before."""
        if not oids:
            return
        # A foreign key to a table puts triggers on it, which go with the key.
        sql = (
            "SELECT c.oid::text, c.oid::regclass::text, (to_jsonb(c) - '{relhastriggers,relhasindex,"
            "relpages,reltuples,relallvisible,relfrozenxid,relminmxid}'::text[])::text "
            f"FROM pg_class c WHERE c.oid IN ({', '.join(map(str, oids))})"
        )
        before = set(self.second(sql))
        for row in self._own.run(sql):
            if row not in before:
                found.why.append(f"`{row[1]}` was altered")

    def _undoable(self, relation: dict[str, Any], found: Captured) -> bool:
        """Whether its rows can be looked for; notes why not."""
        kind, shown = relation["kind"], f"{relation['schema']}.{relation['name']}"
        if kind == "S":
            if relation["written"]:
                found.sequences.append(shown)
            return False
        if relation["exclusive"] and kind != "i":
            found.why.append(f"`{shown}` was altered or emptied as a whole")
            return False
        if kind in "vip":
            return False
        changes = relation["inserted"] + relation["updated"] + relation["deleted"]
        if not relation["written"] or (not changes and not found.why):
            return False
        why = unkept(relation)
        if why is None and relation["bytes"] > SCAN_BYTES_MAX and relation["oid"] not in self._hints:
            why = too_large(relation)
        if why is not None:
            found.why.append(why)
        return why is None

    def _table(self, relation: dict[str, Any], found: Captured) -> None:
        # Whoever describes it anew has it for itself, and is not here.
        table = Table.of(relation)
        if not table.key:
            found.why.append(f"`{table.shown}` has no primary key")
            return
        try:
            if relation["bytes"] > SCAN_BYTES_MAX:
                few = self._few(table, relation, self._hints[table.oid])
                if few is None:
                    found.why.append(f"{too_large(relation)}, and not all rows that changed were found")
                    return
                rows = few
            else:
                rows = self._changes(table, relation)
        except _TooMany:
            found.why.append(f"more than {ROWS_MAX} rows changed, the last of them in `{table.shown}`")
            return
        self._rows += len(rows)
        if rows:
            found.changed.append(Changed(table, rows))

    def _changes(
        self, table: Table, relation: dict[str, Any]
    ) -> dict[str, tuple[Values | None, Values | None]]:
        room = ROWS_MAX - self._rows
        new: dict[str, tuple[int, Values]] = {}
        if relation["inserted"] or relation["updated"]:
            # In its own eyes a transaction is of age 0, and what came later is younger still.
            for key, xmin, values in self._own.run(
                f"SELECT {table.texts(table.key)}, t.xmin::text, {table.texts(table.columns)} "
                f"FROM ONLY {table.sql} t WHERE age(t.xmin) <= 0 LIMIT {room + 1}"
            ):
                new[key] = (int(xmin), json.loads(values))
        if len(new) > room:
            raise _TooMany
        theirs = self._committed({xmin for xmin, _ in new.values()} - {self._top})
        new = {key: row for key, row in new.items() if row[0] not in theirs}
        old = self._before(table, list(new))
        rows: dict[str, tuple[Values | None, Values | None]] = {
            key: (old.get(key), values) for key, (_, values) in new.items()
        }
        # Each update of a row that is still there is accounted for; others may have moved their key.
        if relation["deleted"] or relation["updated"] > len(old):
            for key, values in self._gone(table, set(new), relation["deleted"], room).items():
                rows[key] = (values, None)
        if len(rows) > room:
            raise _TooMany
        return {key: row for key, row in rows.items() if row[0] != row[1]}

    def _few(
        self, table: Table, relation: dict[str, Any], hint: Hint
    ) -> dict[str, tuple[Values | None, Values | None]] | None:
        """The same for a large table, of which keys are known; `None` where the server counted others."""
        columns = f"{table.texts(table.key)}, (age(t.xmin) <= 0)::text, t.xmin::text, {table.texts(table.columns)}"
        select = f"SELECT {columns} FROM ONLY {table.sql} t WHERE"
        here: list[Any] = []
        for part in chunks(sorted(hint.keys)):
            here += self._own.run(f"{select} {table.having([json.loads(key) for key in part])}")
        found = {row[0] for row in here}
        if relation["inserted"] > hint.before[0]:
            here += self._own.run(f"{select} {self._last(table, relation)} AND age(t.xmin) <= 0 LIMIT {ROWS_MAX + 1}")
        mine = {row[0]: (int(row[2]), json.loads(row[3])) for row in here if row[1] == "true"}
        theirs = self._committed({xmin for xmin, _ in mine.values()} - {self._top})
        new = {key: values for key, (xmin, values) in mine.items() if xmin not in theirs}
        old = self._before(table, list(new))
        rows: dict[str, tuple[Values | None, Values | None]] = {key: (old.get(key), new[key]) for key in new}
        for key, values in self._before(table, sorted(hint.keys - found - new.keys())).items():
            rows[key] = (values, None)
        inserted = sum(before is None for before, _ in rows.values())
        deleted = sum(after is None for _, after in rows.values())
        seen = (inserted, len(rows) - inserted - deleted, deleted)
        counted = (relation["inserted"], relation["updated"], relation["deleted"])
        if seen != tuple(now - before for now, before in zip(counted, hint.before)):
            return None
        if self._rows + len(rows) > ROWS_MAX:
            raise _TooMany
        return {key: row for key, row in rows.items() if row[0] != row[1]}

    def _last(self, table: Table, relation: dict[str, Any]) -> str:
        """The condition for rows that are probably new: those with keys after all others, or else
        those at the end of the table."""
        if table.key_types in (["integer"], ["bigint"], ["smallint"]):
            key = _sql.name(table.key[0])
            (most,) = self.second(f"SELECT max({key})::text FROM ONLY {table.sql}")[0]
            return f"t.{key} > {int(most)}" if most is not None else "true"
        page = max(0, relation["bytes"] // _PAGE_BYTES - _LAST_PAGES)
        return f"t.ctid >= '({page},0)'::tid"

    def _committed(self, xids: set[int]) -> set[int]:
        """Of transactions whose rows it sees, those that are others'. Its own, also of savepoints,
        are underway."""
        found = set()
        for xid in xids:
            try:
                rows = self.second(f"SELECT pg_xact_status('{self._xid64(xid)}'::xid8)")
            except Failed:
                # Of another turn of the circle, so long committed.
                found.add(xid)
                continue
            if rows[0][0] != "in progress":
                found.add(xid)
        return found

    def _xid64(self, xid: int) -> int:
        return self._top64 + (xid - self._top) % _XIDS

    _top64 = 0

    def _before(self, table: Table, keys: list[str]) -> dict[str, Values]:
        """The rows of these keys as they were."""
        found = {}
        for part in chunks(keys):
            for key, values in self.second(
                f"SELECT {table.texts(table.key)}, {table.texts(table.columns)} FROM ONLY {table.sql} t "
                f"WHERE {table.having([json.loads(key) for key in part])}"
            ):
                found[key] = json.loads(values)
        return found

    def _gone(self, table: Table, new: set[str], deleted: int, room: int) -> dict[str, Values]:
        """The rows that are there for everybody but this transaction."""
        select = f"SELECT {table.texts(table.key)}, t.xmin::text FROM ONLY {table.sql} t WHERE t.xmax <> '0'"
        # A row that is locked in several ways has a mark instead of a transaction id: only where the
        # count says that some are missing are they looked through as well.
        recent = f"{select} AND {self._recent('t.xmax')}"
        found: dict[str, Values] = {}
        for sql in (recent, select):
            candidates = {
                key: int(xmin)
                for key, xmin in self.second(f"{sql} LIMIT {5 * ROWS_MAX + 1}")
                if key not in new and key not in found
            }
            if len(candidates) > 5 * ROWS_MAX:
                raise _TooMany
            keys = [key for key, xmin in candidates.items() if self._snapshot.sees(xmin)]
            for part in chunks(keys):
                having = table.having([json.loads(key) for key in part])
                here = {
                    row[0]
                    for row in self._own.run(f"SELECT {table.texts(table.key)} FROM ONLY {table.sql} t WHERE {having}")
                }
                # Whom another transaction deleted meanwhile is gone for everybody by now.
                missing = [key for key in part if key not in here]
                found.update(self._before(table, missing))
            if len(found) > room:
                raise _TooMany
            if deleted and len(found) >= deleted:
                break
        return found

    def _made(self, found: Captured, made: list[dict[str, Any]]) -> None:
        for one in made:
            shown = f"{one['schema']}.{one['name']}"
            if one["kind"] in "mf":
                found.why.append(f"`{shown}` was made, which is not undone")
                continue
            kept = {key: one[key] for key in ("oid", "schema", "name", "kind")}
            if one["kind"] in "rp" and not one["readable"]:
                found.why.append(f"`{shown}` was made and cannot be read")
                continue
            if one["kind"] in "rp":
                rows = contents(self._own, shown_sql(one), ROWS_MAX - self._rows)
                if rows is None:
                    found.why.append(f"`{shown}` was made with more than {ROWS_MAX} rows")
                    continue
                kept["rows"] = rows
            found.made.append(kept)


class _TooMany(Exception):
    pass


class Uncaptured(InterlockError):
    """What a transaction changed cannot be read; it can go on."""

    def __init__(self, why: str) -> None:
        super().__init__(why, "postgres.uncaptured")


def shown_sql(one: dict[str, Any]) -> str:
    return _sql.name(one["schema"], one["name"])


def contents(link: Any, table: str, room: int) -> str | None:
    """The digest of all rows of a table; `None` if there are more than `room`."""
    rows = link.run(f"SELECT t::text FROM {table} t LIMIT {room + 1}")
    if len(rows) > room:
        return None
    return digest(sorted(row[0] for row in rows))


def unkept(relation: dict[str, Any]) -> str | None:
    """Why the rows of a table cannot be kept, as far as the table says."""
    shown = f"`{relation['schema']}.{relation['name']}`"
    if relation["kind"] == "f":
        return f"{shown} is on another server"
    if relation["kind"] == "m":
        return f"{shown} is a materialized view"
    if relation["rules"]:
        return f"{shown} has rules"
    if relation["secured"]:
        return f"{shown} shows everybody other rows (row security)"
    if not relation["readable"]:
        return f"{shown} cannot be read"
    return None


def too_large(relation: dict[str, Any]) -> str:
    return f"`{relation['schema']}.{relation['name']}` has more than {SCAN_BYTES_MAX} bytes"


def capture(
    own: Any,
    seconds: Seconds,
    parameters: dict[str, str],
    hints: dict[int, Hint] | None = None,
    first: str = "",
) -> Captured | None:
    """What the transaction of `own` changed so far; `None` if nothing. Leaves it as it was, but for
    what the statements of `first` do.

    Raises `Failed` for `first`, and `Uncaptured` for what comes after it.
    """
    xid = own.run(f"{first}SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text")[0][0]
    if xid is None:
        return None
    try:
        scan = _Scan(own, seconds, parameters, hints or {})
        scan._top64 = int(xid)
        return scan.run()
    except Failed as error:
        raise Uncaptured(str(error)) from error
    finally:
        if own.alive:
            own.run(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}")
