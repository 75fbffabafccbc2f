//! A server to be killed: opens a data directory, prints its address and an agent's key, serves.

use std::net::SocketAddr;
use std::path::PathBuf;

use interlock_core::model::Role;
use interlock_runtime::{Options, Runtime};
use interlock_server::{App, AppOptions};
use interlock_store::journal::Durability;
use interlock_store::keys::{Binding, KeyRing};

#[expect(
    clippy::print_stdout,
    reason = "the address is told to whoever started it"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = PathBuf::from(std::env::args().nth(1).ok_or("give a data directory")?);
    let (runtime, _) = Runtime::open(Options {
        durability: Durability::Strict,
        ..Options::on(&data)
    })?;
    let keyring = KeyRing::open(&data.join("pepper"))?;
    let binding = Binding {
        tenant: interlock_runtime::DEFAULT_TENANT.to_owned(),
        agent_id: None,
        environment: None,
        role: Role::Admin,
        label: String::new(),
    };
    let (secret, record, hash) = keyring.mint(binding, runtime.now(), None)?;
    runtime.store().insert_key(&record, &hash)?;
    let app = App::new(AppOptions { runtime, keyring });
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    threads.block_on(interlock_server::serve(
        app,
        SocketAddr::from(([127, 0, 0, 1], 0)),
        false,
        |address| println!("{address} {}", secret.expose()),
        std::future::pending(),
    ))?;
    Ok(())
}
