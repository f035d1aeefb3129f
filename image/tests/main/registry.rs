//! Pulling from a registry on loopback: honest ones in all their kinds, and hostile ones.

use std::time::{Duration, Instant};

use perry_sandbox_image::reference::{Digest, Platform};
use perry_sandbox_image::{
    Access, Credentials, Insecure, ReadError, Registry, ResolveError, Secret, Silent, Source as _, Wanted,
    read_blob, resolve,
};
use perry_sandbox_testkit::layout::{Compression, Content, digest_of, image};
use perry_sandbox_testkit::registry::{Hostile, LogIn, Options, TestRegistry};
use perry_sandbox_testkit::skip;
use perry_sandbox_testkit::tarball::Tarball;
use serde_json::json;

use crate::bench::{Bench, read};

const PATH: &str = "acme/tools";

fn sample() -> Content {
    let lower = Tarball::new().file("a", b"from the registry").build();
    let upper = Tarball::new().file("b", &vec![7; 200_000]).build();
    image(&[(lower, Compression::Gzip), (upper, Compression::Zstd)]).0
}

fn access() -> Access {
    Access {
        insecure: Insecure::Loopback,
        patience: Duration::from_secs(20),
        attempts: 2,
        ..Access::default()
    }
}

fn basic(user: &str, password: &str) -> Credentials {
    Credentials::Basic { user: user.to_owned(), password: Secret::new(password) }
}

fn connect(registry: &TestRegistry, access: Access) -> Registry {
    Registry::new(registry.repository(PATH), access).unwrap()
}

fn tag() -> Wanted {
    Wanted::Tag("v1".to_owned())
}

#[track_caller]
fn pulls(registry: &TestRegistry, access: Access) {
    let source = connect(registry, access);
    let found = resolve(&source, &tag(), &Platform::host()).unwrap();
    let bench = Bench::new();
    bench.store.pull(&source, &found, "x", &Silent).unwrap();
    let rootfs = bench.store.rootfs(&found, &Silent).unwrap();
    assert_eq!(read(&rootfs, "a"), "from the registry");
    assert_eq!(found.repository().map(ToString::to_string), Some(format!("{}/{PATH}", registry.host())));
}

fn hostile(hostile: Hostile) -> TestRegistry {
    let options = Options { hostile: vec![hostile], referrers: true, ..Options::default() };
    TestRegistry::serving(PATH, &sample(), options)
}

fn resolved(registry: &TestRegistry) -> Result<perry_sandbox_image::ResolvedImage, ResolveError> {
    resolve(&connect(registry, access()), &tag(), &Platform::host())
}

#[test]
fn an_image_is_pulled_with_and_without_logging_in() {
    pulls(&TestRegistry::serving(PATH, &sample(), Options::default()), access());
    let account = Some(("me".to_owned(), "pw".to_owned()));
    for log_in in [
        LogIn::Basic { user: "me".to_owned(), password: "pw".to_owned() },
        LogIn::Bearer { account: account.clone(), realm: None },
        LogIn::Bearer { account: None, realm: None },
    ] {
        let registry =
            TestRegistry::serving(PATH, &sample(), Options { log_in, referrers: true, ..Options::default() });
        pulls(&registry, Access { credentials: basic("me", "pw"), ..access() });
    }
    let log_in = LogIn::Bearer { account: None, realm: None };
    pulls(&TestRegistry::serving(PATH, &sample(), Options { log_in, ..Options::default() }), access());
}

#[test]
fn missing_and_wrong_credentials_say_what_to_do() {
    let log_in = LogIn::Basic { user: "me".to_owned(), password: "pw".to_owned() };
    let registry = TestRegistry::serving(PATH, &sample(), Options { log_in, ..Options::default() });
    let says = |credentials: Credentials, words: &str| {
        let source = connect(&registry, Access { credentials, ..access() });
        let error = source.tag("v1").unwrap_err();
        assert!(matches!(error, ReadError::Denied { .. }));
        assert!(error.to_string().contains(words) && !error.to_string().contains("wrong"), "{error}");
    };
    says(Credentials::None, "wants credentials");
    says(basic("me", "wrong"), "not accepted");
    says(Credentials::Helper { name: "desktop".to_owned() }, "docker-credential-desktop");
}

