//! What the line editor asks us at each key.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeSet,
};

use rustyline::{
    Context, Helper,
    completion::Completer,
    highlight::Highlighter,
    hint::{Hint, Hinter},
    validate::{ValidationContext, ValidationResult, Validator},
};
use tokio::sync::{mpsc, oneshot};
use wormhole_protocol::name::Nameplate;
use zeroize::Zeroizing;

use super::{
    InputError, Said,
    offer::Offer,
    place::{Place, split},
    remark::{self, Return},
};

/// What is known while a line is typed.
pub(super) struct Typing {
    said: mpsc::UnboundedSender<Said>,
    chosen: OnceCell<Nameplate>,
    tabbed: Cell<bool>,
    /// The line at which Return was last pressed.
    returned: RefCell<Zeroizing<String>>,
    /// What the last Tab has to tell, until it is shown.
    told: Cell<Option<String>>,
}

impl Typing {
    pub(super) fn new(said: mpsc::UnboundedSender<Said>) -> Self {
        let (chosen, tabbed) = (OnceCell::new(), Cell::new(false));
        Self { said, chosen, tabbed, returned: RefCell::default(), told: Cell::new(None) }
    }

    /// Makes of an accepted line what the wormhole needs.
    pub(super) fn finished(&self, line: &str) -> Said {
        match remark::at_return(line, self.chosen.get(), Return::Second) {
            Ok(code) => Said::Typed { code, tabbed: self.tabbed.get() },
            // The line was looked at before it was accepted.
            Err(why) => Said::Failed(InputError::Terminal(std::io::Error::other(why))),
        }
    }

    /// Refuses a line that is no code, and once one that is probably not meant so.
    fn refuse(&self, line: &str) -> Option<String> {
        let before = self.returned.replace(Zeroizing::new(line.to_owned()));
        let which = if before.as_str() == line { Return::Second } else { Return::First };
        remark::at_return(line, self.chosen.get(), which).err()
    }

    /// Chooses the nameplate, once; what is no number is left for Return to refuse.
    fn choose(&self, nameplate: &str) {
        if self.chosen.get().is_none()
            && let Ok(nameplate) = nameplate.parse::<Nameplate>()
        {
            self.say(Said::Chose(nameplate.clone()));
            let _ = self.chosen.set(nameplate);
        }
    }

    fn say(&self, said: Said) {
        // A wormhole that has gone takes the prompt away.
        let _ = self.said.send(said);
    }

    /// Asks, and waits for the answer; nobody answers any more when the prompt is taken away.
    fn ask(
        &self,
        question: impl FnOnce(oneshot::Sender<BTreeSet<String>>) -> Said,
    ) -> BTreeSet<String> {
        let (tx, rx) = oneshot::channel();
        self.say(question(tx));
        rx.blocking_recv().unwrap_or_default()
    }

    fn offer(&self, place: &Place<'_>) -> Offer {
        if let Place::Word { nameplate, .. } = place {
            self.choose(nameplate);
        }
        match (place, self.chosen.get()) {
            (Place::Nameplate { .. }, None) => Offer::among(place, &self.ask(Said::Nameplates)),
            (Place::Word { nameplate, kept, .. }, Some(chosen))
                if chosen.as_str() == *nameplate =>
            {
                let kept = Zeroizing::new((*kept).to_owned());
                Offer::among(place, &self.ask(|answer| Said::Words(kept, answer)))
            }
            (_, Some(chosen)) => Offer::nothing(place.begun(), &remark::no_way_back(chosen)),
            (_, None) => Offer::nothing(place.begun(), remark::NO_NUMBER),
        }
    }
}

impl Helper for Typing {}

impl Completer for Typing {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        self.tabbed.set(true);
        let place = Place::at(line, cursor);
        let Offer { text, remark } = self.offer(&place);
        self.told.set(remark);
        // A single candidate is written, and what is told is shown by the hint that follows.
        Ok((cursor.saturating_sub(place.begun().len()), vec![text]))
    }
}

impl Hinter for Typing {
    type Hint = Remark;

    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<Remark> {
        if let Some((nameplate, words)) = split(line)
            && !words.is_empty()
        {
            self.choose(nameplate);
        }
        let told = self.told.take();
        told.or_else(|| remark::while_typing(line, self.chosen.get())).map(Remark::new)
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match self.refuse(context.input().trim()) {
            None => ValidationResult::Valid(None),
            Some(why) => ValidationResult::Invalid(Some(Remark::new(why).0)),
        })
    }
}

impl Highlighter for Typing {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[m"))
    }
}

/// What is told below the line. It is never taken for typed.
pub(super) struct Remark(String);

impl Remark {
    fn new(text: String) -> Self {
        if text.starts_with('\n') { Self(text) } else { Self(format!("\n  {text}")) }
    }
}

impl Hint for Remark {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}
