//! Every option three ways, and what is said of a wrong one.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// Two values that an option takes, other than its default, as the command line has them.
fn samples(option: &str, folder: &Path) -> [String; 2] {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    match option {
        "port" | "relay-port" => ["4001", "tcp:4002:interface=127.0.0.1"].map(str::to_owned),
        "host" => ["127.0.0.1", "::1"].map(str::to_owned),
        "tls-cert" => [file("one.pem"), file("two.pem")],
        "tls-key" => [file("one.key"), file("two.key")],
        "trusted-proxy" => ["10.0.0.0/8", "unix"].map(str::to_owned),
        "permission" => ["hashcash", "hashcash:9"].map(str::to_owned),
        "websocket-protocol-option" => {
            ["autoPingInterval=5", "maxConnections=7"].map(str::to_owned)
        }
        "log-format" => ["json", "text"].map(str::to_owned),
        "log-level" => ["debug", "trace"].map(str::to_owned),
        "public-url" => ["ws://a.example/v1", "wss://b.example"].map(str::to_owned),
        "transit-relay" => ["tcp:a.example:4001", "tcp:b.example:4001"].map(str::to_owned),
        "relay-websocket" => ["4002", "unix:/y"].map(str::to_owned),
        "relay-websocket-url" => ["ws://a.example/", "wss://b.example"].map(str::to_owned),
        "metrics-port" => ["4003", "unix:/x"].map(str::to_owned),
        other => [format!("/x/{other}"), "y".to_owned()],
    }
}

struct Stage {
    folder: TempDir,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // One key, so that each certificate goes with each key file.
        let key = rcgen::KeyPair::generate().unwrap();
        for name in ["one", "two"] {
            let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
            let certificate = certificate.self_signed(&key).unwrap();
            fs::write(folder.path().join(name).with_extension("pem"), certificate.pem()).unwrap();
            fs::write(folder.path().join(name).with_extension("key"), key.serialize_pem()).unwrap();
        }
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program with a configuration file, variables and arguments.
    fn run(&self, file: &str, variables: &[(String, String)], arguments: &[String]) -> Output {
        let config = self.path().join("config.toml");
        fs::write(&config, file).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wormhole-server"));
        command.current_dir(self.path()).arg("serve").args(arguments);
        command.env("WORMHOLE_CONFIG", config).envs(variables.iter().cloned());
        command.output().unwrap()
    }

