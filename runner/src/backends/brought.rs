//! What an image brings along by itself and an engine cannot be told to leave out.

use perry_sandbox_image::ImageConfig;
use perry_sandbox_policy::{Control, LaunchPlan};

use super::script::Backend;
use super::tool::plain;
use crate::demands::PlanError;

/// SECURITY: a volume that the image declares is a folder on the host's disk that can be written without bound and executed
/// from, under a read-only root as well; the engine has no way to leave it out.
pub(super) fn refuse_volumes(backend: Backend, config: &ImageConfig) -> Result<(), PlanError> {
    let Some(volume) = config.volumes.first().map(|path| plain(path.as_bytes())) else { return Ok(()) };
    let backend = backend.name();
    Err(PlanError::NotEnforceable {
        backend,
        control: Control::ReadOnlyRoot,
        why: format!(
            "the image declares the volume `{volume}`, which {backend} would make writable, without bound, on the host's disk"
        ),
        remedy: Some("use an image without VOLUME, or the backend `native` or `podman`".to_owned()),
    })
}

/// SECURITY: these engines merge the image's variables, and some of their own, into what is asked for. One that is not the
/// plan's would be there uninvited.
pub(super) fn refuse_variables(
    backend: Backend,
    plan: &LaunchPlan,
    config: &ImageConfig,
    own: &[&str],
) -> Result<(), PlanError> {
    let of_image = config.env.iter().map(|text| text.split('=').next().unwrap_or_default());
    let mut uninvited =
        of_image.chain(own.iter().copied()).filter(|name| !plan.process.env.contains_key(*name));
    let Some(name) = uninvited.next().map(|name| plain(name.as_bytes())) else { return Ok(()) };
    let backend = backend.name();
    Err(PlanError::NotEnforceable {
        backend,
        control: Control::Env,
        why: format!("{backend} would set the variable `{name}`, which the plan does not have"),
        remedy: Some(
            "let the policy allow this variable, or use the backend `native` or `podman`".to_owned(),
        ),
    })
}
