//! Repeated measurements, summarized as median, minimum, and maximum.

use std::fmt::{Display, Formatter, Result};

/// Repetitions of each measurement. Measurements that are compared are interleaved.
pub const RUNS: usize = 7;

#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    pub fn percentile(&self, percent: usize) -> f64 {
        self.0[((self.0.len() - 1) * percent).div_ceil(100)]
    }
}

impl Display for Sample {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        let digits = if self.median() < 10.0 { 2 } else { 1 };
        write!(to, "{:.digits$} ({:.digits$}–{:.digits$})", self.median(), self.percentile(0), self.percentile(100))
    }
}
