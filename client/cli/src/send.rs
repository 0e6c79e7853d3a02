//! `wormhole send`

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use wormhole_client::{
    PUBLIC_SERVER, Wormhole,
    protocol::{
        code::Code,
        transfer::{Message, Refusal},
        transit::Role,
        wire::MAX_MESSAGE,
    },
    transfer::{self, Plan, SafeName, TransferError, check_text, escape},
    transit::Transit,
};

use crate::{
    args::{Global, Send},
    ask, code,
    exit::Failure,
    files,
    local::LocalServer,
    session, show,
    steps::Steps,
};

/// How standard input is named on the command line, and how at the receiver.
const INPUT: &str = "-";
const INPUT_NAME: &str = "stdin";

/// What is to be sent, ready to go.
enum Goods {
    Text(String),
    Plan(Plan),
}

pub(crate) async fn run(global: &Global, mut options: Send) -> Result<(), Failure> {
    let code = code::given(options.code.take(), &options.common)?;
    code.as_ref().and_then(Code::weakness).into_iter().for_each(show::weakness);
    let goods = goods(&options).await?;
    if let Goods::Plan(_) = goods {
        // A port that is taken is said before anybody types a code.
        Transit::prepare(Role::Sender, &global.transit(&options.common))?;
    }
    if !options.local {
        let server = &global.relay_url;
        return over(global, &options, code, goods, server, server).await;
    }
    let server = LocalServer::start()?;
    let (here, there) = (server.url_here(), server.url_there());
    let sent = over(global, &options, code, goods, &here, &there).await;
    let stopped = server.stop().await;
    sent.and(stopped)
}

/// Sends by the server at `here`, which the other computer finds at `there`.
async fn over(
    global: &Global,
    options: &Send,
    given: Option<Code>,
    goods: Goods,
    here: &str,
    there: &str,
) -> Result<(), Failure> {
    describe(&goods);
    session::run(global, here, Role::Sender, async |wormhole, floor| {
        code(wormhole, options, given, there).await?;
        confirm(wormhole, options).await?;
        match goods {
            Goods::Text(text) => floor.given_to(transfer::send_text(wormhole, &text)).await?,
            Goods::Plan(plan) => {
                let progress = show::Progress::sending(options.common.hide_progress);
                let config = global.transit(&options.common);
                let steps = Steps::sending(&global.timing);
                let sent = transfer::send(wormhole, plan, &config, |event| {
                    steps.event(&event);
                    progress.event(&event);
                });
                let sent = floor.given_to(sent).await;
                steps.sent(&sent);
                sent?;
                show::line("Confirmation received. Transfer complete.");
                return Ok(());
            }
        }
        show::line("text message sent");
        Ok(())
    })
    .await
}

async fn goods(options: &Send) -> Result<Goods, Failure> {
    let text = match (&options.text, &options.what[..]) {
        (Some(text), _) if text == "-" => ask::all_input(MAX_MESSAGE).await?,
        (Some(text), _) => text.clone(),
        (None, []) => {
            let line = ask::line("Text to send: ".to_owned(), MAX_MESSAGE).await?;
            let nothing =
                || Failure::Refused("nothing was typed, so there is nothing to send".into());
            line.ok_or_else(nothing)?.to_string()
        }
        (None, paths) => {
            let plan = if paths.iter().any(|path| path == Path::new(INPUT)) {
                input(options)?
            } else {
                measured(options).await?
            };
            return Ok(Goods::Plan(match &options.name {
                Some(name) => plan.named(name),
                None => plan,
            }));
        }
    };
    check_text(&text)?;
    Ok(Goods::Text(text))
}

/// Measures the paths that are to be sent.
async fn measured(options: &Send) -> Result<Plan, Failure> {
    let (paths, rules) = (options.what.clone(), options.rules());
    let planned = files::blocking(move || Plan::of_all(&paths, rules)).await?;
    planned.map_err(Failure::Unsendable)
}

/// Sends standard input, whose length nobody knows.
fn input(options: &Send) -> Result<Plan, Failure> {
    if options.what.len() > 1 {
        let hint = "standard input (-) goes alone; a file of that name is ./-";
        return Err(Failure::Refused(hint.to_owned()));
    }
    if options.common.verify {
        let hint = "--verify asks at standard input, which is to be sent";
        return Err(Failure::Refused(hint.to_owned()));
    }
    Ok(Plan::stream(&INPUT_NAME.parse::<SafeName>().map_err(TransferError::from)?, io::stdin()))
}

fn describe(goods: &Goods) {
    show::line(&match goods {
        Goods::Text(text) => {
            format!("Sending text message ({})", show::size(text.chars().count() as u64))
        }
        Goods::Plan(Plan::File(file)) => {
            let size = show::size(file.offer.filesize);
            format!("Sending {size} file named '{}'", escape(&file.offer.filename))
        }
        Goods::Plan(Plan::Stream(stream)) => {
            let name = escape(&stream.offer.filename);
            format!("Sending standard input as a file named '{name}'")
        }
        Goods::Plan(Plan::Folder(folder)) => {
            folder.skipped.iter().for_each(show::skipped);
            let size = show::size(folder.offer.zipsize);
            let named = escape(&folder.offer.dirname);
            format!("Sending directory ({size}) named '{named}'\n{}", show::planned(folder))
        }
    });
}

/// The option by which the other computer finds the server, where it needs one.
pub(crate) fn at(server: &str) -> String {
    if server == PUBLIC_SERVER { String::new() } else { format!(" --relay-url {server}") }
}

/// Gets the code and shows what to do with it.
async fn code(
    wormhole: &Wormhole,
    options: &Send,
    given: Option<Code>,
    server: &str,
) -> Result<(), Failure> {
    match given {
        Some(code) => wormhole.use_code(code)?,
        None => wormhole.allocate_code(options.code_length)?,
    }
    let code = wormhole.code().await?;
    let mut command = "wormhole".to_owned();
    command += &at(server);
    command += " receive ";
    if options.common.verify {
        command += "--verify ";
    }
    if code.words().is_empty() {
        show::command(&format!("{command}-0"));
        return Ok(());
    }
    command += code.as_str();
    show::code(&code, &command);
    if options.qr(std::io::stderr().is_terminal()) {
        show::qr(&code, server);
    }
    Ok(())
}

/// Waits for the other computer and, where the person wants that, asks about the verifier.
async fn confirm(wormhole: &Wormhole, options: &Send) -> Result<(), Failure> {
    let verifier = session::verified(wormhole, None).await?;
    if !options.common.verify {
        return Ok(());
    }
    loop {
        let question = format!("Verifier {}. ok? (yes/no): ", verifier.hex());
        let answer = tokio::select! {
            answer = ask::line(question, ask::MAX_ANSWER) => answer?,
            abandoned = transfer::abandoned(wormhole) => {
                show::line("");
                return Err(abandoned.into());
            }
        };
        match answer.map(|answer| ask::answer(&answer)) {
            Some(Some(true)) => return Ok(()),
            Some(Some(false)) | None => {
                let refusal = Refusal::Verifier;
                wormhole.send_message(Message::from(refusal).write());
                return Err(Failure::Refused(refusal.to_string()));
            }
            Some(None) => {}
        }
    }
}
