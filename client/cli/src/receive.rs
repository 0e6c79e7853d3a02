//! `wormhole receive`

use std::path::Path;

use wormhole_client::{
    Wormhole,
    protocol::{transfer::Refusal, transit::Role},
    timing::Log,
    transfer::{self, Incoming, IncomingBulk, Target, accepts, check_output, escape},
    transit::Transit,
};

use crate::{
    args::{Global, Receive},
    ask, code,
    exit::Failure,
    files,
    session::{self, Floor},
    show,
    steps::{self, Steps},
};

pub(crate) async fn run(global: &Global, mut options: Receive) -> Result<(), Failure> {
    let code = code::given(options.code.take(), &options.common)?;
    if let Some(output) = options.output() {
        check_output(output)?;
    }
    let config = global.transit(&options.common);
    // A port that is taken is said before anybody types a code.
    Transit::prepare(Role::Receiver, &config)?;
    let interrupted = "the receiver interrupted the transfer";
    session::run(global, &global.relay_url, interrupted, async |wormhole, floor| {
        match code {
            Some(code) => wormhole.use_code(code)?,
            None if options.allocate => allocate(wormhole, options.words()).await?,
            None => {
                let (words, force) = (options.words(), options.common.force);
                code::typed(wormhole, words, force, &global.timing).await?;
            }
        }
        let verifier = session::verified(wormhole, Some("Waiting for sender...")).await?;
        if options.common.verify {
            show::verifier(&verifier);
        }
        let offer = floor.given_to(transfer::receive(wormhole, &config));
        match session::patiently(offer, "Waiting for the sender's offer...").await? {
            Incoming::Text(text) => {
                let failed = |error| Failure::Io("cannot write to standard output", error);
                global.timing.moment("print", Default::default());
                show::text(&text.text).map_err(failed)?;
                text.accept();
                Ok(())
            }
            Incoming::Bulk(bulk) => land(*bulk, &options, &global.timing, floor).await,
        }
    })
    .await
}

async fn allocate(wormhole: &Wormhole, words: usize) -> Result<(), Failure> {
    wormhole.allocate_code(words)?;
    let code = wormhole.code().await?;
    let code = escape(code.as_str());
    show::line(&format!("Allocated code: {code}"));
    show::line("On the other computer, please run:");
    show::line(&format!("   wormhole send --code {code} <filename>"));
    Ok(())
}

/// Shows what is offered, asks, and receives it.
async fn land(
    bulk: IncomingBulk,
    options: &Receive,
    log: &Log,
    floor: &Floor,
) -> Result<(), Failure> {
    let target = match plan(&bulk, options).await {
        Ok(target) => target,
        Err(error) => {
            bulk.reject(Refusal::Rejected);
            return Err(error);
        }
    };
    show::offer(&bulk.announced, &bulk.offered_name, &target);
    if !options.accept_file && !permitted(&bulk, log).await? {
        bulk.reject(Refusal::Rejected);
        return Err(Failure::Refused(Refusal::Rejected.to_string()));
    }
    let folder = target.is_folder();
    let steps = Steps::receiving(log, folder);
    let progress = show::Progress::receiving(options.common.hide_progress);
    let landed = bulk.accept_at(target, |event| {
        steps.event(&event);
        progress.event(&event);
    });
    let landed = floor.given_to(landed).await;
    steps.end();
    let path = landed?;
    let what = if folder { "files" } else { "file" };
    show::line(&format!("Received {what} written to: {}", show::path(&path)));
    Ok(())
}

/// Asks whether it is wanted, for as long as it is still on offer.
async fn permitted(bulk: &IncomingBulk, log: &Log) -> Result<bool, Failure> {
    let permission = steps::asking(log, "permission");
    let answer = tokio::select! {
        answer = ask::line("ok? (Y/n): ".to_owned(), ask::MAX_ANSWER) => answer?,
        withdrawn = bulk.withdrawn() => {
            show::line("");
            return Err(withdrawn.into());
        }
    };
    let yes = answer.is_some_and(|answer| accepts(&answer));
    permission.detail("answer", if yes { "yes" } else { "no" });
    permission.stop();
    Ok(yes)
}

async fn plan(bulk: &IncomingBulk, options: &Receive) -> Result<Target, Failure> {
    let plan = if options.unpack { Target::plan_unpacked } else { Target::plan };
    let (output, name, announced) = (options.output_file.clone(), bulk.name()?, bulk.announced);
    let target = files::blocking(move || plan(Path::new("."), output.as_deref(), &name, announced))
        .await??;
    Ok(target
        .keep_partial(options.keep_partial)
        .accept_colliding_names(options.accept_colliding_names))
}
