//! For tests: holds a layer against the recorded table of its machine [client.md: state machines].

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;

/// A layer among probes, spoken to in the table's words.
pub(crate) trait Machine {
    /// Gives the layer one input.
    fn put(&self, input: &str);

    /// What it told its neighbours since the last call, in the table's words.
    async fn told(&mut self) -> Vec<&'static str>;
}

/// What a layer tells of an input that only our own code could cause.
pub(crate) const INTERNAL: &str = "internal error";

/// What the table says of a layer's inside, or of neighbours which ours does not have.
const INSIDE: [&str; 9] = [
    "store",
    "status",
    "queue",
    "send everything queued",
    "tx add each pending",
    "drop phase",
    "code =",
    // Ours starts Code, not Code it: nothing an entry is asked may overtake its start.
    "Input.start",
    "return helper",
];

/// One row of the table.
#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) state: String,
    pub(crate) input: String,
    pub(crate) next: String,
    pub(crate) outputs: Vec<String>,
}

impl Row {
    /// What the neighbours are told, in alphabetical order: the order among them is nobody's.
    fn told(&self) -> Vec<&str> {
        let parts = self.outputs.iter().flat_map(|output| output.split("; "));
        let inside = |part: &&str| !INSIDE.iter().any(|inside| part.starts_with(inside));
        let mut told: Vec<_> = parts.filter(inside).map(name).collect();
        told.sort_unstable();
        told
    }
}

/// Leaves out under which condition, and with what.
fn name(output: &str) -> &str {
    let output = output.rsplit(", ").next().unwrap_or(output);
    output.split(['(']).next().unwrap_or(output).trim()
}

/// The table of one machine.
#[derive(Deserialize)]
pub(crate) struct Table {
    initial: String,
    pub(crate) inputs: Vec<String>,
    #[serde(rename = "transitions")]
    pub(crate) rows: Vec<Row>,
}

impl Table {
    pub(crate) fn read(machine: &str) -> Self {
        let vectors = include_str!("../../tests/vectors/state-machines.json");
        let vectors: Value = serde_json::from_str(vectors).expect("JSON");
        serde_json::from_value(vectors["machines"][machine].clone()).expect("a machine's table")
    }

    /// Defines what Python leaves undefined, and our specification does not.
    pub(crate) fn define(&mut self, state: &str, input: &str, next: &str) {
        let (state, input, next) = (state.to_owned(), input.to_owned(), next.to_owned());
        self.rows.push(Row { state, input, next, outputs: Vec::new() });
    }

    fn row(&self, state: &str, input: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.state == state && row.input == input)
    }

    /// Every state that can be reached, with the shortest way to it.
    fn ways(&self) -> Vec<(&str, Vec<&str>)> {
        let mut ways = vec![(self.initial.as_str(), Vec::new())];
        let mut open = VecDeque::from(ways.clone());
        while let Some((state, way)) = open.pop_front() {
            for row in self.rows.iter().filter(|row| row.state == state) {
                if ways.iter().any(|(known, _)| *known == row.next) {
                    continue;
                }
                let longer = [&way[..], &[row.input.as_str()]].concat();
                ways.push((&row.next, longer.clone()));
                open.push_back((&row.next, longer));
            }
        }
        ways
    }

    /// Tries every input in every state: what the table defines must be told, and what it does not
    /// must be ignored, so that afterwards every defined input does as before.
    pub(crate) async fn hold<M: Machine>(&self, new: impl Fn() -> M) {
        for (state, way) in self.ways() {
            for input in self.inputs.iter().filter(|input| !impossible(state, input)) {
                let told = after(new(), &way, input).await;
                if let Some(row) = self.row(state, input) {
                    assert_eq!(told, row.told(), "{input} in {state}");
                    continue;
                }
                assert!(told.is_empty() || told == [INTERNAL], "{input} in {state}: {told:?}");
                let way = [&way[..], &[input.as_str()]].concat();
                for row in self.rows.iter().filter(|row| row.state == state) {
                    let told = after(new(), &way, &row.input).await;
                    assert_eq!(told, row.told(), "{} after {input} in {state}", row.input);
                }
            }
        }
    }
}

async fn after<M: Machine>(mut machine: M, way: &[&str], input: &str) -> Vec<&'static str> {
    for input in way {
        machine.put(input);
    }
    machine.told().await;
    machine.put(input);
    let mut told = machine.told().await;
    told.sort_unstable();
    told
}

/// What Rendezvous never tells: a turn of the line twice, or what a server says that is not there.
fn impossible(state: &str, input: &str) -> bool {
    match state.rsplit_once('/') {
        Some((_, "on")) => input == "connected",
        Some((_, "off")) => input == "lost" || input.starts_with("rx"),
        _ => false,
    }
}
