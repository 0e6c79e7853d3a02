//! The sender's wait for the word that everything has arrived, over the link or over the mailbox
//! [abilities.md: ack-v1].

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, sleep_until};
use wormhole_protocol::transfer::{Ack, DirectoryOffer, Offer};

use super::{
    Awaited, TransferError,
    talk::{self, News},
};
use crate::{
    Connection as Server, Wormhole,
    transit::{Connection, LandError},
};

/// The longest confirmation that is read, in bytes.
const MAX_ACK: u64 = 64 * 1024;
/// How long a receiver that says when it is at work may be silent.
const SIGN_LIMIT: Duration = Duration::from_secs(120);
/// How long it may be silent when the link is gone, at least, and by how much longer than between
/// its last two signs: they become rarer.
const SIGN_LIMIT_WITHOUT_LINK: Duration = Duration::from_secs(6);
const SIGNS_MISSED: u32 = 3;
/// How long any other receiver may take for something small.
const SILENT_LIMIT: Duration = Duration::from_secs(600);
/// What the slowest of them does in a second.
const SLOWEST_BYTES: u64 = 1_000_000;
const SLOWEST_FILES: u64 = 100;

/// How long a receiver may be silent after the last byte.
pub(super) struct Patience {
    /// Whether it says when it is at work, and confirms over the mailbox as well.
    pub(super) signs: bool,
    /// How long one may take that does not.
    pub(super) silent: Duration,
}

impl Patience {
    pub(super) fn new(signs: bool, offer: &Offer) -> Self {
        let (bytes, files) = match offer {
            Offer::Text(_) | Offer::Stream(_) => (0, 0),
            Offer::File(file) => (file.filesize, 0),
            Offer::Directory(DirectoryOffer { numbytes, numfiles, .. }) => (*numbytes, *numfiles),
        };
        let work = Duration::from_secs(bytes / SLOWEST_BYTES + files / SLOWEST_FILES);
        Self { signs, silent: SILENT_LIMIT.saturating_add(work) }
    }

    /// Signs are missed only by who could hear them, the last two of them so far apart.
    fn limit(&self, is_online: bool, link_lost: bool, apart: Duration) -> Duration {
        match (self.signs, is_online) {
            _ if link_lost => SIGN_LIMIT_WITHOUT_LINK.max(SIGNS_MISSED * apart),
            (true, true) => SIGN_LIMIT,
            _ => self.silent,
        }
    }
}

/// Waits for the confirmation that comes first.
///
/// # Errors
/// Why there is none: what the peer says, the end of the link, or [`TransferError::Late`].
pub(super) async fn confirmation(
    wormhole: &Wormhole,
    connection: &Connection,
    patience: &Patience,
) -> Result<Ack, TransferError> {
    let is_online = || matches!(wormhole.status().connection, Server::Connected { .. });
    first(patience, last_record(connection), || talk::news(wormhole), is_online).await
}

async fn first<N: Future<Output = Option<News>>>(
    patience: &Patience,
    record: impl Future<Output = Result<Ack, TransferError>>,
    news: impl Fn() -> N,
    is_online: impl Fn() -> bool,
) -> Result<Ack, TransferError> {
    let mut record = pin!(record);
    let mut lost = None;
    let mut listening = true;
    let (mut heard, mut sign, mut apart) = (Instant::now(), None::<Instant>, Duration::ZERO);
    loop {
        let limit = patience.limit(listening && is_online(), lost.is_some(), apart);
        if heard.elapsed() >= limit {
            let late = TransferError::Late { awaited: Awaited::Confirmation, limit };
            return Err(lost.unwrap_or(late));
        }
        tokio::select! {
            biased;
            ack = &mut record, if lost.is_none() => match ack {
                Err(error) if error.is_hang_up() && patience.signs && listening => {
                    lost = Some(error);
                    heard = Instant::now();
                }
                ack => return ack,
            },
            news = news(), if listening => match (news, lost.take()) {
                (Some(News::Ack(ack)), _) => return Ok(ack),
                (Some(News::GaveUp(reason)), None) => return Err(reason),
                (Some(News::GaveUp(reason)), Some(lost)) => {
                    return Err(if reason.is_of_the_peers_link() { lost } else { reason });
                }
                (Some(News::Placing), earlier) => {
                    lost = earlier;
                    heard = Instant::now();
                    apart = sign.replace(heard).map_or(apart, |before| heard - before);
                }
                (None, Some(lost)) => return Err(lost),
                (None, None) => listening = false,
            },
            () = sleep_until(heard + limit) => {}
        }
    }
}

