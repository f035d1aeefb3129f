//! What is suggested makes the policy say yes, and nothing more.

use perry_sandbox_policy::{NoFiles, Policy, PolicySource, load};
use perry_sandbox_stack::{Demands, Lock, demand, suggest};

use crate::support::{BARE, REPOSITORY, judged, stack};

fn policy(text: &str) -> Policy {
    load(&[PolicySource::new("policy.toml", text)], &NoFiles)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn demands(services: &str) -> Demands {
    let text = services.replace("IMAGE", &format!("{REPOSITORY}:v1"));
    let demands = demand(&stack(&format!("name: shop\n{text}")));
    assert!(demands.all_refused().is_empty(), "{:?}", demands.all_refused());
    demands
}

/// A rule for other images.
const OTHER: &str = "[image.other]\nrepository = \"registry.example/other\"\nsigned-by = { at-least = 1, of = [\"release\"] }\n";

/// Adds what is suggested, and gives the policy's text, by which all is allowed.
fn allowed(before: &str, services: &str) -> String {
    let demands = demands(services);
    let known = policy(before);
    let verdicts = judged(&known, &demands);
    assert!(verdicts.iter().any(|one| one.judgement.is_of_the_policy()), "nothing is denied");
    let text = format!("{before}\n{}", suggest(Some(&known), &demands, &verdicts).unwrap());
    for one in judged(&policy(&text), &demands) {
        assert!(one.judgement.is_allowed(), "{}: {:?}\n{text}", one.service, one.judgement.reasons());
    }
    assert_eq!(suggest(Some(&policy(&text)), &demands, &judged(&policy(&text), &demands)), None);
    text
}

#[test]
fn a_service_gets_what_it_asks_for() {
    let text = allowed(
        BARE,
        r"
services:
  web:
    image: IMAGE
    ports: ['8080:80']
    environment: {MODE: quick, LD_PRELOAD: /x}
    cap_add: [NET_BIND_SERVICE]
    volumes: ['data:/data', '/srv/web:/srv/web:ro', '/srv/out:/srv/out']
    secrets: [token]
    devices: [/dev/fuse]
    user: root
    tmpfs: [/run, '/var/cache:size=1m']
    shm_size: 1g
    sysctls: {net.core.somaxconn: 1024}
    mem_limit: 3g
    cpus: 0.5
    pids_limit: 2000
    ulimits: {nofile: 5000}
    x-perry-egress: ['*.example.org:443']
  db: {image: IMAGE, user: '70', read_only: true, cap_drop: [ALL]}
volumes: {data: }
secrets: {token: {file: ./token}}
",
    );
    for line in [
        "[image.tools]\nrepository = \"registry.example/acme/tools\"\nsigned-by = { at-least = 1, of = [\"release\"] }",
        "grants = { networks = [\"default\"], publish = [\"127.0.0.1:8080\"], volumes = [\"data\"] }",
        "env = [\"LD_PRELOAD\", \"MODE\"]",
        "disk = \"1281MiB\"",
        "mounts = { read = [\"/srv/web\"], write = [\"/srv/out\"] }",
        "[service.\"shop/db\"]\ntier = \"shop-db\"\nimage = [\"tools\"]\ngrants = { networks = [\"default\"] }",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(text.matches("user = \"any\"").count(), 1, "one of them asks for root");
}

#[test]
fn names_that_are_taken_are_not_taken_again() {
    let before = format!(
        "{BARE}\n[tier.shop-web]\nextends = [\"isolated\"]\n[image.tools]\nrepository = \"registry.example/other/tools\"\nsigned-by = {{ at-least = 1, of = [\"release\"] }}\n"
    );
    let demands = demands("services: {web: {image: IMAGE, environment: {A: b}}}\n");
    let known = policy(&before);
    let text = suggest(Some(&known), &demands, &judged(&known, &demands)).unwrap();
    assert!(text.contains("[image.tools-2]") && text.contains("[tier.shop-web-2]"), "{text}");
    policy(&format!("{before}{text}"));
}

#[test]
fn an_entry_of_the_project_gives_way_to_one_of_the_service() {
    let before = format!("{BARE}\n[service.\"shop/*\"]\ntier = \"isolated\"\nimage = [\"other\"]\n{OTHER}");
    allowed(&before, "services: {web: {image: IMAGE, environment: {A: b}}}\n");
}

#[test]
fn an_entry_of_the_service_itself_is_for_its_author_to_replace() {
    let before = format!("{BARE}\n[service.\"shop/web\"]\ntier = \"isolated\"\nimage = [\"other\"]\n{OTHER}");
    let demands = demands("services: {web: {image: IMAGE, environment: {A: b}}}\n");
    let known = policy(&before);
    let text = suggest(Some(&known), &demands, &judged(&known, &demands)).unwrap();
    assert!(
        text.contains("# The policy has an entry for shop/web already") && text.contains("# env = [\"A\"]"),
        "{text}"
    );
    policy(&format!("{before}{text}"));
}

#[test]
fn a_signer_that_nobody_knows_is_not_made_up() {
    let unsigned = "schema = \"perry-sandbox/policy/v1\"\n";
    let demands = demands("services: {web: {image: IMAGE}}\n");
    let known = policy(unsigned);
    let verdicts = judged(&known, &demands);
    let text = suggest(Some(&known), &demands, &verdicts).unwrap();
    assert!(text.contains("# Missing: who signs this image.") && !text.contains("\nsigned-by"), "{text}");
    let alone = suggest(None, &demands, &verdicts).unwrap();
    assert!(alone.starts_with("schema = \"perry-sandbox/policy/v1\"\n"), "{alone}");
}

#[test]
fn text_of_a_file_is_text_in_the_policy() {
    let odd = "services: {web: {image: IMAGE, volumes: ['/srv/\"]\\n[x]:/srv/\"]\\n[x]']}}\n";
    let text = allowed(BARE, odd);
    assert!(!text.contains("\n[x]"), "{text}");
}

#[test]
fn a_lock_reads_back_as_it_was_written() {
    let demands = demands("services: {web: {image: IMAGE}, db: {image: IMAGE, read_only: true}}\n");
    let names =
        demands.services.iter().map(|(name, one)| (name.clone(), one.image.clone().unwrap().value)).collect();
    let lock = Lock::of(&names, &judged(&policy(BARE), &demands));
    let text = lock.to_text();
    assert_eq!(Lock::read(&text).unwrap(), lock);
    let image = format!("{REPOSITORY}:v1");
    let pinned = lock.pinned(&image).unwrap();
    assert!(pinned.starts_with(&format!("{REPOSITORY}@sha256:")), "{pinned}");
    assert_eq!(lock.pinned("registry.example/other:v1"), None);
    for broken in [
        "",
        "schema = 'x'",
        "schema = 'perry-sandbox/compose-lock/v2'",
        "more = 1",
        &text.replace("sha256:", "sha1:"),
    ] {
        assert!(Lock::read(broken).is_err(), "{broken}");
    }
}
