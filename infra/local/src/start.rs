//! Starts the parts of the stack in order, and stops them.

use crate::aws::{self, Engine, SecretStore, Services, Ses};
use crate::cli::Options;
use crate::data_folder::{self, DataFolder};
use crate::embedded_engine::EmbeddedEngine;
use crate::faults::Faults;
use crate::gateway::{self, Gateway, Routes};
use crate::in_process::{self, InProcess, StartInstance};
use crate::invoker::{Backend, InvokeError, Invoker};
use crate::mailbox::Mailbox;
use crate::pages::Pages;
use crate::permissions::Permissions;
use crate::portal::{self, Listeners, PortalState};
use crate::portal_template::{self, PortalDefinition, REGION};
use crate::runtime_api::RuntimeApi;
use crate::runtime_proxy::RuntimeProxy;
use crate::static_site::{StaticSite, header_map};
use crate::stream_poller::StreamPoller;
use crate::supervisor::{FunctionEnv, Instances, Supervisor};
use crate::{cargo_build, embedded_engine, event_bus, host, schedule, seed_directory, tables};
use anyhow::{Context, anyhow, bail};
use guichet_cfn::template::{ParameterOverrides, StackDefinition};
use guichet_deploy::stack_info::{self, StackInfo};
use guichet_deploy::{cargo_lambda, workspace};
use serde_json::json;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Sender, channel};

/// For the smoke test: on a small machine all instances start at once, which can take longer than a function's own
/// timeout.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What needs an orderly stop, in this order.
#[derive(Default)]
struct Children {
    supervisor: Option<Supervisor>,
    runtime_api: Option<RuntimeApi>,
}

/// Where the functions run.
enum FunctionHost<'a> {
    Processes(&'a mut Children),
    InProcess(StartInstance),
}

/// Runs the stack until a signal arrives or a part of it fails.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let folder = match &options.data {
        Some(folder) => folder.clone(),
        None => stack_info::data_folder(options.port)?,
    };
    let data = DataFolder::open(&folder)?;
    let mut children = Children::default();
    let result = tokio::select! {
        biased;
        signal = wait_for_signal() => signal,
        Err(error) = serve(options, &data, FunctionHost::Processes(&mut children), announce) => Err(error),
    };
    // The functions before what they depend on.
    if let Some(supervisor) = children.supervisor {
        supervisor.stop().await;
    }
    if let Some(runtime_api) = children.runtime_api {
        runtime_api.stop().await;
    }
    // It may not exist yet.
    let _ = std::fs::remove_file(data.file(stack_info::FILE));
    result
}

/// Runs the stack with its functions in this process, until `stop` completes. Calls `ready` with the portal's port. The
/// stack needs a runtime of one thread of its own, and imports no directory.
pub async fn run_in_process(
    options: &Options,
    start: StartInstance,
    ready: impl FnOnce(u16),
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let folder = options.data.as_deref().context("a data folder is required")?;
    let data = DataFolder::open(folder)?;
    let ready = |port, _: &str| {
        ready(port);
        Ok(())
    };
    tokio::select! {
        biased;
        () = stop => Ok(()),
        Err(error) = serve(options, &data, FunctionHost::InProcess(start), ready) => Err(error),
    }
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("cannot handle signals");
    let (mut interrupt, mut terminate, mut hang_up) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    console!("stopping");
    Ok(())
}

