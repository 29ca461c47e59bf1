//! Writes `RESULTS.md`.

use crate::call_counts::{PACKAGE_TARGET, ROUND_TRIPS, RoundTrips, StepCost};
use crate::cold_starts::ColdStart;
use crate::hashes::Hashes;
use crate::portal::{DevTimes, ImportTimes};
use crate::sample::{RUNS, Sample};
use guichet_cfn::template::Function;
use std::fmt::Write as _;
use std::process::Command;

/// Assumed milliseconds of a DynamoDB call within its region; the 95th percentile is assumed to be twice that. AWS promises
/// "single-digit milliseconds".
const ROUND_TRIP: f64 = 5.0;
/// How much slower a Lambda vCPU is assumed to be than this machine.
const CPU_FACTOR: f64 = 2.0;
/// Megabytes at which a function has one vCPU
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const ONE_VCPU: f64 = 1769.0;
const MEMORY_SIZES: [f64; 6] = [128.0, 192.0, 256.0, 512.0, 1024.0, 1769.0];

/// List prices in US dollars, `us-east-1`, November 2026.
const GB_SECOND: f64 = 0.000_016_666_7;
const INVOCATION: f64 = 0.20e-6;
const HTTP_API_REQUEST: f64 = 1.00e-6;
const READ_UNIT: f64 = 0.125e-6;
const WRITE_UNIT: f64 = 0.625e-6;
const EMAIL: f64 = 0.10e-3;

pub struct Measurements {
    pub functions: Vec<Function>,
    /// By number of accounts.
    pub journeys: Vec<(usize, Vec<StepCost>)>,
    /// Bytes, zipped.
    pub packages: Vec<(String, u64)>,
    pub cold_starts: Vec<ColdStart>,
    /// Wall time and CPU time of one call, in milliseconds.
    pub aws_call: (Sample, Sample),
    pub hashes: Hashes,
    /// Milliseconds per hash.
    pub other_hashes: Vec<(&'static str, Sample)>,
    /// Per second, of Django and of better-auth.
    pub other_sign_ins: [Sample; 2],
    /// Milliseconds.
    pub mail_latency: Sample,
    pub dev: DevTimes,
    pub imports: Vec<ImportTimes>,
}

struct Target {
    metric: String,
    bound: String,
    measured: String,
    is_met: bool,
}

#[derive(Default)]
struct Targets(Vec<Target>);

impl Targets {
    fn add(&mut self, metric: impl Into<String>, bound: impl Into<String>, measured: String, is_met: bool) {
        self.0.push(Target { metric: metric.into(), bound: bound.into(), measured, is_met });
    }
}

impl Measurements {
    pub fn document(&self) -> String {
        let mut text = format!(
            "# Benchmark results\n\n`cargo bench-portal` generates this file. It measures everything in one run on one \
             machine: {}\n\nEach figure is the median of {RUNS} interleaved runs, with minimum and maximum in parentheses, \
             unless stated otherwise. A local stand-in replaces AWS: a DynamoDB engine in memory or, for timings, a replay of \
             its answers. The stand-in uses the same cores as the functions, which lowers the sign-ins per second.\n\nThe \
             reasons behind these figures are in the decisions on [TLS](../../functions/decisions/0016-tls-roots.md), the \
             [build profile](../../functions/decisions/0017-build-profile.md), and the \
             [memory sizes](../../functions/decisions/0018-memory-sizes.md).\n",
            machine()
        );
        self.write_cold_starts(&mut text);
        self.write_aws_calls(&mut text);
        self.write_hashes(&mut text);
        self.write_memory_sizes(&mut text);
        text.push_str("\n## Targets\n\n| metric | target | measured | |\n|---|---|---|---|\n");
        let mut targets = self.targets().0;
        targets.sort_by_key(|target| !target.is_met);
        for Target { metric, bound, measured, is_met } in targets {
            let is_met = if is_met { "met" } else { "not met" };
            line(&mut text, &format!("| {metric} | {bound} | {measured} | {is_met} |"));
        }
        text
    }

    fn write_cold_starts(&self, text: &mut String) {
        text.push_str(
            "\n## Cold starts\n\n| program | first response, ms | CPU time to it, ms | resident memory, MB | CPU time of a \
             warm event, ms | round trips |\n|---|---|---|---|---|---|\n",
        );
        for ColdStart { name, elapsed, cpu, memory, warm, round_trips } in &self.cold_starts {
            line(text, &format!("| {name} | {elapsed} | {cpu} | {memory} | {warm} | {round_trips} |"));
        }
        let (elapsed, cpu) = &self.aws_call;
        line(text, &format!("\nOne AWS call adds {elapsed} ms to an event, and {cpu} ms of CPU time."));
    }