#[test]
fn cve_2019_10214_cve_2025_27403_a_password_goes_to_no_other_host_than_the_registry_s() {
    let thief = TestRegistry::start(Options {
        log_in: LogIn::Bearer { account: Some(("me".to_owned(), "pw".to_owned())), realm: None },
        ..Options::default()
    });
    // The same machine under another name is another host.
    let port = thief.host().rsplit_once(':').unwrap().1.to_owned();
    let realm = Some(format!("http://localhost:{port}/token"));
    let log_in = LogIn::Bearer { account: None, realm };
    let registry = TestRegistry::serving(PATH, &sample(), Options { log_in, ..Options::default() });
    let with = || Access { credentials: basic("me", "pw"), ..access() };
    let error = connect(&registry, with()).tag("v1").unwrap_err().to_string();
    assert!(error.contains("credentials were not sent to localhost"), "{error}");
    assert_eq!(thief.count("/token"), 1);
    assert!(thief.log().iter().all(|asked| asked.authorization.is_none()));
    assert!(registry.log().iter().all(|asked| asked.authorization.is_none()));
    // The caller may say that this host belongs to the registry.
    let listed = Access { token_hosts: ["localhost".to_owned()].into(), ..with() };
    assert!(connect(&registry, listed).tag("v1").unwrap().is_some());
}

#[test]
fn a_token_is_asked_for_over_plain_http_only_on_this_machine() {
    for realm in ["http://192.0.2.1/token", "http://me:pw@127.0.0.1/token", "ftp://x/token", "nonsense"] {
        let log_in = LogIn::Bearer { account: None, realm: Some(realm.to_owned()) };
        let registry = TestRegistry::serving(PATH, &sample(), Options { log_in, ..Options::default() });
        let error = connect(&registry, access()).tag("v1").unwrap_err();
        assert!(matches!(error, ReadError::Unsafe { .. }), "{error}");
    }
}

#[test]
fn plain_http_needs_to_be_allowed() {
    let registry = TestRegistry::serving(PATH, &sample(), Options::default());
    let never = Access { insecure: Insecure::Never, attempts: 1, ..access() };
    assert!(connect(&registry, never).tag("v1").is_err());
    assert_eq!(registry.count("/v2/"), 0);
}

#[test]
fn a_tag_is_resolved_once_and_what_it_named_then_is_pulled() {
    let mut content = sample();
    let other = content.image(&[(Tarball::new().build(), Compression::None)], &Platform::host(), &json!({}));
    let moved = Hostile::MovedTag { tag: "v1".to_owned(), to: digest_of(&other).to_string() };
    let options = Options { hostile: vec![moved], ..Options::default() };
    let registry = TestRegistry::serving(PATH, &content, options);
    pulls(&registry, access());
    assert_eq!(registry.count("/manifests/v1"), 1);
}

#[test]
fn a_manifest_or_blob_that_is_not_what_its_digest_names_is_refused() {
    let content = sample();
    let registry = hostile(Hostile::FlippedManifests);
    let wanted = Wanted::Digest(content.tags["v1"].clone());
    let error = resolve(&connect(&registry, access()), &wanted, &Platform::host()).unwrap_err();
    assert!(matches!(error, ResolveError::Read(ReadError::Digest { .. })), "{error}");
    let registry = hostile(Hostile::FlippedBlobs);
    let source = connect(&registry, access());
    let found = resolve(&source, &tag(), &Platform::host()).unwrap();
    let bench = Bench::new();
    let error = bench.store.pull(&source, &found, "x", &Silent).unwrap_err();
    bench.check_refused(&error, "is not what its digest names");
    assert!(bench.store.list().unwrap().is_empty());
}

