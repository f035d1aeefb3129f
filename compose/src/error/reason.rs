/// The kinds of things that can be wrong. A caller may match on them; a person reads the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Not YAML, or not UTF-8.
    YamlSyntax,
    /// A key that its mapping has already.
    DuplicateKey,
    /// More bytes, parts or depth than a file may have.
    Limit,
    /// A file that is not there or cannot be read.
    MissingFile,
    /// A file of variables that cannot be read as one.
    EnvFileSyntax,
    /// `${` and the like, written wrongly.
    Interpolation,
    /// A variable that must be set, and is not.
    MissingVariable,
    /// A value that cannot become the type that its place asks for.
    Cast,
    /// A key that the schema does not know, or one that it asks for and that is not there.
    SchemaKey,
    /// A value of a type that the schema does not allow there.
    SchemaType,
    /// A value of the right type, but not of the form that its place asks for.
    InvalidValue,
    /// An attribute that must be there, and is not.
    MissingAttribute,
    /// Two attributes that cannot be given together.
    ExclusiveAttributes,
    /// A reference to a service that there is not.
    UndefinedService,
    /// A reference to a network that there is not.
    UndefinedNetwork,
    /// A reference to a volume that there is not.
    UndefinedVolume,
    /// A reference to a secret that there is not.
    UndefinedSecret,
    /// A reference to a config that there is not.
    UndefinedConfig,
    /// A reference to a model that there is not.
    UndefinedModel,
    /// Services that wait for each other, or files that include or extend each other.
    Cycle,
    /// Two definitions of one thing that contradict each other.
    Conflict,
    /// A name that a project cannot have.
    ProjectName,
    /// Something that is not done here, though the standard knows it.
    Unsupported,
}

impl Reason {
    /// The word for logs and tests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::YamlSyntax => "yaml-syntax",
            Self::DuplicateKey => "duplicate-key",
            Self::Limit => "limit",
            Self::MissingFile => "missing-file",
            Self::EnvFileSyntax => "env-file-syntax",
            Self::Interpolation => "interpolation",
            Self::MissingVariable => "missing-variable",
            Self::Cast => "cast",
            Self::SchemaKey => "schema-key",
            Self::SchemaType => "schema-type",
            Self::InvalidValue => "invalid-value",
            Self::MissingAttribute => "missing-attribute",
            Self::ExclusiveAttributes => "exclusive-attributes",
            Self::UndefinedService => "undefined-service",
            Self::UndefinedNetwork => "undefined-network",
            Self::UndefinedVolume => "undefined-volume",
            Self::UndefinedSecret => "undefined-secret",
            Self::UndefinedConfig => "undefined-config",
            Self::UndefinedModel => "undefined-model",
            Self::Cycle => "cycle",
            Self::Conflict => "conflict",
            Self::ProjectName => "project-name",
            Self::Unsupported => "unsupported",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
