/// The keys from the top of a document down to a part of it, as a chain on the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    above: Option<&'a Path<'a>>,
    part: &'a str,
    length: usize,
}

impl<'a> Path<'a> {
    /// How an item of a list is called in a path.
    pub(crate) const ITEM: &'static str = "[]";

    /// The document itself.
    pub(crate) const fn top() -> Path<'static> {
        Path { above: None, part: "", length: 0 }
    }

    /// The part below `key`.
    pub(crate) fn below(&'a self, key: &'a str) -> Path<'a> {
        Path { above: Some(self), part: key, length: self.length.saturating_add(1) }
    }

    /// Whether it is one that `pattern` means: parts with points between, of which `*` is any key.
    pub(crate) fn is(&self, pattern: &str) -> bool {
        if pattern.bytes().filter(|byte| *byte == b'.').count().saturating_add(1) != self.length {
            return false;
        }
        let mut at = *self;
        for part in pattern.rsplit('.') {
            if part != "*" && part != at.part {
                return false;
            }
            let Some(above) = at.above else { return false };
            at = *above;
        }
        true
    }

    /// The keys, from the top.
    pub(crate) fn parts(&self) -> Vec<&'a str> {
        let mut parts = Vec::with_capacity(self.length);
        let mut at = *self;
        while let Some(above) = at.above {
            parts.push(at.part);
            at = *above;
        }
        parts.reverse();
        parts
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::error::shown(&self.parts().join(".")))
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_star_is_one_key() {
        let top = Path::top();
        let services = top.below("services");
        let service = services.below("a.b");
        let labels = service.below("labels");
        assert!(labels.is("services.*.labels"));
        assert!(!labels.is("services.*"));
        assert!(!service.is("services.*.labels"));
        assert!(services.is("services") && !top.is("services"));
        assert_eq!(labels.to_string(), "services.a.b.labels");
    }
}
