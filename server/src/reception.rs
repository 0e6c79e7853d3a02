//! Accepting connections and hearing their requests, in HTTP/1.1 alone: no websocket comes over
//! HTTP/2 here.

use std::{cell::Cell, io, net::SocketAddr, rc::Rc, time::Duration};

use actix_http::{ConnectionType, HttpService, body::MessageBody, error::DispatchError};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, fn_factory, fn_service,
    map_config,
};
use actix_tls::accept::rustls_0_23::Acceptor;
#[cfg(unix)]
use actix_web::rt::net::UnixStream;
use actix_web::{
    App, Error as WebError,
    dev::{AppConfig, Extensions, Server, ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::{DefaultHeaders, Next, from_fn},
    rt::net::TcpStream,
    web::ServiceConfig,
};
use futures_util::FutureExt;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task_local,
};

use crate::{
    Error,
    connections::Stage,
    door::{Connection, Door, Turned},
    serve::Listener,
    tls::Tls,
};

/// How a server accepts connections.
pub(crate) struct Reception<R> {
    /// What is served.
    pub(crate) routes: R,
    pub(crate) door: Door,
    pub(crate) tls: Option<Tls>,
    pub(crate) workers: usize,
    /// How long a client may take to send the head of its first request.
    pub(crate) handshake: Duration,
}

/// The `Server` header of every response.
const SERVER: &str = concat!("Magic Wormhole Mailbox ", env!("CARGO_PKG_VERSION"));

/// What one hears that is not let in.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
    Content-Length: 0\r\nRetry-After: 60\r\n\r\n";

task_local! {
    /// The connection that is about to be served, until its extensions hold it.
    static ADMITTED: Cell<Option<Connection>>;
}

impl<R> Reception<R>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    /// Starts accepting; the server has to be polled on.
    pub(crate) fn open(self, listeners: Vec<Listener>) -> Result<Server, Error> {
        let Self { routes, door, tls, workers, handshake } = self;
        if listeners.is_empty() {
            let reason = io::Error::new(io::ErrorKind::InvalidInput, "there is no listener");
            return Err(reason.into());
        }
        // How many there may be is the door's to decide.
        let mut server = Server::build()
            .workers(workers)
            .max_concurrent_connections(usize::MAX)
            .disable_signals();
        for (number, listener) in listeners.into_iter().enumerate() {
            let (name, door, routes) = (format!("listener {number}"), door.clone(), routes.clone());
            server = match (listener, &tls) {
                (Listener::Tcp(tcp), None) => server.listen(name, tcp, move || {
                    behind(door.clone(), false, plain(http(routes.clone(), handshake)))
                })?,
                (Listener::Tcp(tcp), Some(tls)) => {
                    let acceptor = acceptor(tls)?;
                    server.listen(name, tcp, move || {
                        let http = http(routes.clone(), handshake);
                        behind(door.clone(), true, encrypted(acceptor.clone(), http))
                    })?
                }
                #[cfg(unix)]
                (Listener::Unix(unix), _) => server.listen_uds(name, unix, move || {
                    behind(door.clone(), false, plain(http(routes.clone(), handshake)))
                })?,
            };
        }
        let mut server = server.run();
        // Its threads start at the first poll.
        if let Some(ended) = (&mut server).now_or_never() {
            ended?;
        }
        Ok(server)
    }
}

/// What was accepted.
trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {
    fn socket(&self) -> SockRef<'_>;
    /// None where there is none, or it has ended by itself.
    fn peer(&self) -> Option<SocketAddr>;
    const HAS_ADDRESS: bool;
}

impl Stream for TcpStream {
    const HAS_ADDRESS: bool = true;

    fn socket(&self) -> SockRef<'_> {
        self.into()
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer_addr().ok()
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    const HAS_ADDRESS: bool = false;

    fn socket(&self) -> SockRef<'_> {
        self.into()
    }

    fn peer(&self) -> Option<SocketAddr> {
        None
    }
}

