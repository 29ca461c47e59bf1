//! A local stack of its own, as `cargo dev` brings it up.

use crate::build::{binary, workspace};
use crate::leak_scanner::{self, Secrets};
use crate::mailbox::Mail;
use crate::person::{self, Person};
use crate::visitor::Visitor;
use guichet_deploy::child_guard;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;
use tempfile::TempDir;

/// Start-up takes a few seconds; on a busy machine, with several at once, longer.
const START: Duration = Duration::from_mins(3);

/// A running local stack. It stops when it is dropped, or when this process ends.
pub struct Portal {
    url: String,
    setup: Setup,
    process: Child,
    log: Arc<Mutex<String>>,
    met: Secrets,
    /// While it is open, the stack lives; it is closed by the end of this process however it ends.
    _alive: ChildStdin,
}

/// How a stack is brought up.
#[derive(Clone)]
pub struct Setup {
    data: Arc<TempDir>,
    arguments: Vec<String>,
}

impl Setup {
    /// A stack with an empty data folder and the tests' directory.
    #[must_use]
    pub fn new() -> Self {
        let folder = workspace().join("target/tests");
        std::fs::create_dir_all(&folder).expect("a folder for the tests' data");
        forget_old_runs(&folder);
        let data = tempfile::tempdir_in(folder).expect("a folder for one stack's data");
        std::fs::write(data.path().join("directory.csv"), person::directory()).expect("the directory is written");
        Self { data: Arc::new(data), arguments: Vec::new() }
    }

    /// A stack on a copy of what an earlier run's stack left behind: see [`process_cleanup`].
    #[must_use]
    pub fn on_a_copy_of(folder: &Path) -> Self {
        let setup = Self::new();
        let copied = Command::new("cp").arg("-R").arg(folder.join(".")).arg(setup.data()).status();
        assert!(copied.expect("cp runs").success(), "the folder is copied");
        setup
    }

    /// With one more argument of `cargo dev`.
    #[must_use]
    pub fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The stack's data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The command that brings the stack up.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(workspace()).arg("--no-build").arg("--data").arg(self.data());
        let directory = self.data().join("directory.csv");
        let usual = [("--port", "0"), ("--concurrency", "3"), ("--directory", directory.to_str().expect("a path"))];
        for (option, value) in usual {
            if !self.arguments.iter().any(|argument| argument.starts_with(option)) {
                command.args([option, value]);
            }
        }
        if let Some(engine) = setting("GUICHET_TEST_DYNAMODB") {
            command.args(["--dynamodb", &engine]);
        }
        if setting("GUICHET_TEST_PACKAGED").is_some() {
            command.arg("--packaged");
        }
        command.args(&self.arguments);
        command
    }

    /// Brings the stack up.
    #[must_use]
    pub fn start(self) -> Portal {
        Portal::start(self)
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Portal {
    /// The stack that all stories share which need no other; each brings people of its own.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Portal> = OnceLock::new();
        // What all stories together fail must not pull the brake; the stories of the brake have portals of their own.
        let setup = || {
            Setup::new()
                .with("--concurrency=6")
                .with("--set=UntrustedFailuresPerHour=9999")
                .with("--set=UntrustedFailuresPerDay=9999")
        };
        SHARED.get_or_init(|| setup().start())
    }

    fn start(setup: Setup) -> Self {
        let inner = setup.command(&binary("guichet-local"));
        let mut process = child_guard::command(inner.get_program())
            .current_dir(workspace())
            .args(inner.get_args())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("guichet-local starts");
        let log = follow(process.stderr.take().expect("its messages"));
        let mut out = BufReader::new(process.stdout.take().expect("its output"));
        let (ready, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(url) = line.trim().strip_prefix("ready ") {
                    let _ = ready.send(url.to_owned());
                }
                line.clear();
            }
        });
        let alive = process.stdin.take().expect("its input");
        let url = told.recv_timeout(START).unwrap_or_else(|_| {
            panic!("the stack did not come up:\n{}", log.lock().expect("the log"));
        });
        let met = Secrets::on(setup.data());
        Self { url, setup, process, log, met, _alive: alive }
    }

    /// Its address, such as `http://localhost:3000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The end of what it told so far on its error output.
    #[must_use]
    pub fn log(&self) -> String {
        let log = self.log.lock().expect("the log");
        log.lines()
            .rev()
            .take(30)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .fold(String::new(), |all, line| all + line + "\n")
    }

    /// What it says of itself in its data folder.
    #[must_use]
    pub fn stack(&self) -> Value {
        let text = std::fs::read_to_string(self.setup.data().join("stack.json")).expect("stack.json");
        serde_json::from_str(&text).expect("stack.json is JSON")
    }

    /// The process identifiers of a function's instances, or of any program that this stack runs.
    #[must_use]
    pub fn pids_of(&self, program: &str) -> Vec<u32> {
        let (own, all) = (self.own_pid(), processes());
        all.iter().filter(|p| p.name == program && p.descends_from(own, &all)).map(|p| p.pid).collect()
    }

    fn own_pid(&self) -> u32 {
        u32::try_from(self.stack()["pid"].as_u64().expect("pid")).expect("a pid")
    }

    /// Ends the whole stack at once, as a power cut would, and brings it up again on the same data.
    #[must_use]
    pub fn kill_and_restart(mut self) -> Self {
        signal("KILL", self.own_pid());
        let _ = self.process.wait();
        let setup = self.setup.clone();
        drop(self);
        Self::start(setup)
    }

    /// Asks the stack to stop, as Ctrl-C does, and waits until it has. Its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let own = self.own_pid();
        signal("INT", own);
        self.process.wait().expect("it ends").code()
    }

    /// The setup, to look into the data folder.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) fn met(&self) -> &Secrets {
        &self.met
    }

    /// Somebody at a managed workstation, without a browser.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.url, "127.0.0.1", self.met.clone())
    }

    /// Somebody elsewhere on the internet: an address of their own in 127.9.0.0/16.
    #[must_use]
    pub fn untrusted_visitor(&self) -> Visitor {
        static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(1);
        let [high, low] = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_be_bytes();
        Visitor::new(&self.url, &format!("127.9.{high}.{}", low.max(1)), self.met.clone())
    }

    /// The mails to an address so far, newest first.
    pub async fn mails_to(&self, address: &str) -> Vec<Mail> {
        let mailbox = reqwest::Url::parse_with_params(&format!("{}/_local/mail", self.url), [("to", address)]);
        let answer = reqwest::get(mailbox.expect("an address")).await.expect("the mailbox");
        answer.json().await.expect("mails")
    }

    /// Waits until a person has so many mails, and gives the newest.
    pub async fn mail_number(&self, count: usize, person: &Person) -> Mail {
        let mails = async || Some(self.mails_to(&person.email).await).filter(|mails| mails.len() >= count);
        let mails = self.until(&format!("mail {count} to {}", person.account), mails).await;
        assert_eq!(mails.len(), count, "no mail comes twice");
        mails.into_iter().next().expect("a mail")
    }

    /// Runs a desk command on this stack. Its exit code and what it printed.
    #[must_use]
    pub fn admin(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(binary("guichet-admin"));
        let output = command.args(arguments).arg("--data").arg(self.setup.data()).output().expect("guichet-admin runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("UTF-8"))
    }

    /// Imports a directory of just these lines. Its exit code and what it printed.
    #[must_use]
    pub fn import(&self, lines: &str) -> (Option<i32>, String) {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(person::HEADER.as_bytes())
            .and_then(|()| file.write_all(lines.as_bytes()))
            .expect("it is written");
        let path: PathBuf = file.path().into();
        self.admin(&["import", path.to_str().expect("a path")])
    }
}

