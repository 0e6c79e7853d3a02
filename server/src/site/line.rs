//! The lines to type, which Python's client and ours take alike.

use std::fmt;

use wormhole_protocol::{transit::DirectHint, uri::WebSocketUrl};

use super::{escape::Escaped, relay};

/// What somebody types or copies whole. `Display` gives it as HTML, which a narrow screen breaks
/// between phrases, or between their parts, and not at every hyphen.
pub(super) struct Line(Vec<Phrase>);

/// Parts that belong together, and what joins them.
struct Phrase(Vec<String>, &'static str);

impl Line {
    /// `wormhole --relay-url URL …`: Python's client wants these options before the command.
    pub(super) fn command(server: &WebSocketUrl, transit: Option<&DirectHint>, rest: &str) -> Self {
        let option = |name: &str, value: &str| Phrase(vec![name.to_owned(), quote(value)], " ");
        let mut phrases = vec![Phrase::word("wormhole"), option("--relay-url", server.as_str())];
        phrases.extend(transit.map(|hint| option("--transit-helper", &relay(hint))));
        phrases.push(Phrase::word(rest));
        Self(phrases)
    }

    /// `export NAME=VALUE`.
    pub(super) fn export(name: &str, value: &str) -> Self {
        let assignment = Phrase(vec![format!("{name}="), quote(value)], "");
        Self(vec![Phrase::word("export"), assignment])
    }

    /// An address for another program than a shell.
    pub(super) fn address(text: &str) -> Self {
        Self(vec![Phrase::word(text)])
    }
}

impl Phrase {
    fn word(text: &str) -> Self {
        Self(vec![text.to_owned()], "")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phrases: Vec<_> =
            self.0.iter().map(|phrase| format!("<span>{phrase}</span>")).collect();
        write!(f, "<code class=\"line\">{}</code>", phrases.join(" "))
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(parts, joint) = self;
        let parts = parts.iter().map(|part| format!("<span>{}</span>", Escaped(part)));
        f.write_str(&parts.collect::<Vec<_>>().join(joint))
    }
}

/// Quotes a word where a shell would read more in it than its characters: the brackets of an IPv6
/// address are a pattern to some.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The line without its phrases.
    fn flat(line: &Line) -> String {
        line.to_string().replace("<span>", "").replace("</span>", "")
    }

    fn command(url: &str, host: &str) -> String {
        let port = 4001.try_into().unwrap();
        let hint = DirectHint { hostname: host.into(), port, priority: 0.0 };
        flat(&Line::command(&url.parse().unwrap(), Some(&hint), "send FILE"))
    }

    #[test]
    fn a_shell_reads_the_words_as_they_are() {
        assert_eq!(
            command("wss://relay.example.org/v1", "relay.example.org"),
            "<code class=\"line\">wormhole --relay-url wss://relay.example.org/v1 \
             --transit-helper tcp:relay.example.org:4001 send FILE</code>"
        );
        assert_eq!(
            command("ws://[::1]:4000/v1", "::1"),
            "<code class=\"line\">wormhole --relay-url &#39;ws://[::1]:4000/v1&#39; \
             --transit-helper &#39;tcp:[::1]:4001&#39; send FILE</code>"
        );
        assert_eq!(quote("$(a);b'c"), r"'$(a);b'\''c'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn lines_are_escaped() {
        let line = Line::address("a<b>&'").to_string();
        assert_eq!(
            line,
            "<code class=\"line\"><span><span>a&lt;b&gt;&amp;&#39;</span></span></code>"
        );
        let line = flat(&Line::export("NAME", "a&b"));
        assert_eq!(line, "<code class=\"line\">export NAME=&#39;a&amp;b&#39;</code>");
    }
}
