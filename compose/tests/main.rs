//! The loader's tests.

mod yaml;