impl Portal {
    /// What a copy of all tables, while the stack runs, and of all that it wrote gives away.
    pub(crate) fn find_leaks(&mut self) -> Vec<String> {
        let mut copies = leak_scanner::files(self.setup.data());
        copies.push(("log of the stack itself".into(), self.log.lock().expect("the log").clone().into_bytes()));
        if matches!(self.process.try_wait(), Ok(None)) {
            copies.extend(self.tables_copied());
        }
        leak_scanner::find_leaks(self.setup.data(), &copies)
    }

    /// All items, each table as JSON. On a thread of its own: this one may be in the middle of a story.
    fn tables_copied(&self) -> Vec<(String, Vec<u8>)> {
        let tables = self.stack()["tables"].as_object().expect("tables").clone();
        let copy = async || {
            let mut copies = Vec::new();
            for table in tables.keys() {
                let items = Value::from(self.items(table).await).to_string();
                copies.push((format!("table {table}"), items.into_bytes()));
            }
            copies
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        std::thread::scope(|scope| scope.spawn(move || runtime.block_on(copy())).join()).expect("the tables are copied")
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // A story that failed says why by itself.
        let told = if std::thread::panicking() { Vec::new() } else { self.find_leaks() };
        let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).stderr(Stdio::null()).status();
        let _ = self.process.wait();
        assert!(told.is_empty(), "a copy of the tables and logs gives away: {told:#?}");
    }
}

/// The data folders of stacks that were not dropped: the one that stories share, and those of runs that were killed.
/// Waits for the shared one's end, which follows that of the stories.
#[must_use]
pub fn process_cleanup() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace().join("target/tests")).into_iter().flatten().filter_map(Result::ok);
    let folders: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.join(leak_scanner::MET).exists()).collect();
    for folder in &folders {
        File::open(folder.join("lock")).and_then(|lock| lock.lock()).expect("nobody uses the folder any more");
    }
    folders
}

/// The shared stack's folder is never dropped; a later run takes it away.
fn forget_old_runs(folder: &Path) {
    let entries = std::fs::read_dir(folder).expect("the tests' folder");
    for entry in entries.filter_map(Result::ok) {
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|it| it.elapsed().ok());
        if age.is_some_and(|age| age > Duration::from_hours(1)) {
            // Another test of this run may have been faster.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// How the stories are run: `GUICHET_TEST_DYNAMODB` is the address of another engine than the embedded one, and with
/// `GUICHET_TEST_PACKAGED` the functions are those that `cargo admin package` built.
fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of what they test")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Sends a signal to a process. One that has ended by itself meanwhile needs none.
pub fn signal(name: &str, pid: u32) {
    Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill runs");
}

fn follow(mut messages: ChildStderr) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = messages.read(&mut buffer) {
            kept.lock().expect("the log").push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    });
    log
}

struct Process {
    pid: u32,
    parent: u32,
    name: String,
}

impl Process {
    fn descends_from(&self, ancestor: u32, all: &[Self]) -> bool {
        let mut parent = self.parent;
        while parent > 1 {
            if parent == ancestor {
                return true;
            }
            parent = all.iter().find(|p| p.pid == parent).map_or(0, |p| p.parent);
        }
        false
    }
}

/// The processes that run now, as `ps` tells.
fn processes() -> Vec<Process> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,comm=,args="]).output().expect("ps runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let process = |line: &str| {
        let mut fields = line.split_whitespace();
        let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let name = match fields.next()?.rsplit('/').next()? {
            // A packaged function, which is NAME/bootstrap.
            "bootstrap" => line.trim_end().trim_end_matches("/bootstrap").rsplit('/').next()?,
            name => name,
        };
        Some(Process { pid, parent, name: name.to_owned() })
    };
    text.lines().filter_map(process).collect()
}