    fn write_aws_calls(&self, text: &mut String) {
        text.push_str(
            "\n## AWS calls\n\nOf one account, for an untrusted client without a known device.\n\n| step | round trips | calls \
             | read units | write units | bytes |\n|---|---|---|---|---|---|\n",
        );
        for StepCost { step, round_trips, calls, read_units, write_units, bytes } in &self.journeys[0].1 {
            let calls = calls.join(", ");
            line(text, &format!("| {step} | {round_trips} | {calls} | {read_units} | {write_units} | {bytes} |"));
        }
    }

    fn write_hashes(&self, text: &mut String) {
        text.push_str(
            "\n## Argon2id implementations\n\nCPU milliseconds of one hash with the same parameters: 19 MiB, two passes, one \
             lane.\n\n| implementation | ms |\n|---|---|\n",
        );
        line(text, &format!("| `argon2` (Rust), memory reused, as in the functions | {} |", self.hashes.baseline));
        line(text, &format!("| the same, built for AVX2 | {} |", self.hashes.baseline_avx2));
        for (name, sample) in &self.other_hashes {
            line(text, &format!("| {name} | {sample} |"));
        }
    }

    fn write_memory_sizes(&self, text: &mut String) {
        let sign_in = self.hashes.untrusted.cpu.median();
        line(
            text,
            &format!(
                "\n## Memory size\n\nLambda allocates CPU in proportion to memory, one vCPU at {ONE_VCPU} MB. A sign-in uses \
                 {sign_in:.1} ms of CPU. The estimate assumes that a vCPU is {CPU_FACTOR} times slower than this machine and \
                 that each of four round trips takes {ROUND_TRIP} ms, twice that at p95. So p95 = {CPU_FACTOR} × {sign_in:.1} \
                 × {ONE_VCPU} / MB + 4 × 2 × {ROUND_TRIP}, and a sign-in costs its duration × MB:\n\n| MB | p95, ms | US$ per \
                 1,000 sign-ins (Lambda duration only) |\n|---|---|---|"
            ),
        );
        for size in MEMORY_SIZES {
            let usual = CPU_FACTOR * sign_in * (ONE_VCPU / size).max(1.0) + 4.0 * ROUND_TRIP;
            let cost = usual * size / 1024.0 * GB_SECOND;
            line(text, &format!("| {size} | {:.0} | {cost:.5} |", p95(sign_in, 4, size)));
        }
    }

    fn targets(&self) -> Targets {
        let mut targets = Targets::default();
        self.add_cold_start_targets(&mut targets);
        self.add_size_targets(&mut targets);
        self.add_hash_targets(&mut targets);
        self.add_comparison_targets(&mut targets);
        self.add_call_targets(&mut targets);
        self.add_portal_targets(&mut targets);
        self.add_cost_targets(&mut targets);
        targets
    }

    fn add_cold_start_targets(&self, targets: &mut Targets) {
        let baseline = self.cold_start("baseline: lambda_http").elapsed.median();
        let call = self.aws_call.0.median();
        for function in self.own_functions() {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let allowed = 1.3 * baseline + function.round_trips as f64 * call;
            // A sign-in contains one hash, a change of password two.
            let hashes = match function.name.as_str() {
                "login" => self.hashes.baseline_fresh.median(),
                "password" => self.hashes.baseline_fresh.median() + self.hashes.baseline.median(),
                _ => 0.0,
            };
            let (allowed, elapsed) = (allowed + hashes, function.elapsed.median());
            targets.add(
                format!("cold start of `{}`, ms", function.name),
                "≤ 1.3 × `lambda_http` baseline + AWS calls",
                format!(
                    "{}; {:.2} × {allowed:.1} (1.3 × {baseline:.1} + {} × {call:.2}{})",
                    function.elapsed,
                    elapsed / allowed,
                    function.round_trips,
                    if hashes > 0.0 { format!(" + {hashes:.1} for the hash") } else { String::new() }
                ),
                elapsed <= allowed,
            );
        }
        for name in ["login", "request-reset"] {
            for language in ["Node", "Python"] {
                let other = &self.cold_start(&format!("{language}: {name}")).elapsed;
                let ratio = other.median() / self.cold_start(name).elapsed.median();
                targets.add(
                    format!("cold start of `{name}` compared with {language}"),
                    "≥ 30 × faster",
                    format!("{ratio:.0} × faster ({language}: {other} ms)"),
                    ratio >= 30.0,
                );
            }
        }
    }

