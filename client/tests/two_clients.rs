//! Two clients over a server that does what it should.

#![allow(clippy::unwrap_used)]

mod scripted;

use std::{future::Future, thread};

use futures_util::{FutureExt, future::join_all};
use scripted::{APPID, guarded, honest::Honest};
use serde_json::{Map, json};
use tokio::{runtime, sync::oneshot, task::LocalSet};
use wormhole_client::{Error, MAX_WORDS, Wormhole, protocol::code::KeyFormatError};

fn open(honest: &Honest) -> Wormhole {
    Wormhole::builder(APPID, honest.url.clone()).open()
}

/// Two wormholes that will find each other.
async fn pair(honest: &Honest) -> [Wormhole; 2] {
    let both = [open(honest), open(honest)];
    both[0].allocate_code(2).unwrap();
    both[1].set_code(both[0].code().await.unwrap().as_str()).unwrap();
    both
}

/// Says hello both ways and closes both.
async fn greet([a, b]: [Wormhole; 2]) {
    a.send_message("to b");
    b.send_message("to a");
    assert_eq!(a.message().await.unwrap()[..], *b"to a");
    assert_eq!(b.message().await.unwrap()[..], *b"to b");
    assert_eq!(tokio::join!(a.close(), b.close()), (Ok(()), Ok(())));
}

#[actix::test]
async fn a_code_made_by_one_and_typed_by_the_other() {
    guarded(async {
        let honest = Honest::start(None).await;
        let versions = |value: &str| {
            let mut map = Map::new();
            map.insert("app".into(), json!(value));
            Wormhole::builder(APPID, honest.url.clone()).versions(map).unwrap().open()
        };
        let (a, b) = (versions("a"), versions("b"));
        assert_eq!(a.welcome().await.unwrap()["motd"], "m");
        a.allocate_code(2).unwrap();
        let code = a.code().await.unwrap();
        let (nameplate, words) = code.as_str().split_once('-').unwrap();

        let entry = b.input_code().unwrap();
        assert_eq!(entry.choose_words(words).await, Err(Error::MustChooseNameplateFirst));
        assert_eq!(entry.word_completions("").await, Err(Error::MustChooseNameplateFirst));
        let malformed = Err(Error::KeyFormat(KeyFormatError::Nameplate));
        assert_eq!(entry.choose_nameplate("four").await, malformed);
        let listed = format!("{nameplate}-");
        while !entry.nameplate_completions("").await.unwrap().contains(&listed) {
            entry.refresh_nameplates().await.unwrap();
        }
        entry.choose_nameplate(nameplate).await.unwrap();
        assert_eq!(entry.choose_nameplate("5").await, Err(Error::AlreadyChoseNameplate));
        assert_eq!(entry.refresh_nameplates().await, Err(Error::AlreadyChoseNameplate));
        entry.when_wordlist_is_available().await.unwrap();
        assert!(entry.word_completions(&words[..words.len() - 1]).await.unwrap().contains(words));
        entry.choose_words(words).await.unwrap();
        assert_eq!(entry.choose_words(words).await, Err(Error::AlreadyChoseWords));
        assert_eq!(b.code().await.unwrap().as_str(), code.as_str());

        assert_eq!(*a.versions().await.unwrap(), json!({"app": "b"}));
        assert_eq!(*b.versions().await.unwrap(), json!({"app": "a"}));
        assert_eq!(a.verifier().await.unwrap(), b.verifier().await.unwrap());
        let derived = |w: &Wormhole, purpose| w.derive_key(purpose, 40).unwrap();
        assert_eq!(derived(&a, "x"), derived(&b, "x"));
        assert_ne!(derived(&a, "x"), derived(&b, "y"));
        assert_eq!(a.derive_key("x", 8161), Err(Error::DerivedLength(8161)));
        greet([a, b]).await;
        assert_eq!(honest.shared.borrow().moods, ["happy", "happy"]);
        assert_eq!(entry.word_completions("").await, Err(Error::Closed));
    })
    .await;
}

