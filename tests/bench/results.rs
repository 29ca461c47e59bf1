//! The table: what was to be reached, what was measured, and whether that is it.

use crate::counts::{LARGEST, MOST, Work};
use crate::hashes::Hashes;
use crate::portal::{Dev, Import};
use crate::sample::{RUNS, Sample};
use crate::starts::Started;
use guichet_cfn::template::Function;
use std::fmt::Write as _;
use std::process::Command;

/// Milliseconds that a call of DynamoDB takes in its region; of twenty, one takes twice that. AWS promises "single-digit
/// milliseconds".
const ROUND_TRIP: f64 = 5.0;
/// A processor of Lambda's may be half as fast as this machine's.
const MARGIN: f64 = 2.0;
/// With so many megabytes a function has one processor
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const ONE_PROCESSOR: f64 = 1769.0;
const MEMORY_SIZES: [f64; 6] = [128.0, 192.0, 256.0, 512.0, 1024.0, 1769.0];

/// List prices in US dollars, `us-east-1`, November 2026: a GB-second and a request of Lambda on x86, a request of an HTTP
/// API, a read and a write unit of DynamoDB on demand, a mail of SES.
const PRICES: [f64; 6] = [0.000_016_666_7, 0.20e-6, 1.00e-6, 0.125e-6, 0.625e-6, 0.10e-3];

/// All that was measured.
pub struct Measured {
    /// What the template gives them.
    pub functions: Vec<Function>,
    pub stories: Vec<(usize, Vec<Work>)>,
    pub packages: Vec<(String, u64)>,
    pub starts: Vec<Started>,
    pub bare_call: (Sample, Sample),
    pub hashes: Hashes,
    pub faster: Vec<(&'static str, Sample)>,
    pub others: [Sample; 2],
    pub bell: Sample,
    pub dev: Dev,
    pub imports: Vec<Import>,
}

/// A row.
struct Row {
    what: String,
    reach: String,
    measured: String,
    reached: bool,
}

impl Measured {
    fn start(&self, name: &str) -> &Started {
        self.starts.iter().find(|start| start.name == name).expect("it was started")
    }

    fn own(&self) -> impl Iterator<Item = &Started> {
        self.starts.iter().filter(|start| !start.name.starts_with("bare") && !start.name.contains(": "))
    }

