//! The policy file: reader, tiers, ceilings, meet, decide, explain.
