//! Garbage on the wire, slow clients, long polls, stopping.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use interlock_core::model::Role;

use crate::client::{Server, raw};

const READ: &str = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/a.txt"}"#;

#[test]
fn garbage_and_slow_clients_hurt_nobody() {
    let mut server = Server::start();
    let address = server.address;
    // Fifty connections that never finish their request line, and fifty that never finish a body.
    let mut held: Vec<TcpStream> = Vec::new();
    for n in 0..100 {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let text = if n % 2 == 0 {
            "POST /api/check HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned()
        } else {
            format!(
                "POST /api/check HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 100000\r\n\r\n{{",
                server.admin
            )
        };
        stream.write_all(text.as_bytes()).expect("sent");
        held.push(stream);
    }
    let garbage: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\x00\x00\x00",
        b"POST /api/check HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /api/check HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/stats HTTP/1.1\r\nbad header\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot frames at all",
    ];
    for bytes in garbage {
        // Closed without a word, or refused; not served, not a failure.
        let status = raw_half(address, bytes);
        assert!(
            status == 0 || (400..500).contains(&status) || status == 505,
            "{status} for {bytes:?}"
        );
    }
    let long = format!(
        "GET /api/actions?x={} HTTP/1.1\r\nhost: x\r\n\r\n",
        "y".repeat(600_000)
    );
    let status = raw_half(address, long.as_bytes());
    assert!(
        status == 0 || (400..500).contains(&status),
        "{status} for a long URI"
    );
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let started = Instant::now();
        assert_eq!(server.post("/api/check", READ).status, 200);
        slowest = slowest.max(started.elapsed());
    }
    println!("slowest of 50 checks beside 100 stuck connections: {slowest:?}");
    assert!(slowest < Duration::from_secs(8), "{slowest:?}");
    // Those who never finish do not keep the server from stopping.
    let took = server.stop();
    println!("stopped in {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    drop(held);
}

/// Sends bytes, says that no more come, and answers the status.
fn raw_half(address: std::net::SocketAddr, bytes: &[u8]) -> u16 {
    use std::io::Read;
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("set");
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0)
}

#[test]
fn a_waiter_is_woken_by_the_decision() {
    let server = Server::start();
    let agent = server.key("default", Role::Agent, Some("bot"));
    let approver = server.key("default", Role::Approver, None);
    for round in 0..5 {
        let pay = format!(
            r#"{{"agent_id":"bot","action_type":"payment","arguments":{{"amount":{},"currency":"EUR"}}}}"#,
            5_000 + round
        );
        let asked = server.call("POST", "/api/check", &agent, &pay);
        assert_eq!(asked.field("effect"), "require_approval", "{}", asked.text);
        let id = asked.field("approval_id");
        let (waited, decided) = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let answer = server.call(
                    "GET",
                    &format!("/api/approvals/{id}/wait?hold=20"),
                    &agent,
                    "",
                );
                (answer, Instant::now())
            });
            std::thread::sleep(Duration::from_millis(100));
            let answer = server.call(
                "POST",
                &format!("/api/approvals/{id}/decide"),
                &approver,
                r#"{"decision":"approve","reason":"ok"}"#,
            );
            let decided = Instant::now();
            assert_eq!(answer.status, 200, "{}", answer.text);
            (waiter.join().expect("no panic"), decided)
        });
        let (answer, at) = waited;
        assert_eq!(answer.field("state"), "approved", "{}", answer.text);
        let late = at.saturating_duration_since(decided);
        println!("woken {late:?} after the decision");
        // It would hold for 20 seconds.
        assert!(late < Duration::from_secs(10), "{late:?}");
        let granted = pay.replace("}}", &format!(r#"}},"approval_id":"{id}"}}"#));
        assert_eq!(
            server
                .call("POST", "/api/check", &agent, &granted)
                .field("effect"),
            "allow"
        );
        assert_eq!(
            server.call("POST", "/api/check", &agent, &granted).status,
            409
        );
    }
    // Undecided, the request ends when its time is over.
    let asked = server.call("POST", "/api/check", &agent, r#"{"agent_id":"bot","action_type":"payment","arguments":{"amount":9000,"currency":"EUR"}}"#);
    let started = Instant::now();
    let answer = server.call(
        "GET",
        &format!("/api/approvals/{}/wait?hold=1", asked.field("approval_id")),
        &agent,
        "",
    );
    assert_eq!(answer.field("state"), "pending");
    assert!(
        (900..15_000).contains(&started.elapsed().as_millis()),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn several_requests_on_one_connection() {
    let server = Server::start();
    let one = format!(
        "POST /api/check HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: {}\r\n",
        server.admin,
        READ.len()
    );
    let bytes = format!("{one}\r\n{READ}{one}\r\n{READ}{one}connection: close\r\n\r\n{READ}");
    let answer = raw(server.address, bytes.as_bytes()).expect("answers");
    let all = format!(
        "{}\r\n\r\n{}",
        answer.head,
        answer.text.to_ascii_lowercase()
    );
    assert_eq!(all.matches("http/1.1 200").count(), 3, "{all}");
}
