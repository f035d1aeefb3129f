use std::fs;
use std::path::Path;

use perry_sandbox_image::{Archive, Wanted, resolve};
use perry_sandbox_policy::{AllowedBuild, ServiceName};
use perry_sandbox_reference::{Digest, Platform};
use perry_sandbox_runner::{BuildOrder, Builder, Building};

use crate::layout::write;
use crate::{Builds, BuildsError, Keys};

/// Who makes images: where they go, and whose keys sign.
#[derive(Debug, Clone)]
pub struct Maker {
    /// Where images go.
    pub builds: Builds,
    /// The keys of this machine.
    pub keys: Keys,
}

impl Maker {
    /// With everything below the data folder.
    pub fn below(data_dir: &Path) -> Self {
        Self { builds: Builds::below(data_dir), keys: Keys::below(data_dir) }
    }

    /// Builds an image, reads what comes out, and signs it. It is the service's from then on.
    ///
    /// # Errors
    /// The key is not here, the builder fails, or what it wrote is no image.
    pub fn make(
        &self,
        service: &ServiceName,
        allowed: &AllowedBuild,
        (builder, order): (&Builder, &BuildOrder),
        building: &Building<'_>,
    ) -> Result<Digest, BuildsError> {
        // SECURITY: a link may lead elsewhere than when the policy was asked.
        if !order.context.to_str().is_some_and(|folder| allowed.covers(folder)) {
            return Err(BuildsError::Moved(order.context.clone()));
        }
        let key = self.keys.read_meant(&allowed.signer, &allowed.key)?;
        let place = self.builds.workplace()?;
        let archive = Archive::open(&builder.build(order, place.path(), building)?)?;
        let platform = order.platform.clone().unwrap_or_else(Platform::host);
        let image = resolve(&archive, &Wanted::Only, &platform)?;
        let layout = place.path().join("layout");
        fs::create_dir(&layout).map_err(BuildsError::io(&layout))?;
        write(&layout, (&archive, &image), &allowed.repository, &key)?;
        self.builds.take(service, image.top(), &layout)?;
        Ok(image.top().clone())
    }
}
