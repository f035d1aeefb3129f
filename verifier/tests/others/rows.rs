//! The list of what others got wrong: each identifier stands in the name of a test.

use std::fs;
use std::path::Path;

/// Identifiers as test names spell them.
const ROWS: [&str; 69] = [
    "cve_2022_23649",
    "cve_2022_35929",
    "cve_2022_35930",
    "cve_2022_36056",
    "cve_2023_46737",
    "cve_2024_29902",
    "cve_2024_29903",
    "cve_2026_22703",
    "cve_2026_24122",
    "cve_2026_39395",
    "cosign_3_1_1_an_attestation",
    "cve_2024_45395",
    "cve_2026_49834",
    "cve_2026_54787",
    "cve_2026_39984",
    "cve_2024_53267",
    "ghsa_hhfg_fwrw_87w7",
    "sigstore_python_1652",
    "sigstore_js",
    "sigstore_ruby_307",
    "cve_2026_31830",
    "tob_sigstore_3",
    "tob_sigstore_4",
    "tob_sigstore_9",
    "tob_sigstore_11",
    "tob_sigstore_12",
    "sigstore_conformance_405",
    "cve_2023_47122",
    "cve_2024_51746",
    "cve_2026_44310",
    "cve_2025_25204",
    "cve_2022_47633",
    "cve_2023_42813",
    "42814",
    "42815",
    "42816",
    "cve_2023_47630",
    "cve_2025_29778",
    "issue_4668",
    "cve_2023_33957",
    "cve_2023_33958",
    "cve_2023_33959",
    "cve_2024_23332",
    "cve_2024_56138",
    "cve_2024_51491",
    "cve_2024_3727",
    "cve_2019_10214",
    "cve_2025_27403",
    "cve_2026_24137",
    "cve_2026_23992",
    "cve_2024_47534",
    "rustsec_2020_0024",
    "ghsa_r2xv_vpr2_42m9",
    "simple_claim_verifier",
    "rustsec_2026_0098",
    "0099",
    "0104",
    "rustsec_2023_0053",
    "cosign_4937",
    "rekor_v2_another_logs_id",
    "rfc_3161",
    "an_upper_case_digest",
    "older_perry_1",
    "older_perry_2",
    "older_perry_3",
    "older_perry_4",
    "older_perry_5",
    "older_perry_6",
    "older_perry_7",
];

/// The names of all tests below a folder.
fn tests(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, names);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            for pair in lines.windows(2).filter(|pair| pair[0] == "#[test]") {
                names.extend(
                    pair[1].strip_prefix("fn ").and_then(|rest| rest.split('(').next()).map(str::to_owned),
                );
            }
        }
    }
}

/// The names of all tests of the crates that verifying goes through, and of the tests over all crates.
fn all_tests() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut names = Vec::new();
    for folder in ["verifier", "image", "policy"] {
        for part in ["src", "tests"] {
            tests(&root.join(folder).join(part), &mut names);
        }
    }
    for part in ["pipeline/src", "cli/src", "tests/tests"] {
        tests(&root.join(part), &mut names);
    }
    names
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let known = all_tests();
    for (file, least) in [("README.md", 7), ("verifier/docs/FEATURES.md", 60)] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let is_name = |word: &&str| {
            word.matches('_').count() > 2
                && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
        };
        let rows = text.lines().filter(|line| line.starts_with("| "));
        let named: Vec<_> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).filter(is_name).collect();
        assert!(named.len() >= least, "{file} names {}", named.len());
        let missing: Vec<_> = named.iter().filter(|name| !known.iter().any(|it| it == *name)).collect();
        assert!(missing.is_empty(), "{file} names tests that are not there: {missing:?}");
    }
}

#[test]
fn every_row_has_a_test_with_its_identifier() {
    let names = all_tests();
    let missing: Vec<_> =
        ROWS.into_iter().filter(|row| !names.iter().any(|name| name.contains(row))).collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}
