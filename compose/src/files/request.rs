use super::Environment;

/// What a caller asks for: the flags of a command, and what surrounds it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The current folder, absolute.
    pub current_folder: String,
    /// The environment of the process.
    pub environment: Environment,
    /// `--file`, in order.
    pub files: Vec<String>,
    /// `--env-file`, in order.
    pub env_files: Vec<String>,
    /// `--project-name`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<String>,
    /// `--profile`, in order.
    pub profiles: Vec<String>,
    /// Which steps to leave out.
    pub options: Options,
}

/// Which steps of loading to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub struct Options {
    /// Put variables in.
    pub interpolate: bool,
    /// Add what is implicit.
    pub normalize: bool,
    /// Make relative paths absolute.
    pub resolve_paths: bool,
    /// Check that what is named is there.
    pub check_consistency: bool,
    /// Put the values of environment files into services.
    pub resolve_environment: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interpolate: true,
            normalize: true,
            resolve_paths: true,
            check_consistency: true,
            resolve_environment: true,
        }
    }
}
