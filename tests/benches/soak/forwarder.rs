//! A TCP forwarder, which can cut all its connections or hold back what they carry.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

/// Forwards from a port that stays to one that changes when the server behind it is started again.
#[derive(Clone)]
pub(crate) struct Forwarder {
    port: u16,
    to: Arc<AtomicU16>,
    held: Arc<(Mutex<bool>, Condvar)>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Forwarder {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let forwarder =
            Self { port, to: Arc::default(), held: Arc::default(), open: Arc::default() };
        let accepting = forwarder.clone();
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                // Where nobody is behind it, the caller hears that at once.
                drop(accepting.join(&caller));
            }
        });
        forwarder
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Forwards what comes from now on to this port.
    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Holds back what comes, or lets it go on.
    pub(crate) fn hold(&self, hold: bool) {
        *self.held.0.lock().unwrap() = hold;
        self.held.1.notify_all();
    }

    fn join(&self, caller: &TcpStream) -> io::Result<()> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.to.load(Ordering::SeqCst)))?;
        let mut open = self.open.lock().unwrap();
        for (from, to) in [(caller, &server), (&server, caller)] {
            open.push(from.try_clone()?);
            let (from, to, held) = (from.try_clone()?, to.try_clone()?, Arc::clone(&self.held));
            thread::spawn(move || carry(from, to, &held));
        }
        Ok(())
    }
}

/// Carries bytes until either end has no more.
fn carry(mut from: TcpStream, mut to: TcpStream, held: &(Mutex<bool>, Condvar)) {
    let mut piece = [0; 65_536];
    while let Ok(n @ 1..) = from.read(&mut piece) {
        drop(held.1.wait_while(held.0.lock().unwrap(), |held| *held).unwrap());
        if to.write_all(&piece[..n]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Read), to.shutdown(Shutdown::Write));
}
