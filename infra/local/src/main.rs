//! `cargo dev`: the whole system on this machine, until Ctrl-C.

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use lexopt::prelude::{Long, ValueExt};
use local::demo;
use local::system::{self, Background, Config};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const HELP: &str = "\
Trunkline on one machine.

    cargo dev [options]

    --port N        listen here (3000; 0 takes a free port and prints one JSON line when ready)
    --bind ADDR     listen on this address (127.0.0.1)
    --data DIR      keep books, queues, simulators and clock here (.local)
    --fresh         forget what is kept there first
    --memory        keep nothing
    --no-schedules  no job ticks by itself, only as the clock is moved: for scripts that must always find the same
    --demo          play four acts, each against a system of its own: a story, a year, changes behind our back, every carrier
";

struct Options {
    port: u16,
    bind: IpAddr,
    data: PathBuf,
    fresh: bool,
    memory: bool,
    schedules: bool,
    demo: bool,
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options = Options {
        port: 3000,
        bind: IpAddr::from([127, 0, 0, 1]),
        data: PathBuf::from(".local"),
        fresh: false,
        memory: false,
        schedules: true,
        demo: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("port") => options.port = parser.value()?.parse()?,
            Long("bind") => options.bind = parser.value()?.parse()?,
            Long("data") => options.data = parser.value()?.into(),
            Long("fresh") => options.fresh = true,
            Long("memory") => options.memory = true,
            Long("no-schedules") => options.schedules = false,
            Long("demo") => options.demo = true,
            Long("help") => {
                say(HELP);
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> ExitCode {
    // The engine warns of every condition that does not hold, which here is everyday business.
    let quiet = || Targets::new().with_default(LevelFilter::ERROR).with_target("dynoxide", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(shared::boot::log_filter().unwrap_or_else(quiet)).init();
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            complain(&format!("{error}\n\n{HELP}"));
            return ExitCode::from(2);
        }
    };
    let done = if options.demo { demo::play().await } else { run(options).await };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    if options.fresh && !options.memory {
        system::forget(&options.data)?;
    }
    let system = system::start(Config {
        bind: options.bind,
        port: options.port,
        data: (!options.memory).then(|| options.data.clone()),
        on_crash: Arc::new(|| std::process::abort()),
        replay: None,
        background: if options.schedules { Background::QueueAndSchedules } else { Background::Queue },
        price_book: domain::catalog::PRICE_BOOK.into(),
        addresses: &["US", "GB"],
        vapi_pool: 5,
        netgsm_by_hand: false,
    })
    .await?;
    let token = demo::seed(&system).await?;
    if options.port == 0 {
        say(&format!("{}\n", serde_json::json!({ "url": system.url })));
    } else {
        let kept = if options.memory { "nowhere".to_owned() } else { options.data.display().to_string() };
        say(&banner(&system.url, &token, &kept));
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn banner(url: &str, token: &str, kept: &str) -> String {
    format!(
        "Trunkline runs at {url} (open it in a browser). Data is kept in {kept}. Ctrl-C ends it.\n\n\
         The tenant `demo` began with {} USD and has this token:\n\n    TOKEN={token}\n\n\
         Try:\n\n\
         \x20   curl -s '{url}/v1/available-numbers?country=US&area_code=212&limit=3' -H \"Authorization: Bearer $TOKEN\"\n\
         \x20   curl -s {url}/v1/numbers -H \"Authorization: Bearer $TOKEN\" -H 'Idempotency-Key: first' \\\n\
         \x20        -H 'Content-Type: application/json' -d '{{\"country\":\"US\",\"area_code\":\"212\"}}'\n\
         \x20   curl -s {url}/v1/wallet -H \"Authorization: Bearer $TOKEN\"\n\
         \x20   curl -s {url}/_local/verify\n",
        demo::OPENING_BALANCE,
    )
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads it any more: nothing to be done about that.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
