//! The whole portal on one machine: the mail behind the bell, the start, the directory's import.

use crate::sample::{RUNS, Sample};
use guichet_tests::{Person, Portal, Setup, binary, workspace};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const A_SECOND: u32 = 50;
const SECONDS: u32 = 10;

/// Milliseconds from asking for a mail to SES's having it, for each of some hundred people who ask one after the other,
/// fifty a second.
pub fn bell() -> Sample {
    let portal = Setup::new().with("--packaged").with("--set=EmailsPerHour=1000000").start();
    let people: Vec<_> = (0..A_SECOND * SECONDS).map(|_| Person::new()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asked: Vec<SystemTime> = runtime.block_on(async {
        let begun = Instant::now();
        let each = people.iter().zip(0..).map(|(person, n)| {
            let visitor = portal.visitor();
            async move {
                tokio::time::sleep_until((begun + Duration::from_secs(1) * n / A_SECOND).into()).await;
                let asked = now();
                visitor.register(&person.account).await.expect(202, "");
                asked
            }
        });
        futures_util::future::join_all(each).await
    });
    let mut sample = Sample::default();
    for (person, asked) in people.iter().zip(asked) {
        let mail = runtime.block_on(portal.mail_number(1, person));
        let sent: jiff::Timestamp = mail.sent_at.parse().expect("a time");
        #[expect(clippy::cast_precision_loss, reason = "a time of day")]
        let sent = sent.as_millisecond() as f64;
        sample.add(sent - asked.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3);
    }
    sample
}

/// Seconds of `cargo dev` on data that is there.
pub struct Dev {
    /// To `ready`.
    pub second_start: Sample,
    /// Of one handler that was edited, to its answer.
    pub edited: Sample,
}

/// A running `cargo dev`.
struct Running(Child, String);

pub fn dev() -> Dev {
    let data = tempfile::tempdir().expect("a folder");
    let start = || {
        let mut command = Command::new("cargo");
        command.current_dir(workspace()).args(["dev", "--port", "0", "--data"]).arg(data.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("cargo runs");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
        Running(child, ready.expect("the portal is ready"))
    };
    drop(start());
    let mut dev = Dev { second_start: Sample::default(), edited: Sample::default() };
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for _ in 0..RUNS {
        let begun = Instant::now();
        drop(start());
        dev.second_start.add(begun.elapsed().as_secs_f64());

        // To cargo, what was written since is another text.
        let handler = std::fs::File::options().append(true).open(workspace().join("functions/register/src/lib.rs"));
        handler.and_then(|handler| handler.set_modified(now())).expect("the handler is touched");
        let begun = Instant::now();
        let running = start();
        let call = client.post(format!("{}/api/register", running.1));
        let call = call.header("content-type", "application/json").body(r#"{"account":"personne"}"#);
        let answer = runtime.block_on(call.send()).expect("an answer");
        assert_eq!(answer.status().as_u16(), 202);
        dev.edited.add(begun.elapsed().as_secs_f64());
    }
    dev
}

impl Drop for Running {
    fn drop(&mut self) {
        guichet_tests::signal("INT", self.0.id());
        let _ = self.0.wait();
    }
}

/// An import of so many rows.
pub struct Import {
    pub rows: usize,
    /// Seconds of the first, in which all is new.
    pub first: f64,
    /// Seconds of the second, in which nothing has changed.
    pub again: f64,
    /// Writes of the second.
    pub writes: u64,
    /// The most resident memory of the first, in megabytes.
    pub memory: f64,
}

pub fn import(rows: usize) -> Import {
    let portal = Setup::new().start();
    let mut csv = "compte,courriel,prenom,nom,langue,actif\n".to_owned();
    for n in 0..rows {
        writeln!(csv, "import{n},import{n}@sante.example,Prénom,Nom{n},fr,oui").expect("a string takes text");
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
    let (first, memory) = run(&portal, &file);
    let before = writes();
    let (again, _) = run(&portal, &file);
    // That an import came to its end is one of its own.
    Import { rows, first, again, writes: writes() - before - 1, memory }
}

fn run(portal: &Portal, file: &std::path::Path) -> (f64, f64) {
    let begun = Instant::now();
    let mut command = Command::new(binary("guichet-admin"));
    command.arg("import").arg(file).arg("--data").arg(portal.setup().data());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("guichet-admin runs");
    let mut most = 0.0_f64;
    loop {
        if let Some(ended) = child.try_wait().expect("it ends") {
            assert!(ended.success(), "the import ends well");
            return (begun.elapsed().as_secs_f64(), most);
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        most = most.max(peak.unwrap_or_default() / 1e3);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "a stopwatch beside the clock of the mailbox")]
    SystemTime::now()
}
