//! The landing page, for people who open the server's address in a browser.

use wormhole_protocol::{transit::DirectHint, uri::WebSocketUrl};

use super::{escape::Escaped, line::Line, qr, relay};
use crate::rules::Welcome;

/// What stands between `<style>` and `</style>`.
pub(super) const STYLE: &str = include_str!("page/page.css");

/// Writes the page. Where the server does not know its own address, the page asks the operator for
/// it instead of telling how to use the server.
pub(super) fn html(
    mailbox: Option<&WebSocketUrl>,
    transit: &[DirectHint],
    welcome: &Welcome,
) -> String {
    let error = welcome
        .error
        .as_deref()
        .map(|text| notice("closed", "This server turns clients away", text));
    let motd = welcome.motd.as_deref().map(|text| notice("motd", "A word from the operator", text));
    let instructions = match mailbox {
        Some(url) => command_line(url, transit.first()) + &apps(url, transit),
        None => include_str!("page/nowhere.html").to_owned(),
    };
    format!(
        include_str!("page/page.html"),
        style = STYLE,
        notices = error.unwrap_or_default() + &motd.unwrap_or_default(),
        instructions = instructions,
    )
}

/// What the operator says.
fn notice(class: &str, title: &str, text: &str) -> String {
    let text = Escaped(text);
    format!("<aside class=\"{class}\">\n<h2>{title}</h2>\n<p dir=\"auto\">{text}</p>\n</aside>\n")
}

fn command_line(url: &WebSocketUrl, transit: Option<&DirectHint>) -> String {
    let relay_export = transit
        .map(|hint| format!("\n{}", Line::export("WORMHOLE_TRANSIT_HELPER", &relay(hint))))
        .unwrap_or_default();
    format!(
        include_str!("page/command_line.html"),
        send = Line::command(url, transit, "send FILE"),
        receive = Line::command(url, transit, "receive"),
        export = Line::export("WORMHOLE_RELAY_URL", url.as_str()),
        relay_export = relay_export,
    )
}

fn apps(url: &WebSocketUrl, transit: &[DirectHint]) -> String {
    let relays: String =
        transit.iter().map(|hint| Line::address(&relay(hint)).to_string()).collect();
    let relays = match transit {
        [] => String::new(),
        _ => format!("\n<dt>Transit relay</dt>\n<dd>{relays}</dd>"),
    };
    format!(
        include_str!("page/apps.html"),
        qr = qr::svg(url.as_str()).unwrap_or_default(),
        mailbox = Line::address(url.as_str()),
        relays = relays,
    )
}
