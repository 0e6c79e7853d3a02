//! What is told of a line while it stands there, and why it may not be the code.

use wormhole_protocol::{code::Code, name::Nameplate, wordlist};

use super::{near::nearest, place::split};

/// Tells of a nameplate that was changed too late, else of the first word that looks misspelt.
pub(super) fn while_typing(line: &str, chosen: Option<&Nameplate>) -> Option<String> {
    let typed = split(line);
    if let Some(chosen) = chosen
        && typed.is_none_or(|(nameplate, _)| nameplate != chosen.as_str())
    {
        return Some(no_way_back(chosen));
    }
    let (_, words) = typed?;
    let last = words.matches('-').count();
    words
        .split('-')
        .enumerate()
        .find_map(|(position, word)| misspelt(position, word, position == last))
}

/// Tells what a word may have been meant to be: one that is still being typed, where it cannot
/// become a word of the list.
fn misspelt(position: usize, word: &str, last: bool) -> Option<String> {
    let list = wordlist::list(position);
    let fits = |other: &&str| if last { other.starts_with(word) } else { *other == word };
    if list.iter().any(fits) {
        return None;
    }
    match nearest(word, list.iter().copied())[..] {
        [] => None,
        [near, ..] if last => Some(format!("{near}? Tab writes it")),
        [near, ..] => Some(format!("{near}?")),
    }
}

/// How often Return was pressed at a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    First,
    Second,
}

/// Refuses a line that is no code, or not the one whose nameplate is chosen; at the first Return
/// also one that is probably not meant so.
pub(super) fn at_return(
    line: &str,
    chosen: Option<&Nameplate>,
    which: Return,
) -> Result<Code, String> {
    if let Some(chosen) = chosen
        && split(line).is_none_or(|(nameplate, _)| nameplate != chosen.as_str())
    {
        return Err(no_way_back(chosen));
    }
    let without_secret = Code::without_secret();
    let code = match line.trim() == without_secret.as_str() {
        true => without_secret,
        false => Code::entered(line)
            .map_err(|error| format!("{error}; one looks like 7-crossover-clockwork"))?,
    };
    match which {
        Return::First if code.words().is_empty() => Err(NO_SECRET.to_owned()),
        Return::First if code.words().ends_with('-') => Err(WORD_MISSING.to_owned()),
        _ => Ok(code),
    }
}

/// Said where the last word has not begun, as Tab leaves it.
const WORD_MISSING: &str = "another word is expected; press Return again if the code is complete";

/// Said of the code that everybody knows.
const NO_SECRET: &str = "anybody can be at the other end; press Return again if you both want that";

/// Said where the nameplate is none.
pub(super) const NO_NUMBER: &str = "a code begins with a number";

pub(super) fn no_way_back(chosen: &Nameplate) -> String {
    format!("nameplate ({chosen}-) already entered, cannot go back")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(line: &str) -> Option<String> {
        while_typing(line, None)
    }

    #[test]
    fn words_of_the_list_need_no_remark() {
        for line in ["", "7", "7-", "7-cro", "7-crossover", "7-crossover-", "7-crossover-clockw"] {
            assert_eq!(told(line), None, "{line}");
        }
    }

    #[test]
    fn a_misspelt_word_is_named() {
        assert_eq!(told("7-crosover").as_deref(), Some("crossover? Tab writes it"));
        assert_eq!(told("7-crosover-").as_deref(), Some("crossover?"));
        assert_eq!(told("7-crossover-clokwork").as_deref(), Some("clockwork? Tab writes it"));
        assert_eq!(told("7-purple-sausages"), None);
    }

    #[test]
    fn a_nameplate_that_is_chosen_stays() {
        let seven = Nameplate::from(7);
        let no = Some("nameplate (7-) already entered, cannot go back".to_owned());
        assert_eq!(while_typing("7-cro", Some(&seven)), None);
        for line in ["", "7", "8-cro", "77-cro"] {
            assert_eq!(while_typing(line, Some(&seven)), no, "{line}");
            assert_eq!(refusal(line, Some(&seven), Return::Second), no, "{line}");
        }
        let spaces = refusal("7-any thing", Some(&seven), Return::Second).unwrap_or_default();
        assert!(spaces.contains("spaces"), "{spaces}");
    }

    fn refusal(line: &str, chosen: Option<&Nameplate>, which: Return) -> Option<String> {
        at_return(line, chosen, which).err()
    }

    #[test]
    fn what_is_probably_not_meant_so_needs_a_second_return() {
        for (line, why) in [("7-any-", WORD_MISSING), (" 0- ", NO_SECRET)] {
            assert_eq!(refusal(line, None, Return::First).as_deref(), Some(why), "{line}");
            let code = at_return(line, None, Return::Second);
            assert!(code.is_ok_and(|code| code.as_str() == line.trim()), "{line}");
        }
        for line in ["5-", "00-", "5", "0"] {
            assert!(refusal(line, None, Return::Second).is_some(), "{line}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused_with_an_example() {
        for line in ["", "7", "crossover", "x-crossover", "7-cross over", "7-crossover\nclockwork"]
        {
            let why = refusal(line, None, Return::Second).unwrap_or_default();
            assert!(why.contains("7-crossover-clockwork"), "{line}: {why}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(line in "[0-9]{0,2}-{0,1}(\\PC|-|[a-z]{3}){0,9}", chosen in any::<Option<u32>>()) {
            let chosen = chosen.map(Nameplate::from);
            while_typing(&line, chosen.as_ref());
            let _ = at_return(&line, chosen.as_ref(), Return::First);
        }
    }
}
