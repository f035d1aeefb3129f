//! What reading a project costs, beside docker compose itself: whole processes, from start to the last byte of JSON.
//!
//! `cargo bench -p perry-sandbox-tests --bench compose`, with `PERRY_SANDBOX_PEERS` naming the folder of docker compose (`compose`);
//! without it only our own figures are printed. Bars: 10 ms small, 40 ms for 70 services, 150 ms for 110 includes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use perry_sandbox_testkit::bench::{Report, Row};
use perry_sandbox_testkit::{As, Home, compose_program, peer};

fn main() {
    let mut report = Report::from_arguments("compose");
    let home = Home::new(As::Me);
    let ours = compose_program();
    let theirs = peer("compose");
    type Lay = fn(&Path);
    let projects: [(&str, Lay); 3] = [("small", small), ("70 services", stack), ("110 includes", includes)];
    for (name, lay) in projects {
        let folder = home.path().join(name.replace(' ', "-"));
        fs::create_dir(&folder).expect("the home can be written");
        lay(&folder);
        let mut rows = Vec::new();
        if let Some(theirs) = &theirs {
            rows.push(Row::new("docker compose config", "", || config(&home, theirs, &folder)).every(4));
        }
        rows.push(Row::new("perry-compose config", "", || config(&home, &ours, &folder)));
        report.compare(name, 40, rows);
    }
    report.finish();
}

fn config(home: &Home, program: &Path, folder: &Path) {
    let mut command = home.plain_command(program);
    command.args(["config", "--format", "json"]).current_dir(folder);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{}", program.display());
}

/// One service as people write them: short forms, variables, a health check, a dependency.
fn service(text: &mut String, number: usize) {
    let before = number.checked_sub(1).map_or(String::new(), |before| {
        format!("    depends_on:\n      s{before}:\n        condition: service_healthy\n")
    });
    write!(
        text,
        "  s{number}:\n    image: registry.example/app-{number}:${{TAG:-v1}}\n    command: serve --port 80 --name \"$NAME\"\n    environment:\n      - LEVEL=${{LEVEL-info}}\n      - NUMBER={number}\n    ports:\n      - \"{}:80\"\n    volumes:\n      - data:/data\n      - ./conf:/etc/app:ro\n    networks: [front, back]\n    restart: unless-stopped\n    healthcheck:\n      test: [CMD, /bin/check]\n      interval: 10s\n{before}",
        9000 + number
    )
    .expect("a string takes everything");
}

const REST: &str = "volumes:\n  data:\nnetworks:\n  front:\n  back:\n    internal: true\n";

fn write_services(folder: &Path, count: usize) {
    let mut text = "services:\n".to_owned();
    (0..count).for_each(|number| service(&mut text, number));
    fs::write(folder.join("compose.yaml"), text + REST).expect("the folder can be written");
}

fn small(folder: &Path) {
    write_services(folder, 3);
}

fn stack(folder: &Path) {
    write_services(folder, 70);
}

fn includes(folder: &Path) {
    let mut text = "include:\n".to_owned();
    for number in 0..110 {
        let part = folder.join(format!("part-{number}"));
        fs::create_dir(&part).expect("the folder can be written");
        let service = format!(
            "services:\n  p{number}:\n    image: registry.example/p:${{TAG:-v1}}\n    ports: [\"80\"]\n"
        );
        fs::write(part.join("compose.yaml"), service).expect("the folder can be written");
        fs::write(part.join(".env"), format!("TAG=v{number}\n")).expect("the folder can be written");
        writeln!(text, "  - part-{number}/compose.yaml").expect("a string takes everything");
    }
    fs::write(folder.join("compose.yaml"), text).expect("the folder can be written");
}
