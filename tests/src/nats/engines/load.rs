//! Commands that are sent all the time while faults happen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::super::caller::Caller;
use super::super::retries::{all_rows, command_until_accepted};

/// The shortest time between two commands. It leaves time for the runs.
const PACE: Duration = Duration::from_millis(25);

/// A task that adds users, one after the other, until it is stopped.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(Vec<String>, Value)>,
}

impl Load {
    pub(super) fn start(caller: &Caller, prefix: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, caller) = (Arc::clone(&stop), caller.clone());
        let task = tokio::spawn(async move {
            let (mut accepted, mut position) = (Vec::new(), Value::Null);
            let mut pace = tokio::time::interval(PACE);
            while !stopped.load(Ordering::Relaxed) {
                pace.tick().await;
                let user = format!("{prefix}{}", accepted.len());
                let body = json!({"user": user});
                let answer = command_until_accepted(&caller, "AddUser", body).await;
                accepted.push(user);
                position = answer["position"].clone();
            }
            (accepted, position)
        });
        Self { stop, task }
    }

    /// Stops the task. Asserts that each accepted command is in the history once.
    pub(super) async fn stop_and_check(self, caller: &Caller) {
        self.stop.store(true, Ordering::Relaxed);
        let (accepted, position) = self.task.await.unwrap();
        let history = all_rows(caller, "history", json!({"min_position": position})).await;
        let mut created = BTreeMap::<&str, usize>::new();
        for event in history.iter().filter(|event| event["event"] == "UserCreated") {
            *created.entry(event["data"]["user"].as_str().unwrap()).or_default() += 1;
        }
        for user in &accepted {
            assert_eq!(created.get(user.as_str()), Some(&1), "{user}");
        }
        let versions = history.iter().map(|event| event["version"].as_u64().unwrap());
        assert!(versions.eq(1..=history.len() as u64), "the history has a gap");
    }
}
