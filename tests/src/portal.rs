//! A local stack, as `cargo dev` starts it.

use crate::build::{admin_binary, local_binary, workspace};
use crate::functions;
use crate::leak_scanner::{self, Secrets};
use crate::mailbox::Mail;
use crate::person::{self, Person};
use crate::visitor::Visitor;
use clap::Parser;
use guichet_deploy::child_guard;
use guichet_local::cli::Options;
use guichet_local::{console, start};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A start takes a few seconds, and longer when several stacks start at once on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(3);

/// A running local stack. It stops when it is dropped, or when this process ends.
pub struct Portal {
    url: String,
    setup: Setup,
    host: Host,
    log: Arc<Mutex<String>>,
    secrets: Secrets,
}

/// Where the stack runs.
enum Host {
    Process {
        child: Child,
        /// The stack stops when this pipe closes, which happens however this process ends.
        _alive: ChildStdin,
    },
    Thread {
        stop: Option<oneshot::Sender<()>>,
        thread: Option<JoinHandle<()>>,
    },
}

/// The configuration of a stack.
#[derive(Clone)]
pub struct Setup {
    data: Arc<TempDir>,
    arguments: Vec<String>,
    processes: bool,
}

impl Setup {
    /// A stack with an empty data folder and the tests' directory.
    #[must_use]
    pub fn new() -> Self {
        let folder = workspace().join("target/tests");
        std::fs::create_dir_all(&folder).expect("a folder for the tests' data");
        let data = tempfile::tempdir_in(folder).expect("a folder for one stack's data");
        std::fs::write(data.path().join("directory.csv"), person::directory()).expect("the directory is written");
        if setting("GUICHET_TEST_DYNAMODB").is_some() {
            // Stacks share the engine, so the names of their tables must differ.
            let name = data.path().file_name().expect("a name").to_string_lossy().trim_start_matches('.').to_owned();
            std::fs::write(data.path().join("stack-name"), format!("guichet-{name}")).expect("the stack's name");
        }
        Self { data: Arc::new(data), arguments: Vec::new(), processes: setting("GUICHET_TEST_PACKAGED").is_some() }
    }

    /// Runs `cargo dev` and each function as processes, which can be killed. Otherwise all of the stack runs in this process.
    #[must_use]
    pub fn as_processes(mut self) -> Self {
        self.processes = true;
        self
    }

    /// Adds an argument of `cargo dev`.
    #[must_use]
    pub fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The command that starts the stack.
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

