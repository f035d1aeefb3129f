//! What the schema cannot say.

mod attributes;

pub(crate) use attributes::check_attributes;
