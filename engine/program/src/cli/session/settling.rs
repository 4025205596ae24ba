//! Waits for the work that the commands of a session have started.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::remote::Remote;
use super::{Backend, Session};
use crate::cli::failure::Failure;
use crate::cli::fields::{number, text};
use crate::cli::words::counted;

/// The pause between two queries to a folder, in milliseconds: short enough for a smooth progress bar, with little load.
const FOLDER_POLL_MILLIS: u64 = 20;

/// The pause between two queries to a running engine, in milliseconds: other clients use it too.
const REMOTE_POLL_MILLIS: u64 = 100;

/// How often a verb checks whether mails are being sent: for ten seconds. Other clients may keep the engine busy for longer.
const MAIL_POLLS_MAX: u32 = 100;

/// How often a verb checks whether the mails that it sends again are sent: for a minute, as for a slow mail server.
const RESENT_POLLS_MAX: u32 = 600;

/// Whether a mail is queued or being sent. One that waits for a later attempt names the transport of that.
pub(in crate::cli) fn is_open(mail: &Value) -> bool {
    match text(mail, "state") {
        "sending" => true,
        "waiting" => text(mail, "waits_for").is_empty(),
        _ => false,
    }
}

impl Session<'_> {
    /// Pauses between two queries about work in progress.
    pub(in crate::cli) async fn pause(&self) {
        let millis = if self.is_remote() { REMOTE_POLL_MILLIS } else { FOLDER_POLL_MILLIS };
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// Waits until the read models show everything that is durable now.
    pub(in crate::cli) async fn caught_up(&self) -> Result<(), Failure> {
        match &self.backend {
            Backend::Folder(folder) => folder.caught_up().await,
            Backend::Remote(remote) => {
                remote.must_include(number(&self.status(json!({})).await?, "end"));
                Ok(())
            }
        }
    }

    /// Waits until the work in progress is done and the read models show it. In a running engine, others start work too: there
    /// it waits for the imports and runs of this session, and a little for mails about them.
    pub(in crate::cli) async fn settle(&self) -> Result<(), Failure> {
        match &self.backend {
            Backend::Folder(folder) => {
                folder.settle(&self.company).await;
                folder.caught_up().await
            }
            Backend::Remote(remote) => self.settle_remote(remote).await,
        }
    }

    /// Waits as [`Session::settle`] does, and then until no mail with these keys is about to be sent. In a running engine
    /// it waits for a minute at most.
    pub(in crate::cli) async fn settle_mails(
        &self,
        keys: &BTreeSet<String>,
    ) -> Result<(), Failure> {
        self.settle().await?;
        if !self.is_remote() || keys.is_empty() {
            return Ok(());
        }
        for _ in 0..RESENT_POLLS_MAX {
            let mut mails = self.rows("notifications", json!({"state": "sending"}), None).await?;
            mails.extend(self.rows("notifications", json!({"state": "waiting"}), None).await?);
            if !mails.iter().any(|mail| is_open(mail) && keys.contains(text(mail, "key"))) {
                break;
            }
            self.pause().await;
        }
        Ok(())
    }

    async fn settle_remote(&self, remote: &Remote) -> Result<(), Failure> {
        let mut started = remote.started();
        // A verb that has sent no command waits for what others have started before.
        let waits_for_all = !self.has_submitted();
        if started.is_empty() && !waits_for_all {
            return Ok(());
        }
        let (mut is_first, mut mail_polls) = (true, 0);
        loop {
            let status = self.status(json!({})).await?;
            let open = open_work(&status);
            if waits_for_all && is_first {
                started = open.clone();
            }
            is_first = false;
            let waits_for_mails = number(&status, "mails_open") > 0 && mail_polls < MAIL_POLLS_MAX;
            if open.is_disjoint(&started) {
                if !waits_for_mails {
                    self.say_open_mails(number(&status, "mails_open"));
                    remote.must_include(number(&status, "end"));
                    return Ok(());
                }
                mail_polls += 1;
            }
            self.pause().await;
        }
    }
}

impl Session<'_> {
    /// Says how many mails the engine still sends. The verb has waited for them long enough.
    fn say_open_mails(&self, open: u64) {
        if open > 0 {
            let are = counted(open, "mail of the company is", "mails of the company are");
            let list = self.out.placed("boarding notifications");
            self.out.remark(&format!("{are} still being sent: {list}"));
        }
    }
}

/// The imports, archives and runs that are in progress. Blocked ones do not go on.
fn open_work(status: &Value) -> BTreeSet<String> {
    let ids = |name: &str| {
        let list = status.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let blocked = status.get("blocked").and_then(Value::as_array).into_iter().flatten();
    let blocked: BTreeSet<_> = blocked.map(|one| text(one, "import")).collect();
    let open = ["imports", "pictures", "undoing", "listing"].into_iter().flat_map(ids);
    open.filter(|id| !blocked.contains(id.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_import_is_not_waited_for() {
        let status = json!({
            "imports": ["a", "b"], "undoing": ["c"],
            "blocked": [{"import": "b", "reason": "the disk is full"}],
        });
        assert_eq!(open_work(&status), BTreeSet::from(["a".to_owned(), "c".to_owned()]));
    }
}
