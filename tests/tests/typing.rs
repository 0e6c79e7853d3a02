//! Typing a code at a terminal.

#![allow(clippy::unwrap_used)]

use std::process::{Command, ExitCode};

use libtest_mimic::Arguments;
use serde_json::json;
use tempfile::TempDir;
use wormhole_tests::{
    Client, Maker, Missing, PATIENCE, Process, Server, Stream, Talker, Terminal, trial,
};

const CODE: &str = "7-crossover-clockwork";
const NOTE: &str = "(note: you can use <Tab> to complete words)";

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let tests: [(&str, fn()); 13] = [
        (
            "tab_completes_what_is_begun_and_corrects_what_is_misspelt",
            tab_completes_what_is_begun_and_corrects_what_is_misspelt,
        ),
        ("who_never_presses_tab_is_told_of_it", who_never_presses_tab_is_told_of_it),
        (
            "as_many_words_are_completed_as_the_person_says",
            as_many_words_are_completed_as_the_person_says,
        ),
        ("a_line_that_is_no_code_can_be_corrected", a_line_that_is_no_code_can_be_corrected),
        (
            "a_nameplate_stays_once_the_words_have_begun",
            a_nameplate_stays_once_the_words_have_begun,
        ),
        ("what_ends_the_wormhole_ends_the_prompt", what_ends_the_wormhole_ends_the_prompt),
        ("a_person_may_leave_at_any_time", a_person_may_leave_at_any_time),
        ("a_silent_server_keeps_nobody_from_leaving", a_silent_server_keeps_nobody_from_leaving),
        (
            "a_second_signal_leaves_the_terminal_as_it_was",
            a_second_signal_leaves_the_terminal_as_it_was,
        ),
        (
            "a_word_that_has_not_begun_is_asked_for_once",
            a_word_that_has_not_begun_is_asked_for_once,
        ),
        (
            "a_code_without_a_secret_needs_a_second_return",
            a_code_without_a_secret_needs_a_second_return,
        ),
        ("a_pasted_code_is_one_line", a_pasted_code_is_one_line),
        (
            "a_terminal_that_cannot_be_drawn_on_gets_a_plain_line",
            a_terminal_that_cannot_be_drawn_on_gets_a_plain_line,
        ),
    ];
    let tests = tests.map(|(name, test)| {
        trial(name, move || {
            test();
            Ok(())
        })
    });
    let skippable = [
        trial(
            "the_existing_sender_is_found_by_what_is_typed",
            the_existing_sender_is_found_by_what_is_typed,
        ),
        trial(
            "a_prompt_that_was_stopped_goes_on_where_it_was",
            a_prompt_that_was_stopped_goes_on_where_it_was,
        ),
    ];
    libtest_mimic::run(&args, tests.into_iter().chain(skippable).collect()).exit_code()
}

/// One server, and a person at a terminal who receives there.
struct Scene {
    server: Server,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { server: Server::start(Maker::Ours).unwrap(), folder: TempDir::new().unwrap() }
    }

    fn sender(&self, args: &[&str]) -> Process {
        let client = Client::new(Maker::Ours, &self.server).unwrap();
        let sender = Process::start(client.send(self.folder.path(), args));
        sender.code();
        sender
    }

    /// Starts to receive, and waits to be asked for the code.
    fn receiver(&self, args: &[&str]) -> Terminal {
        let client = Client::new(Maker::Ours, &self.server).unwrap();
        let terminal = Terminal::start(client.receive(self.folder.path(), args));
        terminal.shows("Enter receive wormhole code:");
        terminal
    }

    /// Connects to the server as somebody else.
    fn other(&self, side: &str) -> Talker {
        let address = self.server.url().strip_prefix("ws://").unwrap();
        Talker::bound(address.strip_suffix("/v1").unwrap(), side, &json!(null))
    }
}

/// Presses Tab until the line has become this.
fn complete(terminal: &Terminal, line: &str) {
    tab(terminal, &format!("code: {line}"));
}

/// Presses Tab until the screen shows this; until then the server has not answered.
fn tab(terminal: &Terminal, shown: &str) {
    loop {
        terminal.press("\t");
        let unanswered = ["in use yet", "press Tab again"];
        match terminal.shows_one_of([shown, unanswered[0], unanswered[1]]) {
            0 => return,
            which => {
                // Ctrl-L draws everything anew, but not what the last Tab had to tell.
                terminal.press("\x0c");
                terminal.hides(unanswered[which - 1]);
            }
        }
    }
}

fn tab_completes_what_is_begun_and_corrects_what_is_misspelt() {
    let scene = Scene::new();
    let sender = scene.sender(&["--code", CODE, "--text", "hello"]);
    let terminal = scene.receiver(&[]);
    complete(&terminal, "7-");
    terminal.press("su");
    tab(&terminal, "supportive surrender suspicious");
    terminal.press("\x7f\x7fcrosover");
    terminal.shows("crossover? Tab writes it");
    complete(&terminal, "7-crossover-");
    terminal.press("clokw");
    complete(&terminal, CODE);
    terminal.press("\r");
    let (status, screen) = terminal.finish();
    assert!(status.success() && screen.ends_with("\nhello"), "{screen}");
    assert!(!screen.contains(NOTE), "{screen}");
    sender.finish().succeeded();
}

