//! Two homes: two computers that cannot dial each other, and a server that both can.

use std::process::Command;

use crate::{Lab, Missing, Process};

/// Builds the network: a street with a server's address, and on each side of it a router that
/// translates addresses and lets nothing in, with one computer behind it.
const STREET: &str = r#"
set -e
mount -t tmpfs none /run
mkdir /run/netns
for place in street left right; do
  ip netns add $place
  ip -n $place link set lo up
done
ip -n street link add street type bridge
ip -n street link set street up
ip -n street address add 203.0.113.1/24 dev street
home() { # computer, network, the router's address outside
  ip netns add router-$1
  ip -n router-$1 link set lo up
  ip -n street link add to-$1 type veth peer name outside netns router-$1
  ip -n street link set to-$1 master street up
  ip -n router-$1 link add inside type veth peer name eth0 netns $1
  ip -n router-$1 address add $3/24 dev outside
  ip -n router-$1 address add $2.1/24 dev inside
  ip -n $1 address add $2.2/24 dev eth0
  ip -n router-$1 link set outside up
  ip -n router-$1 link set inside up
  ip -n $1 link set eth0 up
  ip -n $1 route add default via $2.1
  ip netns exec router-$1 sysctl -qw net.ipv4.ip_forward=1
  ip netns exec router-$1 nft -f - <<RULES
table ip home {
  chain in { type filter hook input priority 0; iif outside ct state new drop; }
  chain out { type nat hook postrouting priority 100; oif outside masquerade; }
}
RULES
}
home left 10.1.0 203.0.113.10
home right 10.2.0 203.0.113.20
"#;

/// Is the network; it ends with this.
pub struct Homes {
    lab: Lab,
}

/// Names one of the computers.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// On the street, at [`Homes::SERVER`].
    Server,
    /// In one home.
    Left,
    /// In the other.
    Right,
}

impl Homes {
    /// The address of the server.
    pub const SERVER: &str = "203.0.113.1";

    /// Builds the network.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the system does not allow it, or cannot translate addresses (`nft`).
    ///
    /// # Panics
    ///
    /// When it fails for another reason.
    pub fn build() -> Result<Self, Missing> {
        let lab = Lab::open()?;
        let mut nft = Command::new("nft");
        nft.args(["list", "ruleset"]);
        if !lab.enter(&nft).output().is_ok_and(|tried| tried.status.success()) {
            return Err(Missing::because("routers need nft and a kernel that has it"));
        }
        let mut build = Command::new("sh");
        build.args(["-c", STREET]);
        Process::start(lab.enter(&build)).finish().succeeded();
        Ok(Self { lab })
    }

    /// Has a command run on one of the computers.
    pub fn enter(&self, place: Place, command: &Command) -> Command {
        let name = match place {
            Place::Server => "street",
            Place::Left => "left",
            Place::Right => "right",
        };
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", name]).arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        self.lab.enter(&inside)
    }
}
