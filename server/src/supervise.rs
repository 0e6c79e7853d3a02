//! The service manager that started the program, above all systemd: what it is told, and how often
//! it wants to hear that the program works [sd_notify(3), sd_watchdog_enabled(3)].

mod notify;
mod sockets;

use std::{env, fmt::Display, io, process, rc::Rc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use notify::Notify;

pub(crate) use sockets::{BadSocket, Passed, sockets};

/// The service manager, where one wants to be told; otherwise nothing is told to anybody.
#[derive(Clone)]
pub(crate) struct Supervisor {
    notify: Option<Rc<Notify>>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// Finds it by `NOTIFY_SOCKET`. Whatever is wrong with it is logged: people are served all the
    /// same.
    pub(crate) fn from_environment() -> Self {
        let notify = env::var_os("NOTIFY_SOCKET").and_then(|address| match Notify::to(&address) {
            Ok(notify) => Some(Rc::new(notify)),
            Err(reason) => {
                tracing::warn!("NOTIFY_SOCKET is no socket to tell the service manager: {reason}");
                None
            }
        });
        let watchdog = notify.as_ref().and_then(|_| patience());
        Self { notify, watchdog }
    }

    /// Tells that clients are served, first or again after [`reloading`](Self::reloading), with a
    /// line for people.
    pub(crate) fn ready(&self, status: impl Display) {
        let status: String = status.to_string().chars().filter(|c| !c.is_control()).collect();
        self.tell(&format!("READY=1\nSTATUS={status}"), Notify::send);
    }

    /// Tells that the settings are read again; [`ready`](Self::ready) has to follow.
    pub(crate) fn reloading(&self) {
        let now = notify::monotonic().as_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"), Notify::send);
    }

    /// Tells that the shutdown has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1", Notify::send);
    }

    /// Tells that the program works.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1", Notify::try_send);
    }

    /// How long the manager waits for [`alive`](Self::alive) before it ends the program; none where
    /// it does not wait for this process.
    pub(crate) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells that the program works as long as `works` comes back and says so, twice in the time for
    /// which the manager waits: to be spawned on the thread that decides, which says nothing while
    /// it hangs.
    pub(crate) async fn keep_told(self, works: impl AsyncFn() -> bool) {
        let Some(patience) = self.watchdog() else { return };
        let mut rounds = interval(patience / 2);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            if works().await {
                self.alive();
            }
        }
    }

    fn tell(&self, state: &str, send: fn(&Notify, &str) -> io::Result<()>) {
        let Some(notify) = &self.notify else { return };
        if let Err(reason) = send(notify, state) {
            tracing::warn!("the service manager did not hear {state:?}: {reason}");
        }
    }
}

/// Reads `WATCHDOG_USEC`, which counts only for the process that `WATCHDOG_PID` names.
fn patience() -> Option<Duration> {
    let micros = env::var("WATCHDOG_USEC").ok()?;
    if env::var("WATCHDOG_PID").is_ok_and(|id| id.parse() != Ok(process::id())) {
        return None;
    }
    match micros.parse() {
        Ok(micros @ 1..) => Some(Duration::from_micros(micros)),
        Ok(0) | Err(_) => {
            tracing::warn!("WATCHDOG_USEC is no number of microseconds: {micros:?}");
            None
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_reload_is_told_with_its_time_and_a_status_stays_on_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let ear = UnixDatagram::bind(&path).unwrap();
        let notify = Some(Rc::new(Notify::to(path.as_os_str()).unwrap()));
        let supervisor = Supervisor { notify, watchdog: None };
        let hear = || {
            let mut datagram = [0; 100];
            let length = ear.recv(&mut datagram).unwrap();
            String::from_utf8(datagram[..length].to_vec()).unwrap()
        };

        let before = notify::monotonic().as_micros();
        supervisor.reloading();
        let heard = hear();
        let when = heard.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!((before..=notify::monotonic().as_micros()).contains(&when.parse().unwrap()));

        supervisor.ready("read\nSTOPPING=1");
        assert_eq!(hear(), "READY=1\nSTATUS=readSTOPPING=1");
    }
}
