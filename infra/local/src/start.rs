//! The story of a start: what is taken, brought and begun in what order, and how all of it ends.

use crate::aws::{self, Engine, Faults, Secrets, Services};
use crate::bell::Bell;
use crate::cli::Options;
use crate::data::Data;
use crate::fleet::{Fleet, Surroundings};
use crate::gateway::{self, Gateway, Routes};
use crate::hands::Hands;
use crate::invoke::{Invoker, NoAnswer};
use crate::mailbox::Mailbox;
use crate::pages::Pages;
use crate::permissions::Permissions;
use crate::portal::{self, Doors, Portal};
use crate::portal_template::{self, PortalDefinition, REGION};
use crate::runtime_api::RuntimeApi;
use crate::site::{Site, header_map};
use crate::{bus, compile, embedded, machine, schedule, staff, tables};
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

/// With every instance starting at once on a small machine, the first answer may take longer than a call may.
const FIRST_ANSWER: Duration = Duration::from_mins(1);

/// What must be ended by hand, in this order.
#[derive(Default)]
struct Children {
    fleet: Option<Fleet>,
    runtime_api: Option<RuntimeApi>,
}

/// Brings the portal up and keeps it up until a signal comes or something that it needs dies.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let folder = match &options.data {
        Some(folder) => folder.clone(),
        None => stack_info::data_folder(options.port)?,
    };
    let data = Data::open(&folder)?;
    let (fatal, died) = channel(1);
    let mut children = Children::default();
    let ended = tokio::select! {
        biased;
        stopped = signalled() => stopped,
        Err(failure) = live(options, &data, &mut children, fatal, died) => Err(failure),
    };
    // The functions first, then what they speak to.
    if let Some(fleet) = children.fleet {
        fleet.stop().await;
    }
    if let Some(runtime_api) = children.runtime_api {
        runtime_api.stop().await;
    }
    // It may not have been written yet.
    let _ = std::fs::remove_file(data.file(stack_info::FILE));
    ended
}