#[actix::test]
async fn messages_many_and_large_keep_their_order() {
    guarded(async {
        let honest = Honest::start(None).await;
        let [a, b] = pair(&honest).await;
        let large = vec![0xa5; 1_000_000];
        for number in 0..500_u32 {
            a.send_message(number.to_be_bytes());
            b.send_message(number.to_be_bytes());
        }
        a.send_message(large.clone());
        b.send_message(Vec::new());
        for number in 0..500_u32 {
            assert_eq!(a.message().await.unwrap()[..], number.to_be_bytes());
            assert_eq!(b.message().await.unwrap()[..], number.to_be_bytes());
        }
        assert!(b.message().await.unwrap()[..] == large[..]);
        assert!(a.message().await.unwrap().is_empty());
        greet([a, b]).await;
    })
    .await;
}

#[actix::test]
async fn a_wrong_code_scares_both() {
    guarded(async {
        let honest = Honest::start(None).await;
        let [a, b] = [open(&honest), open(&honest)];
        a.set_code("1-right-code").unwrap();
        b.set_code("1-wrong-code").unwrap();
        // What is sent before the peer has proved its key never leaves.
        a.send_message("secret");
        let results = tokio::join!(a.message(), b.message());
        assert_eq!(results, (Err(Error::WrongPassword), Err(Error::WrongPassword)));
        for wormhole in [a, b] {
            let wrong = Error::WrongPassword;
            assert_eq!(wormhole.close().await, Err(wrong.clone()));
            assert_eq!(wormhole.code().await.err(), Some(wrong.clone()));
            assert_eq!(wormhole.derive_key("x", 32), Err(wrong));
        }
        assert_eq!(honest.shared.borrow().moods, ["scary", "scary"]);
    })
    .await;
}

#[actix::test]
async fn a_third_client_is_one_too_many() {
    guarded(async {
        let honest = Honest::start(None).await;
        let [a, b] = pair(&honest).await;
        let third = open(&honest);
        a.versions().await.unwrap();
        third.set_code(a.code().await.unwrap().as_str()).unwrap();
        assert_eq!(third.verifier().await.err(), Some(Error::Server("crowded".into())));
        greet([a, b]).await;
    })
    .await;
}

#[actix::test]
async fn one_wormhole_has_one_code() {
    guarded(async {
        let honest = Honest::start(None).await;
        let [a, b] = [open(&honest), open(&honest)];
        for bad in ["", "abc", "-a", "4 a", "four-a", "4-a b"] {
            assert!(matches!(a.set_code(bad), Err(Error::KeyFormat(_))), "{bad}");
        }
        a.set_code("4-a").unwrap();
        assert_eq!(a.clone().set_code("4-a"), Err(Error::OnlyOneCode));
        assert_eq!(a.allocate_code(2), Err(Error::OnlyOneCode));
        assert_eq!(a.input_code().err(), Some(Error::OnlyOneCode));
        assert_eq!(a.derive_key("x", 32), Err(Error::NoKey));
        b.set_code("4-a").unwrap();
        greet([a, b]).await;
    })
    .await;
}

#[actix::test]
async fn a_code_has_as_many_words_as_it_may() {
    guarded(async {
        let honest = Honest::start(None).await;
        for (asked, words) in [(0, 1), (1, 1), (5, 5), (10_000, MAX_WORDS)] {
            let wormhole = open(&honest);
            wormhole.allocate_code(asked).unwrap();
            let code = wormhole.code().await.unwrap();
            assert_eq!(code.as_str().split('-').count(), words + 1);
            assert_eq!(wormhole.close().await, Err(Error::Lonely));
        }
    })
    .await;
}

#[actix::test]
async fn everything_may_be_asked_before_and_after_and_often() {
    guarded(async {
        let honest = Honest::start(None).await;
        let [a, b] = [open(&honest), open(&honest)];
        let early = {
            let a = a.clone();
            tokio::task::spawn_local(async move {
                a.unverified_key().await.unwrap();
                (a.verifier().await.unwrap(), a.versions().await.unwrap())
            })
        };
        a.send_message("before there is a code");
        b.set_code("7-x").unwrap();
        a.set_code("7-x").unwrap();
        assert_eq!(b.message().await.unwrap()[..], *b"before there is a code");
        let (verifier, versions) = early.await.unwrap();
        for _ in 0..2 {
            assert_eq!(a.verifier().await.unwrap(), verifier);
            assert_eq!(a.versions().await.unwrap(), versions);
            assert_eq!(a.code().await.unwrap().as_str(), "7-x");
            assert!(a.welcome().await.is_ok());
        }
        for _ in 0..2 {
            assert_eq!(tokio::join!(a.close(), a.close(), a.closed()), (Ok(()), Ok(()), Ok(())));
            assert_eq!(a.message().await, Err(Error::Closed));
            assert_eq!(a.verifier().await.err(), Some(Error::Closed));
            assert_eq!(a.derive_key("x", 1), Err(Error::Closed));
            assert_eq!(a.allocate_code(2), Err(Error::Closed));
            assert_eq!(a.input_code().err(), Some(Error::Closed));
        }
        a.send_message("into the void");
        assert_eq!(b.close().await, Ok(()));
    })
    .await;
}

