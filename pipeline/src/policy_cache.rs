//! Loaded policies, kept while their files are the same: a library caller asks thousands of times, and reading a policy
//! is by far the longest step of asking.

use std::sync::Mutex;

use crate::environment::Environment;
use crate::error::PipelineError;
use crate::files::Seen;
use crate::policies::{LoadedPolicy, PolicyChoice, PolicyInput, demand, inputs, load_policy};

/// More policies than one program has in use.
const MOST: usize = 16;
/// The policies that were loaded, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct PolicyCache {
    entries: Mutex<Vec<(Vec<PolicyInput>, LoadedPolicy)>>,
}

impl PolicyCache {
    /// As [`find_policy`](crate::find_policy).
    pub(crate) fn find(
        &self,
        choice: &PolicyChoice,
        environment: &Environment,
    ) -> Result<Option<LoadedPolicy>, PipelineError> {
        let inputs = inputs(choice, environment);
        let found = if inputs.is_empty() { None } else { Some(self.load(inputs, environment)?) };
        demand(choice, found.as_ref())?;
        Ok(found)
    }

    fn load(
        &self,
        inputs: Vec<PolicyInput>,
        environment: &Environment,
    ) -> Result<LoadedPolicy, PipelineError> {
        if let Some(loaded) = self.unchanged(&inputs) {
            return Ok(loaded);
        }
        let loaded = load_policy(&inputs, environment)?;
        if loaded.seen.iter().all(Seen::is_settled)
            && let Ok(mut entries) = self.entries.lock()
        {
            entries.retain(|(known, _)| *known != inputs);
            if entries.len() >= MOST {
                entries.remove(0);
            }
            entries.push((inputs, loaded.clone()));
        }
        Ok(loaded)
    }

    fn unchanged(&self, inputs: &[PolicyInput]) -> Option<LoadedPolicy> {
        let entries = self.entries.lock().ok()?;
        let (_, loaded) = entries.iter().find(|(known, _)| known == inputs)?;
        loaded.seen.iter().all(Seen::holds).then(|| loaded.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::{File, FileTimes, Permissions, write};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::files::SETTLED;

    const POLICY: &str = "schema = \"perry-sandbox/policy/v1\"\nname = \"NAME\"\n";

    fn environment(home: &Path) -> Environment {
        let lookup = |name: &str| (name == "HOME").then(|| OsString::from(home));
        Environment::new(&lookup, Some(home)).unwrap()
    }

    fn policy(path: &Path, name: &str) {
        write(path, POLICY.replace("NAME", name)).unwrap();
    }

    #[test]
    fn a_policy_is_kept_only_while_nothing_about_its_file_changed() {
        let home = tempfile::tempdir().unwrap();
        let (environment, cache) = (environment(home.path()), PolicyCache::default());
        let path = home.path().join("policy.toml");
        policy(&path, "one");
        let choice = PolicyChoice { inputs: vec![PolicyInput::File(path.clone())], require: None };
        let find = || cache.find(&choice, &environment).unwrap().unwrap();
        // A machine that stands still meanwhile makes it an old one.
        let is_asked_again = (0..5).any(|_| {
            policy(&path, "one");
            !Arc::ptr_eq(&find().policy, &find().policy)
        });
        assert!(is_asked_again, "a file that was just written may change unseen");
        std::thread::sleep(SETTLED + Duration::from_millis(100));
        let kept = find();
        assert!(Arc::ptr_eq(&kept.policy, &find().policy));
        // Same size, and the old time of modification put back: the time of change still tells.
        let times = FileTimes::new().set_modified(std::fs::metadata(&path).unwrap().modified().unwrap());
        policy(&path, "two");
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        assert_eq!(find().policy.name().to_string(), "two");
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert!(cache.find(&choice, &environment).is_err(), "others can write it");
    }
}