#[test]
fn endless_and_huge_answers_are_bounded() {
    let start = Instant::now();
    let error = resolved(&hostile(Hostile::EndlessManifests)).unwrap_err();
    assert!(matches!(error, ResolveError::Read(ReadError::TooLarge { .. })), "{error}");
    let error = resolved(&hostile(Hostile::HugeLength(1 << 40))).unwrap_err();
    assert!(matches!(error, ResolveError::Read(ReadError::TooLarge { .. })), "{error}");
    let registry = hostile(Hostile::EndlessBlobs);
    let source = connect(&registry, access());
    let found = resolve(&source, &tag(), &Platform::host()).unwrap();
    let layer = &found.layers()[0];
    let error = read_blob(&source, &layer.digest, Some(layer.size), 1 << 20).unwrap_err();
    assert!(matches!(error, ReadError::Size { .. }), "{error}");
    let error = read_blob(&source, &layer.digest, None, 1 << 20).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_registry_that_never_answers_or_breaks_off_is_given_up() {
    let start = Instant::now();
    let registry = hostile(Hostile::Silent);
    let impatient = Access { patience: Duration::from_millis(300), ..access() };
    let error = connect(&registry, impatient).tag("v1").unwrap_err();
    assert!(matches!(error, ReadError::Transport { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60));
    let registry = hostile(Hostile::CutBlobs);
    let source = connect(&registry, access());
    let found = resolve(&source, &tag(), &Platform::host()).unwrap();
    let layer = &found.layers()[0];
    assert!(read_blob(&source, &layer.digest, Some(layer.size), 1 << 20).is_err());
}

#[test]
fn a_busy_registry_is_asked_again_but_not_forever() {
    let busy = |times, status| hostile(Hostile::Busy { times, status });
    pulls(&busy(1, 503), access());
    pulls(&busy(1, 429), access());
    let registry = busy(100, 503);
    let error = connect(&registry, access()).tag("v1").unwrap_err();
    assert!(matches!(error, ReadError::Status { status: 503, .. }), "{error}");
    assert_eq!(registry.count("/manifests/"), 2);
}

#[test]
fn blobs_may_lie_elsewhere_but_nobody_there_sees_the_password() {
    let content = sample();
    let elsewhere = TestRegistry::serving("cdn", &content, Options::default());
    let log_in = LogIn::Basic { user: "me".to_owned(), password: "pw".to_owned() };
    let to = format!("http://{}/v2/cdn/blobs/", elsewhere.host());
    let options = Options { log_in, hostile: vec![Hostile::RedirectBlobs(to)], ..Options::default() };
    let registry = TestRegistry::serving(PATH, &content, options);
    pulls(&registry, Access { credentials: basic("me", "pw"), ..access() });
    let log = elsewhere.log();
    assert!(!log.is_empty() && log.iter().all(|asked| asked.authorization.is_none()), "{log:?}");
}

#[test]
fn redirects_out_of_encryption_or_in_circles_are_refused() {
    for to in ["http://192.0.2.1/blob/", "ftp://x/", "file:///etc/passwd?", "//192.0.2.1/"] {
        let registry = hostile(Hostile::RedirectBlobs(to.to_owned()));
        let error = read_blob(&connect(&registry, access()), &Digest::of(b""), None, 10);
        // That blob is not there; the redirect is answered only for those that are.
        assert!(matches!(error, Err(ReadError::NotFound { .. })));
        let found = resolved(&registry).unwrap();
        let error = found.config(&connect(&registry, access())).unwrap_err();
        assert!(matches!(error, ResolveError::Read(ReadError::Unsafe { .. })), "{to}: {error}");
    }
    let registry = hostile(Hostile::RedirectLoop);
    let found = resolved(&registry).unwrap();
    let error = found.config(&connect(&registry, access())).unwrap_err();
    assert!(error.to_string().contains("more redirects"), "{error}");
}

#[test]
fn a_manifest_served_as_an_index_is_refused() {
    let registry = hostile(Hostile::MediaType("application/vnd.oci.image.index.v1+json".to_owned()));
    assert!(matches!(resolved(&registry), Err(ResolveError::Manifest(_))));
}

fn referred(count: usize) -> (Content, Digest) {
    let mut content = sample();
    let subject = content.tags["v1"].clone();
    for at in 0..count {
        let empty = content.described("application/vnd.oci.empty.v1+json", "{}");
        let layer = content.described("text/plain", format!("note {at}"));
        let body = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "text/plain", "config": empty, "layers": [layer],
            "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": subject.as_str(), "size": content.blobs[&subject].len()},
        });
        content.manifest("application/vnd.oci.image.manifest.v1+json", &body);
    }
    (content, subject)
}

#[test]
fn referrers_are_listed_over_pages() {
    let (content, subject) = referred(10);
    let options = Options { referrers: true, page: Some(3), ..Options::default() };
    let registry = TestRegistry::serving(PATH, &content, options);
    assert_eq!(connect(&registry, access()).referrers(&subject).unwrap().len(), 10);
    assert_eq!(registry.count("/referrers/"), 4);
    // And they are kept with the image.
    let bench = Bench::new();
    let source = connect(&registry, access());
    let found = resolve(&source, &tag(), &Platform::host()).unwrap();
    let pulled = bench.store.pull(&source, &found, "x", &Silent).unwrap();
    assert_eq!((pulled.image.attachments.len(), pulled.skipped), (10, 0));
    assert_eq!(bench.store.source(pulled.image).referrers(&subject).unwrap().len(), 10);
}

#[test]
fn endless_and_straying_pages_of_referrers_are_bounded() {
    let (content, subject) = referred(10);
    let with = |hostile| {
        let options =
            Options { referrers: true, page: Some(10), hostile: vec![hostile], ..Options::default() };
        TestRegistry::serving(PATH, &content, options)
    };
    let registry = with(Hostile::EndlessPages);
    assert!(connect(&registry, access()).referrers(&subject).unwrap().len() <= 256);
    assert!(registry.count("/referrers/") <= 16);
    for to in ["http://192.0.2.1/v2/x", "/v2/other/referrers/x", "https://evil.example/"] {
        let error = connect(&with(Hostile::NextPage(to.to_owned())), access()).referrers(&subject);
        assert!(matches!(error, Err(ReadError::Unsafe { .. })), "{to}");
    }
    let (many, subject) = referred(300);
    let options = Options { referrers: true, ..Options::default() };
    let registry = TestRegistry::serving(PATH, &many, options);
    assert_eq!(connect(&registry, access()).referrers(&subject).unwrap().len(), 256);
    let bench = Bench::new();
    let source = connect(&registry, access());
    let found = resolve(&source, &tag(), &Platform::host()).unwrap();
    let pulled = bench.store.pull(&source, &found, "x", &Silent).unwrap();
    assert_eq!((pulled.image.attachments.len(), pulled.skipped), (64, 192));
}

