use std::time::Instant;

use crate::clocks::{machine_cpu, process_cpu};
use crate::options;
use crate::statistics::{quantile, sorted};
use crate::suite::{run, Row, Variant};

fn print_table(rows: &[Row]) {
    println!(
        "{:<16} {:<24} {:>7} {:>9}  {:<14} {:>12} {:>12} {:>12}  unit",
        "problem", "rival", "workers", "in flight", "metric", "median", "min", "max"
    );
    for row in rows {
        let values = sorted(row.values.clone());
        println!(
            "{:<16} {:<24} {:>7} {:>9}  {:<14} {:>12.4} {:>12.4} {:>12.4}  {}",
            row.problem,
            row.rival,
            row.workers,
            row.in_flight,
            row.metric,
            quantile(&values, 0.5),
            values[0],
            values[values.len() - 1],
            row.unit
        );
    }
}

fn json(rows: &[Row]) -> String {
    let program = format!(
        "{{\"language\": \"Rust\", \"compiler\": \"{}\", \"flags\": \"opt-level=3\", \
         \"versions\": {{\"tokio\": \"{}\", \"rayon\": \"{}\"}}}}",
        env!("BENCH_COMPILER"),
        env!("BENCH_TOKIO"),
        env!("BENCH_RAYON")
    );
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "  {{\"problem\": \"{}\", \"rival\": \"{}\", \"workers\": {}, \"in_flight\": {}, \
                 \"metric\": \"{}\", \"unit\": \"{}\", \"values\": {:?}}}",
                row.problem, row.rival, row.workers, row.in_flight, row.metric, row.unit,
                row.values
            )
        })
        .collect();
    format!("{{\"program\": {},\n \"rows\": [\n{}\n ]}}\n", program, rows.join(",\n"))
}

/// What all benchmark programs have in common: options, run, table, JSON.
pub fn run_main(all: Vec<Variant>) {
    let wanted = options::parse();
    if wanted.list {
        for one in &all {
            println!(
                "{:<16} {:<24} workers {}  in flight {}",
                one.problem, one.rival, one.workers, one.in_flight
            );
        }
        return;
    }
    let foreign_cpu = || machine_cpu() - process_cpu().as_secs_f64();
    let (started, foreign) = (Instant::now(), foreign_cpu());
    let rows = run(&all, &wanted);
    match &wanted.json {
        Some(file) => std::fs::write(file, json(&rows)).unwrap(),
        None => {
            print_table(&rows);
            println!(
                "other processes used {:.0} % of a core meanwhile",
                100.0 * (foreign_cpu() - foreign).max(0.0) / started.elapsed().as_secs_f64()
            );
        }
    }
}
