//! What nobody can do much better: two threads, of which one reads a file, hashes it, seals it with
//! libsodium and writes it to a socket, while the other does the reverse.

#![allow(unsafe_code)] // libsodium is C; these three functions of it are all there is.

use std::{
    ffi::c_int,
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
};

use sha2::{Digest, Sha256};

const CHUNK: usize = 128 * 1024;
const TAG: usize = 16;
const KEY: [u8; 32] = [7; 32];

#[link(name = "sodium")]
unsafe extern "C" {
    fn sodium_init() -> c_int;
    fn crypto_secretbox_easy(
        sealed: *mut u8,
        plaintext: *const u8,
        length: u64,
        nonce: *const u8,
        key: *const u8,
    ) -> c_int;
    fn crypto_secretbox_open_easy(
        plaintext: *mut u8,
        sealed: *const u8,
        length: u64,
        nonce: *const u8,
        key: *const u8,
    ) -> c_int;
}

/// Moves a file over loopback.
pub(crate) fn run(from: &Path, to: &Path) {
    // SAFETY: it may be called at any time, from any thread.
    assert!(unsafe { sodium_init() } >= 0, "libsodium is usable");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::scope(|scope| {
        scope.spawn(|| send(from, TcpStream::connect(address).expect("it listens")));
        let (stream, _) = listener.accept().expect("the sender comes");
        receive(to, stream);
    });
}

fn send(from: &Path, mut stream: TcpStream) {
    let mut file = File::open(from).expect("the file can be read");
    let mut hash = Sha256::new();
    let mut record = vec![0; 4 + TAG + CHUNK];
    for counter in 0_u64.. {
        let plaintext = &mut record[4 + TAG..];
        let length = file.read(plaintext).expect("the file can be read");
        hash.update(&plaintext[..length]);
        seal(&mut record[4..4 + TAG + length], counter);
        record[..4].copy_from_slice(&((TAG + length) as u32).to_be_bytes());
        stream.write_all(&record[..4 + TAG + length]).expect("the receiver reads");
        if length == 0 {
            break;
        }
    }
    let mut theirs = [0; 32];
    stream.read_exact(&mut theirs).expect("the receiver answers");
    assert_eq!(theirs, hash.finalize()[..], "everything arrived");
}

fn receive(to: &Path, mut stream: TcpStream) {
    let mut file = File::create(to).expect("the file can be written");
    let mut hash = Sha256::new();
    let mut record = vec![0; TAG + CHUNK];
    for counter in 0_u64.. {
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("the sender writes");
        let length = u32::from_be_bytes(length) as usize;
        stream.read_exact(&mut record[..length]).expect("the sender writes");
        let plaintext = open(&mut record[..length], counter);
        if plaintext.is_empty() {
            break;
        }
        hash.update(plaintext);
        file.write_all(plaintext).expect("the file can be written");
    }
    stream.write_all(&hash.finalize()).expect("the sender reads");
}

/// Seals what stands after the room for the tag.
fn seal(record: &mut [u8], counter: u64) {
    let at = record.as_mut_ptr();
    let length = (record.len() - TAG) as u64;
    // SAFETY: `record` is all of `length` bytes and the tag; text and its ciphertext may lie at the
    // same place.
    let sealed = unsafe {
        crypto_secretbox_easy(at, at.add(TAG), length, nonce(counter).as_ptr(), KEY.as_ptr())
    };
    assert_eq!(sealed, 0, "sealing cannot fail");
}

fn open(record: &mut [u8], counter: u64) -> &[u8] {
    let at = record.as_mut_ptr();
    // SAFETY: `record` is all of its length; text and its ciphertext may lie at the same place.
    let opened = unsafe {
        let length = record.len() as u64;
        crypto_secretbox_open_easy(at.add(TAG), at, length, nonce(counter).as_ptr(), KEY.as_ptr())
    };
    assert_eq!(opened, 0, "it is what was sealed");
    &record[TAG..]
}

fn nonce(counter: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[16..].copy_from_slice(&counter.to_be_bytes());
    nonce
}
