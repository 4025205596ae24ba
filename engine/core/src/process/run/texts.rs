//! Text messages of a run go on while its mails wait for their own transport.

use boarding_commands::decide::ClaimTexts;
use boarding_commands::decide::runs::claim_recipients::has_mails_left;

use super::Claimed;
use super::work::RunWork;
use crate::process::manager::pause;

impl RunWork {
    /// Sends text messages while mails wait. Returns whether the run has mails left: without any, it waits for no mail
    /// server.
    pub(super) async fn send_texts(&self) -> bool {
        let Some(texts) = self.manager.context.transport.texts() else { return true };
        let run = self.run;
        while !self.manager.is_closing() && texts.ready().await.is_ok() {
            let most = self.claim_size().min(self.room().await);
            if most == 0 {
                break;
            }
            match self.claim(ClaimTexts(self.next_claim(most))).await {
                Claimed::Events(events) => {
                    if self.clone().send(events).await.is_err() {
                        break;
                    }
                }
                Claimed::Unknown => {
                    pause().await;
                    self.recover().await;
                }
                Claimed::Nothing | Claimed::Refused(_) | Claimed::TooLarge => break,
            }
        }
        self.manager.inspect(move |company| has_mails_left(company, run)).await.unwrap_or(true)
    }
}