async fn serve(
    options: &Options,
    data: &DataFolder,
    mut host: FunctionHost<'_>,
    ready: impl FnOnce(u16, &str) -> anyhow::Result<()>,
) -> anyhow::Result<Infallible> {
    let (fatal, mut failures) = channel(1);
    if let Some(file) = &options.directory {
        std::fs::File::open(file).with_context(|| format!("--directory: cannot read {}", file.display()))?;
    }
    let listeners = Listeners::open(options.port).await?;
    let port = listeners.port;
    if options.fresh {
        data.delete_data()?;
    }
    let workspace = workspace::root()?;
    let stack_name = data.stack_name(port)?;
    let definition = definition(options, &workspace, &stack_name, port)?;
    if let FunctionHost::Processes(_) = host {
        definition.print_not_emulated();
        if !options.no_build && !options.packaged {
            cargo_build::build(&workspace, &definition.stack.functions).await?;
        }
    }
    let PortalDefinition { stack, page_headers, api_headers, site_settings, mail_from } = definition;

    let client = http_client()?;
    let (engine, _embedded) = engine(options, data, &client, &fatal).await?;
    let new_tables = tables::create(&engine, &stack.tables, options.fresh).await?;
    let mailbox = Arc::new(Mailbox::open(&data.file(data_folder::MAILBOX))?);
    let secrets = Arc::new(SecretStore::open(data, &stack.secrets)?);
    let faults = Arc::new(Faults::in_file(data.file(data_folder::FAULTS)));
    let (bus, events) = event_bus::open();
    let configuration_sets = stack.configuration_sets.clone();
    let (aws, ses) = serve_aws(Services {
        engine: engine.clone(),
        permissions: Permissions::open(&stack, data)?,
        secrets: Arc::clone(&secrets),
        ses: Ses { mailbox: Arc::clone(&mailbox), bus: bus.clone(), mail_from, configuration_sets },
        faults: Arc::clone(&faults),
        calls: Mutex::default(),
    })
    .await?;

    let env = FunctionEnv { aws: aws.clone(), ses, failpoints: data.file(data_folder::FAILPOINTS) };
    let functions = Functions { stack: &stack, env: &env, options, data, fatal: &fatal, client, workspace: &workspace };
    let (backend, lambda) = match &mut host {
        FunctionHost::Processes(children) => functions.start_processes(children).await?,
        FunctionHost::InProcess(start) => functions.start_in_process(Arc::clone(start)).await?,
    };
    let invoker = Invoker::new(backend, &stack.functions, usize::from(options.concurrency), Arc::clone(&faults));
    let (gateway_address, gateway_listener) = host::free_port("the gateway").await?;
    let api = format!("http://{gateway_address}");
    let info = StackInfo {
        pid: std::process::id(),
        portal: portal_url(port),
        api: api.clone(),
        aws,
        dynamodb: engine.url().to_owned(),
        lambda: format!("http://{lambda}"),
        region: REGION.to_owned(),
        stack: stack_name,
        tables: stack.tables.iter().map(|table| (table.logical_id.clone(), table.name.clone())).collect(),
        secrets: stack.secrets.iter().map(|secret| (secret.logical_id.clone(), secret.arn.clone())).collect(),
        parameters: stack.parameters().clone(),
    };
    data.write_private(stack_info::FILE, &serde_json::to_vec(&info)?)?;

    let (supervisor, runtime_api) = match host {
        FunctionHost::Processes(children) => (children.supervisor.as_ref(), children.runtime_api.as_mut()),
        FunctionHost::InProcess(_) => (None, None),
    };
    let open = async {
        if let Some(supervisor) = supervisor {
            let directory_is_new = new_tables.iter().any(|table| table == "Directory");
            seed_directory::import(data, options.directory.as_deref(), directory_is_new).await?;
            smoke_test(&stack, &invoker, supervisor, port).await?;
        }
        for mapping in stack.event_source_mappings.iter().filter(|_| !options.no_streams) {
            let poller =
                StreamPoller::open(engine.clone(), invoker.clone(), mapping.clone(), Arc::clone(&faults)).await?;
            tokio::spawn(poller.poll());
        }
        tokio::spawn(events.deliver(stack.event_rules.clone(), invoker.clone(), Arc::clone(&faults)));
        for schedule in &stack.schedules {
            tokio::spawn(schedule::run(invoker.clone(), schedule.clone()));
        }
        let site = StaticSite::new(workspace.join("static-site"), &page_headers, site_settings)?;
        let gateway = Arc::new(Gateway::new(Routes::new(stack.routes.clone()), invoker.clone(), port));
        let api_headers = header_map(&api_headers)?;
        let pages = Pages { mailbox, bus, openapi: workspace.join("infra/openapi.yaml") };
        let gateway_server = portal::serve_gateway(gateway_listener, Arc::clone(&gateway));
        let portal_server = listeners.serve(PortalState { gateway, api_headers, secrets, pages, site });
        ready(port, &api)?;
        tokio::try_join!(portal_server, gateway_server)?;
        bail!("the portal's servers stopped")
    };
    tokio::select! {
        biased;
        Some(error) = failures.recv() => Err(error),
        error = exited(runtime_api) => Err(error),
        result = open => result,
    }
}

/// What the start of the functions needs.
struct Functions<'a> {
    stack: &'a StackDefinition,
    env: &'a FunctionEnv,
    options: &'a Options,
    data: &'a DataFolder,
    fatal: &'a Sender<anyhow::Error>,
    client: reqwest::Client,
    workspace: &'a Path,
}

