//! The kinds of agents: when each works, how much, and what one task of it looks like.

use serde_json::json;

use super::maker::{Load, Maker};

/// When an agent works, by its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Weekdays between these hours, a little around them, now and then late.
    Office(i64, i64),
    /// The same, and some of it at weekends.
    Shop(i64, i64),
    /// Around the clock, more by day.
    Always,
    /// A batch that begins at this hour, every day.
    Batch(i64),
}

/// One kind of agent.
#[derive(Debug)]
pub(crate) struct Archetype {
    pub(crate) name: &'static str,
    pub(crate) schedule: Schedule,
    /// Tasks of an ordinary day.
    pub(crate) tasks: f64,
    /// People on whose behalf it acts; 0 for a service.
    pub(crate) users: u64,
    /// How many times as busy the turn of a month is.
    pub(crate) month_end: f64,
    /// Bursts (incidents, campaigns) per day.
    pub(crate) bursts: f64,
    /// An outside host that it sends to as a matter of course; empty when there is none.
    pub(crate) vendor: &'static str,
    /// What it reads from all the time, for an attacker who has taken it over.
    pub(crate) database: &'static str,
    pub(crate) task: fn(&mut Maker<'_>),
}

pub(crate) const ARCHETYPES: [Archetype; 14] = [
    Archetype {
        name: "support",
        schedule: Schedule::Shop(8, 20),
        tasks: 45.0,
        users: 12,
        month_end: 1.1,
        bursts: 0.08,
        vendor: "",
        database: "postgres://crm",
        task: support,
    },
    Archetype {
        name: "billing",
        schedule: Schedule::Office(8, 18),
        tasks: 30.0,
        users: 4,
        month_end: 3.0,
        bursts: 0.02,
        vendor: "api.payments.example.com",
        database: "postgres://billing",
        task: billing,
    },
    Archetype {
        name: "coding",
        schedule: Schedule::Office(9, 19),
        tasks: 10.0,
        users: 1,
        month_end: 1.0,
        bursts: 0.05,
        vendor: "api.github.com",
        database: "postgres://dev",
        task: coding,
    },
    Archetype {
        name: "analyst",
        schedule: Schedule::Office(8, 18),
        tasks: 18.0,
        users: 6,
        month_end: 1.6,
        bursts: 0.03,
        vendor: "",
        database: "postgres://warehouse",
        task: analyst,
    },
    Archetype {
        name: "sre",
        schedule: Schedule::Always,
        tasks: 45.0,
        users: 8,
        month_end: 1.0,
        bursts: 0.12,
        vendor: "events.pager.example.com",
        database: "postgres://ops",
        task: sre,
    },
    Archetype {
        name: "mail",
        schedule: Schedule::Office(7, 19),
        tasks: 35.0,
        users: 1,
        month_end: 1.1,
        bursts: 0.02,
        vendor: "",
        database: "postgres://mail",
        task: mail,
    },
    Archetype {
        name: "etl",
        schedule: Schedule::Batch(1),
        tasks: 5.0,
        users: 0,
        month_end: 1.5,
        bursts: 0.01,
        vendor: "ingest.warehouse.example.com",
        database: "postgres://shop",
        task: etl,
    },
    Archetype {
        name: "research",
        schedule: Schedule::Office(9, 18),
        tasks: 12.0,
        users: 3,
        month_end: 1.0,
        bursts: 0.03,
        vendor: "",
        database: "postgres://notes",
        task: research,
    },
    Archetype {
        name: "sales",
        schedule: Schedule::Office(8, 18),
        tasks: 30.0,
        users: 5,
        month_end: 1.8,
        bursts: 0.04,
        vendor: "api.crm.example.com",
        database: "postgres://sales",
        task: sales,
    },
    Archetype {
        name: "finance",
        schedule: Schedule::Office(8, 18),
        tasks: 10.0,
        users: 3,
        month_end: 3.0,
        bursts: 0.01,
        vendor: "files.bank.example.com",
        database: "postgres://ledger",
        task: finance,
    },
    Archetype {
        name: "people",
        schedule: Schedule::Office(9, 17),
        tasks: 12.0,
        users: 3,
        month_end: 1.5,
        bursts: 0.01,
        vendor: "",
        database: "postgres://people",
        task: people,
    },
    Archetype {
        name: "stock",
        schedule: Schedule::Always,
        tasks: 60.0,
        users: 0,
        month_end: 1.2,
        bursts: 0.04,
        vendor: "orders.supplier.example.com",
        database: "postgres://stock",
        task: stock,
    },
    Archetype {
        name: "marketing",
        schedule: Schedule::Office(9, 18),
        tasks: 14.0,
        users: 4,
        month_end: 1.0,
        bursts: 0.06,
        vendor: "api.mailing.example.com",
        database: "postgres://marketing",
        task: marketing,
    },
    Archetype {
        name: "auditor",
        schedule: Schedule::Batch(22),
        tasks: 4.0,
        users: 0,
        month_end: 1.3,
        bursts: 0.01,
        vendor: "",
        database: "postgres://audit",
        task: auditor,
    },
];

fn support(m: &mut Maker<'_>) {
    let ticket = m.number(40_000);
    m.pace_s = 12.0;
    m.get(&format!("http://tickets.internal/api/tickets/{ticket}"));
    m.query("postgres://crm", "customers", "name, email, plan", 1);
    if m.chance(0.5) {
        m.query("postgres://crm", "orders", "id, total, status", 3);
    }
    if m.chance(0.3) {
        let article = m.number(60);
        m.read(&format!("/srv/support/articles/{article}.md"), 4_000);
    }
    m.think(9_000.0);
    if m.chance(0.12) {
        let amount = m.size(30.0).clamp(5, 400);
        m.call(
            "api_call",
            "refund.create",
            "http://billing.internal/refunds",
            json!({"amount": amount, "currency": "EUR", "order_id": ticket}),
            Load::default(),
        );
    }
    if m.chance(0.7) {
        let (to, bytes) = (m.customer(), m.size(900.0));
        m.mail(&to, bytes);
    }
    m.update("postgres://crm", "tickets", "status = 'answered'");
}

fn billing(m: &mut Maker<'_>) {
    m.pace_s = 8.0;
    m.query("postgres://billing", "invoices", "id, total, due", 1);
    match m.number(10) {
        0..=4 => {
            let bytes = m.size(1_500.0);
            m.post("https://api.payments.example.com/v1/charges", bytes);
            m.update("postgres://billing", "invoices", "paid = true");
        }
        5..=7 => {
            let (to, bytes) = (m.customer(), m.size(2_500.0));
            m.mail(&to, bytes);
        }
        _ => {
            let (amount, id) = (m.size(80.0).clamp(1, 450), m.number(9_000));
            m.call(
                "payment",
                "payout.create",
                "http://bank.internal/payouts",
                json!({"amount": amount, "currency": "EUR", "account_id": id}),
                Load::default(),
            );
        }
    }
    m.think(5_000.0);
    if m.chance(0.05) {
        let rows = m.size(250.0);
        m.query("postgres://billing", "invoices", "id, total", rows);
        m.write("/srv/billing/out/open.csv", 20_000);
    }
}

fn coding(m: &mut Maker<'_>) {
    m.pace_s = 9.0;
    let project = ["shop", "portal", "jobs"][m.number(3) as usize];
    for _ in 0..4 + m.number(8) {
        let (dir, file) = (m.number(14), m.number(30));
        let path = format!("/home/dev/{project}/src/part{dir}/file{file}.rs");
        let bytes = m.size(6_000.0);
        match m.number(10) {
            0..=4 => m.read(&path, bytes),
            5..=7 => m.write(&path, bytes),
            _ => {
                let verb = ["cargo test", "git diff", "grep -rn TODO"][m.number(3) as usize];
                m.shell(&format!("{verb} src/part{dir}"));
            }
        }
        m.think(25_000.0);
    }
    if m.chance(0.5) {
        let bytes = m.size(3_000.0);
        m.post("https://api.github.com/repos/acme/shop/pulls", bytes);
        let (run, times) = (m.number(100_000), 4 + m.number(14));
        m.poll(
            &format!("https://api.github.com/repos/acme/shop/actions/runs/{run}"),
            times,
        );
    }
}

fn analyst(m: &mut Maker<'_>) {
    m.pace_s = 20.0;
    let tables = [
        "orders",
        "visits",
        "returns",
        "stores",
        "products",
        "campaigns",
        "baskets",
    ];
    for _ in 0..1 + m.number(5) {
        let table = tables[m.random.weighted(&[8, 6, 3, 3, 3, 2, 1])];
        let rows = m.size(300.0);
        m.query(
            "postgres://warehouse",
            table,
            "day, sum(total) AS total",
            rows,
        );
        m.think(12_000.0);
    }
    if m.chance(0.4) {
        let (n, bytes) = (m.number(500), m.size(30_000.0));
        m.write(&format!("/srv/reports/out/report{n}.csv"), bytes);
    }
    if m.chance(0.15) {
        let bytes = m.size(8_000.0);
        m.mail("board@acme.internal", bytes);
    }
}

fn sre(m: &mut Maker<'_>) {
    m.pace_s = 6.0;
    let service = m.number(25);
    m.get(&format!(
        "http://metrics.internal/api/query?service=s{service}"
    ));
    match m.number(8) {
        0..=2 => m.shell("kubectl get pods"),
        3 => m.shell("df -h"),
        4 => m.read(&format!("/var/log/app/s{service}.log"), 50_000),
        5 => {
            m.call(
                "api_call",
                "deploy.restart",
                &format!("http://deploy.internal/services/s{service}"),
                json!({"service": format!("s{service}"), "reason": "unhealthy"}),
                Load::default(),
            );
            let times = 3 + m.number(9);
            m.poll(
                &format!("http://deploy.internal/services/s{service}/status"),
                times,
            );
        }
        6 => {
            let bytes = m.size(700.0);
            m.post("https://events.pager.example.com/v2/enqueue", bytes);
        }
        _ => m.query("postgres://ops", "incidents", "id, state", 2),
    }
    if m.chance(0.4) {
        m.think(8_000.0);
    }
}

fn mail(m: &mut Maker<'_>) {
    m.pace_s = 10.0;
    let id = m.number(100_000);
    m.call(
        "api_call",
        "mail.read",
        &format!("http://mail.internal/messages/{id}"),
        json!({"id": id}),
        Load::default(),
    );
    m.think(6_000.0);
    if m.chance(0.6) {
        let colleague = m.number(80);
        let to = if m.chance(0.6) {
            format!("p{colleague}@acme.internal")
        } else {
            m.customer()
        };
        let mut bytes = m.size(1_200.0);
        if m.chance(0.12) {
            let doc = m.number(200);
            let attached = m.size(120_000.0);
            m.read(&format!("/srv/docs/shared/doc{doc}.pdf"), attached);
            bytes += attached;
        }
        m.mail(&to, bytes);
    }
    if m.chance(0.2) {
        m.call(
            "api_call",
            "calendar.create",
            "http://calendar.internal/events",
            json!({"title": "Meeting", "id": id}),
            Load::default(),
        );
    }
}

fn etl(m: &mut Maker<'_>) {
    m.pace_s = 4.0;
    for table in ["orders", "customers", "payments", "visits", "stock"] {
        for _ in 0..6 {
            let rows = m.size(20_000.0);
            m.query("postgres://shop", table, "*", rows);
            let bytes = m.size(1_500_000.0);
            m.post(
                &format!("https://ingest.warehouse.example.com/v1/{table}"),
                bytes,
            );
        }
        m.update("postgres://shop", "etl_state", "done = true");
    }
    let (job, times) = (m.number(100_000), 5 + m.number(20));
    m.poll(
        &format!("https://ingest.warehouse.example.com/v1/jobs/{job}"),
        times,
    );
}

fn research(m: &mut Maker<'_>) {
    m.pace_s = 7.0;
    for _ in 0..4 + m.number(12) {
        // New sites every day: that is the work.
        let (site, page) = (m.number(3_000), m.number(50));
        if m.chance(0.3) {
            m.get(&format!("https://search.example.com/q?q=topic{page}"));
        } else {
            m.get(&format!("https://www.site{site}.org/pages/{page}.html"));
        }
        if m.chance(0.5) {
            m.think(10_000.0);
        }
    }
    let n = m.number(300);
    m.write(&format!("/srv/research/notes/n{n}.md"), 5_000);
}

fn sales(m: &mut Maker<'_>) {
    m.pace_s = 11.0;
    m.query("postgres://sales", "leads", "name, company, email", 2);
    let bytes = m.size(1_000.0);
    m.post("https://api.crm.example.com/v3/contacts", bytes);
    m.think(7_000.0);
    if m.chance(0.6) {
        // Leads come from companies that nobody wrote to before.
        let (company, name) = (m.number(3_000), m.number(300));
        let bytes = m.size(1_400.0);
        m.mail(&format!("lead{name}@firm{company}.com"), bytes);
    }
    if m.chance(0.3) {
        m.update("postgres://sales", "leads", "stage = 'contacted'");
    }
}

fn finance(m: &mut Maker<'_>) {
    m.pace_s = 10.0;
    for _ in 0..2 + m.number(4) {
        let rows = m.size(900.0);
        let table = ["entries", "accounts", "payments"][m.random.weighted(&[5, 2, 3])];
        m.query("postgres://ledger", table, "id, amount, booked", rows);
    }
    let n = m.number(40);
    m.write(&format!("/srv/finance/recon/r{n}.xlsx"), 60_000);
    m.think(10_000.0);
    if m.chance(0.35) {
        let bytes = m.size(200_000.0);
        m.post("https://files.bank.example.com/statements", bytes);
    }
    if m.chance(0.15) {
        let bytes = m.size(90_000.0);
        m.mail("team@auditors.example.com", bytes);
    }
}

fn people(m: &mut Maker<'_>) {
    m.pace_s = 15.0;
    let table = ["employees", "absences", "contracts"][m.random.weighted(&[5, 4, 1])];
    m.query("postgres://people", table, "name, team, start_day", 2);
    if m.chance(0.4) {
        let n = m.number(120);
        m.read(&format!("/srv/people/contracts/c{n}.pdf"), 200_000);
    }
    m.think(8_000.0);
    if m.chance(0.6) {
        let (n, bytes) = (m.number(120), m.size(1_100.0));
        m.mail(&format!("p{n}@acme.internal"), bytes);
    }
    if m.chance(0.03) {
        // A new colleague gets access: part of the work, with a person's consent.
        let n = m.number(500);
        m.call(
            "permission_change",
            "access.grant",
            "http://access.internal/groups/staff",
            json!({"user": format!("n{n}"), "group": "staff"}),
            Load::default(),
        );
    }
}

fn stock(m: &mut Maker<'_>) {
    m.pace_s = 3.0;
    m.query("postgres://stock", "items", "id, amount", 3);
    m.update("postgres://stock", "items", "amount = amount - 1");
    if m.chance(0.25) {
        let bytes = m.size(800.0);
        m.post("https://orders.supplier.example.com/v1/orders", bytes);
    }
    if m.chance(0.1) {
        m.think(2_000.0);
    }
}

fn marketing(m: &mut Maker<'_>) {
    m.pace_s = 14.0;
    m.think(15_000.0);
    match m.number(5) {
        0 => {
            let rows = m.size(500.0);
            m.query("postgres://marketing", "segments", "id, size", rows);
        }
        1 | 2 => {
            let bytes = m.size(40_000.0);
            m.post("https://api.mailing.example.com/v1/campaigns", bytes);
        }
        3 => {
            let n = m.number(60);
            m.write(&format!("/srv/marketing/texts/t{n}.md"), 3_000);
        }
        _ => m.get("https://api.mailing.example.com/v1/statistics"),
    }
    if m.chance(0.05) {
        // A newsletter: one message after the other.
        for _ in 0..20 + m.number(60) {
            let (to, bytes) = (m.customer(), m.size(3_000.0));
            m.mail(&to, bytes);
        }
    }
}

fn auditor(m: &mut Maker<'_>) {
    m.pace_s = 2.0;
    for _ in 0..40 + m.number(30) {
        let (team, n) = (m.number(20), m.number(40));
        let bytes = m.size(9_000.0);
        m.read(&format!("/srv/records/team{team}/f{n}.json"), bytes);
    }
    let rows = m.size(2_000.0);
    m.query("postgres://audit", "events", "id, actor, action", rows);
    m.write("/srv/audit/out/daily.md", 8_000);
    if m.chance(0.3) {
        m.mail("compliance@acme.internal", 8_000);
    }
}
