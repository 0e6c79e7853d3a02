//! The program's allocator: mimalloc, told to give memory back at once.
//!
//! By itself it waits for a second, and then for the thread that freed the memory to be busy
//! again: after a peak of connections nothing is given back as long as the server is idle.

#![allow(unsafe_code, reason = "an option of the C library is set by a C function")]

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, in versions 2 and 3.
const PURGE_DELAY: mi_option_t = 15;

/// Has memory given back without delay.
pub(crate) fn give_back() {
    // SAFETY: it stores a number, atomically, and may be called at any time.
    unsafe { mi_option_set(PURGE_DELAY, 0) };
}
