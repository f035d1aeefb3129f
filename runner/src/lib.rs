//! A launch plan and a verified image in, an outcome out.
