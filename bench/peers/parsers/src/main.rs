//! Times what others do with the texts of our microbenchmarks: `parsers-peer WHICH FILE..`, where
//! WHICH is httparse or picohttpparser, which parse a request's head, or simdutf8. A file's name is
//! that of the case, with dots for slashes. Prints the nanoseconds of one run over each file, as
//! JSON: of the processor, not of the clock, so that what else runs does not count.

#[path = "../../processor.rs"]
mod processor;

use picohttpparser_sys::{phr_header, phr_parse_request};
use std::hint::black_box;
use std::path::Path;
use std::ptr;
use std::time::Duration;

const AT_LEAST: Duration = Duration::from_millis(200);
/// As many as ouro takes.
const FIELDS_MAX: usize = 100;

/// Whether all of `text` is a head; where its fields are is left in an array, as in ours.
fn httparse(text: &[u8]) -> bool {
    let mut fields = [std::mem::MaybeUninit::uninit(); FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let found = request.parse_with_uninit_headers(text, &mut fields);
    black_box(&request);
    found == Ok(httparse::Status::Complete(text.len()))
}

struct Pico {
    fields: [phr_header; FIELDS_MAX],
}

impl Pico {
    fn parse(&mut self, text: &[u8]) -> bool {
        let (mut method, mut method_len) = (ptr::null(), 0);
        let (mut path, mut path_len) = (ptr::null(), 0);
        let (mut version, mut field_count) = (0, FIELDS_MAX);
        // SAFETY: all pointers are to what lives longer than the call, and the counts are theirs.
        let consumed = unsafe {
            phr_parse_request(
                text.as_ptr().cast(), text.len(), &mut method, &mut method_len, &mut path,
                &mut path_len, &mut version, self.fields.as_mut_ptr(), &mut field_count, 0,
            )
        };
        black_box((method, path, &self.fields));
        usize::try_from(consumed) == Ok(text.len())
    }
}

fn run_all(work: &mut impl FnMut(&[u8]) -> bool, text: &[u8], rounds: u32) -> Duration {
    let start = processor::time();
    for _ in 0..rounds {
        assert!(work(black_box(text)), "good text is refused");
    }
    processor::time() - start
}

fn measure(work: &mut impl FnMut(&[u8]) -> bool, file: &str) -> f64 {
    let text = std::fs::read(file).expect(file);
    let mut rounds = 1000;
    let mut taken = run_all(work, &text, rounds);
    while taken < AT_LEAST {
        rounds *= 2;
        taken = run_all(work, &text, rounds);
    }
    taken.as_nanos() as f64 / f64::from(rounds)
}

fn print_all(mut work: impl FnMut(&[u8]) -> bool, files: &[String]) {
    let results: Vec<String> = files
        .iter()
        .map(|file| {
            let name = Path::new(file).file_name().unwrap().to_string_lossy().replace('.', "/");
            format!("\"{}\": {:.3}", name, measure(&mut work, file))
        })
        .collect();
    println!("{{{}}}", results.join(", "));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (which, files) = arguments.split_first().expect("usage: parsers-peer WHICH FILE..");
    let mut pico = Pico { fields: std::array::from_fn(|_| phr_header::default()) };
    match which.as_str() {
        "httparse" => print_all(httparse, files),
        "picohttpparser" => print_all(|text: &[u8]| pico.parse(text), files),
        "simdutf8" => print_all(|text: &[u8]| simdutf8::basic::from_utf8(text).is_ok(), files),
        _ => panic!("there is no {which}"),
    }
}