    fn add_size_targets(&self, targets: &mut Targets) {
        for function in self.own_functions() {
            let (allowed, target) = match function.name.as_str() {
                "login" | "password" => (20.0 + 19.0 * 1.048_576, "≤ 20 MB + 19 MiB"),
                _ => (20.0, "≤ 20 MB"),
            };
            targets.add(
                format!("resident memory of `{}`, MB", function.name),
                target,
                function.memory.to_string(),
                function.memory.median() <= allowed,
            );
        }
        for (name, bytes) in &self.packages {
            #[expect(clippy::cast_precision_loss, reason = "megabytes")]
            let megabytes = *bytes as f64 / 1e6;
            let is_met = *bytes <= PACKAGE_TARGET;
            targets.add(format!("package of `{name}`, MB zipped"), "≤ 2.5", format!("{megabytes:.2}"), is_met);
        }
    }

    fn add_hash_targets(&self, targets: &mut Targets) {
        let hashes = &self.hashes;
        let clients = [("a managed network", &hashes.managed_network), ("an untrusted client", &hashes.untrusted)];
        for (client, sign_ins) in clients {
            let ratio = sign_ins.cpu.median() / hashes.baseline.median();
            targets.add(
                format!("CPU time of a sign-in from {client}, ms"),
                "≤ 1.05 × Argon2id baseline",
                format!("{}; baseline {}; {ratio:.3} ×", sign_ins.cpu, hashes.baseline),
                ratio <= 1.05,
            );
        }
        let fastest = hashes.baseline.median().min(hashes.baseline_avx2.median());
        let ratio = hashes.baseline.median() / fastest;
        targets.add(
            "Argon2id as built for the functions, ms",
            "≤ 1.1 × the crate's fastest build",
            format!(
                "{}; built for AVX2 {}; with memory allocated per hash {}; {ratio:.2} ×",
                hashes.baseline, hashes.baseline_avx2, hashes.baseline_fresh
            ),
            ratio <= 1.1,
        );
        for (client, sign_ins) in clients {
            let share = sign_ins.per_second.median() / hashes.baseline_per_second.median();
            targets.add(
                format!("sign-ins per second from {client}, both cores busy"),
                "≥ 95 % of the Argon2id baseline",
                format!("{}; baseline {}; {:.1} %", sign_ins.per_second, hashes.baseline_per_second, share * 100.0),
                share >= 0.95,
            );
        }
    }

    fn add_comparison_targets(&self, targets: &mut Targets) {
        let [django, better_auth] = &self.other_sign_ins;
        for (name, other, least) in [("Django", django, 1.8), ("better-auth", better_auth, 1.0)] {
            let ratio = self.hashes.untrusted.per_second.median() / other.median();
            targets.add(
                format!("sign-ins per second compared with {name}"),
                format!("≥ {least} ×"),
                format!("{ratio:.2} × ({name}: {other})"),
                ratio >= least,
            );
        }
        let own = &self.cold_start("request-reset").cpu;
        for language in ["Node", "Python"] {
            let other = &self.cold_start(&format!("{language}: request-reset")).cpu;
            let ratio = other.median() / own.median();
            targets.add(
                format!("CPU time to the first response of `request-reset` compared with {language}, ms"),
                "≥ 5 × less",
                format!("{own}; {language} {other}; {ratio:.1} ×"),
                ratio >= 5.0,
            );
        }
    }

    fn add_call_targets(&self, targets: &mut Targets) {
        let journey = &self.journeys[0].1;
        for RoundTrips { step, target, .. } in ROUND_TRIPS {
            let cost = journey.iter().find(|cost| cost.step == step).expect("a step");
            targets.add(
                format!("sequential round trips of `{step}`"),
                format!("≤ {target}"),
                cost.round_trips.to_string(),
                cost.round_trips <= target,
            );
        }
        let sizes: Vec<_> = self.journeys.iter().map(|(accounts, _)| thousands(*accounts)).collect();
        let equal = self.journeys.iter().all(|(_, other)| other == journey);
        targets.add(
            "calls, capacity units, and bytes of each step",
            "equal for 10³ to 10⁶ accounts",
            format!("{} for {} accounts", if equal { "equal" } else { "different" }, sizes.join(", ")),
            equal,
        );
    }

