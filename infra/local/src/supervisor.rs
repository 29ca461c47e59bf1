//! Runs the instances of the functions, and restarts those that exit.

use crate::data_folder::DataFolder;
use crate::host;
use crate::portal_template::REGION;
use crate::process_log::ProcessLog;
use crate::runtime_proxy::RuntimeProxy;
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

/// An instance that exits before this counts as a crash at start.
const MIN_UPTIME: Duration = Duration::from_secs(2);
/// After this many crashes at start in a row the whole stack stops.
const MAX_CRASHES: u32 = 5;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// If cargo-lambda dies, the instances exit with it; the signal to stop follows within this time.
const STOP_GRACE: Duration = Duration::from_millis(50);

/// Where functions find the emulated services.
pub struct FunctionEnv {
    /// Base URL of the emulated AWS services.
    pub aws: String,
    /// Base URL of the emulated SES.
    pub ses: String,
    /// The folder in which tests set failpoints.
    pub failpoints: PathBuf,
}

impl FunctionEnv {
    /// The variables that Lambda and the template set.
    #[must_use]
    pub fn variables(&self, function: &Function) -> BTreeMap<String, String> {
        let lambda = [
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", function.log_format.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", self.aws.clone()),
            ("AWS_ENDPOINT_URL_SESV2", self.ses.clone()),
            // Identifies the caller. DynamoDB Local accepts only letters and digits.
            ("AWS_ACCESS_KEY_ID", function.logical_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("GUICHET_FAILPOINTS", self.failpoints.display().to_string()),
        ];
        let template = function.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        lambda.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(template).collect()
    }
}

/// How instances run as processes.
pub struct Instances {
    pub proxy: Arc<RuntimeProxy>,
    /// Instances of each function.
    pub concurrency: usize,
    /// Whether to run the binaries that were built for Lambda.
    pub packaged: bool,
}

pub struct Supervisor {
    stop: watch::Sender<bool>,
    instances: JoinSet<()>,
    logs: BTreeMap<String, Arc<ProcessLog>>,
}

impl Supervisor {
    /// Starts every instance of every function.
    pub fn start(
        functions: &[Function],
        env: &FunctionEnv,
        instances: &Instances,
        data: &DataFolder,
        fatal: &Sender<anyhow::Error>,
    ) -> anyhow::Result<Self> {
        let mut supervisor = Self { stop: watch::Sender::new(false), instances: JoinSet::new(), logs: BTreeMap::new() };
        for function in functions {
            let log = ProcessLog::open(data, &function.name)?;
            for _ in 0..instances.concurrency {
                let number = supervisor.instances.len();
                let instance = Instance {
                    number,
                    name: function.name.clone(),
                    command: command(number, function, env, instances)?,
                    proxy: Arc::clone(&instances.proxy),
                    log: Arc::clone(&log),
                    fatal: fatal.clone(),
                };
                supervisor.instances.spawn(instance.supervise(supervisor.stop.subscribe()));
            }
            supervisor.logs.insert(function.name.clone(), log);
        }
        Ok(supervisor)
    }

    /// The last lines of a function's log.
    #[must_use]
    pub fn log_tail(&self, function: &str) -> String {
        self.logs.get(function).map(|log| log.tail()).unwrap_or_default()
    }

    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.instances.join_next().await.is_some() {}
    }
}

struct Instance {
    number: usize,
    name: String,
    command: Command,
    proxy: Arc<RuntimeProxy>,
    log: Arc<ProcessLog>,
    fatal: Sender<anyhow::Error>,
}

impl Instance {
    async fn supervise(mut self, mut stop: watch::Receiver<bool>) {
        let mut crashes = 0;
        while crashes < MAX_CRASHES {
            let started = Instant::now();
            let mut child = match self.command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    let context = format!("cannot start the function {}", self.name);
                    return self.give_up(anyhow::Error::new(error).context(context)).await;
                }
            };
            self.log.follow(child.stdout.take());
            self.log.follow(child.stderr.take());
            let exit = tokio::select! {
                exit = child.wait() => exit,
                () = stopped(&mut stop) => {
                    // A failure means that it has ended already.
                    let _ = child.kill().await;
                    return;
                }
            };
            self.proxy.fail_in_flight(self.number, &self.name).await;
            if tokio::time::timeout(STOP_GRACE, stopped(&mut stop)).await.is_ok() {
                return;
            }
            // A signal is no sign of a broken function.
            let was_killed = exit.as_ref().is_ok_and(|status| matches!(status.signal(), Some(SIGKILL | SIGTERM)));
            let exit = exit.map_or_else(|error| error.to_string(), |status| status.to_string());
            console!("{}: instance exited ({exit}); restarting it", self.name);
            crashes = if started.elapsed() < MIN_UPTIME && !was_killed { crashes + 1 } else { 0 };
        }
        let tail = self.log.tail();
        self.give_up(anyhow!("the function {} exits at start. Its last output:\n{tail}", self.name)).await;
    }

    async fn give_up(&self, error: anyhow::Error) {
        // The receiver is gone if the stack is stopping.
        let _ = self.fatal.send(error).await;
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A closed channel means stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The function's binary, without the variables of this process.
fn command(number: usize, function: &Function, env: &FunctionEnv, instances: &Instances) -> anyhow::Result<Command> {
    let (program, builder) = if instances.packaged {
        (workspace::packaged_function(&function.name)?, "`cargo admin package`")
    } else {
        (host::sibling(&function.name)?, "`cargo dev` without --no-build")
    };
    if !program.exists() {
        bail!("{} does not exist: {builder} builds it", program.display());
    }
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}/{number}/{}", instances.proxy.address, function.name))
        .envs(env.variables(function))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for name in ["PATH", "RUST_LOG"] {
        if let Some(value) = host::env(name) {
            command.env(name, value);
        }
    }
    Ok(command)
}
