//! Starts the parts of the stack in order, and stops them.

use crate::aws::{self, Engine, SecretStore, Services, Ses};
use crate::cli::Options;
use crate::data_folder::{self, DataFolder};
use crate::faults::Faults;
use crate::gateway::{self, Gateway, Routes};
use crate::invoker::{InvokeError, Invoker};
use crate::mailbox::Mailbox;
use crate::pages::Pages;
use crate::permissions::Permissions;
use crate::portal::{self, Listeners, PortalState};
use crate::portal_template::{self, PortalDefinition, REGION};
use crate::runtime_api::RuntimeApi;
use crate::runtime_proxy::RuntimeProxy;
use crate::static_site::{StaticSite, header_map};
use crate::stream_poller::StreamPoller;
use crate::supervisor::{FunctionEnv, Supervisor};
use crate::{cargo_build, embedded_engine, event_bus, host, schedule, seed_directory, tables};
use anyhow::{Context, anyhow, bail};
use guichet_cfn::template::{ParameterOverrides, StackDefinition};
use guichet_deploy::stack_info::{self, StackInfo};
use guichet_deploy::{cargo_lambda, workspace};
use serde_json::json;
use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// For the smoke test: on a small machine all instances start at once, which can take longer than a function's own
/// timeout.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What needs an orderly stop, in this order.
#[derive(Default)]
struct Children {
    supervisor: Option<Supervisor>,
    runtime_api: Option<RuntimeApi>,
}

/// Runs the stack until a signal arrives or a part of it fails.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let folder = match &options.data {
        Some(folder) => folder.clone(),
        None => stack_info::data_folder(options.port)?,
    };
    let data = DataFolder::open(&folder)?;
    let (fatal, failures) = channel(1);
    let mut children = Children::default();
    let result = tokio::select! {
        biased;
        signal = wait_for_signal() => signal,
        Err(error) = serve(options, &data, &mut children, fatal, failures) => Err(error),
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

async fn wait_for_signal() -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("cannot handle signals");
    let (mut interrupt, mut terminate, mut hang_up) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    eprintln!("stopping");
    Ok(())
}

async fn serve(
    options: &Options,
    data: &DataFolder,
    children: &mut Children,
    fatal: Sender<anyhow::Error>,
    mut failures: Receiver<anyhow::Error>,
) -> anyhow::Result<Infallible> {
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
    let set: ParameterOverrides = options.set.iter().cloned().collect();
    let template = options.template.clone().unwrap_or_else(|| workspace.join("infra/template.yaml"));
    let definition = portal_template::read(&template, &stack_name, port, &set)?;
    definition.print_not_emulated();
    let PortalDefinition { stack, page_headers, api_headers, site_settings, mail_from } = definition;

    let cargo_lambda = cargo_lambda::install(&workspace).await?;
    if !options.no_build && !options.packaged {
        cargo_build::build(&workspace, &stack.functions).await?;
    }

    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.context("cannot create an HTTP client")?;
    let engine = engine(options, data, &client, &fatal).await?;
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

    let concurrency = usize::from(options.concurrency);
    let runtime_api = children.runtime_api.insert(RuntimeApi::start(&cargo_lambda, &workspace, data).await?);
    let env = FunctionEnv {
        proxy: RuntimeProxy::open(client.clone(), runtime_api.address).await?,
        aws: aws.clone(),
        ses,
        concurrency,
        packaged: options.packaged,
        failpoints: data.file(data_folder::FAILPOINTS),
    };
    let supervisor = children.supervisor.insert(Supervisor::start(&stack.functions, &env, data, &fatal)?);
    let invoker = Invoker::new(client, runtime_api.address, &stack.functions, concurrency, Arc::clone(&faults));
    let (gateway_address, gateway_listener) = host::free_port("the gateway").await?;
    let api = format!("http://{gateway_address}");
    let info = StackInfo {
        pid: std::process::id(),
        portal: portal_url(port),
        api: api.clone(),
        aws,
        dynamodb: engine.url().to_owned(),
        lambda: format!("http://{}", runtime_api.address),
        region: REGION.to_owned(),
        stack: stack_name,
        tables: stack.tables.iter().map(|table| (table.logical_id.clone(), table.name.clone())).collect(),
        secrets: stack.secrets.iter().map(|secret| (secret.logical_id.clone(), secret.arn.clone())).collect(),
        parameters: stack.parameters().clone(),
    };
    data.write_private(stack_info::FILE, &serde_json::to_vec(&info)?)?;

    let open = async {
        let directory_is_new = new_tables.iter().any(|table| table == "Directory");
        seed_directory::import(data, options.directory.as_deref(), directory_is_new).await?;
        smoke_test(&stack, &invoker, supervisor, port).await?;
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
        announce(port, &api)?;
        tokio::try_join!(portal_server, gateway_server)?;
        bail!("the portal's servers stopped")
    };
    tokio::select! {
        biased;
        Some(error) = failures.recv() => Err(error),
        error = runtime_api.exited() => Err(error),
        result = open => result,
    }
}

async fn engine(
    options: &Options,
    data: &DataFolder,
    client: &reqwest::Client,
    fatal: &Sender<anyhow::Error>,
) -> anyhow::Result<Engine> {
    let Some(url) = &options.dynamodb else {
        let address = embedded_engine::start(data, fatal.clone()).await?;
        return Ok(Engine::new(client.clone(), &format!("http://{address}")));
    };
    if !url.starts_with("http://") {
        bail!("--dynamodb {url}: it must be a URL such as http://127.0.0.1:8000");
    }
    let engine = Engine::new(client.clone(), url);
    engine.check().await?;
    Ok(engine)
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
    eprintln!("inbox: {}/_local/inbox", portal_url(port));
    eprintln!("API documentation: {}/_local/api", portal_url(port));
    eprintln!("API without the edge, for HTTP clients: {api}/api/");
    let mut out = std::io::stdout();
    let written = writeln!(out, "ready {}", portal_url(port)).and_then(|()| out.flush());
    written.context("cannot write to standard output")
}
