//! A stored image as the archive that engines load: `docker save`'s form, which docker and podman both read, and the image
//! layout of the OCI, which containerd and Apple's `container` read.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write};

use perry_sandbox_reference::Digest;
use serde_json::json;

use super::error::StoreError;
use super::open::Store;
use crate::descriptor::{Descriptor, media_type};
use crate::layout::REF_NAME;
use crate::limits::MAX_CONFIG;
use crate::resolve::ResolvedImage;
use crate::source::{ReadError, Source as _, read_blob};
use crate::unpack::{Budget, LayerStream, layer_error};

/// Files of a tar archive are padded to this.
const BLOCK: u64 = 512;
/// What says of an archive that it is an image layout.
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// What containerd and Apple's `container` read an image's whole name from.
const WHOLE_NAME: &str = "io.containerd.image.name";
/// The longest name in an archive's header.
const LONGEST_NAME: usize = 100;
/// The configuration's name in there.
const CONFIG: &str = "config.json";
/// How much of a layer is in memory at one time.
const PIECE: usize = 256 * 1024;

impl Store {
    /// Writes the image as an archive that an engine loads under `name`. The engine's id of it is the digest of the
    /// configuration, whose bytes are in there as they were verified; the layers are not packed, so that it needs no
    /// decoder. Each layer is read twice, since an archive says a file's length before its bytes, and checked both times.
    ///
    /// # Errors
    /// [`StoreError`] when content is not in the store or not what its digest names, and what `out` says. The archive is
    /// not complete then, and no engine takes it.
    pub fn export(&self, image: &ResolvedImage, name: &str, out: &mut dyn Write) -> Result<(), StoreError> {
        let source = self.contents();
        let diff_ids = image.config(&source)?.diff_ids;
        let config = read_blob(&source, image.config_digest(), None, MAX_CONFIG)?;
        // Engines find content by what it is, whatever the names.
        let layers: Vec<String> = (0..diff_ids.len()).map(|number| format!("{number}.tar")).collect();
        let listing = json!([{ "Config": CONFIG, "RepoTags": [name], "Layers": layers }]);
        let refused = |error| StoreError::Export { name: name.to_owned(), source: error };
        file(out, "manifest.json", listing.to_string().as_bytes()).map_err(refused)?;
        file(out, CONFIG, &config).map_err(refused)?;
        for ((layer, diff_id), path) in image.layers().iter().zip(&diff_ids).zip(&layers) {
            let length = self.unpacked_layer(layer, diff_id, &mut io::sink())?;
            out.write_all(&header(path, length)).map_err(refused)?;
            self.unpacked_layer(layer, diff_id, out)?;
            pad(out, length).map_err(refused)?;
        }
        out.write_all(&[0; 1024]).and_then(|()| out.flush()).map_err(refused)
    }

