//! Requirement and content in, evidence or a denial out.
