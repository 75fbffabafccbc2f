//! Hostile and too many clients: slow ones, large ones, ambiguous ones, floods.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use interlock_core::model::Role;
use interlock_server::Limits;

use crate::client::{Server, raw};

const READ: &str = r#"{"agent_id":"bot","action_type":"file_read","resource":"/srv/app/a.txt"}"#;

fn open(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("set");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

/// What comes until the server closes, and how long that takes.
fn until_closed(stream: &mut TcpStream) -> (String, Duration) {
    let started = Instant::now();
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) => {
                let kind = error.kind();
                assert!(
                    kind == std::io::ErrorKind::ConnectionReset,
                    "the server keeps the connection open: {error}"
                );
                break;
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (text, started.elapsed())
}

#[test]
fn slow_sockets_do_not_stop_a_check_and_are_closed() {
    let server = Server::with(Limits {
        head_timeout: Duration::from_secs(4),
        ..Limits::default()
    });
    let mut slow: Vec<TcpStream> = (0..500)
        .map(|n| {
            let text = if n % 2 == 0 {
                ""
            } else {
                "POST /api/check HTTP/1.1\r\nhost: x\r\nx-slow: "
            };
            open(server.address, text)
        })
        .collect();
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    for n in 0..20 {
        // A byte now and then does not help.
        for stream in slow.iter_mut().skip(n).step_by(50) {
            let _ = stream.write_all(b"y");
        }
        let begun = Instant::now();
        assert_eq!(server.post("/api/check", READ).status, 200);
        slowest = slowest.max(begun.elapsed());
    }
    println!("slowest of 20 checks beside 500 slow sockets: {slowest:?}");
    // Waiting for one of them would take until it is closed.
    assert!(slowest < Duration::from_millis(3_500), "{slowest:?}");
    for stream in &mut slow {
        until_closed(stream);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(30), "closed after {took:?}");
}

#[test]
fn an_idle_connection_lives_longer_than_a_slow_head() {
    let server = Server::with(Limits {
        head_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(6),
        ..Limits::default()
    });
    let request = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = open(server.address, request);
    let mut buffer = [0; 4096];
    assert!(stream.read(&mut buffer).expect("an answer") > 0);
    std::thread::sleep(Duration::from_secs(2));
    stream.write_all(request.as_bytes()).expect("still open");
    assert!(stream.read(&mut buffer).expect("an answer") > 0);
    // The next head begins and does not end.
    stream.write_all(b"GET /healthz HT").expect("still open");
    let (_, took) = until_closed(&mut stream);
    assert!(took < Duration::from_secs(5), "{took:?}");
    // Nothing comes at all.
    let mut stream = open(server.address, request);
    assert!(stream.read(&mut buffer).expect("an answer") > 0);
    let (_, took) = until_closed(&mut stream);
    assert!(
        (5_000..30_000).contains(&took.as_millis()),
        "idle for {took:?}"
    );
}

#[test]
fn a_body_must_come_in_time() {
    let server = Server::with(Limits {
        body_timeout: Duration::from_millis(300),
        ..Limits::default()
    });
    for framing in ["content-length: 100000", "transfer-encoding: chunked"] {
        let head = format!(
            "POST /api/check HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{framing}\r\n\r\n",
            server.admin
        );
        let mut stream = open(server.address, &head);
        let (text, took) = until_closed(&mut stream);
        assert!(text.starts_with("HTTP/1.1 408"), "{text}");
        assert!(text.contains("body.timeout"), "{text}");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    // Without a valid key nobody waits for the body.
    let server = Server::with(Limits {
        body_timeout: Duration::from_secs(60),
        ..Limits::default()
    });
    let head = "POST /api/check HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{";
    let (text, took) = until_closed(&mut open(server.address, head));
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(server.post("/api/check", READ).status, 200);
}

#[test]
fn an_answer_must_be_taken() {
    let server = Server::with(Limits {
        write_timeout: Duration::from_millis(500),
        ..Limits::default()
    });
    let address = server.address;
    let greedy = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream
            .set_write_timeout(Some(Duration::from_secs(8)))
            .expect("set");
        let request = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
        let mut last = Ok(());
        for _ in 0..2_000 {
            last = stream.write_all(request.as_bytes());
            if last.is_err() {
                break;
            }
        }
        last
    });
    let ended = greedy.join().expect("no panic");
    let kind = ended.expect_err("the server takes no more").kind();
    assert!(
        matches!(
            kind,
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        ),
        "{kind:?}"
    );
    assert_eq!(server.post("/api/check", READ).status, 200);
}

