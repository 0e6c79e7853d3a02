//! A mailbox server, two wormholes on it, and a folder.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use wormhole_client::{
    Wormhole,
    protocol::{
        transfer::{AppVersions, TRANSIT_KEY_PURPOSE},
        transit::{Hints, Role, TransitKey},
    },
    transfer::{
        Event, Incoming, IncomingBulk, Plan, Target, TransferError, WhenUnsendable, receive, send,
    },
    transit::{Config, Connection, Listen, SILENCE_LIMIT, Transit, Ways},
};

use super::scripted::{APPID, guarded};

/// Both listen, and nobody has a relay.
pub(crate) static DIRECT: Config =
    Config { listen: Listen::Any, ways: Ways::All, relays: Vec::new(), silence: SILENCE_LIMIT };

/// Nobody can come to one who does not listen.
pub(crate) static NOWHERE: Config =
    Config { listen: Listen::Never, ways: Ways::All, relays: Vec::new(), silence: SILENCE_LIMIT };

/// What a test has to play with.
pub(crate) struct Scene {
    /// The wormhole of the code under test.
    pub(crate) ours: Wormhole,
    /// The other end, with the code under test or the test's own words.
    pub(crate) peer: Peer,
    /// Where things are received and sent from.
    pub(crate) folder: TempDir,
    _server: oneshot::Sender<()>,
}

/// The test's own end.
pub(crate) struct Peer(pub(crate) Wormhole);

/// Runs a test on a scene of its own, in which nobody says what it can do.
pub(crate) async fn on(test: impl AsyncFnOnce(&Scene)) {
    on_with(AppVersions::default(), test).await;
}

/// Runs a test on a scene of its own, in which both say that they can do this.
pub(crate) async fn on_with(versions: AppVersions, test: impl AsyncFnOnce(&Scene)) {
    guarded(async {
        let scene = Scene::new(versions).await;
        test(&scene).await;
    })
    .await;
}