fn the_existing_sender_is_found_by_what_is_typed() -> Result<(), Missing> {
    let scene = Scene::new();
    let python = Client::new(Maker::Python, &scene.server)?;
    let sender = Process::start(python.send(scene.folder.path(), &["--text", "hello"]));
    let code = sender.code();
    let (nameplate, words) = code.split_once('-').unwrap();
    let (first, second) = words.split_once('-').unwrap();
    let terminal = scene.receiver(&[]);
    complete(&terminal, &format!("{nameplate}-"));
    terminal.press(first);
    complete(&terminal, &format!("{nameplate}-{first}-"));
    // No other word of the list is as near.
    terminal.press(&second.to_uppercase());
    complete(&terminal, &code);
    terminal.press("\r");
    let (status, screen) = terminal.finish();
    assert!(status.success() && screen.ends_with("\nhello"), "{screen}");
    sender.finish().succeeded();
    Ok(())
}

fn who_never_presses_tab_is_told_of_it() {
    let scene = Scene::new();
    let sender = scene.sender(&["--code", CODE, "--text", "hello"]);
    let terminal = scene.receiver(&[]);
    terminal.press(&format!(" {CODE} \r"));
    let (status, screen) = terminal.finish();
    assert!(status.success() && screen.ends_with("\nhello") && screen.contains(NOTE), "{screen}");
    sender.finish().succeeded();
}

fn as_many_words_are_completed_as_the_person_says() {
    let scene = Scene::new();
    let sender = scene.sender(&["--code", "7-crossover-clockwork-alkali", "--text", "hello"]);
    let terminal = scene.receiver(&["-c", "3"]);
    terminal.press("7-crossover-clockw");
    complete(&terminal, "7-crossover-clockwork-");
    terminal.press("alk");
    complete(&terminal, "7-crossover-clockwork-alkali");
    terminal.press("\r");
    assert!(terminal.finish().0.success());
    sender.finish().succeeded();
}

fn a_line_that_is_no_code_can_be_corrected() {
    let scene = Scene::new();
    let sender = scene.sender(&["--code", CODE, "--text", "hello"]);
    let terminal = scene.receiver(&[]);
    terminal.press("7\r");
    terminal.shows("the code has no hyphen after its number");
    terminal.press("-\r");
    terminal.shows("the code has no secret after its number");
    terminal.press("\x15seven-crossover\r");
    terminal.shows("the code does not begin with a number");
    // Ctrl-U takes the line away.
    terminal.press("\x157-cross over\r");
    terminal.shows("the code contains spaces");
    terminal.press(&format!("\x15{CODE}\r"));
    let (status, screen) = terminal.finish();
    assert!(status.success() && screen.ends_with("\nhello"), "{screen}");
    sender.finish().succeeded();
}

fn a_nameplate_stays_once_the_words_have_begun() {
    let scene = Scene::new();
    let terminal = scene.receiver(&[]);
    terminal.press("7-c");
    terminal.shows("code: 7-c");
    // Ctrl-A goes to the beginning of the line.
    terminal.press("\x011");
    terminal.shows("nameplate (7-) already entered, cannot go back");
    terminal.press("\r\x03");
    let (status, screen) = terminal.finish();
    assert_eq!(status.code(), Some(130), "{screen}");
}

fn what_ends_the_wormhole_ends_the_prompt() {
    let scene = Scene::new();
    // The server refuses the third, whose nameplate is claimed while the words are being typed.
    let mut others = ["a", "b"].map(|side| scene.other(side));
    for other in &mut others {
        other.ask(json!({"type": "claim", "nameplate": "7"}));
    }
    let terminal = scene.receiver(&["--appid", "app"]);
    terminal.press("7-crosover");
    let (status, screen) = terminal.finish();
    assert_eq!(status.code(), Some(1), "{screen}");
    assert!(screen.contains("two others are using this code already"), "{screen}");
}

fn a_person_may_leave_at_any_time() {
    let scene = Scene::new();
    for typed in ["", "7", "7-cros", "7-crosover"] {
        for how in ["Ctrl-C", "-INT", "-TERM"] {
            let terminal = scene.receiver(&[]);
            terminal.press(typed);
            terminal.shows(&format!("code: {typed}"));
            match how {
                "Ctrl-C" => terminal.press("\x03"),
                signal => terminal.signal(signal),
            }
            let (status, screen) = terminal.finish();
            assert_eq!(status.code(), Some(130), "{how} at {typed:?}\n{screen}");
            assert!(screen.ends_with("\nwormhole: interrupted"), "{screen}");
        }
    }
    let terminal = scene.receiver(&[]);
    terminal.press("\x04");
    let (status, screen) = terminal.finish();
    assert_eq!(status.code(), Some(1));
    assert!(screen.ends_with("\nwormhole: no code was entered"), "{screen}");
}

