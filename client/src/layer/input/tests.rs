//! Replays the helper sequences recorded from the Python client.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

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

/// Carries out one recorded step and gives its result in the recording's form.
async fn step(input: &Addr<Input>, name: &str, arg: &Value) -> Result<Value, Error> {
    let text = || arg.as_str().unwrap_or_default().to_owned();
    let sorted = |set: BTreeSet<String>| json!(set);
    match name {
        "start" => {
            input.send(StartInput).await.unwrap();
            Ok(json!("helper"))
        }
        "srv_nameplates" => {
            let list = arg.as_array().unwrap().iter();
            let list = list.map(|id| id.as_str().unwrap().parse().unwrap()).collect();
            input.send(GotList(list)).await.unwrap();
            Ok(Value::Null)
        }
        "srv_wordlist" => {
            input.send(GotWordlist).await.unwrap();
            Ok(Value::Null)
        }
        "refresh_nameplates" => input.send(RefreshList).await.unwrap().map(|()| Value::Null),
        "get_nameplate_completions" => {
            input.send(CompleteNameplate(text())).await.unwrap().map(sorted)
        }
        "choose_nameplate" => {
            let name = crate::entry::nameplate(&text())?;
            input.send(ChooseNameplate(name)).await.unwrap().map(|()| Value::Null)
        }
        "get_word_completions" => {
            let complete = CompleteWords { prefix: text(), expected: wordlist::DEFAULT_WORDS };
            input.send(complete).await.unwrap().map(sorted)
        }
        "choose_words" => input.send(ChooseWords(text())).await.unwrap().map(|()| Value::Null),
        other => panic!("an unknown step: {other}"),
    }
}

fn name_of(error: &Error) -> &'static str {
    match error {
        Error::MustChooseNameplateFirst => "MustChooseNameplateFirstError",
        Error::AlreadyChoseNameplate => "AlreadyChoseNameplateError",
        Error::AlreadyChoseWords => "AlreadyChoseWordsError",
        Error::KeyFormat(_) => "KeyFormatError",
        other => panic!("an unexpected error: {other}"),
    }
}

#[actix::test]
async fn the_recorded_helper_sequences() {
    let vectors = include_str!("../../../tests/vectors/wordlist-completion.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let sequences = vectors["helper_sequences"].as_array().unwrap();
    assert_eq!(sequences.len(), 9);
    for sequence in sequences {
        let bench = bench();
        for recorded in sequence["steps"].as_array().unwrap() {
            let name = recorded["step"][0].as_str().unwrap();
            let got = step(&bench.input, name, &recorded["step"][1]).await;
            match recorded.get("error") {
                Some(error) => assert_eq!(name_of(&got.unwrap_err()), error, "{sequence}"),
                None => assert_eq!(got.unwrap(), recorded["result"], "{sequence}"),
            }
        }
    }
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
    b.input.send(ChooseWords("has space".into())).await.unwrap().unwrap();
    assert_eq!(rx.await, Ok(()));
    assert_eq!(b.words.all().await[0].0.as_str(), "4-has space");
}
