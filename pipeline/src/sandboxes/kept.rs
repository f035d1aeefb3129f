//! What a sandbox keeps of the request that made it.

use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use super::upkeep::Upkeep;
use crate::elsewhere::{here, image_from, write_out};
use crate::error::PipelineError;
use crate::wish::{TargetChoice, Wish};

/// The only version of the format.
const VERSION: u32 = 1;

/// The words of the request, and the digest that its image's name stood for. May hold secrets: never shown.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Kept {
    version: u32,
    pub(super) wish: Wish,
    /// Of the index, or of the manifest where there is none.
    pub(super) image: Digest,
    #[serde(default)]
    pub(super) upkeep: Upkeep,
}

impl Kept {
    /// Keeps a wish. Paths that were meant from where the caller stands are written out, for whoever asks again stands
    /// elsewhere.
    ///
    /// # Errors
    /// The working folder is gone, or its path is not text.
    pub(super) fn of(wish: &Wish, image: &Digest, upkeep: &Upkeep) -> Result<Self, PipelineError> {
        let mut wish = wish.clone();
        write_out(&mut wish.policy, &mut wish.signer, &mut wish.access)?;
        if let TargetChoice::Word(text)
        | TargetChoice::Image(text)
        | TargetChoice::Service { image: text, .. } = &mut wish.target
        {
            write_out_image(text)?;
        }
        if let Some(text) = &mut wish.image {
            write_out_image(text)?;
        }
        Ok(Self { version: VERSION, wish, image: image.clone(), upkeep: upkeep.clone() })
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, PipelineError> {
        serde_json::to_vec(self).map_err(|error| PipelineError::Kept(error.to_string()))
    }

    /// Reads what [`Kept::to_bytes`] wrote.
    ///
    /// # Errors
    /// It is something else. The message holds no value of it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, PipelineError> {
        // SECURITY: an error of the reader may quote a value, which may be a secret; its place does not.
        let kept: Self = serde_json::from_slice(bytes).map_err(|error| {
            PipelineError::Kept(format!("it is not as it was written, at column {}", error.column()))
        })?;
        if kept.version == VERSION {
            Ok(kept)
        } else {
            Err(PipelineError::Kept(format!("its version is {}, and {VERSION} is known here", kept.version)))
        }
    }
}

fn write_out_image(name: &mut String) -> Result<(), PipelineError> {
    // Nobody needs to stand anywhere for a name that is no path.
    if image_from("", name) != *name {
        *name = image_from(&here()?, name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::PolicyInput;
    use crate::signer::KeyChoice;

    fn kept() -> Kept {
        let mut wish = Wish::of(TargetChoice::Word("oci:some/image:v1".to_owned()));
        let text = PolicyInput::Text { name: "in/hand.json".to_owned(), text: "{}".to_owned() };
        wish.policy.inputs = vec![PolicyInput::File("policy.toml".into()), text];
        wish.signer.key = Some(KeyChoice::File("cosign.pub".into()));
        wish.image = Some("docker-archive:/x.tar".to_owned());
        wish.access.bundle = Some("x.bundle".into());
        wish.env.insert("TOKEN".to_owned(), "hush".to_owned());
        let health = serde_json::json!({
            "command": ["/bin/check"], "check": { "interval": "1s", "timeout": "2s", "start-period": null, "retries": 3 },
        });
        let health = Some(serde_json::from_value(health).unwrap());
        let upkeep = Upkeep { restart: "on-failure:3".parse().unwrap(), health, ..Upkeep::default() };
        Kept::of(&wish, &Digest::of(b"image"), &upkeep).unwrap()
    }

    #[test]
    fn paths_hold_from_everywhere() {
        let here = std::env::current_dir().unwrap();
        let wish = kept().wish;
        assert_eq!(wish.target, TargetChoice::Word(format!("oci:{}/some/image:v1", here.display())));
        let name = format!("{}/in/hand.json", here.display());
        let text = PolicyInput::Text { name, text: "{}".to_owned() };
        assert_eq!(wish.policy.inputs, [PolicyInput::File(here.join("policy.toml")), text]);
        assert_eq!(wish.signer.key, Some(KeyChoice::File(here.join("cosign.pub"))));
        assert_eq!(wish.image.as_deref(), Some("docker-archive:/x.tar"));
        assert_eq!(wish.access.bundle, Some(here.join("x.bundle")));
        let mut name = "ghcr.io/acme/oci:v1".to_owned();
        write_out_image(&mut name).unwrap();
        assert_eq!(name, "ghcr.io/acme/oci:v1");
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let kept = kept();
        let again = Kept::from_bytes(&kept.to_bytes().unwrap()).unwrap();
        assert_eq!((again.wish, again.image, again.upkeep), (kept.wish, kept.image, kept.upkeep));
    }

    #[test]
    fn what_is_damaged_is_refused_without_its_values() {
        let text = String::from_utf8(kept().to_bytes().unwrap()).unwrap();
        for damaged in [
            text.replace("\"version\":1", "\"version\":2"),
            text.replace("\"version\":1", "\"version\":1,\"more\":1"),
            text.replace("{\"TOKEN\":\"hush\"}", "\"hush\""),
            text.replace("\"hush\"", "\"hush"),
            "[".repeat(100_000),
            String::new(),
        ] {
            let Err(error) = Kept::from_bytes(damaged.as_bytes()) else { panic!("{damaged} is taken") };
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
