//! What both programs need to audit: the files of this machine, and how a report is shown.

mod host;
mod report_args;

pub(crate) use host::DiskHost;
pub(crate) use report_args::ReportArgs;
