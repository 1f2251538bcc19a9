//! The csv crate on the whole file, cut at newlines for Rayon's threads.
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};
use std::time::Instant;

use rayon::prelude::*;

type Key = (Vec<u8>, Vec<u8>);

#[derive(Default)]
struct Group {
    total: i64,
    rows: u64,
    treatments: HashMap<Vec<u8>, u64>,
}

fn part(bytes: &[u8]) -> HashMap<Key, Group> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut groups: HashMap<Key, Group> = HashMap::new();
    let mut key = Key::default();
    while reader.read_byte_record(&mut record).expect("a good row") {
        key.0.clear();
        key.0.extend_from_slice(&record[1]);
        key.1.clear();
        key.1.extend_from_slice(&record[0]);
        if !groups.contains_key(&key) {
            groups.insert(key.clone(), Group::default());
        }
        let group = groups.get_mut(&key).expect("just put in");
        let time = std::str::from_utf8(&record[3]).expect("UTF-8");
        group.total += time.parse::<i64>().expect("a number");
        group.rows += 1;
        match group.treatments.get_mut(&record[2]) {
            Some(count) => *count += 1,
            None => {
                group.treatments.insert(record[2].to_vec(), 1);
            }
        }
    }
    groups
}

fn merge(mut into: HashMap<Key, Group>, from: HashMap<Key, Group>) -> HashMap<Key, Group> {
    for (key, group) in from {
        let total = into.entry(key).or_default();
        total.total += group.total;
        total.rows += group.rows;
        for (treatment, count) in group.treatments {
            *total.treatments.entry(treatment).or_default() += count;
        }
    }
    into
}

fn behind_newline(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| from + at + 1)
}

fn run(path: &str, threads: usize) -> Vec<(String, String, f64, String)> {
    let bytes = std::fs::read(path).expect("a file");
    let body = behind_newline(&bytes, 0);
    let parts = if threads == 1 { 1 } else { threads * 8 };
    let cuts: Vec<usize> = (0..=parts)
        .map(|i| match i {
            0 => body,
            i if i == parts => bytes.len(),
            i => behind_newline(&bytes, body + (bytes.len() - body) / parts * i),
        })
        .collect();
    let groups = cuts
        .par_windows(2)
        .map(|cut| part(&bytes[cut[0]..cut[1]]))
        .reduce(HashMap::new, merge);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let sorted: BTreeMap<_, _> = groups.into_iter().collect();
    sorted
        .iter()
        .map(|((diagnosis, hospital), group)| {
            let (most_used, _) = group.treatments.iter().max_by_key(|(_, n)| **n).expect("a row");
            let average = group.total as f64 / group.rows as f64;
            (text(diagnosis), text(hospital), average, text(most_used))
        })
        .collect()
}

fn main() {
    let threads: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).expect("threads");
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("threads");
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let path = line.expect("a line");
        let start = Instant::now();
        let groups = run(&path, threads);
        let ms = start.elapsed().as_secs_f64() * 1000.0;
        let rows: Vec<String> = groups
            .iter()
            .map(|(d, h, average, t)| format!("[{d:?},{h:?},{average},{t:?}]"))
            .collect();
        writeln!(out, "{{\"values\":{{\"from file\":{ms}}},\"groups\":[{}]}}", rows.join(","))
            .expect("a reader");
    }
}