impl Functions<'_> {
    async fn start_processes(&self, children: &mut Children) -> anyhow::Result<(Backend, SocketAddr)> {
        let cargo_lambda = cargo_lambda::install(self.workspace).await?;
        let runtime_api = RuntimeApi::start(&cargo_lambda, self.workspace, self.data).await?;
        let address = children.runtime_api.insert(runtime_api).address;
        let instances = Instances {
            proxy: RuntimeProxy::open(self.client.clone(), address).await?,
            concurrency: usize::from(self.options.concurrency),
            packaged: self.options.packaged,
        };
        let supervisor = Supervisor::start(&self.stack.functions, self.env, &instances, self.data, self.fatal)?;
        children.supervisor = Some(supervisor);
        Ok((Backend::Lambda(self.client.clone(), address), address))
    }

    async fn start_in_process(&self, start: StartInstance) -> anyhow::Result<(Backend, SocketAddr)> {
        let functions = Arc::new(InProcess::start(start, &self.stack.functions, self.env, self.data).await?);
        let (address, listener) = host::free_port("Lambda").await?;
        tokio::spawn(axum::serve(listener, in_process::router(Arc::clone(&functions))).into_future());
        Ok((Backend::InProcess(functions), address))
    }
}

async fn exited(runtime_api: Option<&mut RuntimeApi>) -> anyhow::Error {
    match runtime_api {
        Some(runtime_api) => runtime_api.exited().await,
        None => std::future::pending().await,
    }
}

fn definition(options: &Options, workspace: &Path, stack_name: &str, port: u16) -> anyhow::Result<PortalDefinition> {
    let set: ParameterOverrides = options.set.iter().cloned().collect();
    let template = options.template.clone().unwrap_or_else(|| workspace.join("infra/template.yaml"));
    portal_template::read(&template, stack_name, port, &set)
}

fn http_client() -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    client.context("cannot create an HTTP client")
}

async fn engine(
    options: &Options,
    data: &DataFolder,
    client: &reqwest::Client,
    fatal: &Sender<anyhow::Error>,
) -> anyhow::Result<(Engine, Option<EmbeddedEngine>)> {
    let Some(url) = &options.dynamodb else {
        let embedded = embedded_engine::start(embedded_engine::open(data)?, fatal.clone()).await?;
        return Ok((Engine::new(client.clone(), &format!("http://{}", embedded.address)), Some(embedded)));
    };
    if !url.starts_with("http://") {
        bail!("--dynamodb {url}: it must be a URL such as http://127.0.0.1:8000");
    }
    let engine = Engine::new(client.clone(), url);
    engine.check().await?;
    Ok((engine, None))
}

/// Serves the AWS services on one free port, and SES on another, which can refuse connections. Returns their base URLs.
async fn serve_aws(services: Services) -> anyhow::Result<(String, String)> {
    let (address, listener) = host::free_port("the AWS services").await?;
    let (ses, ses_listener) = host::free_port("SES").await?;
    let services = Arc::new(services);
    tokio::spawn(axum::serve(listener, aws::router(Arc::clone(&services))).into_future());
    tokio::spawn(aws::serve_ses(services, ses, ses_listener));
    Ok((format!("http://{address}"), format!("http://{ses}")))
}

/// Invokes every function once.
async fn smoke_test(
    stack: &StackDefinition,
    invoker: &Invoker,
    supervisor: &Supervisor,
    port: u16,
) -> anyhow::Result<()> {
    let invocations = stack.functions.iter().map(|function| async {
        let is_http = stack.routes.iter().any(|route| route.function == function.name);
        let event = if is_http { gateway::smoke_test_event(port)? } else { json!({"Records": []}) };
        let error = match invoker.invoke_within(Some(START_TIMEOUT), &function.name, event).await {
            Ok(_) => return Ok(()),
            Err(InvokeError::Failed(error)) => error,
            Err(InvokeError::TimedOut) => format!("no response within {} s", START_TIMEOUT.as_secs()),
        };
        let tail = supervisor.log_tail(&function.name);
        Err(anyhow!("the function {} fails: {error}. Its last output:\n{tail}", function.name))
    });
    futures_util::future::try_join_all(invocations).await.map(drop)
}

fn portal_url(port: u16) -> String {
    format!("http://localhost:{port}")
}

fn announce(port: u16, api: &str) -> anyhow::Result<()> {
    console!("inbox: {}/_local/inbox", portal_url(port));
    console!("API documentation: {}/_local/api", portal_url(port));
    console!("API without the edge, for HTTP clients: {api}/api/");
    let mut out = std::io::stdout();
    let written = writeln!(out, "ready {}", portal_url(port)).and_then(|()| out.flush());
    written.context("cannot write to standard output")
}
