//! Alternatives to measure against: the same functions in Node and Python, and sign-in with Django and better-auth.

use crate::sample::{RUNS, Sample};
use guichet_tests::workspace;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const CONNECTIONS: usize = 4;
const SIGN_INS_PER_CONNECTION: usize = 15;

/// The folder they are installed in.
pub struct Comparisons(PathBuf);

impl Comparisons {
    /// Copies the programs to `target/bench/comparisons` and installs their dependencies.
    pub fn install() -> Self {
        let to = workspace().join("target/bench/comparisons");
        std::fs::create_dir_all(&to).expect("a folder");
        run(Command::new("cp").arg("-R").arg(workspace().join("tests/bench/comparisons/.")).arg(&to));
        for folder in ["node", "better-auth"].map(|name| to.join(name)) {
            let mut npm = Command::new("npm");
            if Path::new("/usr/include/node").exists() {
                // Without it, native modules download Node's headers.
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

    /// The command that starts a function in Node.
    pub fn node(&self, function: &str) -> Vec<PathBuf> {
        vec!["node".into(), self.0.join("node/dist").join(format!("{function}.mjs"))]
    }

    /// The command that starts a function in Python.
    pub fn python(&self, function: &str) -> Vec<PathBuf> {
        let folder = self.0.join("python");
        vec![folder.join("venv/bin/python"), folder.join(format!("{}.py", function.replace('-', "_")))]
    }

    /// Milliseconds of CPU time per Argon2id hash.
    pub fn hashes(&self) -> Vec<(&'static str, Sample)> {
        let python = self.0.join("python");
        let mut all =
            vec![("libargon2 (C), through `argon2-cffi`", Sample::default()), ("`@node-rs/argon2`", Sample::default())];
        for _ in 0..RUNS {
            all[0].1.add(output_number(Command::new(python.join("venv/bin/python")).arg(python.join("hash.py"))));
            all[1].1.add(output_number(Command::new("node").arg(self.0.join("node/src/hash.mjs"))));
        }
        all
    }

    /// Of Django and of better-auth.
    pub fn sign_ins_per_second(&self) -> [Sample; 2] {
        let django = FrameworkServer::start(&self.0.join("django"), &["sh", "start.sh"]);
        let better_auth = FrameworkServer::start(&self.0.join("better-auth"), &["sh", "start.sh"]);
        let mut samples = [Sample::default(), Sample::default()];
        for _ in 0..RUNS {
            samples[0]
                .add(django.sign_ins_per_second("/login", |n| format!(r#"{{"account":"p{n}","password":"oie7"}}"#)));
            samples[1].add(better_auth.sign_ins_per_second("/api/auth/sign-in/email", |n| {
                format!(r#"{{"email":"p{n}@example.org","password":"oie7"}}"#)
            }));
        }
        samples
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("the command runs");
    assert!(status.success(), "{command:?}: {status}");
}

/// The number that a program prints.
fn output_number(command: &mut Command) -> f64 {
    let output = command.output().expect("the command runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

struct FrameworkServer {
    child: Child,
    port: u16,
    _data: tempfile::TempDir,
}

impl FrameworkServer {
    fn start(folder: &Path, command: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .current_dir(folder)
            .env("PORT", port.to_string())
            .env("DATA", data.path())
            .env("USERS", (CONNECTIONS * SIGN_INS_PER_CONNECTION).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let lines = BufReader::new(child.stdout.take().expect("the output")).lines();
        assert!(lines.map_while(Result::ok).any(|line| line == "ready"), "the server is ready");
        Self { child, port, _data: data }
    }

    fn sign_ins_per_second(&self, path: &str, body: impl Fn(usize) -> String + Sync) -> f64 {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for connection in 0..CONNECTIONS {
                let body = &body;
                scope.spawn(move || {
                    let mut stream = self.connect();
                    for n in 0..SIGN_INS_PER_CONNECTION {
                        let body = body(connection * SIGN_INS_PER_CONNECTION + n);
                        let status = post(&mut stream, self.port, path, &body);
                        if status.is_none() {
                            // The server does not keep connections alive.
                            stream = self.connect();
                        }
                        let retry = || post(&mut stream, self.port, path, &body);
                        assert_eq!(status.or_else(retry), Some(200), "{path}");
                    }
                });
            }
        });
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let sign_ins = (CONNECTIONS * SIGN_INS_PER_CONNECTION) as f64;
        sign_ins / started.elapsed().as_secs_f64()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream
    }
}

/// The status of the response, which is read completely; `None` if the connection is closed.
fn post(stream: &mut TcpStream, port: u16, path: &str, body: &str) -> Option<u16> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut response = BufReader::new(stream);
    let line = |response: &mut BufReader<_>| {
        let mut line = String::new();
        response.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_ascii_lowercase())
    };
    let status = line(&mut response)?.split(' ').nth(1)?.parse().ok();
    let (mut content_length, mut chunked) = (None, false);
    loop {
        let header = line(&mut response)?;
        if header.is_empty() {
            break;
        }
        let length = header.strip_prefix("content-length:").and_then(|length| length.trim().parse::<u64>().ok());
        content_length = content_length.or(length);
        chunked |= header == "transfer-encoding: chunked";
    }
    loop {
        let length = if chunked { u64::from_str_radix(&line(&mut response)?, 16).ok()? } else { content_length? };
        response.by_ref().take(length).read_to_end(&mut Vec::new()).ok()?;
        if !chunked {
            return status;
        }
        line(&mut response)?;
        if length == 0 {
            return status;
        }
    }
}

impl Drop for FrameworkServer {
    fn drop(&mut self) {
        guichet_tests::signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}
