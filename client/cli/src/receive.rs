//! `wormhole receive`

use std::{cell::Cell, path::Path};

use wormhole_client::{
    Wormhole,
    protocol::{transfer::Refusal, transit::Role},
    timing::Log,
    transfer::{
        self, Destination, Event, Incoming, IncomingBulk, Target, TargetError, TransferError,
        accepts, accepts_overwriting, escape,
    },
    transit::Transit,
};

use crate::{
    args::{Global, Receive},
    ask, code,
    exit::Failure,
    files, send, session, show,
    steps::{self, Steps},
};

pub(crate) async fn run(global: &Global, mut options: Receive) -> Result<(), Failure> {
    let code = code::given(options.code.take(), &options.common)?;
    // What is wrong with the place is said before the code is used up, and so is a port that is
    // taken.
    let destination = Destination::of(Path::new("."), options.output())?;
    let config = global.transit(&options.common);
    Transit::prepare(Role::Receiver, &config)?;
    session::run(global, &global.relay_url, Role::Receiver, async |wormhole, floor| {
        match code {
            Some(code) => wormhole.use_code(code)?,
            None if options.allocate => {
                allocate(wormhole, options.words(), &global.relay_url).await?;
            }
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
                global.timing.moment("print", Default::default());
                let shown = text.text.clone();
                // Who is to read it may take no more for now.
                if let Err(error) = files::blocking(move || show::text(&shown)).await? {
                    text.reject(Refusal::Unwritten);
                    return Err(Failure::Io("cannot write to standard output", error));
                }
                text.accept();
                Ok(())
            }
            Incoming::Bulk(bulk) => land(*bulk, &options, destination, &global.timing).await,
        }
    })
    .await
}

async fn allocate(wormhole: &Wormhole, words: usize, server: &str) -> Result<(), Failure> {
    wormhole.allocate_code(words)?;
    let code = wormhole.code().await?;
    let code = escape(code.as_str());
    show::line(&format!("Allocated code: {code}"));
    show::line("On the other computer, please run:");
    show::line(&format!("   wormhole{} send --code {code} <filename>", send::at(server)));
    Ok(())
}

/// Shows what is offered, asks, and receives it.
async fn land(
    bulk: IncomingBulk,
    options: &Receive,
    destination: Destination,
    log: &Log,
) -> Result<(), Failure> {
    let planned = match plan(&bulk, options, &destination).await {
        // The peer chose that name: what has it is overwritten only if the person says so.
        Err(TransferError::Target(TargetError::Occupied(_))) if !options.accept_file => {
            let overwriting = destination.overwriting();
            plan(&bulk, options, &overwriting).await.map(|target| (target, Question::Overwrite))
        }
        planned => planned.map(|target| (target, Question::Take)),
    };
    let (target, question) = match planned {
        Ok(planned) => planned,
        Err(error) => {
            bulk.reject(error.refusal());
            return Err(error.into());
        }
    };
    show::offer(&bulk.announced, &bulk.offered_name, &target);
    if !options.accept_file && !permitted(&bulk, question, log).await? {
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
    let landed = landed.await;
    steps.end();
    let path = landed?;
    let what = if folder { "files" } else { "file" };
    show::line(&format!("Received {what} written to: {}", show::path(&path)));
    if let Some(unpacked) = unpacked.get() {
        show::unpacked(&announced, &unpacked);
    }
    Ok(())
}

/// What is asked of an offer.
#[derive(Clone, Copy)]
enum Question {
    Take,
    Overwrite,
}

/// Asks whether it is wanted, for as long as it is still on offer.
async fn permitted(bulk: &IncomingBulk, question: Question, log: &Log) -> Result<bool, Failure> {
    let permission = steps::asking(log, "permission");
    let (text, accepts): (_, fn(&str) -> bool) = match question {
        Question::Take => ("ok? (Y/n): ", accepts),
        Question::Overwrite => ("overwrite it? (y/N): ", accepts_overwriting),
    };
    let answer = tokio::select! {
        answer = ask::line(text.to_owned(), ask::MAX_ANSWER) => answer?,
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

async fn plan(
    bulk: &IncomingBulk,
    options: &Receive,
    destination: &Destination,
) -> Result<Target, TransferError> {
    let place = if options.unpack { Destination::unpacked } else { Destination::target };
    let (destination, name, announced) =
        (destination.clone(), bulk.offered_name.clone(), bulk.announced);
    let target = files::blocking(move || place(&destination, &name, announced)).await??;
    Ok(target
        .keep_partial(options.keep_partial)
        .accept_colliding_names(options.accept_colliding_names))
}
