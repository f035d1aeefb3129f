//! What is known of hosts by their names.

/// Names of clouds' metadata services.
const METADATA: [&str; 6] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
];

/// Addresses of such services that are not link-local.
const METADATA_ADDRESSES: [&str; 3] = ["100.100.100.200", "192.0.0.192", "[fd00:ec2::254]"];

/// Domains whose names resolve to the address that is written in them.
const ADDRESS_IN_NAME: [&str; 5] = ["nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me"];

/// Whether a host is a machine's metadata service, or is made to resolve to it.
pub(super) fn is_metadata(host: &str) -> bool {
    let link_local = |text: &str| text.starts_with("169.254.") || text.starts_with("[fe80:");
    if link_local(host) || METADATA.contains(&host) || METADATA_ADDRESSES.contains(&host) {
        return true;
    }
    let in_name = ADDRESS_IN_NAME.iter().find_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
    in_name.is_some_and(|rest| {
        let address = rest.replace('-', ".");
        address.contains("169.254.") || address.ends_with("a9fea9fe")
    })
}

/// Hosts on which anybody can have a page, a bucket, a repository or an inbox; names below them too.
const TENANTS: [&str; 44] = [
    "amazonaws.com",
    "api.telegram.org",
    "azurewebsites.net",
    "bitbucket.org",
    "blob.core.windows.net",
    "cloudfront.net",
    "codeberg.org",
    "digitaloceanspaces.com",
    "discord.com",
    "discordapp.com",
    "dpaste.com",
    "drive.google.com",
    "docs.google.com",
    "dropbox.com",
    "dropboxapi.com",
    "firebaseio.com",
    "fly.dev",
    "gist.github.com",
    "github.com",
    "github.io",
    "githubusercontent.com",
    "gitlab.com",
    "gitlab.io",
    "herokuapp.com",
    "hooks.slack.com",
    "ix.io",
    "netlify.app",
    "ngrok-free.app",
    "ngrok.io",
    "oastify.com",
    "onrender.com",
    "pages.dev",
    "paste.ee",
    "pastebin.com",
    "r2.dev",
    "requestbin.com",
    "storage.googleapis.com",
    "transfer.sh",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "webhook.site",
    "workers.dev",
    "0x0.st",
];

/// The host of many tenants that this one is, or lies below.
pub(super) fn tenant_host(host: &str) -> Option<&'static str> {
    let host = host.trim_start_matches("*.");
    TENANTS
        .into_iter()
        .find(|tenant| host.strip_suffix(tenant).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_known_by_address_and_by_name() {
        for host in [
            "169.254.169.254",
            "[fe80::1]",
            "metadata.google.internal",
            "100.100.100.200",
            "169.254.169.254.nip.io",
            "x.169-254-169-254.sslip.io",
            "a9fea9fe.nip.io",
        ] {
            assert!(is_metadata(host), "{host}");
        }
        for host in ["metadata.example.org", "10.0.0.1.nip.io", "169.255.0.1", "nip.io"] {
            assert!(!is_metadata(host), "{host}");
        }
    }

    #[test]
    fn a_tenant_is_the_host_or_below_it() {
        assert_eq!(tenant_host("acme.s3.amazonaws.com"), Some("amazonaws.com"));
        assert_eq!(tenant_host("*.github.io"), Some("github.io"));
        assert_eq!(tenant_host("github.com"), Some("github.com"));
        assert_eq!(tenant_host("notgithub.com"), None);
        assert_eq!(tenant_host("github.com.example.org"), None);
    }
}