impl Scene {
    async fn new(versions: AppVersions) -> Self {
        let listener = wormhole_server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("ws://{}/v1", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let config = wormhole_server::Config { workers: 1, ..Default::default() };
        let shutdown = async { drop(stopped.await) };
        actix::spawn(wormhole_server::launch(config, vec![listener], shutdown));
        let [ours, peer] = [(); 2].map(|()| {
            let builder = Wormhole::builder(APPID, url.clone());
            builder.versions(versions.write()).unwrap().open()
        });
        for wormhole in [&ours, &peer] {
            wormhole.set_code("1-transfer").unwrap();
        }
        tokio::try_join!(ours.versions(), peer.versions()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { ours, peer: Peer(peer), folder, _server: stop }
    }

    /// Makes a file to be sent, outside of the folder in which things are received.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> (TempDir, Plan) {
        let outside = tempfile::tempdir().unwrap();
        let path = outside.path().join(name);
        fs::write(&path, content).unwrap();
        let plan = Plan::of(&path, WhenUnsendable::Refuse).unwrap();
        (outside, plan)
    }

    /// Sends, as the code under test.
    pub(crate) async fn send(&self, plan: Plan) -> Result<(), TransferError> {
        send(&self.ours, plan, &DIRECT, |_| ()).await
    }

    /// Receives an offer, as the code under test.
    pub(crate) async fn offered(&self) -> Result<Incoming, TransferError> {
        receive(&self.ours, &DIRECT).await
    }

    /// Receives and accepts a file or folder, as the code under test.
    pub(crate) async fn receive(&self) -> Result<(), TransferError> {
        match self.offered().await? {
            Incoming::Bulk(bulk) => accept(*bulk, self.folder.path()).await,
            Incoming::Text(_) => panic!("a text came"),
        }
    }

    /// Waits for the offer of a file or folder.
    pub(crate) async fn bulk(&self) -> IncomingBulk {
        let Incoming::Bulk(bulk) = self.offered().await.unwrap() else { panic!("a text") };
        *bulk
    }

    /// The place in the folder for what is offered.
    pub(crate) fn target(&self, bulk: &IncomingBulk) -> Target {
        Target::plan(self.folder.path(), None, &bulk.name().unwrap(), bulk.announced).unwrap()
    }

    /// Receives until the first bytes have come, and drops the rest; gives the sender's end.
    pub(crate) async fn broken_off(&self, keep_partial: bool) -> Connection {
        let (begun, mut progressed) = watch::channel(false);
        let receiving = async {
            let bulk = self.bulk().await;
            let target = self.target(&bulk).keep_partial(keep_partial);
            let landing = bulk.accept_at(target, |event| {
                if matches!(event, Event::Progress { done: 1.., .. }) {
                    begun.send_replace(true);
                }
            });
            tokio::select! {
                landed = landing => panic!("{landed:?}"),
                // Its guard is let go of first: the last event comes when the landing is dropped.
                () = async { drop(progressed.wait_for(|begun| *begun).await) } => {}
            }
        };
        let offering = async {
            let connection = self.peer.offer_and_connect(100_000).await;
            connection.send_record(vec![0; 1000]).await.unwrap();
            connection
        };
        tokio::join!(receiving, offering).1
    }

    /// The names of all that lies in the folder.
    pub(crate) fn received(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

/// Takes what is offered into a folder.
pub(crate) async fn accept(bulk: IncomingBulk, folder: &Path) -> Result<(), TransferError> {
    let target = Target::plan(folder, None, &bulk.name()?, bulk.announced)?;
    bulk.accept_at(target, |_| ()).await.map(drop)
}

impl Peer {
    pub(crate) fn say(&self, message: &Value) {
        self.0.send_message(message.to_string());
    }

    pub(crate) async fn hear(&self) -> Value {
        serde_json::from_slice(&self.0.message().await.unwrap()).unwrap()
    }

    /// Hears the error by which the other end gives up.
    pub(crate) async fn hear_error(&self) -> String {
        let message = self.hear().await;
        message["error"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned()
    }

    /// Hears where the other end is.
    pub(crate) async fn hear_transit(&self) -> Hints {
        let message = self.hear().await;
        let hints = message["transit"].get("hints-v1").unwrap_or_else(|| panic!("{message}"));
        Hints::read(hints)
    }

    pub(crate) fn say_transit(&self, hints: &Hints) {
        let abilities = json!([{"type": "direct-tcp-v1"}, {"type": "relay-v1"}]);
        self.say(&json!({"transit": {"abilities-v1": abilities, "hints-v1": hints.write()}}));
    }

    pub(crate) fn offer_file(&self, filename: &str, filesize: u64) {
        self.say(&json!({"offer": {"file": {"filename": filename, "filesize": filesize}}}));
    }

    /// Offers a file and waits until it is wanted.
    pub(crate) async fn offer_and_connect(&self, filesize: u64) -> Connection {
        self.say_transit(&Hints::default());
        self.offer_file("f", filesize);
        let hints = self.hear_transit().await;
        assert_eq!(self.hear().await, json!({"answer": {"file_ack": "ok"}}));
        self.connect(Role::Sender, &hints).await
    }

    /// Wants a file and gets connected to who has it.
    pub(crate) async fn want_and_connect(&self) -> Connection {
        let hints = self.hear_transit().await;
        self.say_transit(&Hints::default());
        assert!(self.hear().await.get("offer").is_some());
        self.say(&json!({"answer": {"file_ack": "ok"}}));
        self.connect(Role::Receiver, &hints).await
    }

    pub(crate) async fn connect(&self, role: Role, hints: &Hints) -> Connection {
        Transit::prepare(role, &NOWHERE).unwrap().connect(&self.transit_key(), hints).await.unwrap()
    }

    pub(crate) fn transit_key(&self) -> TransitKey {
        let key = self.0.derive_key(TRANSIT_KEY_PURPOSE, 32).unwrap();
        TransitKey::new(key[..].try_into().unwrap())
    }
}