    fn memory_of(&self, function: &str) -> f64 {
        let function = self.functions.iter().find(|one| one.name == function).expect("a function of the template");
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let memory = function.memory as f64;
        memory
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut row = |what: &str, reach: &str, measured: String, reached: bool| {
            rows.push(Row { what: what.to_owned(), reach: reach.to_owned(), measured, reached });
        };
        let median = |sample: &Sample| sample.median();

        let floor = median(&self.start("bare lambda_http").elapsed);
        let call = median(&self.bare_call.0);
        for own in self.own() {
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let allowed = 1.3 * floor + own.round_trips as f64 * call;
            // What a sign-in or a change waits for, and nobody could do without: the hash, or two.
            let hashes = match own.name.as_str() {
                "login" => median(&self.hashes.bare_fresh),
                "password" => median(&self.hashes.bare_fresh) + median(&self.hashes.bare),
                _ => 0.0,
            };
            let (allowed, elapsed) = (allowed + hashes, median(&own.elapsed));
            row(
                &format!("cold start of `{}`, ms", own.name),
                "≤ 1.3 × bare `lambda_http` + its round trips",
                format!(
                    "{}; {:.2} × of {allowed:.1} (1.3 × {floor:.1} + {} × {call:.2}{})",
                    own.elapsed,
                    elapsed / allowed,
                    own.round_trips,
                    if hashes > 0.0 { format!(" + {hashes:.1} for the hash") } else { String::new() }
                ),
                elapsed <= allowed,
            );
        }
        for name in ["login", "request-reset"] {
            for language in ["Node", "Python"] {
                let ratio =
                    median(&self.start(&format!("{language}: {name}")).elapsed) / median(&self.start(name).elapsed);
                row(
                    &format!("cold start of `{name}` beside {language}"),
                    "≥ 30 × faster",
                    format!("{ratio:.0} × ({} ms)", self.start(&format!("{language}: {name}")).elapsed),
                    ratio >= 30.0,
                );
            }
        }
        for own in self.own() {
            let (allowed, text) = match own.name.as_str() {
                "login" | "password" => (20.0 + 19.0 * 1.048_576, "≤ 20 MB + 19 MiB"),
                _ => (20.0, "≤ 20 MB"),
            };
            row(
                &format!("resident memory of `{}`, MB", own.name),
                text,
                own.memory.to_string(),
                median(&own.memory) <= allowed,
            );
        }
        for (name, bytes) in &self.packages {
            #[expect(clippy::cast_precision_loss, reason = "megabytes")]
            let megabytes = *bytes as f64 / 1e6;
            row(&format!("package of `{name}`, MB zipped"), "≤ 2.5", format!("{megabytes:.2}"), *bytes <= LARGEST);
        }
        let hashes = &self.hashes;
        let both = [("on a managed workstation", &hashes.at_work), ("from outside", &hashes.outside)];
        for (from, sign_ins) in both {
            let ratio = median(&sign_ins.cpu) / median(&hashes.bare);
            row(
                &format!("processor time of a sign-in {from}, ms"),
                "≤ 1.05 × bare Argon2id",
                format!("{}; bare {}; {ratio:.3} ×", sign_ins.cpu, hashes.bare),
                ratio <= 1.05,
            );
        }
        let best = median(&hashes.bare).min(median(&hashes.bare_avx2));
        let ratio = median(&hashes.bare) / best;
        row(
            "Argon2id as the functions have it, ms",
            "≤ 1.1 × the crate's best",
            format!(
                "{}; built for AVX2 throughout {}; in fresh memory {}; {ratio:.2} ×",
                hashes.bare, hashes.bare_avx2, hashes.bare_fresh
            ),
            ratio <= 1.1,
        );
        for (from, sign_ins) in both {
            let share = median(&sign_ins.a_second) / median(&hashes.bare_a_second);
            row(
                &format!("sign-ins a second {from}, both cores busy"),
                "≥ 95 % of bare Argon2id's",
                format!("{}; bare {}; {:.1} %", sign_ins.a_second, hashes.bare_a_second, share * 100.0),
                share >= 0.95,
            );
        }
        for (name, other, least) in [("Django", &self.others[0], 1.8), ("better-auth", &self.others[1], 1.0)] {
            let ratio = median(&hashes.outside.a_second) / median(other);
            let reach = if least > 1.0 { "≥ 1.8 ×" } else { "more" };
            row(
                &format!("sign-ins a second beside {name}"),
                reach,
                format!("{ratio:.2} × ({other} there)"),
                ratio >= least,
            );
        }
        let own = median(&self.start("request-reset").cpu);
        for language in ["Node", "Python"] {
            let other = &self.start(&format!("{language}: request-reset")).cpu;
            row(
                &format!("processor time to the first answer of `request-reset` beside {language}, ms"),
                "≥ 5 × less",
                format!("{}; {language} {other}; {:.1} ×", self.start("request-reset").cpu, median(other) / own),
                median(other) / own >= 5.0,
            );
        }
        let story = &self.stories[0].1;
        for (step, most, _) in MOST {
            let work = story.iter().find(|work| work.step == step).expect("a step");
            row(
                &format!("round trips of `{step}`, one after the other"),
                &format!("≤ {most}"),
                work.round_trips.to_string(),
                work.round_trips <= most,
            );
        }
        let sizes: Vec<_> = self.stories.iter().map(|(people, _)| thousands(*people)).collect();
        let same = self.stories.iter().all(|(_, other)| other == story);
        row(
            "calls, units and bytes of each step",
            "the same from 10³ to 10⁶ accounts",
            format!("{} with {} accounts", if same { "the same" } else { "not the same" }, sizes.join(", ")),
            same,
        );
        row(
            "mail asked for to SES called, bell on, 50 a second, ms",
            "p95 ≤ 1,000",
            format!("p95 {:.0}; {}", self.bell.at(95), self.bell),
            self.bell.at(95) <= 1000.0,
        );
        let second = &self.dev.second_start;
        row("`cargo dev`, second start to `ready`, s", "≤ 10", second.to_string(), median(second) <= 10.0);
        let edited = &self.dev.edited;
        row("an edited handler to its answer, s", "≤ 15", edited.to_string(), median(edited) <= 15.0);
        let import = self.imports.last().expect("an import");
        let lines = thousands(import.rows);
        row(&format!("import of {lines} rows, s"), "≤ 60", format!("{:.1}", import.first), import.first <= 60.0);
        row(
            "the same again, nothing changed",
            "0 writes, ≤ 10 s",
            format!("{} writes, {:.1} s", import.writes, import.again),
            import.writes == 0 && import.again <= 10.0,
        );
        let memory: Vec<_> =
            self.imports.iter().map(|one| format!("{:.0} with {} rows", one.memory, thousands(one.rows))).collect();
        let least = self.imports.iter().map(|one| one.memory).fold(f64::MAX, f64::min);
        row(
            "memory of the import, MB",
            "constant",
            memory.join(", "),
            self.imports.iter().all(|one| one.memory <= 1.1 * least),
        );
        let sign_in = median(&hashes.outside.cpu);
        let least = *MEMORY_SIZES.iter().find(|size| slowest(sign_in, 4, **size) <= 400.0).expect("one is enough");
        let given = self.memory_of("login");
        row(
            "memory of a function that hashes, MB",
            "a sign-in's p95 ≤ 400 ms at the least cost",
            format!("{given:.0}: {:.0} ms", slowest(sign_in, 4, given)),
            (given - least).abs() < 1.0,
        );
        let (own, floor) = (self.cost(false), self.cost(true));
        row(
            "1,000 whole stories (register, reset, sign-in), US$",
            "within 20 % of the floor's",
            format!("{own:.3}; floor {floor:.3}; {:.2} ×", own / floor),
            own <= 1.2 * floor,
        );
        rows
    }

