//! The server for other people's tests, and the service inside other people's apps.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use actix_web::{App, HttpServer, web};
use awc::Client;
use common::{Caller, Embedded};
use serde_json::{Value, json};
use wormhole_server::{
    Config, Limit, Limits, Rules, listen,
    mailbox::{self, Mailbox},
    testing::{self, Setup},
};

/// Two sides meet at a server and one hears the other.
async fn meet(url: &str) {
    let [mut one, mut two] = [Caller::bound(url, "a").await, Caller::bound(url, "b").await];
    let nameplate = one.get(json!({"type": "allocate"})).await["nameplate"].clone();
    let claimed = two.get(json!({"type": "claim", "nameplate": nameplate})).await;
    for side in [&mut one, &mut two] {
        side.ask(json!({"type": "open", "mailbox": claimed["mailbox"]})).await;
    }
    one.ask(json!({"type": "add", "phase": "p", "body": "00"})).await;
    assert_eq!(two.hear().await["side"], "a");
}

#[actix::test]
async fn it_runs_beside_an_actix_system() {
    let server = testing::start();
    meet(server.url()).await;
}

/// `awc` needs a local set, but no actix system.
#[tokio::test]
async fn it_runs_beside_a_plain_tokio_runtime() {
    let server = testing::start();
    tokio::task::LocalSet::new().run_until(meet(server.url())).await;
    server.stop();
}

#[actix::test]
async fn ten_run_side_by_side() {
    let servers: Vec<_> = (0..10).map(|_| testing::start()).collect();
    futures_util::future::join_all(servers.iter().map(|server| meet(server.url()))).await;
    let mut urls: Vec<_> = servers.iter().map(testing::Server::url).collect();
    urls.sort_unstable();
    urls.dedup();
    assert_eq!(urls.len(), 10);
}

#[actix::test]
async fn a_connection_is_cut_after_so_many_messages() {
    let server = Embedded::from(Setup::default().drop_after(3));
    let mut caller = Caller::connect(&server.url).await;
    caller.say(json!({"type": "ping", "ping": 1})).await;
    assert_eq!(caller.hear().await["type"], "ack");
    assert_eq!(caller.hear().await["type"], "pong");
    assert_eq!(caller.hear().await, Value::Null);
    Caller::connect(&server.url).await;
    server.stop();
}

#[actix::test]
async fn every_message_is_late() {
    let delay = Duration::from_millis(50);
    let server = Embedded::from(Setup::default().delay(delay));
    let began = Instant::now();
    let mut caller = Caller::connect(&server.url).await;
    caller.until_pong().await;
    assert!(began.elapsed() >= 3 * delay, "the welcome, an ack and a pong");
    server.stop();
}

#[actix::test]
async fn clients_are_turned_away_until_they_are_not() {
    let server = Setup::default().refuse("closed on Sundays").start();
    let caller = Caller::connect(server.url()).await;
    assert_eq!(caller.welcome["welcome"]["error"], "closed on Sundays");
    server.rules().set(Rules::default());
    let caller = Caller::connect(server.url()).await;
    assert_eq!(caller.welcome["welcome"].get("error"), None);
}

#[actix::test]
async fn mailboxes_end_when_their_time_is_over() {
    // The test asks as fast as it can.
    let limits =
        Limits::default().with(Limit::ConnectionCommands, 0).with(Limit::AddressCommands, 0);
    let setup = Setup::from(Config { limits, ..Config::default() });
    let server = setup.mailbox_lifetime(Duration::from_millis(40)).start();
    let mut caller = Caller::bound(server.url(), "a").await;
    caller.get(json!({"type": "claim", "nameplate": "8"})).await;
    loop {
        let listed = caller.get(json!({"type": "list"})).await;
        if listed["nameplates"] == json!([]) {
            break;
        }
    }
}

#[actix::test]
async fn the_service_lives_in_another_app_beside_its_own_routes() {
    let service = Mailbox::start(Config::default()).unwrap();
    let hook = mailbox::on_connect(&service);
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let mounted = service.clone();
    let server = HttpServer::new(move || {
        App::new()
            .route("/", web::get().to(|| async { "my own page" }))
            .service(web::scope("/wormhole").configure(mailbox::configure(&mounted)))
    })
    .on_connect(hook)
    .workers(1)
    .disable_signals()
    .listen(listener)
    .unwrap()
    .run();
    let handle = server.handle();
    actix::spawn(server);

    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut page = Client::default().get(format!("http://{address}/")).send().await.unwrap();
    assert_eq!(page.body().await.unwrap(), "my own page");
    let url = format!("ws://{address}/wormhole/v1");
    meet(&url).await;
    service.ready().await.unwrap();
    let mut caller = Caller::connect(&url).await;
    service.stop().await;
    assert_eq!(caller.hear_end().await, Some(1001));
    handle.stop(false).await;
}
