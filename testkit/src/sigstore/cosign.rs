//! The real cosign, told to use an instance of ours and nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::der::{b64, pem};
use super::instance::{IDENTITY, ISSUER, Proofs, Sigstore};
use super::services::Services;
use crate::command::peer;

/// A cosign with a home of its own, in which the instance's keys are.
#[derive(Debug)]
pub struct Cosign {
    program: PathBuf,
    home: TempDir,
    /// 2 or 3.
    version: u32,
}

/// How a run ended.
#[derive(Debug)]
pub struct Signed {
    /// Whether it did what it was asked.
    pub ok: bool,
    /// What it said, on both channels.
    pub said: String,
}

impl From<Output> for Signed {
    fn from(output: Output) -> Self {
        let said = [output.stdout, output.stderr].concat();
        Self { ok: output.status.success(), said: String::from_utf8_lossy(&said).into_owned() }
    }
}

impl Cosign {
    /// The cosign of this version, or nothing where it is not installed.
    pub fn find(version: u32) -> Option<Self> {
        let program = peer(&format!("cosign{version}"))?;
        let home = tempfile::Builder::new().prefix("perry-sandbox-cosign.").tempdir().expect("a folder");
        Some(Self { program, home, version })
    }

    /// The folder that it runs in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into its home.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        std::fs::write(&path, content).expect("a file in a folder of our own");
        path
    }

    /// Tells it whom to trust.
    pub fn trust(&self, instance: &Sigstore) {
        let block = |der: &[u8]| pem("CERTIFICATE", der);
        self.trust_json(&instance.trusted_root());
        self.write("fulcio.pem", instance.chain().iter().map(|der| block(der)).collect::<String>());
        self.write("ctfe.pub", instance.ct.pem());
        self.write("rekor.pub", instance.log.key.pem());
        let chain = [instance.tsa.certificate(), instance.tsa.root_certificate()];
        self.write("tsa.pem", chain.iter().map(|der| block(der)).collect::<String>());
    }

    /// Tells cosign 3 whom to trust.
    pub fn trust_json(&self, root: &Value) {
        self.write("trusted_root.json", root.to_string());
    }

    /// A command, ready for more arguments. It sees neither network nor home but what it is given.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().current_dir(self.home()).stdin(Stdio::null()).args(args);
        command.env("HOME", self.home()).env("COSIGN_PASSWORD", "").env("NO_PROXY", "127.0.0.1");
        // Whatever it might ask of the public instance goes nowhere.
        command.env("HTTPS_PROXY", "http://127.0.0.1:9");
        for (name, file) in [
            ("SIGSTORE_ROOT_FILE", "fulcio.pem"),
            ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", "ctfe.pub"),
            ("SIGSTORE_REKOR_PUBLIC_KEY", "rekor.pub"),
        ] {
            if self.version == 2 {
                command.env(name, self.home().join(file));
            }
        }
        command
    }

    /// Runs it.
    ///
    /// # Panics
    /// The program does not start.
    pub fn run(&self, args: &[&str]) -> Signed {
        self.command(args).output().expect("cosign starts").into()
    }

    /// Signs an image of a loopback registry without a key, with the proofs that the instance gives.
    pub fn sign(&self, services: &Services, image: &str) -> Signed {
        self.keyless(services, "sign", &[image])
    }

    /// Attests something about an image.
    pub fn attest(&self, services: &Services, kind: &str, predicate: &Value, image: &str) -> Signed {
        self.write("predicate.json", predicate.to_string());
        self.keyless(services, "attest", &["--predicate", "predicate.json", "--type", kind, image])
    }

    /// Signs an image with a key in its home, with the proofs that the instance gives.
    pub fn sign_with_key(&self, services: &Services, key: &str, image: &str) -> Signed {
        self.with_services(services, "sign", &["--key", key, image])
    }

    fn keyless(&self, services: &Services, verb: &str, more: &[&str]) -> Signed {
        // cosign 3.1.1 takes a token that it is given in so many words for the name of a file.
        self.write("token", token());
        self.with_services(services, verb, &[&["--identity-token", "token"], more].concat())
    }

    fn with_services(&self, services: &Services, verb: &str, more: &[&str]) -> Signed {
        let url = services.url();
        services.with(|instance| {
            self.trust(instance);
            self.write("signing_config.json", instance.signing_config(&url).to_string());
        });
        let stamps = format!("{url}/api/v1/timestamp");
        let stamped = services.with(|instance| instance.proofs) != Proofs::V1;
        let mut args = vec![verb, "--yes", "--allow-http-registry"];
        if self.version == 3 {
            args.extend(["--signing-config", "signing_config.json", "--trusted-root", "trusted_root.json"]);
        } else {
            args.extend(["--fulcio-url", &url, "--rekor-url", &url]);
            if stamped {
                args.extend(["--timestamp-server-url", &stamps]);
            }
        }
        args.extend(more);
        self.run(&args)
    }

    /// Verifies an image of a loopback registry as signed by [`IDENTITY`].
    pub fn verify(&self, image: &str) -> Signed {
        let args = ["verify", "--allow-http-registry"];
        self.run(&[args.as_slice(), self.whom(), &[image]].concat())
    }

    /// The flags that name whom to trust, and for what.
    pub fn whom(&self) -> &'static [&'static str] {
        const NAMED: [&str; 4] = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
        const V2: [&str; 6] =
            [NAMED[0], NAMED[1], NAMED[2], NAMED[3], "--timestamp-certificate-chain", "tsa.pem"];
        const V3: [&str; 6] = [NAMED[0], NAMED[1], NAMED[2], NAMED[3], "--trusted-root", "trusted_root.json"];
        if self.version == 2 { &V2 } else { &V3 }
    }
}

/// A token such as an issuer of identities gives. cosign reads it and does not check its signature.
fn token() -> String {
    let part = |bytes: &[u8]| b64(bytes).replace('+', "-").replace('/', "_").replace('=', "");
    let header = part(json!({"alg": "ES256", "typ": "JWT"}).to_string().as_bytes());
    let claims = json!({
        "iss": ISSUER, "sub": IDENTITY, "aud": "sigstore", "iat": 1_700_000_000_u64, "exp": 4_000_000_000_u64,
    });
    let claims = part(claims.to_string().as_bytes());
    let signature = part(&[1; 64]);
    format!("{header}.{claims}.{signature}")
}