#[test]
fn heads_that_are_too_large() {
    let server = Server::start();
    let cases = [
        (
            "a header of 10 MB",
            format!("x-big: {}\r\n", "a".repeat(10_000_000)),
        ),
        (
            "a header of 20 KB",
            format!("x-big: {}\r\n", "a".repeat(20_000)),
        ),
        ("1,000 headers", "x-a: b\r\n".repeat(1_000)),
    ];
    for (name, headers) in cases {
        let request = format!(
            "POST /api/check HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{headers}content-length: {}\r\n\r\n{READ}",
            server.admin,
            READ.len()
        );
        // With much unread, closing takes the answer back.
        let status = raw(server.address, request.as_bytes()).map_or(0, |a| a.status);
        assert!(status == 431 || status == 0, "{name}: {status}");
        assert_eq!(server.post("/api/check", READ).status, 200, "after {name}");
    }
    let fits = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-big: {}\r\n\r\n",
        "a".repeat(8_000)
    );
    assert_eq!(
        raw(server.address, fits.as_bytes())
            .expect("answers")
            .status,
        200
    );
}

#[test]
fn requests_of_two_meanings_smuggle_nothing() {
    let server = Server::start();
    let inner = "GET /healthz HTTP/1.1\r\nhost: smuggled\r\n\r\n";
    let length = |n: usize| format!("content-length: {n}\r\n");
    let chunked = "transfer-encoding: chunked\r\n";
    let cases: Vec<(&str, String, String)> = vec![
        (
            "two lengths",
            length(2) + &length(40),
            format!("{{}}{inner}"),
        ),
        (
            "a list of lengths",
            "content-length: 2, 40\r\n".into(),
            format!("{{}}{inner}"),
        ),
        (
            "a length with a sign",
            "content-length: +2\r\n".into(),
            format!("{{}}{inner}"),
        ),
        (
            "a length in hex",
            "content-length: 0x2\r\n".into(),
            format!("{{}}{inner}"),
        ),
        (
            "a length beyond 64 bits",
            "content-length: 99999999999999999999\r\n".into(),
            "{}".into(),
        ),
        (
            "length, then chunks",
            length(5) + chunked,
            format!("0\r\n\r\n{inner}"),
        ),
        (
            "chunks, then length",
            chunked.to_owned() + &length(5),
            format!("0\r\n\r\n{inner}"),
        ),
        (
            "chunks that are not last",
            "transfer-encoding: chunked, identity\r\n".into(),
            format!("0\r\n\r\n{inner}"),
        ),
        (
            "chunks by another name",
            "transfer-encoding: xchunked\r\n".into(),
            format!("0\r\n\r\n{inner}"),
        ),
        (
            "a space before the colon",
            "transfer-encoding : chunked\r\n".into(),
            format!("0\r\n\r\n{inner}"),
        ),
        (
            "a folded header",
            "x-a: b\r\n transfer-encoding: chunked\r\n".into(),
            format!("0\r\n\r\n{inner}"),
        ),
        ("a zero byte", "x-a: b\0c\r\n".into(), inner.into()),
        (
            "a chunk size that overflows",
            chunked.into(),
            format!("ffffffffffffffff1\r\n{{}}\r\n0\r\n\r\n{inner}"),
        ),
        (
            "a chunk size that is none",
            chunked.into(),
            format!("zz\r\n{{}}\r\n0\r\n\r\n{inner}"),
        ),
    ];
    for (name, headers, rest) in cases {
        let request = format!(
            "POST /api/check HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n{headers}\r\n{rest}",
            server.admin
        );
        let mut stream = open(server.address, &request);
        let (text, _) = until_closed(&mut stream);
        let answers = text.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{name}: {text}");
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 4"),
            "{name}: {text}"
        );
    }
    // HTTP/1.0 knows no chunks.
    let request = format!("POST /api/check HTTP/1.0\r\n{chunked}\r\n0\r\n\r\n{inner}");
    let (text, _) = until_closed(&mut open(server.address, &request));
    assert!(
        text.starts_with("HTTP/1.1 400") || text.starts_with("HTTP/1.0 400"),
        "{text}"
    );
}

