//! Numbers that vary: the median of several runs, with the least and the most.

use std::fmt::{Display, Formatter, Result};

/// Runs of each thing that is measured; those that are compared take turns.
pub const RUNS: usize = 7;

/// What some runs gave.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    pub fn median(&self) -> f64 {
        self.at(50)
    }

    /// The value that so many of a hundred do not exceed.
    pub fn at(&self, percent: usize) -> f64 {
        self.0[((self.0.len() - 1) * percent).div_ceil(100)]
    }
}

impl Display for Sample {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let digits = if self.median() < 10.0 { 2 } else { 1 };
        write!(to, "{:.digits$} ({:.digits$}–{:.digits$})", self.median(), self.at(0), self.at(100))
    }
}
