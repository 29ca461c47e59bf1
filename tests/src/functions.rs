//! The functions, to run in the process of a test.

use axum::body::Bytes;
use futures_util::future::BoxFuture;
use guichet_http::{ApiError, LinkRequestContext, Response, respond};
use guichet_local::in_process::{Handler, InstanceContext, StartInstance};
use guichet_platform::aws::Aws;
use guichet_platform::process::Scope;
use lambda_http::Request;
use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};
use std::sync::Arc;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

type Result<T> = std::result::Result<T, lambda_runtime::Error>;

/// Starts an instance with its own variables, clock, failpoints, and log.
pub(crate) fn start_instance() -> StartInstance {
    Arc::new(|instance: InstanceContext| {
        Box::pin(async move {
            let InstanceContext { function, variables, log } = instance;
            let scope = Scope { variables, print_line: Arc::new(move |line| log.write(line)) };
            let dispatch = json_log(scope.clone());
            let created = scope.clone().run(create(function).with_subscriber(dispatch.clone())).await;
            let handler = created.map_err(anyhow::Error::from_boxed)?;
            let scoped: Handler =
                Arc::new(move |event| Box::pin(scope.clone().run(handler(event).with_subscriber(dispatch.clone()))));
            Ok(scoped)
        })
    })
}

/// As `guichet_platform::log::init`, but for one function.
fn json_log(scope: Scope) -> Dispatch {
    struct Lines(Scope);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            (self.0.print_line)(String::from_utf8_lossy(bytes).trim_end());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let writer = move || Lines(scope.clone());
    Dispatch::new(tracing_subscriber::fmt().json().with_target(false).without_time().with_writer(writer).finish())
}

/// What `main.rs` of each function does.
async fn create(function: String) -> Result<Handler> {
    macro_rules! on_events {
        ($function:expr) => {{
            let function = Arc::new($function);
            Ok(Arc::new(move |event| {
                let function = Arc::clone(&function);
                Box::pin(async move { output(function.handle(LambdaEvent::new(event, Context::default())).await) })
            }))
        }};
    }
    let aws = &Aws::from_env()?;
    match function.as_str() {
        "register" => Ok(on_requests(LinkRequestContext::from_env(aws).await?, register::handle)),
        "request-reset" => Ok(on_requests(LinkRequestContext::from_env(aws).await?, request_reset::handle)),
        "reset" => Ok(on_requests(reset::Context::from_env(aws).await?, reset::handle)),
        "login" => Ok(on_requests(login::Context::from_env(aws).await?, login::handle)),
        "session" => Ok(on_requests(session::Context::from_env(aws).await?, session::handle)),
        "password" => Ok(on_requests(password::Context::from_env(aws).await?, password::handle)),
        "find-account" => Ok(on_requests(find_account::Context::from_env(aws).await?, find_account::handle)),
        "authorizer" => on_events!(authorizer::Authorizer::from_env(aws)?),
        "mailer" => on_events!(mailer::Mailer::from_env(aws)?),
        "mail-events" => on_events!(mail_events::MailEvents::from_env(aws)?),
        other => Err(format!("the function {other} is not linked into the tests").into()),
    }
}

fn on_requests<C, Handled>(context: C, handle: fn(Arc<C>, Request) -> Handled) -> Handler
where
    C: Send + Sync + 'static,
    Handled: Future<Output = std::result::Result<Response, ApiError>> + Send + 'static,
{
    let context = Arc::new(context);
    Arc::new(move |event: Value| -> BoxFuture<'static, anyhow::Result<Bytes>> {
        let context = Arc::clone(&context);
        Box::pin(async move { output(respond(context, handle, &event).await) })
    })
}

fn output(result: Result<impl Serialize>) -> anyhow::Result<Bytes> {
    let output = result.map_err(anyhow::Error::from_boxed)?;
    Ok(serde_json::to_vec(&output)?.into())
}