    /// What 1,000 stories cost; the floor's functions do nothing but call and hash, at the same promises: the same calls.
    fn cost(&self, floor: bool) -> f64 {
        let [second, request, gateway, read, write, mail] = PRICES;
        let hello = self.start("bare lambda_http").warm.median();
        let mut cost = 2.0 * mail;
        for work in &self.stories[0].1 {
            if ["session", "request-reset"].contains(&work.step) {
                continue;
            }
            let behind = work.step.starts_with("mail");
            let hashes = ["reset", "login"].contains(&work.step);
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let (calls, trips) = (work.calls.len() as f64, work.round_trips as f64);
            let bare = hello + calls * self.bare_call.1.median() + if hashes { self.hashes.bare.median() } else { 0.0 };
            let own = match work.step {
                _ if floor => bare,
                "login" => self.hashes.outside.cpu.median(),
                "register" => self.start("register").warm.median(),
                "check" => self.start("reset").warm.median(),
                // Not started alone: what was measured of their like, with as many calls.
                _ => bare * self.start("register").warm.median() / (hello + self.bare_call.1.median()),
            };
            let size = self.memory_of(match work.step {
                "check" => "reset",
                step => step.split(':').next().unwrap_or(step),
            });
            let seconds = (own * (ONE_PROCESSOR / size).max(1.0) + trips * ROUND_TRIP) / 1e3;
            cost += seconds * size / 1024.0 * second + request + if behind { 0.0 } else { gateway };
            cost += work.read_units * read + work.write_units * write;
        }
        cost * 1000.0
    }

