//! podman's words. What there is, it says by the list as well as by an inspection, and of one that is not there the list is
//! empty: no words of an error need to be understood.

use super::super::images::REPOSITORY;
use super::question::{Question, image_name, line, network_flags};
use super::words::{Labels, StockKind, StockName};

/// What podman is called with, after the flags that every call of it has.
pub(super) fn words(question: &Question<'_>) -> Vec<String> {
    let plain = |fixed: &str| line(fixed, []);
    match *question {
        Question::Images => plain(&format!("image ls --format=json --filter=reference={REPOSITORY}")),
        Question::Image(id) => line("image inspect --", [image_name(id).as_str()]),
        Question::RemoveImage(id) => line("image rm --", [image_name(id).as_str()]),
        Question::Find(kept, name) => {
            let filter = name.map_or_else(|| format!("label={}", kept.kind().label()), named);
            line(&format!("{} ls --format=json", kept.word()), [format!("--filter={filter}").as_str()])
        }
        Question::Describe(kept, names) => {
            line(&format!("{} inspect --", kept.word()), names.iter().map(StockName::as_str))
        }
        Question::CreateNetwork(new) => {
            let mut flags = network_flags(new);
            // SECURITY: podman's name service asks the host's own about names that it does not know, for an internal network
            // as well (seen in aardvark-dns 1.4), and the host has an address in the network for it.
            flags.extend(new.labels.are_of_a_project().then(|| "--disable-dns".to_owned()));
            let rest = flags.iter().map(String::as_str).chain(["--", new.name.as_str()]);
            line("network create --driver=bridge", rest)
        }
        Question::CreateVolume(new) => {
            let mut flags = volume_labels(&new.labels, &new.name);
            // podman would give it to whoever owns the folder of the first image; so it leaves the owner to us.
            flags.extend(new.labels.are_of_a_project().then(|| "--opt=o=uid=0,gid=0".to_owned()));
            let rest = flags.iter().map(String::as_str).chain(["--", new.name.as_str()]);
            line("volume create --driver=local", rest)
        }
        Question::Remove(kept, id) => line(&format!("{} rm --", kept.word()), [id]),
    }
}

/// Its filter by name is a pattern.
fn named(name: &StockName) -> String {
    format!("name=^{}$", name.as_str().replace('.', "[.]"))
}

/// A volume's labels are read as a row of comma-separated values, a network's are not (seen in 4.3.1).
fn volume_labels(labels: &Labels, name: &StockName) -> Vec<String> {
    let labels = labels.with_ours(StockKind::Volume, name);
    let quoted = |(name, value): (&String, &String)| {
        let pair = format!("{name}={value}");
        if pair.contains([',', '"']) {
            format!("--label=\"{}\"", pair.replace('"', "\"\""))
        } else {
            format!("--label={pair}")
        }
    };
    labels.iter().map(quoted).collect()
}
