//! `async fn`s and streams.

use futures_util::StreamExt;
use tokio::task::LocalSet;
use wormhole_client::{
    CodeStatus, Connection, Delegated, Entry, Error, Event, KeyStatus, Status, Wormhole,
};
use wormhole_server::testing;

use crate::{guarded, pair};

#[test]
fn handles_may_go_anywhere() {
    fn goes<T: Clone + Send + Sync + 'static>() {}
    goes::<Wormhole>();
    goes::<Delegated>();
    goes::<Entry>();
    goes::<Event>();
    fn sent<T: Send>(_: &T) {}
    sent(&Wormhole::builder("a", "b"));
}

#[actix::test]
async fn one_exchange_and_all_is_closed() {
    guarded(async {
        let server = testing::start();
        let [a, b] = pair(server.url()).await;
        let (theirs, ours) = tokio::join!(a.exchange("from a"), b.exchange(vec![0; 100_000]));
        assert_eq!(theirs.unwrap().len(), 100_000);
        assert_eq!(&ours.unwrap()[..], b"from a");
        for closed in [&a, &b] {
            assert_eq!(closed.closed().await, Ok(()));
            assert_eq!(closed.exchange("again").await.err(), Some(Error::Closed));
        }
    })
    .await;
}

#[actix::test]
async fn an_exchange_with_another_code_fails_on_both_sides() {
    guarded(async {
        let server = testing::start();
        let [a, b] = [(); 2].map(|()| crate::builder(server.url()).open());
        a.set_code("4-one").unwrap();
        b.set_code("4-other").unwrap();
        let (at_a, at_b) = tokio::join!(a.exchange("secret"), b.exchange("secret"));
        assert_eq!(
            (at_a.err(), at_b.err()),
            (Some(Error::WrongPassword), Some(Error::WrongPassword))
        );
    })
    .await;
}

/// On a plain tokio task set, without an actix system.
#[tokio::test]
async fn messages_are_a_stream_that_ends_with_the_wormhole() {
    let talk = async {
        let server = testing::start();
        let [a, b] = pair(server.url()).await;
        for number in 0..10_u8 {
            a.send_message([number]);
        }
        let mut first = Box::pin(b.messages());
        assert_eq!(first.next().await.unwrap()[..], [0]);
        drop(first);
        let rest = Box::pin(b.messages().take(9)).collect::<Vec<_>>().await;
        let rest: Vec<_> = rest.iter().map(|message| message[0]).collect();
        assert_eq!(rest, (1..10).collect::<Vec<_>>());

        let end = tokio::task::spawn_local(Box::pin(b.messages()).collect::<Vec<_>>());
        assert_eq!(b.close().await, Ok(()));
        assert!(end.await.unwrap().is_empty());
        assert_eq!(a.close().await, Ok(()));
    };
    LocalSet::new().run_until(guarded(talk)).await;
}

#[actix::test]
async fn the_status_can_be_watched() {
    guarded(async {
        let server = testing::start();
        let url = server.url().to_owned();
        let [a, b] = [(); 2].map(|()| crate::builder(&url).open());
        assert_eq!(a.status(), Status::default());
        let watching = tokio::task::spawn_local(Box::pin(a.statuses()).collect::<Vec<_>>());
        a.allocate_code(2).unwrap();
        let code = a.code().await.unwrap();
        b.set_code(code.as_str()).unwrap();
        a.unverified_key().await.unwrap();
        assert!(a.status().key != KeyStatus::None);
        a.versions().await.unwrap();
        b.versions().await.unwrap();
        let status = a.status();
        assert_eq!(status.key, KeyStatus::Confirmed);
        assert_eq!(status.connection, Connection::Connected { url });
        assert_eq!(tokio::join!(a.close(), b.close()), (Ok(()), Ok(())));

        let seen = watching.await.unwrap();
        assert_eq!(seen[0], Status::default());
        let last = seen.last().unwrap();
        assert_eq!((&last.connection, last.code), (&Connection::Closed, CodeStatus::Consumed));
        assert_eq!(*last, a.status());
        assert!(seen.windows(2).all(|two| two[0] != two[1]), "{seen:?}");
        // No part of it tells the code.
        let shown = format!("{seen:?}");
        let words = code.as_str().split_once('-').unwrap().1;
        assert!(words.split('-').all(|word| !shown.contains(word)), "{shown}");
    })
    .await;
}
