"""What undo and sandbox add to statements for PostgreSQL and SQLite, in microseconds.

    PYTHONPATH=crates/interlock-python/tests/python target/venv/bin/python bench/python/databases.py

A server of its own is started for it. Each way runs the same transactions of one statement: reading a
row, updating one, in a table of 10,000 rows, with `durability="batch"`. Rounds alternate between the ways. A busy machine shows in the medians; the tenth percentile says what the
work itself takes.
"""

import argparse
import pathlib
import sqlite3
import statistics
import tempfile
import time

import postgres
import psycopg

from interlock import Interlock

POLICY = """
interlock: 1
default: allow
detectors: {}
rules: []
"""
SCHEMA = """
CREATE TABLE items (id int PRIMARY KEY, name text, price int);
INSERT INTO items SELECT n, 'item ' || n, n FROM generate_series(1, 10000) n;
"""


def timed(connection, sql, mark, rounds):
    """The times of transactions of one statement; each is another text, as loops are stopped."""
    found = []
    for number in range(rounds):
        text = sql.format(id=1 + mark + number)
        begun = time.perf_counter()
        connection.execute(text, (number,))
        connection.commit()
        found.append((time.perf_counter() - begun) * 1e6)
    return found


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--rounds", type=int, default=200)
    rounds = parse.parse_args().rounds
    server = postgres.server()
    directory = pathlib.Path(tempfile.mkdtemp())
    (directory / "policy.yaml").write_text(POLICY)
    lite = str(directory / "items.db")
    with psycopg.connect(server.dsn) as connection:
        connection.execute(SCHEMA)
    with sqlite3.connect(lite) as connection:
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price INT)")
        rows = [(n, f"item {n}", n) for n in range(1, 10_001)]
        connection.executemany("INSERT INTO items VALUES (?, ?, ?)", rows)
    options = {"agent": "bot", "policy": directory / "policy.yaml", "durability": "batch"}
    with_undo = Interlock(directory / "a", **options)
    without = Interlock(directory / "b", **options, undo=False)
    print("microseconds a transaction: the median, and in brackets the tenth percentile")
    databases = {
        "PostgreSQL": (lambda: psycopg.connect(server.dsn), "%s"),
        "SQLite": (lambda: sqlite3.connect(lite), "?"),
    }
    ways = {
        "plain": None,
        "monitor, no undo": lambda agent: without.monitor(agent),
        "monitor": lambda agent: with_undo.monitor(agent),
        "sandbox": lambda agent: with_undo.sandbox(agent),
    }
    for name, (connect, place) in databases.items():
        for what, sql in (
            ("read", f"SELECT * FROM items WHERE id = {{id}} AND price >= -{place}"),
            ("update", f"UPDATE items SET price = price + 1 + {place} WHERE id = {{id}}"),
        ):
            times = {way: [] for way in ways}
            for part in range(4):
                for way, enter in ways.items():
                    mark = 2_000 * part
                    if enter is None:
                        run(connect, sql, mark, rounds // 4, times[way])
                        continue
                    # Each agent is new: one that repeats itself is stopped.
                    with enter(f"{name}-{what}-{way}-{part}"):
                        run(connect, sql, mark, rounds // 4, times[way])
            shown = [
                f"{way} {statistics.median(found):.0f} ({statistics.quantiles(found, n=10)[0]:.0f})"
                for way, found in times.items()
            ]
            print(f"{name} {what}: {', '.join(shown)}", flush=True)
    with_undo.close()
    without.close()


def run(connect, sql, mark, rounds, into):
    connection = connect()
    try:
        into += timed(connection, sql, mark, rounds)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