#[test]
fn connections_over_the_limit_are_told_so() {
    let server = Server::with(Limits {
        connections_max: 40,
        ..Limits::default()
    });
    let request = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut buffer = [0; 4096];
    let mut held: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = open(server.address, request);
            assert!(stream.read(&mut buffer).expect("an answer") > 0);
            stream
        })
        .collect();
    let mut told = 0;
    for n in 0..1_000 {
        let mut stream = TcpStream::connect(server.address).expect("accepted");
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("set");
        let _ = stream.write_all(request.as_bytes());
        let (text, _) = until_closed(&mut stream);
        // Many at once are closed without a word; none is served.
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 503"),
            "{n}: {text}"
        );
        if text.contains("retry-after: 1") && text.contains("overloaded") {
            told += 1;
        }
    }
    println!("{told} of 1,000 connections over the limit were told so");
    assert!(told > 900, "{told}");
    for stream in &mut held {
        stream.write_all(request.as_bytes()).expect("still open");
        assert!(stream.read(&mut buffer).expect("an answer") > 0);
    }
    held.clear();
    let started = Instant::now();
    // The server sees a moment later that they are gone.
    let mut early = 0;
    while server.post("/api/check", READ).status != 200 {
        early += 1;
        assert!(started.elapsed() < Duration::from_secs(20), "room again");
    }
    let metrics = server.get("/metrics").text;
    let turned_away = format!(
        "interlock_turned_away_total{{what=\"connection\"}} {}\n",
        1_000 + early
    );
    assert!(metrics.contains(&turned_away), "{early}: {metrics}");
}

#[test]
fn guessing_keys_is_slowed_and_others_are_not_shut_out() {
    let server = Server::start();
    let agent = server.key("default", Role::Agent, Some("bot"));
    let check = |key: &str| server.call("POST", "/api/check", key, READ);
    let mut codes = Vec::new();
    for n in 0..200 {
        let answer = check(&format!("vtk_guess_{n:020}"));
        if answer.status == 429 {
            assert_eq!(answer.field("code"), "key.too-many-wrong");
            assert!(answer.head.contains("retry-after: "), "{}", answer.head);
        }
        codes.push(answer.status);
    }
    assert_eq!(codes[..10], [401; 10]);
    let tried = codes.iter().filter(|c| **c == 401).count();
    assert!(tried <= 12, "{tried} guesses were tried");
    assert_eq!(
        codes.len() - tried,
        codes.iter().filter(|c| **c == 429).count()
    );
    // A key of our form that is wrong is refused in the same words.
    let revoked = server.key("default", Role::Agent, Some("bot"));
    let id = revoked.split('_').nth(1).expect("an id").to_owned();
    assert_eq!(
        server
            .call("DELETE", &format!("/api/keys/{id}"), &server.admin, "")
            .status,
        200
    );
    assert_eq!(check(&revoked).status, 429);
    // A right key is let in from the same address, the first time too.
    assert_eq!(check(&agent).status, 200);
    assert_eq!(server.get("/api/stats").status, 200);
}

#[test]
fn under_load_reads_are_shed_and_decisions_are_not() {
    let server = Server::with(Limits {
        reads_max: 0,
        checks_max: 1,
        checks_wait: Duration::from_secs(20),
        ..Limits::default()
    });
    let answer = server.get("/api/actions");
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.field("code"), "overloaded");
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    assert_eq!(server.get("/readyz").status, 200);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let answer = server.post("/api/check", READ);
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
    });
    // Without any room a request for a decision is not let through either: it gets no permission.
    let server = Server::with(Limits {
        checks_max: 0,
        checks_wait: Duration::from_millis(50),
        ..Limits::default()
    });
    let answer = server.post("/api/check", READ);
    assert_eq!(
        (answer.status, answer.field("code").as_str()),
        (503, "overloaded")
    );
    let stop = server.post("/api/kill-switch", r#"{"on":true,"reason":"flood"}"#);
    assert_eq!(stop.status, 200, "{}", stop.text);
}
