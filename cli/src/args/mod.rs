//! The command line as types. Flags keep cosign's and docker's names where they mean the same.

mod admin;
mod audit;
mod engine;
mod image;
mod later;
mod policy;
mod profile;
mod run;
mod sandbox;
mod secret;
mod verify;

pub(crate) use admin::{
    BackendsArgs, CompletionsArgs, DoctorArgs, LogArgs, LogCommand, ManArgs, StoreArgs, StoreCommand,
};
pub(crate) use audit::AuditArgs;
pub(crate) use engine::{EngineArgs, EngineCommand, EngineImageCommand, NetworkCommand, VolumeCommand};
pub(crate) use image::{AccessArgs, ImageArgs, ImageCommand, InspectArgs, ListArgs, PullArgs, RemoveArgs};
pub(crate) use later::Later;
pub(crate) use policy::{
    CheckArgs, DiffArgs, ExplainArgs, FormatArgs, ImportArgs, InitArgs, PolicyArgs, PolicyCommand,
    PolicyFileArgs,
};
pub(crate) use profile::{
    CheckProfileArgs, DiffProfilesArgs, NarrowArgs, ProfileArgs, ProfileCommand, RecordArgs, ShowArgs,
    ShownAs,
};
pub(crate) use root::{Cli, ColorChoice, Command};
pub(crate) use run::{RequestArgs, RunArgs, variables};
pub(crate) use sandbox::{
    ExecArgs, InspectSandboxArgs, LogsArgs, PsArgs, RmArgs, StartArgs, StopArgs, UpkeepArgs, WaitArgs, labels,
};
pub(crate) use secret::{SecretArg, secrets};
pub(crate) use verify::{SignerArgs, VerifyArgs};

mod root;
