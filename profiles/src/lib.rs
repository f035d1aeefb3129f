//! Seccomp profiles, Linux cap sets and masked paths as data, and the compiler from them to BPF.
