use perry_sandbox_compose::Span;

/// A value, and where a file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// The place.
    pub span: Span,
}

impl<T> At<T> {
    /// A value of that place.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
