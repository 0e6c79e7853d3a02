//! Reverse proxies before a server, run with the configurations that the server ships.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{Finished, Missing, Process, Stream};

/// Names a proxy that Debian packages; Traefik is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProgram {
    /// Caddy 2.
    Caddy,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
}

/// Is a running proxy that speaks plain HTTP.
pub struct Proxy {
    address: String,
    _process: Process,
    _port: TcpListener,
    _folder: TempDir,
}

impl Proxy {
    /// Starts the proxy before the server at `backend`, which is `HOST:PORT`, and waits until it
    /// listens.
    ///
    /// # Errors
    ///
    /// [`Missing`] when the proxy is not installed.
    pub fn start(program: ProxyProgram, backend: &str) -> Result<Self, Missing> {
        let installed = Missing::unless_installed(program.name())?;
        let (port, address) = listening_place();
        let text = adapt(program.shipped(), &program.for_plain_http(&address, backend));
        let folder = folder();
        let mut command = Command::new(installed);
        program.run(&mut command, folder.path(), &text);
        let process = Process::start(command);
        process.line_after(Stream::Err, program.ready());
        Ok(Self { address, _process: process, _port: port, _folder: folder })
    }

    /// Returns where it listens, `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl ProxyProgram {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Caddy, Self::Nginx, Self::Haproxy];

    /// Returns the name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caddy => "caddy",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// Has the program check its shipped configuration, TLS included; only the places of the
    /// certificate and of the ports are others.
    ///
    /// # Errors
    ///
    /// [`Missing`] when the proxy is not installed.
    pub fn check_shipped(self) -> Result<Finished, Missing> {
        let mut command = Command::new(Missing::unless_installed(self.name())?);
        let folder = folder();
        let (_port, address) = listening_place();
        let certificate = self_made_certificate(folder.path()).display().to_string();
        let text = adapt(self.shipped(), &self.for_certificate(&address, &certificate));
        let config = self.write(folder.path(), &text);
        match self {
            Self::Caddy => {
                command.args(["validate", "--adapter", "caddyfile", "--config"]).arg(config);
                at_home(&mut command, folder.path());
            }
            Self::Nginx => drop(command.args(["-t", "-e", "stderr", "-c"]).arg(config)),
            Self::Haproxy => drop(command.args(["-c", "-f"]).arg(config)),
        }
        Ok(Process::start(command).finish())
    }

    /// Returns the shipped configuration.
    pub fn shipped(self) -> &'static str {
        match self {
            Self::Caddy => include_str!("../../server/proxies/Caddyfile"),
            Self::Nginx => include_str!("../../server/proxies/nginx.conf"),
            Self::Haproxy => include_str!("../../server/proxies/haproxy.cfg"),
        }
    }

    fn for_plain_http(self, address: &str, backend: &str) -> Vec<(&'static str, String)> {
        let none = String::new;
        match self {
            Self::Caddy => vec![
                ("relay.example.org {", format!("http://{address} {{")),
                ("127.0.0.1:4000 {", format!("{backend} {{")),
            ],
            Self::Nginx => vec![
                ("listen 443 ssl;", format!("listen {address};")),
                ("listen [::]:443 ssl;", none()),
                (NGINX_CERTIFICATE, none()),
                (NGINX_KEY, none()),
                ("http://127.0.0.1:4000;", format!("http://{backend};")),
            ],
            Self::Haproxy => vec![
                (HAPROXY_BIND, format!("bind {address}")),
                ("127.0.0.1:4000", backend.to_owned()),
            ],
        }
    }

    fn for_certificate(self, address: &str, path: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Caddy => vec![],
            Self::Nginx => vec![
                ("listen 443 ssl;", format!("listen {address} ssl;")),
                ("listen [::]:443 ssl;", String::new()),
                (NGINX_CERTIFICATE, format!("ssl_certificate {path};")),
                (NGINX_KEY, format!("ssl_certificate_key {path};")),
            ],
            Self::Haproxy => vec![("/etc/haproxy/certs/relay.example.org.pem", path.to_owned())],
        }
    }

    /// Writes the adapted file, and for programs that want one a file around it; returns the path
    /// of the outer one.
    fn write(self, folder: &Path, text: &str) -> PathBuf {
        fs::write(folder.join("shipped"), text).expect("a temporary folder can be written");
        let around = match self {
            Self::Caddy => {
                "{\n\tadmin off\n\tdefault_bind 127.0.0.3\n}\nimport shipped\n".to_owned()
            }
            Self::Nginx => nginx_around(folder),
            Self::Haproxy => return folder.join("shipped"),
        };
        let path = folder.join("around");
        fs::write(&path, around).expect("a temporary folder can be written");
        path
    }

    /// Completes the command, so that its process is the whole proxy and dies as one.
    fn run(self, command: &mut Command, folder: &Path, text: &str) {
        let config = self.write(folder, text);
        match self {
            Self::Caddy => {
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(config);
                at_home(command, folder);
            }
            Self::Nginx => drop(command.args(["-e", "stderr", "-c"]).arg(config)),
            // A worker of HAProxy ends with its master.
            Self::Haproxy => drop(command.args(["-W", "-f"]).arg(config)),
        }
    }

    /// What it prints on standard error once it listens.
    fn ready(self) -> &'static str {
        match self {
            Self::Caddy => "serving initial configuration",
            Self::Nginx => "[notice] ",
            Self::Haproxy => "Loading success",
        }
    }
}

const NGINX_CERTIFICATE: &str =
    "ssl_certificate /etc/letsencrypt/live/relay.example.org/fullchain.pem;";
const NGINX_KEY: &str = "ssl_certificate_key /etc/letsencrypt/live/relay.example.org/privkey.pem;";
const HAPROXY_BIND: &str = "bind :::443 v4v6 ssl crt /etc/haproxy/certs/relay.example.org.pem";

/// What Debian's nginx.conf would be, without the system's folders and in one process.
fn nginx_around(folder: &Path) -> String {
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};\n"));
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr notice;\n\
         events {{}}\nhttp {{\n{}include {folder}/shipped;\n}}\n",
        temporary.concat()
    )
}

fn at_home(command: &mut Command, folder: &Path) {
    command.env("HOME", folder).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
}

/// Proxies cannot be given port 0. Whoever holds a port at 127.0.0.1 has it alone, but for programs
/// that ask for this port at another address by its number, as the proxy does.
fn listening_place() -> (TcpListener, String) {
    let held = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    let port = held.local_addr().expect("a bound socket has an address").port();
    (held, format!("127.0.0.3:{port}"))
}

/// Replaces what must be there exactly once.
fn adapt(shipped: &str, replacements: &[(&str, String)]) -> String {
    replacements.iter().fold(shipped.to_owned(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "`{old}` is to be once in the shipped file");
        text.replace(old, new)
    })
}

/// Writes a file with a certificate and its key.
fn self_made_certificate(folder: &Path) -> PathBuf {
    let names = vec!["relay.example.org".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
    let path = folder.join("certificate.pem");
    let text = made.cert.pem() + &made.signing_key.serialize_pem();
    fs::write(&path, text).expect("a temporary folder can be written");
    path
}

fn folder() -> TempDir {
    TempDir::new().expect("the system has room for temporary files")
}
