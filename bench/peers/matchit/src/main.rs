//! Times lookups in matchit: every path of each file named is looked up once in turn. A file has
//! lines "route PATTERN" and "path PATH"; its name is the name of the set. Prints the nanoseconds
//! of one lookup for each set, as JSON: of the processor, not of the clock, so that what else runs
//! does not count.

#[path = "../../processor.rs"]
mod processor;

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

const AT_LEAST: Duration = Duration::from_millis(300);

fn look_up_all(router: &matchit::Router<usize>, paths: &[String], rounds: u32) -> Duration {
    let start = processor::time();
    for _ in 0..rounds {
        for path in paths {
            let _ = black_box(router.at(black_box(path)));
        }
    }
    processor::time() - start
}

fn measure(file: &str) -> f64 {
    let text = std::fs::read_to_string(file).expect(file);
    let mut router = matchit::Router::new();
    let mut paths = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(route) = line.strip_prefix("route ") {
            router.insert(route, number).expect(route);
        }
        if let Some(path) = line.strip_prefix("path ") {
            paths.push(path.to_string());
        }
    }
    let mut rounds = 100;
    let mut taken = look_up_all(&router, &paths, rounds);
    while taken < AT_LEAST {
        rounds *= 2;
        taken = look_up_all(&router, &paths, rounds);
    }
    taken.as_nanos() as f64 / (f64::from(rounds) * paths.len() as f64)
}

fn main() {
    let results: Vec<String> = std::env::args()
        .skip(1)
        .map(|file| {
            let name = Path::new(&file).file_name().unwrap().to_string_lossy().into_owned();
            format!("\"{}\": {:.3}", name, measure(&file))
        })
        .collect();
    println!("{{{}}}", results.join(", "));
}