    #[must_use]
    pub fn start(self) -> Portal {
        if self.processes { Portal::start_processes(self) } else { Portal::start_thread(self) }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Portal {
    /// A stack with the default parameters and data of its own.
    #[must_use]
    pub fn start() -> Self {
        Setup::new().start()
    }

    fn start_thread(setup: Setup) -> Self {
        let command = setup.command(Path::new("guichet-local"));
        let options = Options::parse_from(std::iter::once(command.get_program()).chain(command.get_args()));
        if setting("GUICHET_TEST_DYNAMODB").is_none() {
            prepare(setup.data());
        }
        let portal = Self::spawn_thread(setup, options);
        if setting("GUICHET_TEST_DYNAMODB").is_some() {
            portal.import_directory();
        }
        portal
    }

    fn spawn_thread(setup: Setup, options: Options) -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let (stop, stopped) = oneshot::channel();
        let (ready, port) = mpsc::channel();
        let sink = Arc::clone(&log);
        let thread = std::thread::spawn(move || {
            console::redirect(sink);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let ready = move |port| ready.send(port).expect("the test waits");
            let stop = async { drop(stopped.await) };
            let result = runtime.block_on(start::run_in_process(&options, functions::start_instance(), ready, stop));
            if let Err(error) = result {
                console::print(format_args!("{error:#}"));
            }
        });
        let Ok(port) = port.recv_timeout(START_TIMEOUT) else {
            panic!("the stack did not start:\n{}", log.lock().expect("the log"));
        };
        let secrets = Secrets::on(setup.data());
        let host = Host::Thread { stop: Some(stop), thread: Some(thread) };
        Self { url: format!("http://localhost:{port}"), setup, host, log, secrets }
    }

    fn import_directory(&self) {
        let directory = self.setup.data().join("directory.csv");
        let (code, output) = self.admin(&["import", directory.to_str().expect("a path")]);
        assert_eq!(code, Some(0), "{output}");
    }

    fn start_processes(setup: Setup) -> Self {
        let inner = setup.command(&local_binary());
        let mut child = child_guard::command(inner.get_program())
            .current_dir(workspace())
            .args(inner.get_args())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("guichet-local starts");
        let log = follow(child.stderr.take().expect("its messages"));
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let (ready, url) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(url) = line.trim().strip_prefix("ready ") {
                    let _ = ready.send(url.to_owned());
                }
                line.clear();
            }
        });
        let alive = child.stdin.take().expect("its input");
        let url = url.recv_timeout(START_TIMEOUT).unwrap_or_else(|_| {
            panic!("the stack did not start:\n{}", log.lock().expect("the log"));
        });
        let secrets = Secrets::on(setup.data());
        Self { url, setup, host: Host::Process { child, _alive: alive }, log, secrets }
    }

    /// Its address, such as `http://localhost:3000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its standard error.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// The last 30 lines of its standard error.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// The content of `stack.json`, which describes the running stack.
    #[must_use]
    pub fn stack(&self) -> Value {
        let text = std::fs::read_to_string(self.setup.data().join("stack.json")).expect("stack.json");
        serde_json::from_str(&text).expect("stack.json is JSON")
    }

    pub(crate) fn runs_as_processes(&self) -> bool {
        matches!(self.host, Host::Process { .. })
    }

    /// The process ids of a function's instances, or of any program that this stack runs.
    #[must_use]
    pub fn pids_of(&self, program: &str) -> Vec<u32> {
        let (own, all) = (self.own_pid(), processes());
        all.iter().filter(|p| p.name == program && p.descends_from(own, &all)).map(|p| p.pid).collect()
    }

    fn child(&mut self) -> &mut Child {
        match &mut self.host {
            Host::Process { child, .. } => child,
            Host::Thread { .. } => panic!("use Setup::as_processes"),
        }
    }

    fn own_pid(&self) -> u32 {
        assert!(matches!(self.host, Host::Process { .. }), "use Setup::as_processes");
        u32::try_from(self.stack()["pid"].as_u64().expect("pid")).expect("a pid")
    }

    /// Kills the whole stack, as a power cut would, and starts it again with the same data.
    #[must_use]
    pub fn kill_and_restart(mut self) -> Self {
        signal("KILL", self.own_pid());
        let _ = self.child().wait();
        let setup = self.setup.clone();
        drop(self);
        setup.start()
    }

    /// Stops the stack with SIGINT, as Ctrl-C does, and returns its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let own = self.own_pid();
        signal("INT", own);
        self.child().wait().expect("it ends").code()
    }

    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) fn secrets_used(&self) -> &Secrets {
        &self.secrets
    }

    /// A client on the managed network.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.url, "127.0.0.1", self.secrets.clone())
    }

    /// An untrusted client with an address of its own in 127.9.0.0/16.
    #[must_use]
    pub fn untrusted_visitor(&self) -> Visitor {
        static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(1);
        let [high, low] = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_be_bytes();
        Visitor::new(&self.url, &format!("127.9.{high}.{}", low.max(1)), self.secrets.clone())
    }

    /// The emails to an address so far, newest first.
    pub async fn mails_to(&self, address: &str) -> Vec<Mail> {
        let mailbox = reqwest::Url::parse_with_params(&format!("{}/_local/mail", self.url), [("to", address)]);
        let response = reqwest::get(mailbox.expect("an address")).await.expect("the mailbox");
        response.json().await.expect("mails")
    }

    /// Waits until a person has `count` emails, and returns the newest.
    pub async fn nth_mail(&self, count: usize, person: &Person) -> Mail {
        let mails = async || Some(self.mails_to(&person.email).await).filter(|mails| mails.len() >= count);
        let mails = self.until(&format!("mail {count} to {}", person.account), mails).await;
        assert_eq!(mails.len(), count, "each email is sent once");
        mails.into_iter().next().expect("a mail")
    }

    /// Runs `cargo admin` on this stack. Returns its exit code and output.
    #[must_use]
    pub fn admin(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(admin_binary());
        let output = command.args(arguments).arg("--data").arg(self.setup.data()).output().expect("guichet-admin runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("UTF-8"))
    }

    /// Imports a directory with these lines. Returns the exit code and output.
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
    /// Searches the tables, while the stack runs, and everything that it wrote for secrets.
    pub(crate) fn find_leaks(&mut self) -> Vec<String> {
        let mut copies = leak_scanner::files(self.setup.data());
        copies.push(("log of the stack itself".into(), self.log.lock().expect("the log").clone().into_bytes()));
        let is_running = match &mut self.host {
            Host::Process { child, .. } => matches!(child.try_wait(), Ok(None)),
            Host::Thread { thread, .. } => thread.as_ref().is_some_and(|thread| !thread.is_finished()),
        };
        if is_running {
            copies.extend(self.copy_tables());
        }
        leak_scanner::find_leaks(self.setup.data(), &copies)
    }

    /// All items, as one JSON text per table. Runs on a thread of its own, because the current one may already run a
    /// test's runtime.
    fn copy_tables(&self) -> Vec<(String, Vec<u8>)> {
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
        // A failed test has its own message.
        let leaks = if std::thread::panicking() { Vec::new() } else { self.find_leaks() };
        match &mut self.host {
            Host::Process { child, .. } => {
                signal("TERM", child.id());
                let _ = child.wait();
            }
            Host::Thread { stop, thread } => {
                drop(stop.take());
                let _ = thread.take().map(JoinHandle::join);
            }
        }
        assert!(leaks.is_empty(), "tables or logs contain secrets: {leaks:#?}");
    }
}

