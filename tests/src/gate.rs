//! A relay that carries as much as a test lets it, and lets go when the test says so.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::watched::Watched;

/// How many of the sender's bytes are taken and kept back: few enough that a large file stops in the
/// middle, and a small one is all sent.
const TAKEN: u64 = 1 << 20;

/// Is a relay for one transfer; it ends with the test program.
pub struct Gate {
    hint: String,
    hall: Arc<Watched<Hall>>,
}

/// Says what a gate does for the two who meet there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It answers nobody.
    Nobody,
    /// It carries so many bytes of the sender's, the handshake included.
    FromSender(u64),
    /// It carries all of the sender's, and of the receiver's the handshake alone.
    AllButTheLastWord,
}

/// Names one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who sends.
    Sender,
    /// Who receives.
    Receiver,
}

#[derive(Default)]
struct Hall {
    callers: usize,
    /// At most two, by what they call themselves.
    legs: Vec<Leg>,
    /// Whether a byte is kept back.
    holds: bool,
    /// Whether the end of a connection is kept back, too.
    is_cut: bool,
}

struct Leg {
    name: String,
    /// Whether it knows that the other is there.
    told: bool,
    side: Option<Side>,
    socket: TcpStream,
}

impl Side {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Sender, Self::Receiver];

    /// Returns the other one.
    pub fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

impl Gate {
    /// Opens a gate on a port of the system's choice.
    ///
    /// # Panics
    ///
    /// When there is no port.
    pub fn open(pass: Pass) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let hall = Arc::<Watched<Hall>>::default();
        let gate = Self { hint: format!("tcp:127.0.0.1:{port}"), hall: Arc::clone(&hall) };
        thread::spawn(move || {
            for caller in listener.incoming().filter_map(Result::ok) {
                hall.change(|hall| hall.callers += 1);
                let hall = Arc::clone(&hall);
                // Who hangs up is not served any longer.
                thread::spawn(move || drop(serve(&hall, caller, pass)));
            }
        });
        gate
    }

    /// Returns the address for clients, `tcp:127.0.0.1:PORT`.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// Waits until so many have called.
    ///
    /// # Panics
    ///
    /// When they do not.
    pub fn called(&self, times: usize) {
        let hall = self.hall.wait(|hall| hall.callers >= times);
        assert!(hall.callers >= times, "only {} have called", hall.callers);
    }

    /// Waits until something is kept back.
    ///
    /// # Panics
    ///
    /// When nothing comes that could be.
    pub fn holds(&self) {
        assert!(self.hall.wait(|hall| hall.holds).holds, "nothing is kept back");
    }

    /// Loses the connection to one of the two; the other hears nothing.
    pub fn lose(&self, side: Side) {
        self.hall.change(|hall| {
            hall.is_cut = true;
            for leg in hall.legs.iter().filter(|leg| leg.side == Some(side)) {
                let _ = leg.socket.shutdown(Shutdown::Both);
            }
        });
    }
}

fn serve(hall: &Watched<Hall>, caller: TcpStream, pass: Pass) -> io::Result<()> {
    let mut from = caller.try_clone()?;
    let request = line(&mut from)?;
    if pass == Pass::Nobody {
        // It is kept open.
        return from.read(&mut [0; 1]).map(drop);
    }
    let name = request.rsplit(' ').next().unwrap_or_default().to_owned();
    hall.change(|hall| {
        if hall.legs.len() < 2 && hall.legs.iter().all(|leg| leg.name != name) {
            hall.legs.push(Leg { name: name.clone(), told: false, side: None, socket: caller });
        }
    });
    let (mut to, mut back) = {
        let hall = hall.wait(|hall| hall.legs.len() == 2);
        let own = hall.legs.iter().find(|leg| leg.name == name).ok_or(io::ErrorKind::NotFound)?;
        let other = hall.legs.iter().find(|leg| leg.name != name).ok_or(io::ErrorKind::NotFound)?;
        (other.socket.try_clone()?, own.socket.try_clone()?)
    };
    back.write_all(b"ok\n")?;
    let own = |change: &dyn Fn(&mut Leg)| {
        hall.change(|hall| {
            hall.legs.iter_mut().filter(|leg| leg.name == name).for_each(change);
        });
    };
    own(&|leg| leg.told = true);
    let greeting = line(&mut from)?;
    let side = if greeting.contains("sender") { Side::Sender } else { Side::Receiver };
    own(&|leg| leg.side = Some(side));
    drop(hall.wait(|hall| hall.legs.iter().all(|leg| leg.told)));
    to.write_all(greeting.as_bytes())?;
    // The greeting's second line end.
    let mut left = match (pass, side) {
        (Pass::FromSender(bytes), Side::Sender) => bytes,
        (Pass::AllButTheLastWord, Side::Receiver) => 1,
        _ => u64::MAX,
    };
    let mut taken = 0;
    let mut piece = [0; 16 * 1024];
    while taken < TAKEN {
        let came = match from.read(&mut piece)? {
            0 => break,
            came => came,
        };
        let carried = usize::try_from(left).unwrap_or(usize::MAX).min(came);
        to.write_all(&piece[..carried])?;
        left -= carried as u64;
        if carried < came {
            hall.change(|hall| hall.holds = true);
            taken += (came - carried) as u64;
        }
    }
    // As any relay does. The end of what is kept back is kept back as well.
    let is_told = taken == 0 && !hall.wait(|_| true).is_cut;
    if is_told { to.shutdown(Shutdown::Write) } else { Ok(()) }
}

/// Reads a line, with its end.
fn line(from: &mut TcpStream) -> io::Result<String> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        line.extend(byte);
    }
    String::from_utf8(line).map_err(io::Error::other)
}
