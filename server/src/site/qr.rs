//! An address for a telephone's camera.

use std::fmt::Write;

use qrcode::{Color, QrCode};

use super::escape::Escaped;

/// Modules of light around the code, as the standard wants them.
const QUIET: usize = 4;

/// Draws a text as SVG, black on white; none where it is too long for a QR code.
pub(super) fn svg(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let side = code.width() + 2 * QUIET;
    let mut dark = String::new();
    for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run[0] == Color::Dark {
                let (x, y, length) = (x + QUIET, y + QUIET, run.len());
                // Writing to a string does not fail.
                let _ = write!(dark, "M{x} {y}h{length}v1h-{length}z");
            }
            x += run.len();
        }
    }
    Some(format!(
        "<svg role=\"img\" aria-label=\"QR code: {}\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path d=\"{dark}\"/></svg>",
        Escaped(text)
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Reads the modules back from the path.
    fn dark(svg: &str) -> Vec<(usize, usize)> {
        let path = svg.rsplit_once("<path d=\"").unwrap().1.split_once('"').unwrap().0;
        let runs = path.split('z').filter(|run| !run.is_empty()).flat_map(|run| {
            let (x, rest) = run.strip_prefix('M').unwrap().split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (length, _) = rest.split_once('v').unwrap();
            let (x, length): (usize, usize) = (x.parse().unwrap(), length.parse().unwrap());
            let y = y.parse().unwrap();
            (x..x + length).map(move |x| (x, y))
        });
        runs.collect()
    }

    #[test]
    fn every_dark_module_is_drawn_within_the_quiet_zone() {
        let text = "wss://relay.example.org/v1";
        let code = QrCode::new(text).unwrap();
        let side = code.width();
        let modules = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        let expected = modules.filter(|at| code[*at] == Color::Dark);
        let expected: Vec<_> = expected.map(|(x, y)| (x + QUIET, y + QUIET)).collect();
        let drawn = svg(text).unwrap();
        assert_eq!(dark(&drawn), expected);
        assert!(drawn.contains(&format!("viewBox=\"0 0 {0} {0}\"", side + 8)));
    }

    #[test]
    fn a_text_may_be_too_long_and_is_escaped() {
        assert_eq!(svg(&"a".repeat(3000)), None);
        assert!(svg("a\"b").unwrap().contains("aria-label=\"QR code: a&quot;b\""));
    }
}
