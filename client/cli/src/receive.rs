//! `wormhole receive`

use std::{cell::Cell, path::Path};

use wormhole_client::{
    Wormhole,
    protocol::transfer::Refusal,
    timing::Log,
    transfer::{self, Event, Incoming, IncomingBulk, Target, TransferError, accepts, escape},
};

use crate::{
    args::{Global, Receive},
    ask, code,
    exit::Failure,
    session::{self, Floor},
    show,
    steps::{self, Steps},
};

pub(crate) async fn run(global: &Global, options: Receive) -> Result<(), Failure> {
    options.code.as_deref().map(session::checked).transpose()?;
    let interrupted = "the receiver interrupted the transfer";
    session::run(global, &global.relay_url, interrupted, async |wormhole, floor| {
        match &options.code {
            Some(code) => wormhole.set_code(code)?,
            None if options.allocate => allocate(wormhole, options.words()).await?,
            None => code::typed(wormhole, options.words(), &global.timing).await?,
        }
        let verifier = session::verified(wormhole, Some("Waiting for sender...")).await?;
        if options.common.verify {
            show::verifier(&verifier);
        }
        let config = global.transit(&options.common);
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
    let target = match plan(&bulk, options) {
        Ok(target) => target,
        Err(error) => {
            bulk.reject(Refusal::Rejected);
            return Err(error.into());
        }
    };
    show::offer(&bulk.announced, &bulk.offered_name, &target);
    if !options.accept_file && !permitted(&bulk, log).await? {
        bulk.reject(Refusal::Rejected);
        return Err(Failure::Refused(Refusal::Rejected.to_string()));
    }
    let (folder, announced) = (target.is_folder(), bulk.announced);
    let unpacked = Cell::new(None);
    let steps = Steps::receiving(log, folder);
    let progress = show::Progress::receiving(options.common.hide_progress);
    let landed = bulk.accept_at(target, |event| {
        steps.event(&event);
        progress.event(&event);
        if let Event::Unpacked(what) = event {
            unpacked.set(Some(what));
        }
    });
    let landed = floor.given_to(landed).await;
    steps.end();
    let path = landed?;
    let what = if folder { "files" } else { "file" };
    show::line(&format!("Received {what} written to: {}", show::path(&path)));
    if let Some(unpacked) = unpacked.get() {
        show::unpacked(&announced, &unpacked);
    }
    Ok(())
}

/// Asks whether it is wanted, for as long as it is still on offer.
async fn permitted(bulk: &IncomingBulk, log: &Log) -> Result<bool, Failure> {
    let permission = steps::asking(log, "permission");
    let answer = tokio::select! {
        answer = ask::line("ok? (Y/n): ".to_owned()) => answer?,
        withdrawn = bulk.withdrawn() => {
            show::line("");
            return Err(withdrawn.into());
        }
    };
    let yes = answer.as_deref().is_some_and(accepts);
    permission.detail("answer", if yes { "yes" } else { "no" });
    permission.stop();
    Ok(yes)
}

fn plan(bulk: &IncomingBulk, options: &Receive) -> Result<Target, TransferError> {
    let plan = if options.unpack { Target::plan_unpacked } else { Target::plan };
    let (here, output) = (Path::new("."), options.output_file.as_deref());
    let target = plan(here, output, &bulk.name()?, bulk.announced)?;
    Ok(target
        .keep_partial(options.keep_partial)
        .accept_colliding_names(options.accept_colliding_names))
}
