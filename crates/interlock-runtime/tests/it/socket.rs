//! What may come in over the socket: anything, from anybody who can reach it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use interlock_core::model::{Action, Principal};
use interlock_runtime::{CONNECTIONS_MAX, CheckOptions, Gate};

use crate::gate::{ALLOW, options};

const HELLO: &[u8] = b"\x06\0\0\0ilk1\x04\0";

fn connect(data: &Path) -> UnixStream {
    let stream = UnixStream::connect(data.join("interlock.sock")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// What is answered before the end of the connection.
fn say(data: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(data);
    // The owner may have closed it before all is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn works(gate: &Gate) {
    let action = Action::from_json(br#"{"agent_id":"a","action_type":"x"}"#).unwrap();
    gate.check(&Principal::local(), action, &CheckOptions::default())
        .unwrap();
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(message.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend_from_slice(message);
    bytes
}

#[test]
fn a_connection_that_goes_wrong_is_its_own_end() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let owner = Gate::open(options(data, ALLOW)).unwrap();
    let client = Gate::open(options(data, ALLOW)).unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        // Nothing is said: the owner waits two seconds for a greeting.
        scope.spawn(|| assert_eq!(say_nothing(data), b""));
        // Half a request: five seconds.
        scope.spawn(|| {
            let answer = say(data, &[HELLO, b"\x64\0\0\0half"].concat());
            assert!(is_welcome(&answer), "{answer:?}");
        });
        scope.spawn(|| {
            for garbage in [
                &b"GET / HTTP/1.1\r\n\r\n"[..],
                b"\x01\0\0\0\0",
                b"\xff\xff\xff\xff",
                b"\0\0\0\0",
            ] {
                assert_eq!(say(data, garbage), b"", "{garbage:?}");
                let after = say(data, &[HELLO, garbage].concat());
                assert!(is_welcome(&after), "{after:?}");
            }
            // A size that is over the limit by one is refused before its bytes are read.
            let over = (512 * 1024 + 1u32).to_le_bytes();
            assert!(is_welcome(&say(data, &[HELLO, &over].concat())));
            // Another version is told which one this is.
            let answer = say(data, b"\x06\0\0\0ilk1\x01\0");
            assert_eq!(answer, frame(b"\x02\x04\0"));
        });
        works(&client);
    });
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    works(&client);
    works(&owner);
}

fn say_nothing(data: &Path) -> Vec<u8> {
    let mut answer = Vec::new();
    connect(data).read_to_end(&mut answer).unwrap();
    answer
}

/// A greeting and nothing after it: tag 0, process, epoch, kind, settings, budgets.
fn is_welcome(answer: &[u8]) -> bool {
    answer.len() == 4 + 1 + 4 + 4 + 1 + 32 + 32 && answer[4] == 0
}

#[test]
fn a_thousand_connections_leave_the_owner_at_work() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let owner = Gate::open(options(data, ALLOW)).unwrap();
    let client = Gate::open(options(data, ALLOW)).unwrap();
    // One after the other, in order.
    let mut held = Vec::new();
    for _ in 0..1_000 - CONNECTIONS_MAX {
        let mut stream = connect(data);
        stream.write_all(HELLO).unwrap();
        let mut head = [0; 4];
        stream.read_exact(&mut head).unwrap();
    }
    // And more at once than are served.
    let (mut served, mut turned_away) = (0, 0);
    for _ in 0..CONNECTIONS_MAX + 20 {
        let mut stream = connect(data);
        let _ = stream.write_all(HELLO);
        let mut tag = [0; 5];
        stream.read_exact(&mut tag).unwrap();
        match tag[4] {
            0 => served += 1,
            1 => turned_away += 1,
            other => panic!("tag {other}"),
        }
        held.push(stream);
    }
    assert!(
        served <= CONNECTIONS_MAX && turned_away >= 20,
        "{served} {turned_away}"
    );
    // Who has a connection keeps it; the owner itself needs none.
    works(&client);
    works(&owner);
    drop(held);
    let late = Gate::open(options(data, ALLOW)).unwrap();
    works(&late);
}

#[test]
fn another_user_is_turned_away() {
    use std::os::unix::fs::PermissionsExt as _;
    // Perl, as it is where a stranger may run it too.
    let script = r#"use Socket; $| = 1; $SIG{PIPE} = 'IGNORE'; alarm 10;
        socket(S, AF_UNIX, SOCK_STREAM, 0) or die;
        if (!connect(S, sockaddr_un($ARGV[0]))) { print $!{EACCES} ? "denied" : "gone"; exit }
        syswrite(S, "\x06\0\0\0ilk1\x04\0");
        print sysread(S, $answer, 4096) // 0;"#;
    let ask_at = |socket: &Path, user: &str| {
        let output = std::process::Command::new("setpriv")
            .args(["--reuid", user, "--clear-groups", "perl", "-e", script])
            .arg(socket)
            .output();
        output.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    if ask_at(Path::new("/nothing/here"), "65534") != "gone" {
        println!("skipped: needs root, `setpriv` and `perl` to act as another user");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let owner = Gate::open(options(data, ALLOW)).unwrap();
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let socket = data.join("interlock.sock");
    let ask = |user: &str| ask_at(&socket, user);
    open(data, 0o755);
    assert_eq!(ask("65534"), "denied", "the file's own mode");
    // Even where the modes let everybody in, the owner looks who it is.
    open(&socket, 0o666);
    assert_eq!(ask("65534"), "0", "closed without a word");
    assert_eq!(ask("0"), "78");
    works(&owner);
}

#[test]
fn a_long_path_is_no_obstacle() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("d".repeat(100)).join("e".repeat(100));
    let owner = Gate::open(options(&data, ALLOW)).unwrap();
    let client = Gate::open(options(&data, ALLOW)).unwrap();
    works(&client);
    owner.close();
    works(&client);
}