#[actix::test]
async fn an_abandoned_question_takes_no_message() {
    guarded(async {
        let honest = Honest::start(None).await;
        let [a, b] = pair(&honest).await;
        a.versions().await.unwrap();
        for number in 0..3_u8 {
            let mut abandoned = Box::pin(a.message());
            assert!((&mut abandoned).now_or_never().is_none());
            b.send_message([number]);
            // The first to ask is never polled again.
            assert_eq!(a.message().await.unwrap()[..], [number]);
        }
        let (first, second) = (a.message(), a.message());
        b.send_message("x");
        b.send_message("y");
        let (first, second) = tokio::join!(first, second);
        let mut both = [first.unwrap().to_vec(), second.unwrap().to_vec()];
        both.sort();
        assert_eq!(both, [b"x", b"y"]);
        greet([a, b]).await;
    })
    .await;
}

/// Runs a future to its end on a thread of its own, without a task set.
fn elsewhere<F>(make: impl FnOnce() -> F + Send + 'static) -> oneshot::Receiver<F::Output>
where
    F: Future<Output: Send + 'static>,
{
    let (tx, rx) = oneshot::channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let _ = tx.send(runtime.block_on(make()));
    });
    rx
}

#[actix::test]
async fn handles_work_on_other_threads() {
    guarded(async {
        let honest = Honest::start(None).await;
        let a = open(&honest);
        let b = open(&honest);
        let (here, there) = (a.clone(), b.clone());
        let typed = elsewhere(move || async move {
            let entry = there.input_code().unwrap();
            entry.choose_nameplate("3").await.unwrap();
            entry.choose_words("a-b").await.unwrap();
            there.send_message("from another thread");
            there.message().await.map(|message| message.to_vec())
        });
        here.set_code("3-a-b").unwrap();
        here.send_message("to another thread");
        assert_eq!(here.message().await.unwrap()[..], *b"from another thread");
        assert_eq!(typed.await.unwrap().unwrap(), b"to another thread");
        assert_eq!(elsewhere(move || async move { a.close().await }).await.unwrap(), Ok(()));
        assert_eq!(elsewhere(move || async move { b.close().await }).await.unwrap(), Ok(()));
    })
    .await;
}

#[test]
fn a_thread_that_ends_tells_the_handles_elsewhere() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wormhole = runtime.block_on(LocalSet::new().run_until(async {
        let honest = Honest::start(None).await;
        let wormhole = open(&honest);
        wormhole.welcome().await.unwrap();
        wormhole
    }));
    drop(runtime);
    let told =
        elsewhere(move || async move { (wormhole.code().await.err(), wormhole.close().await) });
    let (code, close) = told.blocking_recv().unwrap();
    assert!(matches!(code, Some(Error::Internal(_))), "{code:?}");
    assert!(matches!(close, Err(Error::Internal(_))), "{close:?}");
}

#[tokio::test]
async fn no_actix_system_is_needed() {
    let talk = async {
        let honest = Honest::start(None).await;
        greet(pair(&honest).await).await;
    };
    LocalSet::new().run_until(guarded(talk)).await;
}

#[actix::test]
async fn a_hundred_wormholes_live_in_one_program() {
    guarded(async {
        let honest = Honest::start(None).await;
        let both = |number: usize| {
            let honest = &honest;
            async move {
                let both = [open(honest), open(honest)];
                for wormhole in &both {
                    wormhole.set_code(&format!("{number}-x")).unwrap();
                }
                for wormhole in &both {
                    wormhole.versions().await.unwrap();
                }
                both
            }
        };
        // All of them are there before the first one ends.
        let pairs = join_all((0..50).map(both)).await;
        join_all(pairs.into_iter().map(greet)).await;
        assert_eq!(honest.shared.borrow().moods.len(), 100);
    })
    .await;
}
