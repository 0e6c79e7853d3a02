//! The options of the limits: one for each row of their table.

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use wormhole_server::{Limit, Limits};

/// What the operator has set, and the defaults of the rest.
pub(crate) struct LimitArgs(pub(crate) Limits);

impl FromArgMatches for LimitArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut limits = Self(Limits::default());
        limits.update_from_arg_matches(matches)?;
        Ok(limits)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for limit in Limit::ALL {
            if let Some(most) = matches.get_one(limit.option()) {
                self.0 = self.0.clone().with(limit, *most);
            }
        }
        Ok(())
    }
}

impl Args for LimitArgs {
    fn augment_args(command: Command) -> Command {
        command.next_help_heading("Limits (0: none)").args(Limit::ALL.map(option))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn option(limit: Limit) -> Arg {
    Arg::new(limit.option())
        .long(limit.option())
        .value_name("N")
        .value_parser(value_parser!(u64))
        .default_value(limit.default().to_string())
        .help(format!("At most so many {}", limit.what()))
}
