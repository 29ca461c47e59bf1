//! The instances of the functions: the real binaries, each with just what the template gives it, started again when one
//! dies, as Lambda would.

use crate::data::Data;
use crate::hands::Hands;
use crate::log::Log;
use crate::machine;
use crate::portal_template::REGION;
use anyhow::{anyhow, bail};
use guichet_cfn::template::Function;
use guichet_deploy::workspace;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::sync::{mpsc::Sender, watch};
use tokio::task::JoinSet;

/// An instance that dies so soon after its start did not start.
const STILLBORN: Duration = Duration::from_secs(2);
/// After so many of them in a row the stack gives up.
const PATIENCE: u32 = 5;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// Where cargo-lambda dies, the instances die with it; the word to stop comes within this time.
const GRACE: Duration = Duration::from_millis(50);

/// Where the functions find what they need.
pub struct Surroundings {
    /// The way to cargo-lambda.
    pub hands: Arc<Hands>,
    /// The address that plays AWS.
    pub aws: String,
    /// The address that plays SES alone.
    pub ses: String,
    /// Instances of each function.
    pub concurrency: usize,
    /// Whether they are those that were built for Lambda.
    pub packaged: bool,
    /// The folder in which a test may ask functions that were built for it to misbehave.
    pub rehearsal: PathBuf,
}

/// All running instances.
pub struct Fleet {
    stop: watch::Sender<bool>,
    instances: JoinSet<()>,
    logs: BTreeMap<String, Arc<Log>>,
}

impl Fleet {
    /// Starts every instance of every function.
    pub fn start(
        functions: &[Function],
        surroundings: &Surroundings,
        data: &Data,
        fatal: &Sender<anyhow::Error>,
    ) -> anyhow::Result<Self> {
        let mut fleet = Self { stop: watch::Sender::new(false), instances: JoinSet::new(), logs: BTreeMap::new() };
        for function in functions {
            let log = Log::open(data, &function.name)?;
            for _ in 0..surroundings.concurrency {
                let number = fleet.instances.len();
                let instance = Instance {
                    number,
                    name: function.name.clone(),
                    command: command(number, function, surroundings)?,
                    hands: Arc::clone(&surroundings.hands),
                    log: Arc::clone(&log),
                    fatal: fatal.clone(),
                };
                fleet.instances.spawn(instance.live(fleet.stop.subscribe()));
            }
            fleet.logs.insert(function.name.clone(), log);
        }
        Ok(fleet)
    }

    /// The end of a function's log, to be quoted.
    #[must_use]
    pub fn end_of_log(&self, function: &str) -> String {
        self.logs.get(function).map(|log| log.end()).unwrap_or_default()
    }

    /// Ends every instance.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.instances.join_next().await.is_some() {}
    }
}

struct Instance {
    number: usize,
    name: String,
    command: Command,
    hands: Arc<Hands>,
    log: Arc<Log>,
    fatal: Sender<anyhow::Error>,
}

impl Instance {
    async fn live(mut self, mut stop: watch::Receiver<bool>) {
        let mut stillborn = 0;
        while stillborn < PATIENCE {
            let started = Instant::now();
            let mut child = match self.command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    return self
                        .give_up(
                            anyhow::Error::new(error).context(format!("the function {} cannot be started", self.name)),
                        )
                        .await;
                }
            };
            self.log.follow(child.stdout.take());
            self.log.follow(child.stderr.take());
            let ended = tokio::select! {
                ended = child.wait() => ended,
                () = told(&mut stop) => {
                    // What cannot be killed has ended.
                    let _ = child.kill().await;
                    return;
                }
            };
            self.hands.let_go(self.number, &self.name).await;
            if tokio::time::timeout(GRACE, told(&mut stop)).await.is_ok() {
                return;
            }
            // Somebody killed it: that says nothing about whether it works.
            let killed = ended.as_ref().is_ok_and(|status| matches!(status.signal(), Some(SIGKILL | SIGTERM)));
            let ended = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
            eprintln!("{}: an instance ended ({ended}) and is started again", self.name);
            stillborn = if started.elapsed() < STILLBORN && !killed { stillborn + 1 } else { 0 };
        }
        self.give_up(anyhow!(
            "the function {} ends as soon as it is started. The end of its log:\n{}",
            self.name,
            self.log.end()
        ))
        .await;
    }

    async fn give_up(&self, failure: anyhow::Error) {
        // Nobody listens any more where the stack is stopping.
        let _ = self.fatal.send(failure).await;
    }
}

/// Waits for the word to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // Without anybody left to give the word it is time to stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The function's binary with an environment of its own: what Lambda sets, and what the template says.
fn command(number: usize, function: &Function, surroundings: &Surroundings) -> anyhow::Result<Command> {
    let program = if surroundings.packaged {
        workspace::packaged_function(&function.name)?
    } else {
        machine::sibling(&function.name)?
    };
    if !program.exists() {
        let how = if surroundings.packaged { "`cargo admin package`" } else { "`cargo dev` without --no-build" };
        bail!("{} is not there: {how} builds it", program.display());
    }
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}/{number}/{}", surroundings.hands.address, function.name))
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string())
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_LOG_FORMAT", &function.log_format)
        .env("AWS_REGION", REGION)
        .env("AWS_ENDPOINT_URL", &surroundings.aws)
        .env("AWS_ENDPOINT_URL_SESV2", &surroundings.ses)
        // By the key the local AWS knows who calls. DynamoDB Local takes letters and digits alone.
        .env("AWS_ACCESS_KEY_ID", &function.logical_id)
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("GUICHET_FAILPOINTS", &surroundings.rehearsal)
        .envs(&function.variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for name in ["PATH", "RUST_LOG"] {
        if let Some(value) = machine::environment(name) {
            command.env(name, value);
        }
    }
    Ok(command)
}
