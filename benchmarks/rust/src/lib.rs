//! The Rust rivals, measured as benchmarks/support measures the C++ ones: same problems, same
//! sizes, same command line, same JSON.

pub mod alarm;
pub mod arrivals;
pub mod churn;
pub mod clocks;
pub mod crowded;
pub mod isolated;
pub mod load;
pub mod options;
pub mod placement;
pub mod progress;
pub mod report;
pub mod rivals;
pub mod statistics;
pub mod suite;
