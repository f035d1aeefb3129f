use perry_sandbox_compose::{Loaded, Mapping, Node};

use super::service::Services;
use crate::launch::{Origin, Reader, Stack};
use crate::place::{FileId, Place};

/// The launches of a merged stack; services of every profile are among them.
pub(crate) fn read_compose(loaded: &Loaded, files: &[FileId], home: Option<&str>, place: Place) -> Stack {
    let services = Services { reader: Reader { files }, model: &loaded.model, folder: &loaded.folder, home };
    let launches = loaded
        .model
        .get("services")
        .and_then(Node::mapping)
        .into_iter()
        .flat_map(Mapping::iter)
        .filter_map(|(key, node)| services.launch(key, node))
        .collect();
    Stack { origin: Origin::Compose, folder: Some(loaded.folder.clone()), place, launches }
}