    fn add_portal_targets(&self, targets: &mut Targets) {
        let p95 = self.mail_latency.percentile(95);
        targets.add(
            "accepted request to call of SES, at 50 requests per second, ms",
            "p95 ≤ 1,000",
            format!("p95 {p95:.0}; {}", self.mail_latency),
            p95 <= 1000.0,
        );
        let DevTimes { warm_start, edit } = &self.dev;
        targets.add("`cargo dev`, warm start, s", "≤ 10", warm_start.to_string(), warm_start.median() <= 10.0);
        targets.add("edited handler to its first response, s", "≤ 15", edit.to_string(), edit.median() <= 15.0);
        let import = self.imports.last().expect("an import");
        let rows = thousands(import.rows);
        targets.add(format!("import of {rows} rows, s"), "≤ 60", format!("{:.1}", import.first), import.first <= 60.0);
        targets.add(
            "second import of the same file",
            "0 writes, ≤ 10 s",
            format!("{} writes, {:.1} s", import.writes, import.second),
            import.writes == 0 && import.second <= 10.0,
        );
        let memory: Vec<_> = self
            .imports
            .iter()
            .map(|import| format!("{:.0} with {} rows", import.memory, thousands(import.rows)))
            .collect();
        let least = self.imports.iter().map(|import| import.memory).fold(f64::MAX, f64::min);
        targets.add(
            "peak memory of the import, MB",
            "constant",
            memory.join(", "),
            self.imports.iter().all(|import| import.memory <= 1.1 * least),
        );
    }

    fn add_cost_targets(&self, targets: &mut Targets) {
        let sign_in = self.hashes.untrusted.cpu.median();
        let least = *MEMORY_SIZES.iter().find(|size| p95(sign_in, 4, **size) <= 400.0).expect("a sufficient size");
        let configured = self.memory_size("login");
        targets.add(
            "memory size of functions that hash, MB",
            "the smallest with a sign-in p95 ≤ 400 ms",
            format!("{configured:.0}: {:.0} ms", p95(sign_in, 4, configured)),
            (configured - least).abs() < 1.0,
        );
        let (own, baseline) = (self.cost_of_1000_users(false), self.cost_of_1000_users(true));
        targets.add(
            "1,000 users who register, set a password, and sign in, US$",
            "within 20 % of the baseline",
            format!("{own:.3}; baseline {baseline:.3}; {:.2} ×", own / baseline),
            own <= 1.2 * baseline,
        );
    }

    fn cold_start(&self, name: &str) -> &ColdStart {
        self.cold_starts.iter().find(|start| start.name == name).expect("a measured program")
    }

    /// Without the baselines and the comparisons.
    fn own_functions(&self) -> impl Iterator<Item = &ColdStart> {
        self.cold_starts.iter().filter(|start| !start.name.contains(": "))
    }

    /// Configured megabytes.
    fn memory_size(&self, function: &str) -> f64 {
        let function = self.functions.iter().find(|other| other.name == function).expect("a function of the template");
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let memory = function.memory as f64;
        memory
    }

    /// US dollars for 1,000 users who register, set a password, and sign in. The baseline makes the same calls and hashes, and
    /// does nothing else.
    fn cost_of_1000_users(&self, baseline: bool) -> f64 {
        let http = self.cold_start("baseline: lambda_http").warm.median();
        let mut cost = 2.0 * EMAIL;
        for step in &self.journeys[0].1 {
            if ["session", "request-reset"].contains(&step.step) {
                continue;
            }
            let is_asynchronous = step.step.starts_with("mail");
            let hashes = ["reset", "login"].contains(&step.step);
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let (calls, round_trips) = (step.calls.len() as f64, step.round_trips as f64);
            let hash = if hashes { self.hashes.baseline.median() } else { 0.0 };
            let least = http + calls * self.aws_call.1.median() + hash;
            let cpu = match step.step {
                _ if baseline => least,
                "login" => self.hashes.untrusted.cpu.median(),
                "register" => self.cold_start("register").warm.median(),
                "check" => self.cold_start("reset").warm.median(),
                // Not measured alone: assume the same overhead as `register`.
                _ => least * self.cold_start("register").warm.median() / (http + self.aws_call.1.median()),
            };
            let size = self.memory_size(match step.step {
                "check" => "reset",
                step => step.split(':').next().unwrap_or(step),
            });
            let seconds = (cpu * (ONE_VCPU / size).max(1.0) + round_trips * ROUND_TRIP) / 1e3;
            cost += seconds * size / 1024.0 * GB_SECOND;
            cost += INVOCATION + if is_asynchronous { 0.0 } else { HTTP_API_REQUEST };
            cost += step.read_units * READ_UNIT + step.write_units * WRITE_UNIT;
        }
        cost * 1000.0
    }
}

/// Estimated milliseconds of an event on Lambda.
fn p95(cpu: f64, round_trips: u32, memory_size: f64) -> f64 {
    CPU_FACTOR * cpu * (ONE_VCPU / memory_size).max(1.0) + f64::from(round_trips) * 2.0 * ROUND_TRIP
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a write to a string");
}

fn thousands(number: usize) -> String {
    let text = number.to_string();
    let groups: Vec<_> = text.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// Processor, cores, and versions.
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
