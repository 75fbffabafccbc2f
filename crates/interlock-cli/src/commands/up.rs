//! `interlock up`

mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use interlock_core::audit::record::ContentMode;
use interlock_core::model::Role;
use interlock_policy::Source;
use interlock_runtime::{
    DEFAULT_TENANT, OpenError, Options, OwnerKind, Runtime, Socket, SystemClock, owner,
};
use interlock_server::channels::Notifier;
use interlock_server::channels::config::Config;
use interlock_server::{App, AppOptions, SignInConfig, export};
use interlock_store::journal::Durability;
use interlock_store::keys::{Binding, KeyRing};

use super::{DataArgs, deep};
use crate::client::Client;
use crate::demo;
use crate::output::Output;

/// Start the server.
///
/// The first start makes the data directory, an admin key (printed once, or taken from
/// INTERLOCK_ADMIN_KEY), and puts the default bundle in force.
///
/// Policy files are watched: what is written there is in force within two seconds, or at once on
/// SIGHUP. When it does not compile, the last good policies stay in force, the error is printed, and
/// /readyz and /api/stats say since when.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  interlock up\n  interlock up --policy policies/ --durability batch\n  interlock up --demo            run the demo against it, then keep serving"
)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// The address to listen on.
    #[arg(long, env = "INTERLOCK_LISTEN", default_value = "127.0.0.1:8088")]
    listen: SocketAddr,
    /// A policy file or directory, or the name of a built-in bundle; may be given more than once.
    #[arg(long, env = "INTERLOCK_POLICY", default_value = "default")]
    policy: Vec<String>,
    /// When a decision is returned: `strict` after its record is on disk, `batch` at most 5 ms
    /// before, `async` at most 1 s before.
    #[arg(long, default_value = "strict", value_parser = ["strict", "batch", "async"])]
    durability: String,
    /// What is kept of an action: `full` its contents in the vault, `hashes` commitments to them,
    /// `none` neither them nor names.
    #[arg(long, default_value = "full", value_parser = ["full", "hashes", "none"])]
    content: String,
    /// Listen on an address that is reachable from outside without TLS.
    #[arg(long)]
    insecure: bool,
    /// A text classifier of the BERT kind that reads what was decided about afterwards; what it takes
    /// for an attack raises an alert and taints the session.
    #[arg(long, env = "INTERLOCK_DEEP_MODEL", value_name = "DIRECTORY")]
    deep_model: Option<PathBuf>,
    /// A file that says who may approve, in which groups, and how people are asked: by Slack, mail,
    /// or a webhook.
    #[arg(long, env = "INTERLOCK_PEOPLE", value_name = "FILE")]
    people: Option<PathBuf>,
    /// A file that says at which providers people may sign in by OpenID Connect, and who gets in.
    #[arg(long, env = "INTERLOCK_SIGN_IN", value_name = "FILE")]
    sign_in: Option<PathBuf>,
    /// For how many seconds whoever runs an approved action may say nothing of it, before a person is
    /// asked whether it happened; up to 24 hours.
    #[arg(long, env = "INTERLOCK_EXECUTOR_LEASE", value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    executor_lease: u32,
    /// A file that says which receivers get the record as events or traces: files, syslog, Splunk,
    /// webhooks, OTLP.
    #[arg(long, env = "INTERLOCK_EXPORT", value_name = "FILE")]
    export: Option<PathBuf>,
    /// A file of budgets: what the tenant, its API keys and its agents may cost in a day or a month.
    /// They are changed in this file only; other budgets are set beside them.
    #[arg(long, env = "INTERLOCK_BUDGETS", value_name = "FILE")]
    budgets: Option<PathBuf>,
    /// Run the demo once the server is up.
    #[arg(long)]
    demo: bool,
}

/// Reads policies: files, directories, names of built-in bundles.
pub(crate) fn policies(names: &[String]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for name in names {
        sources.extend(interlock_policy::named(name).map_err(|d| anyhow::anyhow!("{d}"))?);
    }
    Ok(sources)
}

