//! The code on the command line: the system keeps the program's arguments for as long as it runs, and
//! every process list shows them.

/// Writes over an argument of this program, where the system lets a program do that to itself.
///
/// Nobody else looks at the arguments any more: they are read once, in the beginning.
pub(crate) fn argument(secret: &str) {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::overwrite(secret.as_bytes()) {
        crate::show::line(&format!("The code stays in the process list: {error}"));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = secret;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs::{self, File},
        io,
        os::unix::fs::FileExt,
    };

    use zeroize::Zeroizing;

    /// Where in `/proc/self/stat`, behind the program's name, it stands where the arguments begin.
    const ARGUMENTS: usize = 45;

    pub(super) fn overwrite(secret: &[u8]) -> io::Result<()> {
        let (start, end) = place().ok_or(io::ErrorKind::Unsupported)?;
        let memory = File::options().read(true).write(true).open("/proc/self/mem")?;
        let length = end.checked_sub(start).and_then(|length| usize::try_from(length).ok());
        let mut arguments = Zeroizing::new(vec![0; length.ok_or(io::ErrorKind::Unsupported)?]);
        memory.read_exact_at(&mut arguments, start)?;
        for at in found(&arguments, secret) {
            memory.write_all_at(&vec![b'*'; secret.len()], start + at as u64)?;
        }
        Ok(())
    }

    fn place() -> Option<(u64, u64)> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name may hold blanks and parentheses.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(ARGUMENTS);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    }

    /// Finds the argument, or the value of an option.
    fn found(arguments: &[u8], secret: &[u8]) -> Vec<usize> {
        let windows = arguments.windows(secret.len().max(1)).enumerate();
        let is_whole = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| arguments.get(at));
            before.is_none_or(|byte| b"\0=".contains(byte))
                && arguments.get(at + secret.len()).is_none_or(|byte| *byte == 0)
        };
        windows.filter(|(at, text)| *text == secret && is_whole(*at)).map(|(at, _)| at).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_the_whole_argument_is_found() {
            let arguments = "wormhole send --code=5-a-b 5-a-b.txt --code 5-a-b x5-a-b ";
            let arguments = arguments.replace(' ', "\0").into_bytes();
            assert_eq!(found(&arguments, b"5-a-b"), [21, 44]);
            assert!(found(b"", b"5-a-b").is_empty() && found(&arguments, b"").is_empty());
        }

        #[test]
        fn this_program_has_arguments() {
            let (start, end) = place().unwrap_or_default();
            assert!(start > 0 && end > start);
        }
    }
}
