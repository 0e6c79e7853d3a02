#![no_main]

use libfuzzer_sys::fuzz_target;

/// As deep as in the server, for what its parts let each other see.
#[path = "."]
mod relay {
    #[path = "."]
    mod websocket {
        #[path = "../../src/relay/websocket/upgrade.rs"]
        mod upgrade;

        pub(super) use upgrade::Upgrade;
    }

    use websocket::Upgrade;

    /// What a request comes to, and how much of the bytes it was.
    #[derive(Debug, PartialEq, Eq)]
    enum Judged {
        More,
        Answered(String, Option<usize>),
    }

    fn judge(bytes: &[u8]) -> Judged {
        match Upgrade::read(bytes) {
            Upgrade::More => Judged::More,
            Upgrade::Refused(answer) => Judged::Answered(answer, None),
            Upgrade::Welcome { answer, length, head } => {
                assert!(length <= bytes.len());
                assert!(head.headers().len() <= 64);
                Judged::Answered(answer, Some(length))
            }
        }
    }

    pub(super) fn check(cut: usize, bytes: &[u8]) {
        let whole = judge(bytes);
        if let Judged::Answered(answer, length) = &whole {
            // A stranger writes nothing into the head of our answer.
            let (head, _) = answer.split_once("\r\n\r\n").expect("a head ends");
            assert!(head.lines().count() < 8 && head.starts_with("HTTP/1.1 "), "{head}");
            assert!(head.split("\r\n").all(|line| !line.contains(['\r', '\n'])));
            if let Some(length) = length {
                // What follows on a request changes nothing about it.
                assert_eq!(judge(&bytes[..*length]), whole);
            }
        }
        // What is refused or welcome before all has come, stays so.
        let early = judge(&bytes[..cut % (bytes.len() + 1)]);
        if early != Judged::More {
            let is_late = matches!(&early, Judged::Answered(_, None));
            assert!(early == whole || is_late, "{early:?} became {whole:?}");
        }
        // Nothing is waited for without end.
        assert!(whole != Judged::More || bytes.len() <= 8 << 10);
    }
}

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    relay::check(cut, bytes);
    // Most bytes are no request at all.
    let almost = [&b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "[..], bytes, b"\r\n\r\n"].concat();
    relay::check(cut, &almost);
});