/// The command, run by a shell in which it may be stopped twice, and goes on at Return.
fn with_job_control(command: &Command) -> Command {
    // As shells do, it takes the terminal back in the meantime.
    let script = r#"
        set=$(stty -g)
        go_on() { stty $set; printf '\033[2J\033[Hstop %d' $1; read -r; fg; }
        "$0" "$@"; go_on 1; go_on 2"#;
    let mut shell = Command::new("bash");
    shell.args(["-m", "-c", script]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

fn a_prompt_that_was_stopped_goes_on_where_it_was() -> Result<(), Missing> {
    Missing::unless_installed("bash")?;
    let scene = Scene::new();
    let sender = scene.sender(&["--code", CODE, "--text", "hello"]);
    let client = Client::new(Maker::Ours, &scene.server).unwrap();
    let receive = client.receive(scene.folder.path(), &[]);
    let terminal = Terminal::start(with_job_control(&receive));
    terminal.shows("Enter receive wormhole code:");
    for (stop, typed, tabbed) in [(1, "7-cro", "7-crossover-"), (2, "clockw", CODE)] {
        terminal.press(typed);
        terminal.shows(typed);
        // Ctrl-Z.
        terminal.press("\x1a");
        terminal.shows(&format!("stop {stop}"));
        terminal.press("\r");
        complete(&terminal, tabbed);
    }
    terminal.press("\r");
    let (status, screen) = terminal.finish();
    assert!(status.success() && screen.ends_with("\nhello"), "{screen}");
    sender.finish().succeeded();
    Ok(())
}

fn a_silent_server_keeps_nobody_from_leaving() {
    let scene = Scene::new();
    let terminal = scene.receiver(&[]);
    scene.server.silence();
    terminal.press("7-cro");
    // Were each to wait for the server, Ctrl-C came too late.
    terminal.press(&"\t".repeat(PATIENCE.as_secs() as usize));
    terminal.press("\x03");
    let (status, screen) = terminal.finish();
    assert_eq!(status.code(), Some(130), "{screen}");
}

fn a_second_signal_leaves_the_terminal_as_it_was() {
    for (first, second) in [("-TERM", "-INT"), ("-INT", "-TERM")] {
        let scene = Scene::new();
        let terminal = scene.receiver(&[]);
        terminal.press("7-cro");
        terminal.shows("code: 7-cro");
        // The goodbye has no answer.
        scene.server.silence();
        terminal.signal(first);
        terminal.signal(second);
        let (status, screen) = terminal.finish();
        assert_eq!(status.code(), Some(130), "{first} {second}\n{screen}");
    }
}

fn a_word_that_has_not_begun_is_asked_for_once() {
    let scene = Scene::new();
    let sender = scene.sender(&["--code", "7-crossover-", "--text", "hello"]);
    let terminal = scene.receiver(&[]);
    terminal.press("7-crossover-\r");
    terminal.shows("another word is expected");
    terminal.press("\r");
    let (status, screen) = terminal.finish();
    assert!(status.success() && screen.ends_with("\nhello"), "{screen}");
    sender.finish().succeeded();
}

fn a_code_without_a_secret_needs_a_second_return() {
    for dumb in [false, true] {
        let scene = Scene::new();
        let client = Client::new(Maker::Ours, &scene.server).unwrap();
        let command = client.send(scene.folder.path(), &["-0", "--text", "hello"]);
        let sender = Process::start(command);
        sender.line_after(Stream::Err, "receive -0");
        let receive = client.receive(scene.folder.path(), &[]);
        let terminal = if dumb { Terminal::start_dumb(receive) } else { Terminal::start(receive) };
        terminal.shows("Enter receive wormhole code:");
        terminal.press("0-\r");
        terminal.shows("anybody can be at the other end");
        terminal.press(if dumb { "0-\r" } else { "\r" });
        let (status, screen) = terminal.finish();
        assert!(status.success() && screen.ends_with("hello"), "{screen}");
        sender.finish().succeeded();
    }
}

fn a_pasted_code_is_one_line() {
    let scene = Scene::new();
    let sender = scene.sender(&["--code", CODE, "--text", "hello"]);
    let terminal = scene.receiver(&[]);
    // As terminals mark it, with the line end that came along.
    terminal.press(&format!("\x1b[200~{CODE}\n\x1b[201~\r"));
    assert!(terminal.finish().0.success());
    sender.finish().succeeded();
}

fn a_terminal_that_cannot_be_drawn_on_gets_a_plain_line() {
    let scene = Scene::new();
    let sender = scene.sender(&["--code", CODE, "--text", "hello"]);
    let client = Client::new(Maker::Ours, &scene.server).unwrap();
    let terminal = Terminal::start_dumb(client.receive(scene.folder.path(), &[]));
    terminal.shows("Enter receive wormhole code:");
    terminal.press("7\n");
    terminal.shows("the code has no hyphen after its number");
    terminal.press("7-\n");
    terminal.shows("the code has no secret after its number");
    terminal.press("7-cross over\n");
    terminal.shows("the code contains spaces");
    terminal.press(&format!("{CODE}\n"));
    let (status, screen) = terminal.finish();
    assert!(status.success() && screen.ends_with("hello"), "{screen}");
    sender.finish().succeeded();
}
