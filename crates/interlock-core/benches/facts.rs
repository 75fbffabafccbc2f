//! What facts cost: SQL of three sizes beside an independent parser, and a shell command.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use interlock_core::facts::shell::ShellFacts;
use interlock_core::facts::sql::SqlFacts;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

const SQL: [&str; 3] = [
    "SELECT name, email FROM users WHERE id = 7",
    "SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = 'open'",
    "WITH recent AS (SELECT customer_id, sum(total) AS spent FROM orders WHERE day > '2026-01-01' GROUP BY customer_id) SELECT c.name, r.spent FROM customers c JOIN recent r ON r.customer_id = c.id ORDER BY r.spent DESC",
];

const SHELL: &str = "cd /srv/app && grep -rn 'TODO' src | head -20 > todo.txt 2>&1";

fn sql(c: &mut Criterion) {
    let mut group = c.benchmark_group("sql");
    for text in SQL {
        assert!(SqlFacts::of(text, None).parsed);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("facts", text.len()), text, |b, text| {
            b.iter(|| SqlFacts::of(black_box(text), None));
        });
        group.bench_with_input(
            BenchmarkId::new("sqlparser", text.len()),
            text,
            |b, text| {
                b.iter(|| Parser::parse_sql(&PostgreSqlDialect {}, black_box(text)));
            },
        );
    }
    group.finish();
}

fn shell(c: &mut Criterion) {
    assert!(ShellFacts::of(SHELL).parsed);
    let mut group = c.benchmark_group("shell");
    group.throughput(Throughput::Bytes(SHELL.len() as u64));
    group.bench_with_input(BenchmarkId::new("facts", SHELL.len()), SHELL, |b, text| {
        b.iter(|| ShellFacts::of(black_box(text)));
    });
    group.finish();
}

criterion_group!(benches, sql, shell);
criterion_main!(benches);