fn durability(name: &str) -> Durability {
    match name {
        "batch" => Durability::Batch,
        "async" => Durability::Async,
        _ => Durability::Strict,
    }
}

/// Says who owns the directory, where that is no server.
fn in_use(error: OpenError, data: &Path) -> anyhow::Error {
    if let OpenError::InUse(_) = error
        && let Some(owner) = owner(data)
        && owner.kind == OwnerKind::Embedded
    {
        return anyhow::anyhow!(
            "data directory `{}` is in use by process {}, which embeds Interlock and decides for every process on it: stop it, or give another directory",
            data.display(),
            owner.process
        );
    }
    error.into()
}

/// Makes the first admin key; returns it if it was made now and must be shown.
fn first_key(runtime: &Runtime, ring: &KeyRing) -> Result<Option<String>> {
    let binding = Binding {
        tenant: DEFAULT_TENANT.to_owned(),
        agent_id: None,
        environment: None,
        role: Role::Admin,
        label: "first admin".to_owned(),
        user_id: None,
    };
    let (store, now) = (runtime.store(), runtime.now());
    if let Ok(given) = std::env::var("INTERLOCK_ADMIN_KEY") {
        let (record, hash) = ring
            .import(&given, binding, now, None)
            .context("INTERLOCK_ADMIN_KEY cannot be used")?;
        if store.key_for_authentication(&record.id)?.is_none() {
            store.insert_key(&record, &hash)?;
        }
        return Ok(None);
    }
    let (secret, record, hash) = ring.mint(binding, now, None)?;
    let kept = store.insert_first_key(&record, &hash)?;
    Ok(kept.then(|| secret.expose().to_owned()))
}

pub(crate) fn run(args: &Args, out: Output) -> Result<u8> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("INTERLOCK_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    let scratch;
    let data: PathBuf = if args.demo && !args.data.data.exists() {
        // A demo leaves nothing behind in the directory that it was started from.
        scratch = tempfile::Builder::new()
            .prefix("interlock-data-")
            .tempdir()?;
        scratch.path().to_owned()
    } else {
        args.data.data.clone()
    };
    // Before anything is opened: a model that cannot be used is no model.
    let model = args.deep_model.as_deref().map(deep::load).transpose()?;
    let people = args
        .people
        .as_deref()
        .map(|path| Config::load(path).map(Arc::new))
        .transpose()
        .map_err(|error| anyhow::anyhow!(error))?;
    let sign_in = args
        .sign_in
        .as_deref()
        .map(SignInConfig::load)
        .transpose()
        .map_err(|error| anyhow::anyhow!(error))?;
    let export = args
        .export
        .as_deref()
        .map(export::Config::load)
        .transpose()
        .map_err(|error| anyhow::anyhow!(error))?;
    let budgets = args
        .budgets
        .as_deref()
        .map(interlock_policy::load_budgets)
        .transpose()
        .map_err(|error| anyhow::anyhow!(error))?;
    // Taken before they are read, so that no change falls between.
    let marks = watch::marks(&args.policy);
    let options = Options {
        policies: policies(&args.policy)?,
        durability: durability(&args.durability),
        budgets,
        content: ContentMode::from_name(&args.content).unwrap_or_default(),
        clock: Arc::new(SystemClock::default()),
        executor_lease: Duration::from_secs(args.executor_lease.into()),
        ..Options::on(&data)
    };
    let (runtime, recovery) = Runtime::open(options).map_err(|error| in_use(error, &data))?;
    if let Some(model) = model {
        runtime
            .read_deeper(model)
            .context("cannot start a thread for the deeper model")?;
    }
    if let Some((_, bytes)) = recovery.cut {
        out.note(&format!(
            "the last write was torn: {bytes} bytes that were never acknowledged were cut"
        ));
    }
    let ring = KeyRing::open(&data.join("pepper"))?;
    let key = first_key(&runtime, &ring)?;
    // Workers, hooks and wrappers on this directory become clients of this process.
    let socket = Socket::serve(&runtime, &data, OwnerKind::Server)
        .with_context(|| format!("cannot make the socket in `{}`", data.display()))?;
    let app = App::new(AppOptions {
        runtime: runtime.clone(),
        keyring: ring,
    });
    if let Some(sign_in) = &sign_in {
        app.set_sign_in(sign_in)
            .map_err(|error| anyhow::anyhow!(error))?;
    }
    if let Some(people) = &people {
        app.set_channels(Arc::clone(people));
    }
    let notifier = Notifier::start(&app).map_err(|error| anyhow::anyhow!(error))?;
    let mut exporter = None;
    if let Some(export) = export {
        let started = export::Exporter::start(&runtime, &data, &export)
            .map_err(|error| anyhow::anyhow!(error))?;
        app.set_exports(started.statuses());
        exporter = Some(started);
    }
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let demo_key = key
        .clone()
        .or_else(|| std::env::var("INTERLOCK_ADMIN_KEY").ok());
    let run_demo = args.demo;
    let watch = watch::Watch::start(runtime.clone(), args.policy.clone(), marks, out)?;
    threads.spawn(reload_on_hangup(watch.reload()));
    let served = threads.block_on(interlock_server::serve(
        app,
        args.listen,
        args.insecure,
        |address| {
            announce(out, address, &data, key.as_deref());
            if run_demo {
                start_demo(address, demo_key);
            }
        },
        stopped(),
    ));
    watch.stop();
    if let Some(mut notifier) = notifier {
        notifier.stop();
    }
    if let Some(mut exporter) = exporter {
        exporter.stop();
    }
    socket.close();
    runtime.close();
    served?;
    Ok(0)
}