    fn print(&self, file: &str, variables: &[(String, String)], arguments: &[String]) -> String {
        let mut arguments = arguments.to_vec();
        arguments.push("--print-config".to_owned());
        let output = self.run(file, variables, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Tells what the program says of a configuration that it refuses.
    fn refusal(&self, file: &str, variables: &[(&str, &str)], arguments: &[&str]) -> String {
        let variables: Vec<_> =
            variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let arguments: Vec<_> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let output = self.run(file, &variables, &arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let files = fs::read_dir(self.path()).unwrap().count();
        assert_eq!(files, 5, "the four of the stage and the configuration");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        let said = said.trim().replace(self.path().to_str().unwrap(), "FOLDER");
        said.strip_prefix("wormhole-server: ").unwrap().to_owned()
    }
}

/// An option of the program's own table: its name, and the name of its value.
fn table() -> Vec<(String, Option<String>)> {
    let program = env!("CARGO_BIN_EXE_wormhole-server");
    let output = Command::new(program).arg("options").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `--")?.split_once('`'));
    let rows = rows.map(|(option, _)| match option.split_once(' ') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (option.to_owned(), None),
    });
    rows.collect()
}

#[test]
fn every_option_is_taken_three_ways_and_the_nearest_wins() {
    let stage = Stage::set();
    let mut seen = 0;
    for (name, value) in table() {
        let variable = format!("WORMHOLE_{}", name.to_ascii_uppercase().replace('-', "_"));
        let [one, two] = match value.as_deref() {
            None => ["true", "false"].map(str::to_owned),
            Some("N" | "SECONDS") => ["71", "72"].map(str::to_owned),
            Some(_) => samples(&name, stage.path()),
        };
        let quoted = |text: &str| match value.as_deref() {
            None | Some("N" | "SECONDS") => text.to_owned(),
            Some(_) => format!("{text:?}"),
        };
        // What an option needs beside itself.
        let companion = match name.as_str() {
            "tls-cert" => format!("tls-key = {:?}\n", stage.path().join("one.key")),
            "tls-key" => format!("tls-cert = {:?}\n", stage.path().join("one.pem")),
            _ => String::new(),
        };
        let file = format!("{companion}{name} = {}\n", quoted(&one));
        let line = 1 + companion.lines().count();
        let row = |printed: String| {
            let start = format!("{name} = ");
            let row = printed.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
            row.unwrap_or_else(|| panic!("no {name} in {printed}"))
        };

        let path = stage.path().join("config.toml");
        let from_file = row(stage.print(&file, &[], &[]));
        let written = quoted(&one);
        assert_eq!(
            from_file,
            format!("{name} = {written}  # from {}, line {line}", path.display())
        );

        let variables = [(variable.clone(), two.clone())];
        let from_variable = row(stage.print(&file, &variables, &[]));
        let written = quoted(&two);
        let origin = format!("the environment variable {variable}");
        assert_eq!(from_variable, format!("{name} = {written}  # from {origin}"));

        let argument = format!("--{name}={one}");
        let from_command_line = row(stage.print(&companion, &variables, &[argument]));
        let written = quoted(&one);
        assert_eq!(from_command_line, format!("{name} = {written}  # from the command line"));
        seen += 1;
    }
    assert!(seen > 40);
}

#[test]
fn what_is_printed_is_a_configuration_that_prints_the_same() {
    let stage = Stage::set();
    let arguments = ["--motd=a \"quoted\"\nline", "--port=1", "--port=2", "--disallow-list"];
    let printed = stage.print("", &[], &arguments.map(str::to_owned));
    let values = |printed: &str| -> Vec<String> {
        printed.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(values(&stage.print(&printed, &[], &[])), values(&printed));
}

#[test]
fn several_values_and_empty_ones() {
    let stage = Stage::set();
    let variables = [("WORMHOLE_PORT", "tcp:1 unix:/x"), ("WORMHOLE_MOTD", "")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let printed = stage.print("motd = \"kept\"", &variables, &[]);
    assert!(printed.contains("port = [\"tcp:1\", \"unix:/x\"]"), "{printed}");
    assert!(printed.contains("motd = \"kept\""), "{printed}");
}

#[test]
fn what_is_wrong_is_said_in_one_line_and_nothing_is_touched() {
    let stage = Stage::set();
    let file = "FOLDER/config.toml";
    for (text, variables, arguments, expected) in [
        (
            "motdd = \"x\"",
            &[][..],
            &[][..],
            format!("unknown option \"motdd\" in {file}, line 1: did you mean motd?"),
        ),
        (
            "\nmotd = 1",
            &[],
            &[],
            format!("--motd: expected a text in quotes, found a number (from {file}, line 2)"),
        ),
        (
            "",
            &[("WORMHOLE_PORT", "tcp:99999")],
            &[],
            "--port: \"tcp:99999\" is refused: expected a port from 0 to 65535 (from the \
             environment variable WORMHOLE_PORT)"
                .to_owned(),
        ),
        (
            "",
            &[],
            &["--trusted-proxy=10.0.0.0/64"],
            "--trusted-proxy: \"10.0.0.0/64\" is refused: expected an address, a network such as \
             10.0.0.0/8, or unix (from the command line)"
                .to_owned(),
        ),
        (
            "tls-cert = \"/no such file\"",
            &[],
            &[],
            format!("--tls-cert needs --tls-key too (from {file}, line 1)"),
        ),
        (
            "",
            &[],
            &["--host=::1", "--port=tcp:1:interface=127.0.0.1", "--relay-port=unix:/x"],
            "--host is for a port without an interface (from the command line)".to_owned(),
        ),
        (
            "",
            &[("WORMHOLE_CHANNEL_DB", "x.sqlite")],
            &["--ephemeral"],
            "--ephemeral does not go with --channel-db (from the command line)".to_owned(),
        ),
        (
            "max-frame-bytes = 5",
            &[],
            &["--websocket-protocol-option=maxFramePayloadSize=6"],
            "--websocket-protocol-option does not go with --max-frame-bytes, which says the same \
             (from the command line)"
                .to_owned(),
        ),
    ] {
        assert_eq!(stage.refusal(text, variables, arguments), expected);
    }
    let missing = stage.refusal("", &[], &["--config=/no such file"]);
    assert!(missing.starts_with("cannot read the configuration file /no such file: "), "{missing}");
    let arguments = ["--tls-cert=one.pem", "--tls-key=config.toml"];
    let unreadable = stage.refusal("", &[], &arguments);
    assert!(unreadable.starts_with("--tls-key: \"config.toml\" is refused: "), "{unreadable}");
}
