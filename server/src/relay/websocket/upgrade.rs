//! From HTTP to a websocket. Whatever is asked for, and by which page, is all the same.

use actix_http::{
    RequestHead, Response,
    header::{self, HeaderName, HeaderValue},
    ws::{hash_key, verify_handshake},
};
use actix_web::http::{Method, StatusCode};

/// What a client asks by HTTP.
pub(in super::super) type Head = RequestHead;

/// What has come so far.
pub(in super::super) enum Upgrade {
    /// Not the whole request.
    More,
    /// It is to become a websocket, and this is to be answered; so many bytes were the request.
    Welcome { head: Box<Head>, answer: String, length: usize },
    /// It is to become nothing, and this is the answer.
    Refused(String),
}

/// The longest request that is read.
const LONGEST: usize = 8 << 10;

/// The most headers in one.
const HEADERS: usize = 64;

/// For those who look what is there.
const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\"><title>Transit relay</title>\n\
    <p>This is a transit relay for Magic Wormhole. It speaks websocket to its clients, and has \
    nothing to show to a browser.</p></html>\n";

impl Upgrade {
    /// Reads a request.
    pub(in super::super) fn read(bytes: &[u8]) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= LONGEST => length,
            Ok(httparse::Status::Partial) if bytes.len() <= LONGEST => return Self::More,
            Ok(_) => return Self::refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Err(_) => return Self::refused(StatusCode::BAD_REQUEST),
        };
        match head(&request) {
            Some(head) => Self::judge(head, length),
            None => Self::refused(StatusCode::BAD_REQUEST),
        }
    }

    fn judge(head: Head, length: usize) -> Self {
        if head.method == Method::GET && !head.headers().contains_key(header::UPGRADE) {
            return Self::Refused(answer(StatusCode::OK, PAGE));
        }
        if let Err(reason) = verify_handshake(&head) {
            return Self::refused(Response::from(reason).status());
        }
        let key = head.headers().get(header::SEC_WEBSOCKET_KEY).map_or(&b""[..], |k| k.as_bytes());
        let accept = String::from_utf8_lossy(&hash_key(key)).into_owned();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        Self::Welcome { head: Box::new(head), answer, length }
    }

    fn refused(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        Self::Refused(answer(status, &format!("<!DOCTYPE html>\n<title>{reason}</title>\n")))
    }
}

fn head(request: &httparse::Request<'_, '_>) -> Option<Head> {
    let mut head = Head::default();
    head.method = request.method?.parse().ok()?;
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        head.headers_mut().append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    Some(head)
}

fn answer(status: StatusCode, body: &str) -> String {
    let version = match status {
        StatusCode::UPGRADE_REQUIRED => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        StatusCode::METHOD_NOT_ALLOWED => "Allow: GET\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         {version}Connection: close\r\n\r\n{body}",
        body.len()
    )
}