/// Copies the data of a stack with the tests' directory, which is imported once.
fn prepare(data: &Path) {
    static PREPARED: OnceLock<Setup> = OnceLock::new();
    let prepared = PREPARED.get_or_init(|| {
        let setup = Setup::new();
        delete_old_runs(setup.data().parent().expect("the tests' folder"));
        let command = ["cargo dev", "--port", "0", "--data", setup.data().to_str().expect("a path")];
        let portal = Portal::spawn_thread(setup.clone(), Options::parse_from(command));
        portal.import_directory();
        setup
    });
    for name in ["dynamodb.sqlite", "dynamodb.sqlite-wal", "secrets.json", "stack-name"] {
        let (from, to) = (prepared.data().join(name), data.join(name));
        if from.exists() && !to.exists() {
            std::fs::copy(from, to).expect("the prepared data");
        }
    }
}

/// Deletes the folders of earlier runs, because the prepared data is never dropped.
fn delete_old_runs(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("the tests' folder").filter_map(Result::ok) {
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|it| it.elapsed().ok());
        if age.is_some_and(|age| age > Duration::from_hours(1)) {
            // Another test of this run may have deleted it.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Settings of a test run: `GUICHET_TEST_DYNAMODB` is the address of a DynamoDB engine other than the embedded one.
/// With `GUICHET_TEST_PACKAGED`, the functions are those that `cargo admin package` built.
fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the product")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Sends a signal to a process. A process that has ended meanwhile is no error.
pub fn signal(name: &str, pid: u32) {
    Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("kill runs");
}

fn follow(mut messages: ChildStderr) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let writer = Arc::clone(&log);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = messages.read(&mut buffer) {
            writer.lock().expect("the log").push_str(&String::from_utf8_lossy(&buffer[..read]));
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

/// The running processes, as `ps` lists them.
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
