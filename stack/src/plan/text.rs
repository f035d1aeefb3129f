use std::fmt;

use super::{Action, After, StackPlan, Step, Until};

impl StackPlan {
    fn widths(&self) -> (usize, usize) {
        let number = self.steps.len().to_string().len();
        let what = self.steps.iter().map(|step| subject(step).chars().count()).max().unwrap_or_default();
        (number, what)
    }
}

/// A line a step; nothing is cut, so that the text says all that the plan does.
impl fmt::Display for StackPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, what) = self.widths();
        for step in &self.steps {
            let line = format!(
                "{:>number$}  {:<what$}  {}{}",
                step.number,
                subject(step),
                detail(step),
                waits(&step.after)
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn subject(step: &Step) -> String {
    match &step.action {
        Action::CreateNetwork { name, .. } => format!("create network {name}"),
        Action::CreateVolume { name, .. } => format!("create volume {name}"),
        Action::StartService(start) => format!("start {}", start.name),
    }
}

fn detail(step: &Step) -> String {
    match &step.action {
        Action::CreateNetwork { internal, subnets, .. } => {
            let mut words: Vec<&str> = Vec::new();
            if *internal {
                words.push("internal");
            }
            words.extend(subnets.iter().map(String::as_str));
            words.join(" ")
        }
        Action::CreateVolume { .. } => String::new(),
        Action::StartService(start) => start.image.clone(),
    }
}

fn waits(after: &[After]) -> String {
    if after.is_empty() {
        return String::new();
    }
    let each: Vec<String> = after
        .iter()
        .map(|after| match after.until {
            Until::Done => after.step.to_string(),
            Until::Healthy => format!("{} is healthy", after.step),
            Until::Completed => format!("{} has ended well", after.step),
        })
        .collect();
    format!("  after {}", each.join(", "))
}
