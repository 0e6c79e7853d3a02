//! What the server makes up, from the operating system's generator.

use data_encoding::BASE32_NOPAD;
use wormhole_protocol::name::MailboxId;

/// Makes up a mailbox: eight random bytes as thirteen characters of lower-case base32.
pub(crate) fn mailbox_id() -> MailboxId {
    MailboxId::new(BASE32_NOPAD.encode(&bytes::<8>()).to_ascii_lowercase())
}

/// Makes up what a stamp is for: sixteen random bytes as characters that a stamp can hold.
pub(crate) fn resource() -> String {
    BASE32_NOPAD.encode(&bytes::<16>()).to_ascii_lowercase()
}

/// Draws a number below `bound`, which is not zero, each as likely as the others.
pub(crate) fn below(bound: u32) -> u32 {
    let fair = u32::MAX - u32::MAX % bound;
    loop {
        let drawn = u32::from_le_bytes(bytes());
        if drawn < fair {
            return drawn % bound;
        }
    }
}

/// Draws bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("a running system's generator does not fail");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn mailboxes_are_thirteen_base32_characters() {
        let id = mailbox_id();
        assert_eq!(id.as_str().len(), 13);
        assert!(id.as_str().bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)));
        assert_ne!(id, mailbox_id());
    }

    #[test]
    fn every_number_below_the_bound_comes() {
        let drawn: HashSet<u32> = (0..2_000).map(|_| below(9)).collect();
        assert_eq!(drawn, (0..9).collect());
    }
}