async fn last_record(connection: &Connection) -> Result<Ack, TransferError> {
    let record = connection.receive_record(MAX_ACK).await.map_err(|error| match error {
        LandError::NoRecord => TransferError::Unconfirmed,
        other => other.into(),
    })?;
    Ok(Ack::parse(&record)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{cell::RefCell, collections::VecDeque, future::pending};

    use tokio::time::{pause, resume};
    use wormhole_protocol::transfer::FileOffer;

    use super::*;

    const ACK: Ack = Ack { verdict: wormhole_protocol::transfer::Verdict::Ok, sha256: None };

    /// What happens after so many seconds: to the link, and over the mailbox.
    struct Course {
        signs: bool,
        is_online: bool,
        link: Option<(u64, Result<Ack, TransferError>)>,
        news: Vec<(u64, Option<News>)>,
    }

    /// Runs a course, and gives the seconds until its end.
    async fn ended(course: Course) -> (u64, Result<Ack, TransferError>) {
        pause();
        let begun = Instant::now();
        let at = |seconds| sleep_until(begun + Duration::from_secs(seconds));
        let Course { signs, is_online, link, news } = course;
        let record = async {
            match link {
                Some((seconds, ended)) => {
                    at(seconds).await;
                    ended
                }
                None => pending().await,
            }
        };
        let news = RefCell::new(VecDeque::from(news));
        let next = || async {
            // As of the wormhole's: a call that is dropped takes none.
            let due = news.borrow().front().map(|(seconds, _)| *seconds);
            match due {
                Some(seconds) => at(seconds).await,
                None => pending().await,
            }
            let taken = news.borrow_mut().pop_front();
            taken.and_then(|(_, news)| news)
        };
        let offer = Offer::File(FileOffer { filename: "f".to_owned(), filesize: 7 });
        let patience = Patience::new(signs, &offer);
        let outcome = first(&patience, record, next, || is_online).await;
        let after = begun.elapsed().as_secs();
        resume();
        (after, outcome)
    }

    fn quiet(signs: bool, is_online: bool) -> Course {
        Course { signs, is_online, link: None, news: Vec::new() }
    }

    fn lost(signs: bool, news: Vec<(u64, Option<News>)>) -> Course {
        let link = Some((1, Err(TransferError::Unconfirmed)));
        Course { link, news, ..quiet(signs, true) }
    }

    #[actix::test]
    async fn silence_has_a_limit() {
        for (signs, is_online, limit) in [(true, true, 120), (true, false, 600), (false, true, 600)]
        {
            let (after, outcome) = ended(quiet(signs, is_online)).await;
            let late = matches!(outcome, Err(TransferError::Late { limit: told, .. })
                if told == Duration::from_secs(limit));
            assert!(late && after == limit, "{signs} {is_online}: {after} {outcome:?}");
        }
    }

    #[test]
    fn others_have_the_time_that_their_work_takes() {
        let folder = |numbytes, numfiles| {
            let dirname = "d".to_owned();
            let offer = DirectoryOffer { dirname, zipsize: 0, numbytes, numfiles, collision: None };
            Patience::new(false, &Offer::Directory(offer))
                .limit(true, false, Duration::ZERO)
                .as_secs()
        };
        assert_eq!(folder(0, 0), 600);
        assert_eq!(folder(50_000_000_000, 0), 600 + 50_000);
        assert_eq!(folder(0, 1_000_000), 600 + 10_000);
        // Numbers of the sender's own, which nobody has checked.
        folder(u64::MAX, u64::MAX);
    }

    #[actix::test]
    async fn signs_extend_it() {
        let with = |last| {
            let signs = [100, 200, 300].map(|at| (at, Some(News::Placing)));
            Course { news: signs.into_iter().chain(last).collect(), ..quiet(true, true) }
        };
        let (after, outcome) = ended(with(Some((410, Some(News::Ack(ACK)))))).await;
        assert!(outcome.is_ok() && after == 410, "{after} {outcome:?}");
        let (after, outcome) = ended(with(None)).await;
        assert!(outcome.is_err() && after == 420, "{after} {outcome:?}");
    }

    #[actix::test]
    async fn a_lost_link_leaves_a_receiver_of_ours_time_to_say_so_otherwise() {
        let acked = vec![(5, Some(News::Placing)), (10, Some(News::Ack(ACK)))];
        let full = || Some(News::GaveUp(TransferError::Peer("disk full".to_owned())));
        let (after, outcome) = ended(lost(true, acked)).await;
        assert!(outcome.is_ok() && after == 10, "{after} {outcome:?}");
        let (after, outcome) = ended(lost(true, Vec::new())).await;
        assert!(matches!(outcome, Err(TransferError::Unconfirmed)) && after == 7, "{after}");
        let rare = vec![(2, Some(News::Placing)), (32, Some(News::Placing))];
        let course =
            Course { link: Some((33, Err(TransferError::Unconfirmed))), ..lost(true, rare) };
        let (after, outcome) = ended(course).await;
        assert!(matches!(outcome, Err(TransferError::Unconfirmed)) && after == 123, "{after}");
        let (after, outcome) = ended(lost(true, vec![(2, full())])).await;
        assert!(matches!(outcome, Err(TransferError::Peer(_))) && after == 2, "{after}");
        // The end of the wormhole is the end of the hope.
        let (after, outcome) = ended(lost(true, vec![(3, None)])).await;
        assert!(matches!(outcome, Err(TransferError::Unconfirmed)) && after == 3, "{after}");
        // Others say it over the link or not at all.
        let (after, outcome) = ended(lost(false, vec![(2, full())])).await;
        assert!(matches!(outcome, Err(TransferError::Unconfirmed)) && after == 1, "{after}");
    }

    #[actix::test]
    async fn the_end_of_the_wormhole_alone_ends_nothing() {
        let link = Some((30, Ok(ACK)));
        let course = Course { link, news: vec![(3, None)], ..quiet(true, true) };
        let (after, outcome) = ended(course).await;
        assert!(outcome.is_ok() && after == 30, "{after} {outcome:?}");
    }
}
