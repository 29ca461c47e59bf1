//! The whole local stack: mail latency, `cargo dev`, and the directory import.

use crate::sample::{RUNS, Sample};
use guichet_tests::{Person, Portal, Setup, admin_binary, workspace};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const REQUESTS_PER_SECOND: u32 = 50;
const SECONDS: u32 = 10;

/// Milliseconds from a request for a link to the call of SES, at a constant rate of requests.
pub fn mail_latency() -> Sample {
    let portal = Setup::new().with("--packaged").with("--set=EmailsPerHour=1000000").as_processes().start();
    let people: Vec<_> = (0..REQUESTS_PER_SECOND * SECONDS).map(|_| Person::new()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let requested: Vec<SystemTime> = runtime.block_on(async {
        let started = Instant::now();
        let requests = people.iter().zip(0..).map(|(person, n)| {
            let visitor = portal.visitor();
            async move {
                tokio::time::sleep_until((started + Duration::from_secs(1) * n / REQUESTS_PER_SECOND).into()).await;
                let requested = now();
                visitor.register(&person.account).await.expect(202, "");
                requested
            }
        });
        futures_util::future::join_all(requests).await
    });
    let mut sample = Sample::default();
    for (person, requested) in people.iter().zip(requested) {
        let mail = runtime.block_on(portal.nth_mail(1, person));
        let sent: jiff::Timestamp = mail.sent_at.parse().expect("a time");
        #[expect(clippy::cast_precision_loss, reason = "a time of day")]
        let sent = sent.as_millisecond() as f64;
        sample.add(sent - requested.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3);
    }
    sample
}

/// Seconds that `cargo dev` takes on an existing data folder.
pub struct DevTimes {
    /// Until `ready`, with nothing to compile.
    pub warm_start: Sample,
    /// Until the first response of a handler that was edited.
    pub edit: Sample,
}

/// A running `cargo dev` and its URL.
struct DevServer(Child, String);

pub fn dev() -> DevTimes {
    let data = tempfile::tempdir().expect("a folder");
    let start = || {
        let mut command = Command::new("cargo");
        command.current_dir(workspace()).args(["dev", "--port", "0", "--data"]).arg(data.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("cargo runs");
        let lines = BufReader::new(child.stdout.take().expect("the output")).lines();
        let ready = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
        DevServer(child, ready.expect("the portal is ready"))
    };
    drop(start());
    let mut times = DevTimes { warm_start: Sample::default(), edit: Sample::default() };
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for _ in 0..RUNS {
        let started = Instant::now();
        drop(start());
        times.warm_start.add(started.elapsed().as_secs_f64());

        // Cargo detects edits by modification time.
        let handler = std::fs::File::options().append(true).open(workspace().join("functions/register/src/lib.rs"));
        handler.and_then(|handler| handler.set_modified(now())).expect("the handler is touched");
        let started = Instant::now();
        let server = start();
        let call = client.post(format!("{}/api/register", server.1));
        let call = call.header("content-type", "application/json").body(r#"{"account":"personne"}"#);
        let response = runtime.block_on(call.send()).expect("a response");
        assert_eq!(response.status().as_u16(), 202);
        times.edit.add(started.elapsed().as_secs_f64());
    }
    times
}

impl Drop for DevServer {
    fn drop(&mut self) {
        guichet_tests::signal("INT", self.0.id());
        let _ = self.0.wait();
    }
}

/// Two imports of the same file. Times are in seconds.
pub struct ImportTimes {
    pub rows: usize,
    pub first: f64,
    pub second: f64,
    /// Of the second import.
    pub writes: u64,
    /// Peak resident memory of the first import, in megabytes.
    pub memory: f64,
}

pub fn import(rows: usize) -> ImportTimes {
    let portal = Setup::new().as_processes().start();
    let mut csv = "compte,courriel,prenom,nom,langue,actif\n".to_owned();
    for n in 0..rows {
        writeln!(csv, "import{n},import{n}@sante.example,Prénom,Nom{n},fr,oui").expect("a write to a string");
    }
    let file = portal.setup().data().join("import.csv");
    std::fs::write(&file, csv).expect("the file");
    let writes = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let calls = runtime.block_on(portal.calls());
        calls
            .iter()
            .filter(|(call, _)| call.starts_with("ImportPolicy ") && call.contains("Write"))
            .map(|(_, n)| n)
            .sum::<u64>()
    };
    let (first, memory) = run_import(&portal, &file);
    let before = writes();
    let (second, _) = run_import(&portal, &file);
    // One write records that the import has finished.
    ImportTimes { rows, first, second, writes: writes() - before - 1, memory }
}

fn run_import(portal: &Portal, file: &std::path::Path) -> (f64, f64) {
    let started = Instant::now();
    let mut command = Command::new(admin_binary());
    command.arg("import").arg(file).arg("--data").arg(portal.setup().data());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("guichet-admin runs");
    let mut memory = 0.0_f64;
    loop {
        if let Some(status) = child.try_wait().expect("the status") {
            assert!(status.success(), "the import succeeds");
            return (started.elapsed().as_secs_f64(), memory);
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        memory = memory.max(peak.unwrap_or_default() / 1e3);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "compared with the mailbox's wall-clock times")]
    SystemTime::now()
}
