//! The auditor as a library: what 168 stacks of ordinary size cost, without files and without starting a program.

use divan::Bencher;
use perry_sandbox_audit::{Ignores, Input, NoHost, Persona, Request, audit};

/// As many as the study of real stacks had.
const STACKS: usize = 168;

fn main() {
    divan::main();
}

fn stack(number: usize) -> Input {
    let service = |name: &str| {
        format!(
            "  {name}:\n    image: example/{name}:{number}\n    restart: unless-stopped\n    environment:\n      \
             MODE: production\n      LEVEL: ${{LEVEL:-info}}\n    ports:\n      - \"8080:80\"\n    volumes:\n      \
             - data:/var/lib/{name}\n      - ./{name}.conf:/etc/{name}.conf:ro\n    healthcheck:\n      \
             test: [CMD, \"true\"]\n      interval: 10s\n",
        )
    };
    let text =
        format!("services:\n{}{}{}volumes:\n  data: {{}}\n", service("web"), service("api"), service("db"));
    Input::File { name: format!("{number}.yaml"), path: None, bytes: text.into_bytes() }
}

fn audited(inputs: &[Input]) -> usize {
    let project = perry_sandbox_compose::Request {
        current_folder: "/project".to_owned(),
        ..perry_sandbox_compose::Request::default()
    };
    let report = audit(&Request {
        inputs,
        host: &NoHost,
        project: &project,
        persona: Persona::Everyone,
        ignores: &Ignores::default(),
        denied: &[],
        today: jiff::civil::date(2026, 11, 30),
    });
    report.findings.len()
}

#[divan::bench]
fn one_stack(bencher: Bencher<'_, '_>) {
    let inputs = [stack(0)];
    bencher.bench_local(|| audited(&inputs));
}

#[divan::bench]
fn all_stacks(bencher: Bencher<'_, '_>) {
    let inputs: Vec<Input> = (0..STACKS).map(stack).collect();
    bencher.bench_local(|| audited(&inputs));
}
