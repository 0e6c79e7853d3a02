//! How a side's clock stands to the server's.

use super::{join::Joined, recording::Recording};

/// What a side's clock must be put forward by to show the server's time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Offset {
    pub(super) seconds: f64,
    /// How much more or less it may be; `None` where frames of only one direction are known, which
    /// bound it on one side. It is below zero where the clock was set in between.
    pub(super) within: Option<f64>,
}

impl Offset {
    /// Estimates it from the smallest one-way times, in the middle of what they allow: no frame
    /// arrives before it was sent.
    pub(super) fn estimate(recording: &Recording, joined: &[Joined]) -> Option<Self> {
        let mut up = f64::INFINITY;
        let mut down = f64::INFINITY;
        for (event, joined) in recording.events.iter().zip(joined) {
            let Some(server) = joined.server else { continue };
            match event.name.as_str() {
                "ws_send" => up = up.min(server - event.start),
                _ => down = down.min(event.start - server),
            }
        }
        match (up.is_finite(), down.is_finite()) {
            (true, true) => {
                Some(Self { seconds: (up - down) / 2.0, within: Some((up + down) / 2.0) })
            }
            (true, false) => Some(Self { seconds: up, within: None }),
            (false, true) => Some(Self { seconds: -down, within: None }),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::{join::join, recording::Event, vectors};

    fn estimated(recordings: &[Recording]) -> Vec<Option<Offset>> {
        let joined = join(recordings);
        recordings.iter().zip(&joined).map(|(one, joined)| Offset::estimate(one, joined)).collect()
    }

    fn shift(recording: &mut Recording, seconds: f64) {
        for event in &mut recording.events {
            event.start += seconds;
        }
    }

    #[test]
    fn clocks_of_one_machine_agree_and_a_wrong_clock_is_found() {
        let mut recordings = vectors();
        for offset in estimated(&recordings).into_iter().flatten() {
            assert!(offset.seconds.abs() < 0.001, "{offset:?}");
            assert!((0.0..0.001).contains(&offset.within.unwrap()), "{offset:?}");
        }
        shift(&mut recordings[1], 3_600.0);
        let [first, second] = estimated(&recordings)[..] else { panic!("two clocks") };
        assert!(first.unwrap().seconds.abs() < 0.001);
        assert!((second.unwrap().seconds + 3_600.0).abs() < 0.001, "{second:?}");
    }

    #[test]
    fn one_direction_is_a_bound_and_none_tells_nothing() {
        let only = |name: &str| {
            let mut recordings = vectors();
            let named = |event: &Event| event.name == name;
            let joined = join(&recordings).swap_remove(0);
            let mut recording = recordings.swap_remove(0);
            let mut kept =
                joined.into_iter().zip(recording.events).filter(|(_, event)| named(event));
            let (joined, events): (Vec<_>, Vec<_>) = kept.by_ref().unzip();
            recording = Recording { events };
            Offset::estimate(&recording, &joined)
        };
        assert!(matches!(only("ws_send"), Some(Offset { seconds: 0.0.., within: None })));
        assert!(matches!(only("ws_receive"), Some(Offset { seconds: ..0.0, within: None })));
        assert_eq!(only("pake1"), None);
    }
}
