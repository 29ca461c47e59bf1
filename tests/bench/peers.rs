//! What one would pick instead: the same functions in other languages, and sign-in by other frameworks.

use crate::sample::{RUNS, Sample};
use guichet_tests::workspace;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const CONNECTIONS: usize = 4;
const SIGN_INS: usize = 15;

/// Those that are installed below `target/bench/peers`.
pub struct Peers(PathBuf);

impl Peers {
    /// Copies them there, with what they need.
    pub fn install() -> Self {
        let to = workspace().join("target/bench/peers");
        std::fs::create_dir_all(&to).expect("a folder");
        run(Command::new("cp").arg("-R").arg(workspace().join("tests/bench/peers/.")).arg(&to));
        for folder in ["node", "better-auth"].map(|name| to.join(name)) {
            let mut npm = Command::new("npm");
            if Path::new("/usr/include/node").exists() {
                // Node's own headers, or the build of what is native would download them.
                npm.env("npm_config_nodedir", "/usr");
            }
            run(npm.current_dir(&folder).args(["ci", "--silent", "--no-audit", "--no-fund"]));
        }
        run(Command::new("npm").current_dir(to.join("node")).args(["run", "--silent", "build"]));
        for folder in ["python", "django"].map(|name| to.join(name)) {
            run(Command::new("python3").current_dir(&folder).args(["-m", "venv", "venv"]));
            run(Command::new(folder.join("venv/bin/pip")).current_dir(&folder).args([
                "-q",
                "install",
                "--disable-pip-version-check",
                "-r",
                "requirements.txt",
            ]));
        }
        Self(to)
    }

    /// A function in Node.
    pub fn node(&self, function: &str) -> Vec<PathBuf> {
        vec!["node".into(), self.0.join("node/dist").join(format!("{function}.mjs"))]
    }

    /// A function in Python.
    pub fn python(&self, function: &str) -> Vec<PathBuf> {
        let folder = self.0.join("python");
        vec![folder.join("venv/bin/python"), folder.join(format!("{}.py", function.replace('-', "_")))]
    }

    /// Milliseconds of one hash with what these peers hash with.
    pub fn hashes(&self) -> Vec<(&'static str, Sample)> {
        let python = self.0.join("python");
        let mut all =
            vec![("libargon2 (C), by `argon2-cffi`", Sample::default()), ("`@node-rs/argon2`", Sample::default())];
        for _ in 0..RUNS {
            all[0].1.add(told(Command::new(python.join("venv/bin/python")).arg(python.join("hash.py"))));
            all[1].1.add(told(Command::new("node").arg(self.0.join("node/src/hash.mjs"))));
        }
        all
    }

    /// Sign-ins a second with Django and with better-auth, in turn.
    pub fn sign_ins_a_second(&self) -> [Sample; 2] {
        let django = Server::start(&self.0.join("django"), &["sh", "start.sh"]);
        let better_auth = Server::start(&self.0.join("better-auth"), &["sh", "start.sh"]);
        let [mut one, mut other] = [Sample::default(), Sample::default()];
        for _ in 0..RUNS {
            one.add(django.sign_ins("/login", |n| format!(r#"{{"account":"p{n}","password":"oie7"}}"#)));
            other.add(better_auth.sign_ins("/api/auth/sign-in/email", |n| {
                format!(r#"{{"email":"p{n}@example.org","password":"oie7"}}"#)
            }));
        }
        [one, other]
    }
}

fn run(command: &mut Command) {
    let ended = command.status().expect("it runs");
    assert!(ended.success(), "{command:?}: {ended}");
}

/// The number that a program tells.
fn told(command: &mut Command) -> f64 {
    let output = command.output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

/// A running server.
struct Server {
    child: Child,
    port: u16,
    _data: tempfile::TempDir,
}

impl Server {
    fn start(folder: &Path, command: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .current_dir(folder)
            .env("PORT", port.to_string())
            .env("DATA", data.path())
            .env("USERS", (CONNECTIONS * SIGN_INS).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "ready"), "the server is ready");
        Self { child, port, _data: data }
    }

    fn sign_ins(&self, path: &str, body: impl Fn(usize) -> String + Sync) -> f64 {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                let body = &body;
                scope.spawn(move || {
                    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
                    stream.set_nodelay(true).expect("it takes options");
                    for n in 0..SIGN_INS {
                        let status = post(&mut stream, self.port, path, &body(connection * SIGN_INS + n));
                        if status.is_none() {
                            // It keeps no connection alive.
                            stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
                        }
                        let again = || post(&mut stream, self.port, path, &body(connection * SIGN_INS + n));
                        assert_eq!(status.or_else(again), Some(200), "{path}");
                    }
                });
            }
        });
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let all = (CONNECTIONS * SIGN_INS) as f64;
        all / begun.elapsed().as_secs_f64()
    }
}

/// The status of an answer, which is read whole; `None` where the connection is closed.
fn post(stream: &mut TcpStream, port: u16, path: &str, body: &str) -> Option<u16> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut answer = BufReader::new(stream);
    let line = |answer: &mut BufReader<_>| {
        let mut line = String::new();
        answer.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_ascii_lowercase())
    };
    let status = line(&mut answer)?.split(' ').nth(1)?.parse().ok();
    let (mut left, mut chunked) = (None, false);
    loop {
        let header = line(&mut answer)?;
        if header.is_empty() {
            break;
        }
        left = left.or(header.strip_prefix("content-length:").and_then(|length| length.trim().parse::<u64>().ok()));
        chunked |= header == "transfer-encoding: chunked";
    }
    loop {
        let length = if chunked { u64::from_str_radix(&line(&mut answer)?, 16).ok()? } else { left? };
        answer.by_ref().take(length).read_to_end(&mut Vec::new()).ok()?;
        if !chunked {
            return status;
        }
        line(&mut answer)?;
        if length == 0 {
            return status;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        guichet_tests::signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}
