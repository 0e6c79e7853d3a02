//! Random bytes of the operating system.

/// Draws `N` bytes.
///
/// # Panics
/// Where the operating system has none to give, which leaves nothing that could be done securely.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
