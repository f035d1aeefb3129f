//! What the tests share: loopback registry, layouts, checker, scrubbed commands.