fn announce(out: Output, address: SocketAddr, data: &Path, key: Option<&str>) {
    let url = format!("http://{address}");
    out.print(
        &serde_json::json!({"url": url, "data": data, "admin_key": key}),
        || {
            let mut text = format!("Interlock answers at {url}\n  data      {}\n", data.display());
            if interlock_server::console_is_built() {
                text.push_str(&format!("  console   {url}/\n"));
            }
            if let Some(key) = key {
                text.push_str(&format!("  admin key {key}   (shown this once)\n"));
            }
            text.push_str(&format!(
                "\nTry it:\n  curl -s {url}/api/check -H 'x-api-key: {}' \\\n    -d '{{\"agent_id\":\"bot\",\"action_type\":\"database_write\",\"resource\":\"postgres://prod/customers\",\"arguments\":{{\"sql\":\"DELETE FROM customers\"}}}}'\n",
                key.unwrap_or("<your key>")
            ));
            text
        },
    );
}

#[expect(clippy::print_stderr, reason = "the demo prints for people")]
fn start_demo(address: SocketAddr, key: Option<String>) {
    std::thread::spawn(move || {
        let Some(key) = key else {
            eprintln!(
                "error: the demo needs a key: set INTERLOCK_ADMIN_KEY, or start on a new data directory"
            );
            return;
        };
        let result = Client::new(&format!("http://{address}"), &key)
            .and_then(|client| demo::governed(&client, &mut std::io::stdout()));
        match result {
            Ok(()) => eprintln!(
                "\nThe server still answers at http://{address}. Press Ctrl-C to stop it."
            ),
            Err(error) => {
                eprintln!("error: {error:#}");
                std::process::exit(1);
            }
        }
    });
}

/// Reads the policies again whenever the process gets SIGHUP.
async fn reload_on_hangup(reload: watch::Reload) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(mut hangup) => {
            while hangup.recv().await.is_some() {
                reload.now();
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGHUP is not handled; policy files are watched all the same");
        }
    }
}

async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            // Without a handler for SIGTERM, Ctrl-C still stops the server in order.
            let _ = interrupt.await;
        }
    }
}