#[test]
fn a_registry_without_a_list_of_referrers_is_asked_by_tag() {
    let (mut content, subject) = referred(2);
    let entries: Vec<_> = content
        .manifests
        .keys()
        .filter(|digest| String::from_utf8_lossy(&content.blobs[digest]).contains("subject"))
        .map(|digest| {
            json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.as_str(),
                "size": content.blobs[digest].len()})
        })
        .collect();
    let index = content.index(&entries);
    content.tags.insert(format!("sha256-{}", subject.hex()), digest_of(&index));
    let registry = TestRegistry::serving(PATH, &content, Options::default());
    assert_eq!(connect(&registry, access()).referrers(&subject).unwrap().len(), 2);
    assert_eq!(connect(&registry, access()).referrers(&Digest::of(b"other")).unwrap(), []);
}

#[test]
fn what_is_not_there_is_said_by_name() {
    let registry = TestRegistry::serving(PATH, &sample(), Options::default());
    let source = connect(&registry, access());
    let error = resolve(&source, &Wanted::Tag("v9".to_owned()), &Platform::host()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("tag `v9`") && text.contains(PATH), "{text}");
    assert_eq!(source.tag("../../../etc").unwrap(), None);
    assert_eq!(registry.count("etc"), 0);
    let gone = registry.repository(PATH);
    drop(registry);
    let source = Registry::new(gone, access()).unwrap();
    let error = source.tag("v1").unwrap_err().to_string();
    assert!(error.contains("cannot reach 127.0.0.1"), "{error}");
}

#[test]
fn a_manifest_read_by_tag_is_not_fetched_again_by_digest() {
    let registry = TestRegistry::serving(PATH, &sample(), Options::default());
    assert!(resolved(&registry).is_ok());
    assert_eq!(registry.count("/manifests/"), 1);
}

/// Serves a folder over TLS with a certificate of its own.
struct TlsFolder {
    dir: tempfile::TempDir,
    server: std::process::Child,
    port: u16,
}

impl Drop for TlsFolder {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

fn tls_folder(content: &Content) -> Option<TlsFolder> {
    let dir = tempfile::tempdir().unwrap();
    let openssl = || {
        let mut command = std::process::Command::new("openssl");
        command.current_dir(dir.path()).stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command
    };
    let made = openssl()
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=test"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skip("no openssl");
        return None;
    }
    // This server refuses names with a colon, so only tags can be asked for.
    let folder = dir.path().join("v2").join(PATH).join("manifests");
    std::fs::create_dir_all(&folder).unwrap();
    for (tag, digest) in &content.tags {
        std::fs::write(folder.join(tag), &content.blobs[digest]).unwrap();
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let accept = port.to_string();
    let server = openssl()
        .args(["s_server", "-WWW", "-key", "key.pem", "-cert", "cert.pem", "-accept", &accept])
        .spawn();
    let server = server.unwrap();
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(60), "openssl does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(TlsFolder { dir, server, port })
}

#[test]
fn a_registry_over_tls_needs_a_trusted_certificate_for_its_name() {
    let Some(folder) = tls_folder(&sample()) else { return };
    let connect = |host: &str, roots| {
        let repository = format!("{host}:{}/{PATH}", folder.port).parse().unwrap();
        Registry::new(repository, Access { insecure: Insecure::Never, roots, attempts: 1, ..access() })
    };
    let own = || perry_sandbox_image::Roots::File(folder.dir.path().join("cert.pem"));
    let source = connect("localhost", own()).unwrap();
    assert!(resolve(&source, &tag(), &Platform::host()).is_ok());
    // Another name than the certificate's, and a certificate that nobody vouches for.
    assert!(connect("127.0.0.1", own()).unwrap().tag("v1").is_err());
    if let Ok(source) = connect("localhost", perry_sandbox_image::Roots::System) {
        assert!(matches!(source.tag("v1"), Err(ReadError::Transport { .. })));
    }
    let nothing = perry_sandbox_image::Roots::File(folder.dir.path().join("key.pem"));
    assert!(connect("localhost", nothing).unwrap_err().to_string().contains("no trusted certificates"));
}
