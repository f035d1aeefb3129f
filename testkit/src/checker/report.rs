//! Verdicts, one a line.

/// Counts verdicts and prints them.
#[derive(Default)]
pub struct Report {
    ok: usize,
    open: usize,
    skip: usize,
}

impl Report {
    /// The sandbox held, or did not.
    pub fn held(&mut self, name: &str, held: bool, detail: impl std::fmt::Display) {
        let word = if held {
            self.ok += 1;
            "ok"
        } else {
            self.open += 1;
            "open"
        };
        println!("{word} {name} {detail}");
    }

    /// It cannot be told here.
    pub fn skip(&mut self, name: &str, detail: &str) {
        self.skip += 1;
        println!("skip {name} {detail}");
    }

    /// The sum.
    pub fn finish(&self) {
        println!("sum ok={} open={} skip={}", self.ok, self.open, self.skip);
    }
}