    /// Writes the image as an archive of an image layout, which an engine loads under `name`. Manifest, configuration and
    /// layers are in there byte for byte as they were verified: so the digest that the engine knows it by is the digest of
    /// the manifest.
    ///
    /// # Errors
    /// As [`Store::export`].
    pub fn export_layout(
        &self,
        image: &ResolvedImage,
        name: &str,
        out: &mut dyn Write,
    ) -> Result<(), StoreError> {
        let refused = |error| StoreError::Export { name: name.to_owned(), source: error };
        let none = || refused(io::ErrorKind::InvalidInput.into());
        let bytes = image.manifest_bytes();
        let mut top = image.path().last().cloned().ok_or_else(none)?;
        top.size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        top.annotations = [WHOLE_NAME, REF_NAME].map(|key| (key.to_owned(), name.to_owned())).into();
        let index = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [top.to_json()],
        });
        file(out, "oci-layout", LAYOUT).map_err(refused)?;
        file(out, "index.json", index.to_string().as_bytes()).map_err(refused)?;
        file(out, &place(&top.digest).map_err(refused)?, bytes).map_err(refused)?;
        // A layer may be there twice, and is written once.
        let mut written = BTreeSet::new();
        for content in std::iter::once(&image.manifest().config).chain(image.layers()) {
            if written.insert(&content.digest) {
                self.blob(content, out)?;
            }
        }
        out.write_all(&[0; 1024]).and_then(|()| out.flush()).map_err(refused)
    }

    /// Writes content as it is stored. It is checked while it is read.
    fn blob(&self, content: &Descriptor, out: &mut dyn Write) -> Result<(), StoreError> {
        let name = content.digest.to_string();
        let refused = |source| StoreError::Export { name: name.clone(), source };
        let header = header(&place(&content.digest).map_err(refused)?, content.size);
        let source = self.contents();
        let mut blob = source.blob(&content.digest, Some(content.size), content.size)?;
        out.write_all(&header).map_err(refused)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = blob.read(&mut piece).map_err(|error| ReadError::from_io(name.clone(), error))?;
            if read == 0 {
                break;
            }
            out.write_all(piece.get(..read).unwrap_or_default()).map_err(refused)?;
        }
        pad(out, content.size).map_err(refused)
    }

    /// Writes a layer without its packing, and says how long it is.
    fn unpacked_layer(
        &self,
        layer: &Descriptor,
        diff_id: &Digest,
        out: &mut dyn Write,
    ) -> Result<u64, StoreError> {
        let budget = Budget::new(self.limits.clone());
        let source = self.contents();
        let blob = source.blob(&layer.digest, Some(layer.size), layer.size)?;
        let mut stream = LayerStream::new(blob, layer, diff_id, &budget)?;
        let mut piece = vec![0; PIECE];
        let mut length = 0_u64;
        loop {
            let read = stream.read(&mut piece).map_err(|error| layer_error(&layer.digest, error))?;
            if read == 0 {
                break;
            }
            out.write_all(piece.get(..read).unwrap_or_default())
                .map_err(|source| StoreError::Export { name: layer.digest.to_string(), source })?;
            length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        }
        stream.finish(diff_id)?;
        Ok(length)
    }
}

/// Where content is in an image layout.
fn place(digest: &Digest) -> io::Result<String> {
    let place = format!("blobs/{}", digest.as_str().replacen(':', "/", 1));
    if place.len() > LONGEST_NAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "its digest is too long for an archive"));
    }
    Ok(place)
}

fn file(out: &mut dyn Write, name: &str, bytes: &[u8]) -> io::Result<()> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    out.write_all(&header(name, length))?;
    out.write_all(bytes)?;
    pad(out, length)
}

fn pad(out: &mut dyn Write, length: u64) -> io::Result<()> {
    let over = length.checked_rem(BLOCK).unwrap_or(0);
    let missing = if over == 0 { 0 } else { BLOCK.saturating_sub(over) };
    io::copy(&mut io::repeat(0).take(missing), out).map(drop)
}

