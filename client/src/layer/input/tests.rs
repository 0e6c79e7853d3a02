//! What Input tells its neighbours; what it answers is tested on the real thing, in
//! `tests/entry.rs`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::probe::{Told, probe, seated};

struct Bench {
    input: Addr<Input>,
    code: Told<InputCode>,
    refresh: Told<Refresh>,
    nameplate: Told<NameplateTyped>,
    words: Told<WordsTyped>,
}

fn bench() -> Bench {
    let (lister, refresh) = probe();
    let (to_code, code) = probe();
    let (to_nameplate, nameplate) = probe();
    let (to_words, words) = probe();
    let input = seated(Input::new(lister, to_code, to_nameplate, to_words));
    Bench { input, code, refresh, nameplate, words }
}

#[actix::test]
async fn tells_code_and_lister() {
    let mut b = bench();
    b.input.do_send(StartInput);
    b.input.send(RefreshList).await.unwrap().unwrap();
    assert_eq!(b.refresh.all().await.len(), 2);
    assert_eq!(b.code.all().await, [InputCode]);
    let (tx, mut rx) = oneshot::channel();
    b.input.do_send(AwaitWordlist(tx));
    b.input.send(ChooseNameplate(Nameplate::from(4))).await.unwrap().unwrap();
    assert_eq!(b.nameplate.all().await, [NameplateTyped(Nameplate::from(4))]);
    assert!(rx.try_recv().is_err());
    b.input.do_send(GotWordlist);
    b.input.send(ChooseWords("has space".to_owned().into())).await.unwrap().unwrap();
    assert_eq!(rx.await, Ok(()));
    assert_eq!(b.words.all().await[0].0.as_str(), "4-has space");
}