async fn signalled() -> anyhow::Result<()> {
    let listen = |kind| signal(kind).context("signals cannot be caught");
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

async fn live(
    options: &Options,
    data: &Data,
    children: &mut Children,
    fatal: Sender<anyhow::Error>,
    mut died: Receiver<anyhow::Error>,
) -> anyhow::Result<Infallible> {
    if let Some(file) = &options.directory {
        std::fs::File::open(file).with_context(|| format!("--directory {} cannot be read", file.display()))?;
    }
    let doors = Doors::open(options.port).await?;
    let port = doors.port;
    if options.fresh {
        data.forget()?;
    }
    let workspace = workspace::root()?;
    let stack = data.stack_name(port)?;
    let set: ParameterOverrides = options.set.iter().cloned().collect();
    let described = options.template.clone().unwrap_or_else(|| workspace.join("infra/template.yaml"));
    let definition = portal_template::read(&described, &stack, port, &set)?;
    definition.print_not_emulated();

    let PortalDefinition { stack: system, page_headers, api_headers, site_settings, mail_from } = definition;
    let tool = cargo_lambda::install(&workspace).await?;
    if !options.no_build && !options.packaged {
        compile::build(&workspace, &system.functions).await?;
    }

    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.context("no HTTP client")?;
    let engine = engine(options, data, &client, &fatal).await?;
    let made = tables::create(&engine, &system.tables, options.fresh).await?;
    let mailbox = Arc::new(Mailbox::open(&data.file("mail.jsonl"))?);
    let secrets = Arc::new(Secrets::open(data, &system.secrets)?);
    let faults = Arc::new(Faults::in_file(data.file("faults.json")));
    let (bus, riders) = bus::open();
    let (aws, ses) = serve_aws(Services {
        engine: engine.clone(),
        permissions: Permissions::open(&system, data)?,
        secrets: Arc::clone(&secrets),
        mailbox: Arc::clone(&mailbox),
        faults: Arc::clone(&faults),
        bus: bus.clone(),
        calls: Mutex::default(),
        mail_from,
        configuration_sets: system.configuration_sets.clone(),
    })
    .await?;

    let concurrency = usize::from(options.concurrency);
    let runtime_api = children.runtime_api.insert(RuntimeApi::start(&tool, &workspace, data).await?);
    let surroundings = Surroundings {
        hands: Hands::open(client.clone(), runtime_api.address).await?,
        aws: aws.clone(),
        ses,
        concurrency,
        packaged: options.packaged,
        rehearsal: data.file("rehearsal"),
    };
    let fleet = children.fleet.insert(Fleet::start(&system.functions, &surroundings, data, &fatal)?);
    let invoker = Invoker::new(client, runtime_api.address, &system.functions, concurrency, Arc::clone(&faults));
    let (straight_address, straight) = machine::free_port("the gateway").await?;
    let api = format!("http://{straight_address}");
    let tables = system.tables.iter().map(|table| (table.logical_id.clone(), table.name.clone()));
    let secrets_named = system.secrets.iter().map(|secret| (secret.logical_id.clone(), secret.arn.clone()));
    let info = StackInfo {
        pid: std::process::id(),
        portal: address(port),
        api: api.clone(),
        aws,
        dynamodb: engine.url().to_owned(),
        lambda: format!("http://{}", runtime_api.address),
        region: REGION.to_owned(),
        stack,
        tables: tables.collect(),
        secrets: secrets_named.collect(),
        parameters: system.parameters().clone(),
    };
    data.write_private(stack_info::FILE, &serde_json::to_vec(&info)?)?;

    let open = async {
        let empty = made.iter().any(|table| table == "Directory");
        staff::bring(data, options.directory.as_deref(), empty).await?;
        prove(&system, &invoker, fleet, port).await?;
        for stream in system.event_source_mappings.iter().filter(|_| !options.no_bell) {
            let bell = Bell::listen(engine.clone(), invoker.clone(), stream.clone(), Arc::clone(&faults)).await?;
            tokio::spawn(bell.ring());
        }
        tokio::spawn(riders.ride(system.event_rules.clone(), invoker.clone(), Arc::clone(&faults)));
        for scheduled in &system.schedules {
            tokio::spawn(schedule::run(invoker.clone(), scheduled.clone()));
        }
        let site = Site::new(workspace.join("static-site"), &page_headers, site_settings)?;
        let gateway = Arc::new(Gateway::new(Routes::new(system.routes.clone()), invoker.clone(), port));
        let api_headers = header_map(&api_headers)?;
        let pages = Pages { mailbox, bus, interface: workspace.join("infra/openapi.yaml") };
        let serving_gateway = portal::serve_gateway(straight, Arc::clone(&gateway));
        let serving = doors.serve(Portal { gateway, api_headers, secrets, pages, site });
        announce(port, &api)?;
        tokio::try_join!(serving, serving_gateway)?;
        Err(anyhow!("the portal's port is lost"))
    };
    tokio::select! {
        biased;
        Some(failure) = died.recv() => Err(failure),
        failure = runtime_api.died() => Err(failure),
        ended = open => ended,
    }
}

async fn engine(
    options: &Options,
    data: &Data,
    client: &reqwest::Client,
    fatal: &Sender<anyhow::Error>,
) -> anyhow::Result<Engine> {
    let Some(url) = &options.dynamodb else {
        let address = embedded::start(&data.file("dynamodb.sqlite"), fatal.clone()).await?;
        return Ok(Engine::new(client.clone(), &format!("http://{address}")));
    };
    if !url.starts_with("http://") {
        bail!("--dynamodb {url}: an address such as http://127.0.0.1:8000 is wanted");
    }
    let engine = Engine::new(client.clone(), url);
    engine.check().await?;
    Ok(engine)
}

/// Begins to play AWS on a free port, and SES on another, which can be closed; gives both addresses.
async fn serve_aws(services: Services) -> anyhow::Result<(String, String)> {
    let (address, listener) = machine::free_port("AWS").await?;
    let (ses, ses_listener) = machine::free_port("SES").await?;
    let services = Arc::new(services);
    tokio::spawn(axum::serve(listener, aws::router(Arc::clone(&services))).into_future());
    tokio::spawn(aws::serve_ses(services, ses, ses_listener));
    Ok((format!("http://{address}"), format!("http://{ses}")))
}

/// Asks every function once, all at the same time.
async fn prove(system: &StackDefinition, invoker: &Invoker, fleet: &Fleet, port: u16) -> anyhow::Result<()> {
    let asked = system.functions.iter().map(|function| async {
        let http = system.routes.iter().any(|route| route.function == function.name);
        let event = if http { gateway::probe(port)? } else { json!({"Records": []}) };
        let said = match invoker.invoke_within(FIRST_ANSWER, &function.name, event).await {
            Ok(_) => return Ok(()),
            Err(NoAnswer::Failed(said)) => said,
            Err(NoAnswer::TimedOut) => format!("no answer within {} s", FIRST_ANSWER.as_secs()),
        };
        let log = fleet.end_of_log(&function.name);
        Err(anyhow!("the function {} does not work: {said}. The end of its log:\n{log}", function.name))
    });
    futures_util::future::try_join_all(asked).await.map(drop)
}

fn address(port: u16) -> String {
    format!("http://localhost:{port}")
}

fn announce(port: u16, api: &str) -> anyhow::Result<()> {
    eprintln!("mails: {}/_local/inbox", address(port));
    eprintln!("the API, described: {}/_local/api", address(port));
    eprintln!("the API without the edge, as HTTP clients may reach it: {api}/api/");
    let mut out = std::io::stdout();
    let said = writeln!(out, "ready {}", address(port)).and_then(|()| out.flush());
    said.context("nobody reads what this program says")
}