/// The header of a plain file, as POSIX `ustar` has it. Lengths of 8 GiB and more are written in base 256, as GNU tar
/// does and both engines read.
fn header(name: &str, length: u64) -> [u8; 512] {
    let mut header = [0_u8; 512];
    put(&mut header, 0, name.as_bytes());
    put(&mut header, 100, b"0000644\0");
    put(&mut header, 108, b"0000000\0");
    put(&mut header, 116, b"0000000\0");
    if length < 1 << 33 {
        put(&mut header, 124, format!("{length:011o}\0").as_bytes());
    } else {
        put(&mut header, 124, &[0x80, 0, 0, 0]);
        put(&mut header, 128, &length.to_be_bytes());
    }
    put(&mut header, 136, b"00000000000\0");
    // The sum is over the header with blanks in its place.
    put(&mut header, 148, b"        ");
    put(&mut header, 156, b"0");
    put(&mut header, 257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}

fn put(header: &mut [u8; 512], at: usize, bytes: &[u8]) {
    for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wanted;
    use crate::layout::Layout;
    use crate::progress::Silent;
    use crate::unpack::tar::{Kind, TarReader};

    fn example(store: &Store) -> ResolvedImage {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello/image");
        let layout = Layout::open(&folder).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let image = crate::resolve::resolve(&layout, &Wanted::Only, &platform).unwrap();
        store.pull(&layout, &image, "hello", &Silent).unwrap();
        image
    }

    #[test]
    fn an_archive_has_the_verified_configuration_and_the_layers_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let image = example(&store);
        let mut bytes = Vec::new();
        store.export(&image, "localhost/x:y", &mut bytes).unwrap();
        assert_eq!(bytes.len() % 512, 0);
        let mut archive = TarReader::new(bytes.as_slice());
        let mut files = Vec::new();
        while let Some(entry) = archive.next_entry().unwrap() {
            assert!(matches!(entry.kind, Kind::File));
            let mut content = Vec::new();
            archive.read_to_end(&mut content).unwrap();
            files.push((String::from_utf8(entry.name).unwrap(), content));
        }
        assert_eq!(files[0].0, "manifest.json");
        assert!(String::from_utf8_lossy(&files[0].1).contains("localhost/x:y"));
        assert_eq!(Digest::of(&files[1].1), *image.config_digest());
        let ids = image.config(&store.contents()).unwrap().diff_ids;
        let found: Vec<Digest> = files[2..].iter().map(|(_, layer)| Digest::of(layer)).collect();
        assert_eq!(found, ids);
    }

    #[test]
    fn an_image_layout_names_the_verified_manifest_and_has_all_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let image = example(&store);
        let mut bytes = Vec::new();
        store.export_layout(&image, "localhost/x:y", &mut bytes).unwrap();
        let out = folder.path().join("layout");
        let mut archive = TarReader::new(bytes.as_slice());
        while let Some(entry) = archive.next_entry().unwrap() {
            let path = out.join(String::from_utf8(entry.name).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut content = Vec::new();
            archive.read_to_end(&mut content).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let layout = Layout::open(&out).unwrap();
        let named = layout.entries()[0].annotations.get(WHOLE_NAME);
        assert_eq!(named.map(String::as_str), Some("localhost/x:y"));
        let length = u64::try_from(image.manifest_bytes().len()).unwrap();
        assert_eq!(layout.entries()[0].size, length);
        let platform = "linux/amd64".parse().unwrap();
        let found = crate::resolve::resolve(&layout, &Wanted::Only, &platform).unwrap();
        assert_eq!(found.manifest_digest(), image.manifest_digest());
        let second = Store::open(&folder.path().join("second")).unwrap();
        second.pull(&layout, &found, "x", &Silent).unwrap();
    }

    #[test]
    fn a_changed_layer_ends_a_layout_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let image = example(&store);
        let blob = folder.path().join("store/blobs/sha256").join(image.layers()[0].digest.hex());
        let mut content = std::fs::read(&blob).unwrap();
        let last = content.len() - 20;
        content[last] ^= 1;
        std::fs::write(&blob, content).unwrap();
        let mut bytes = Vec::new();
        assert!(store.export_layout(&image, "localhost/x:y", &mut bytes).is_err());
        assert!(!bytes.ends_with(&[0; 1024]), "no engine takes it for whole");
    }

    #[test]
    fn a_layer_that_was_changed_ends_the_archive_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let image = example(&store);
        let blob = folder.path().join("store/blobs/sha256").join(image.layers()[0].digest.hex());
        let mut content = std::fs::read(&blob).unwrap();
        let last = content.len() - 20;
        content[last] ^= 1;
        std::fs::write(&blob, content).unwrap();
        let mut bytes = Vec::new();
        assert!(store.export(&image, "localhost/x:y", &mut bytes).is_err());
        assert!(!bytes.ends_with(&[0; 1024]), "no engine takes it for whole");
    }

    #[test]
    fn a_long_file_has_its_length_in_base_256() {
        assert_eq!(&header("x", 1 << 33)[124..136], &[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(&header("x", (1 << 33) - 1)[124..136], b"77777777777\0");
    }
}