    /// The whole document, before what was tried.
    pub fn document(&self) -> String {
        let mut text = format!(
            "# What it costs, measured\n\n`cargo bench-portal` wrote this, with everything that it is compared with in the same \
             run. {}\n\nA figure is the median of {RUNS} runs that took turns, with the least and the most in parentheses, \
             where nothing else is said. AWS is played on the same machine by an engine in memory, or, where a speed is \
             measured, by the engine's earlier answers.\n\n| what | to reach | measured | |\n|---|---|---|---|\n",
            machine()
        );
        for Row { what, reach, measured, reached } in self.rows() {
            let reached = if reached { "reached" } else { "**not reached**" };
            writeln!(text, "| {what} | {reach} | {measured} | {reached} |").expect("a string takes text");
        }
        text.push_str("\n## Starts\n\n| | first answer, ms | processor time until then, ms | resident then, MB | processor time of a later event, ms | round trips |\n|---|---|---|---|---|---|\n");
        for Started { name, elapsed, cpu, memory, warm, round_trips } in &self.starts {
            writeln!(text, "| {name} | {elapsed} | {cpu} | {memory} | {warm} | {round_trips} |").expect("text");
        }
        let (elapsed, cpu) = &self.bare_call;
        writeln!(text, "\nOne call of AWS beyond what an event costs: {elapsed} ms, {cpu} ms of processor time.")
            .expect("text");
        text.push_str("\n## Work\n\nOf the story of one account, asked for from outside, without a known device.\n\n| step | round trips | calls | read units | write units | bytes |\n|---|---|---|---|---|---|\n");
        for Work { step, round_trips, calls, read_units, write_units, bytes } in &self.stories[0].1 {
            writeln!(
                text,
                "| {step} | {round_trips} | {} | {read_units} | {write_units} | {bytes} |",
                calls.join(", ")
            )
            .expect("text");
        }
        text.push_str("\n## Argon2id by others\n\nMilliseconds of one hash at the same parameters: 19 MiB, two passes, one lane.\n\n| implementation | ms |\n|---|---|\n");
        writeln!(text, "| `argon2` (Rust), memory kept, as in the functions | {} |", self.hashes.bare).expect("text");
        writeln!(text, "| the same, built for AVX2 throughout | {} |", self.hashes.bare_avx2).expect("text");
        for (name, sample) in &self.faster {
            writeln!(text, "| {name} | {sample} |").expect("text");
        }
        let sign_in = self.hashes.outside.cpu.median();
        writeln!(
            text,
            "\n## Memory size\n\nLambda gives a function processor time by its memory: all of one from {ONE_PROCESSOR} MB. A sign-in \
             uses {sign_in:.1} ms of it; a processor of Lambda's may be {MARGIN} times as slow; four round trips take {ROUND_TRIP} \
             ms each, in the slowest twentieth twice that. So p95 = {MARGIN} × {sign_in:.1} × {ONE_PROCESSOR} / MB + 4 × 2 × {ROUND_TRIP}, \
             and a sign-in costs its time × MB:\n\n| MB | p95, ms | US$ of 1,000 sign-ins (Lambda's time alone) |\n|---|---|---|"
        )
        .expect("text");
        for size in MEMORY_SIZES {
            let usual = MARGIN * sign_in * (ONE_PROCESSOR / size).max(1.0) + 4.0 * ROUND_TRIP;
            let cost = usual * size / 1024.0 * PRICES[0];
            writeln!(text, "| {size} | {:.0} | {cost:.5} |", slowest(sign_in, 4, size)).expect("text");
        }
        text
    }
}

/// Milliseconds of the slowest twentieth.
fn slowest(cpu: f64, round_trips: u32, memory: f64) -> f64 {
    MARGIN * cpu * (ONE_PROCESSOR / memory).max(1.0) + f64::from(round_trips) * 2.0 * ROUND_TRIP
}

fn thousands(number: usize) -> String {
    let text = number.to_string();
    let groups: Vec<_> = text.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// What it ran on.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, name)| name);
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output().expect("a version");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    format!("{model}, {cores} cores; {}, Node {}, {}.", version("rustc"), version("node"), version("python3"))
}
