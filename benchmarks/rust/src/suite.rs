use std::time::Duration;

use crate::options::Options;
use crate::placement::{release_threads, set_pin};

/// One number that a run of a variant gave: "p50" of 1.25 "us".
pub type Measurement = (&'static str, &'static str, f64);

/// A problem, solved by one rival, in one size. Variants of one problem and size that follow one
/// another are compared, so they are run in turn.
pub struct Variant {
    pub problem: &'static str,
    pub rival: &'static str,
    pub workers: usize,
    pub in_flight: usize,
    /// How long one run should take; `--time` overrides it.
    pub time: Duration,
    /// Runs once, panics if a result is wrong.
    pub run: Box<dyn Fn(Duration) -> Vec<Measurement>>,
}

/// All values of one metric of one variant, one per round.
pub struct Row {
    pub problem: &'static str,
    pub rival: &'static str,
    pub workers: usize,
    pub in_flight: usize,
    pub metric: &'static str,
    pub unit: &'static str,
    pub values: Vec<f64>,
}

impl Variant {
    fn size(&self) -> (&'static str, usize, usize) {
        (self.problem, self.workers, self.in_flight)
    }
}

fn selected(all: &[Variant], one: &Variant, wanted: &Options) -> bool {
    let has = |numbers: &[usize], value| numbers.is_empty() || numbers.contains(&value);
    // "tokio" selects "tokio-spawn_blocking" too, unless there is one of exactly that name.
    let named = |name: &String| {
        one.rival == name
            || (!all.iter().any(|other| other.rival == name)
                && one.rival.starts_with(&format!("{}-", name)))
    };
    (wanted.problems.is_empty() || wanted.problems.iter().any(|name| name == one.problem))
        && (wanted.rivals.is_empty() || wanted.rivals.iter().any(named))
        && has(&wanted.workers, one.workers)
        && has(&wanted.in_flight, one.in_flight)
}

/// Runs those that the options select, in rounds: A B C A B C, each starting with another one.
pub fn run(all: &[Variant], wanted: &Options) -> Vec<Row> {
    let mut groups: Vec<Vec<&Variant>> = vec![];
    for one in all.iter().filter(|one| selected(all, one, wanted)) {
        match groups.last_mut() {
            Some(group) if group[0].size() == one.size() => group.push(one),
            _ => groups.push(vec![one]),
        }
    }
    set_pin(wanted.pin);
    let mut rows: Vec<Row> = vec![];
    for group in groups {
        let first_row = rows.len();
        for round in 0..wanted.rounds {
            for i in 0..group.len() {
                let one = group[(i + round + wanted.rotate) % group.len()];
                release_threads();
                for (metric, unit, value) in (one.run)(wanted.time.unwrap_or(one.time)) {
                    let known = rows[first_row..]
                        .iter()
                        .position(|row| row.rival == one.rival && row.metric == metric);
                    let at = known.map(|index| first_row + index).unwrap_or_else(|| {
                        rows.push(Row {
                            problem: one.problem,
                            rival: one.rival,
                            workers: one.workers,
                            in_flight: one.in_flight,
                            metric,
                            unit,
                            values: vec![],
                        });
                        rows.len() - 1
                    });
                    rows[at].values.push(value);
                }
            }
        }
    }
    rows
}