/// Serves those that are let in. A service is called without being asked whether it is ready: the
/// door knows how many there are.
fn behind<S, F>(
    door: Door,
    is_encrypted: bool,
    services: F,
) -> impl ServiceFactory<S, Config = (), Response = (), Error = (), InitError = ()>
where
    S: Stream,
    F: ServiceFactory<S, Config = (), Response = (), InitError = ()> + 'static,
{
    fn_factory(move || {
        let (door, service) = (door.clone(), services.new_service(()));
        async move {
            let service = Rc::new(service.await?);
            Ok(fn_service(move |stream: S| {
                let (door, service) = (door.clone(), Rc::clone(&service));
                async move {
                    let Some(mut connection) = admit(&door, &stream, is_encrypted) else {
                        return Ok(());
                    };
                    connection.is_encrypted = is_encrypted;
                    let serving = async move { service.call(stream).await };
                    ADMITTED.scope(Cell::new(Some(connection)), serving).await.map_err(drop)
                }
            }))
        }
    })
}

fn admit<S: Stream>(door: &Door, stream: &S, is_encrypted: bool) -> Option<Connection> {
    let address = stream.peer().map(|peer| peer.ip());
    if S::HAS_ADDRESS && address.is_none() {
        return None;
    }
    // Not known to a unix socket.
    let _ = stream.socket().set_tcp_nodelay(true);
    match door.admit(&stream.socket(), address, Stage::Fresh) {
        Ok(connection) => Some(connection),
        Err(Turned::Away) if !is_encrypted => {
            // One that has gone does not hear it.
            let _ = stream.socket().send(BUSY);
            None
        }
        Err(_) => None,
    }
}

fn plain<S, F>(
    http: F,
) -> impl ServiceFactory<S, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    S: Stream,
    F: ServiceFactory<
            (S, Option<SocketAddr>),
            Config = (),
            Response = (),
            Error = DispatchError,
            InitError = (),
        >,
{
    fn_service(|stream: S| async move {
        let peer = stream.peer();
        Ok((stream, peer))
    })
    .and_then(http)
}

fn encrypted<F>(
    acceptor: Acceptor,
    http: F,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = (), InitError = ()>
where
    F: ServiceFactory<
            (actix_tls::accept::rustls_0_23::TlsStream<TcpStream>, Option<SocketAddr>),
            Config = (),
            Response = (),
            Error = DispatchError,
            InitError = (),
        >,
{
    acceptor
        .map_err(drop)
        .map(|stream: actix_tls::accept::rustls_0_23::TlsStream<TcpStream>| {
            let peer = stream.get_ref().0.peer();
            (stream, peer)
        })
        .and_then(http.map_err(drop))
}

/// How long a handshake takes is judged with all that a connection takes.
fn acceptor(tls: &Tls) -> Result<Acceptor, Error> {
    let mut settings = tls.settings()?;
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut acceptor = Acceptor::new(settings);
    acceptor.set_handshake_timeout(Duration::MAX);
    Ok(acceptor)
}

fn http<S, R>(
    routes: R,
    handshake: Duration,
) -> impl ServiceFactory<
    (S, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    R: Fn(&mut ServiceConfig),
{
    let app = App::new()
        .wrap(from_fn(part_in_time))
        .wrap(DefaultHeaders::new().add(("Server", SERVER)))
        .configure(routes);
    let app = app.into_factory().map_err(|error: WebError| error.error_response());
    HttpService::build()
        .client_request_timeout(handshake)
        // By default a closed websocket's connection lingers for a second, and its client waits.
        .client_disconnect_timeout(Duration::ZERO)
        .on_connect_ext(|_: &S, extensions: &mut Extensions| {
            if let Ok(Some(connection)) = ADMITTED.try_with(Cell::take) {
                extensions.insert(connection);
            }
        })
        .h1(map_config(app, |()| AppConfig::default()))
}

/// Ends a connection with an answer before its time is over, so that nobody is cut in the midst of
/// one.
async fn part_in_time(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, WebError> {
    let connection = request.conn_data::<Connection>();
    let is_old = connection.is_some_and(|connection| connection.entry.is_old());
    let mut answer = next.call(request).await?;
    if is_old && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(answer)
}
