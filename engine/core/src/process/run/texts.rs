//! Text messages of a run go on while its mails wait for their own transport.

use boarding_commands::decide::ClaimTexts;
use boarding_commands::decide::runs::claim_recipients::has_mails_left;

use super::Claimed;
use super::waiting::Obstacle;
use super::work::RunWork;
use crate::process::manager::pause;

impl RunWork {
    /// Sends text messages while mails cannot be sent, for this reason. Returns what the run waits for, if anything:
    /// without any mails left, it waits for no mail server.
    pub(super) async fn send_texts(&self, of_mails: Obstacle) -> Option<Obstacle> {
        let of_texts = self.try_texts().await;
        if self.has_mails_left().await { Some(of_mails) } else { of_texts }
    }

    /// Sends text messages until none can be claimed now. Returns why the others cannot be sent, if that is so.
    async fn try_texts(&self) -> Option<Obstacle> {
        let texts = self.manager.context.transport.texts()?;
        let mut fits = self.claim_size();
        while !self.manager.is_closing() {
            if let Err(last_words) = texts.ready().await {
                return Some(Obstacle { what: texts.dependency(), last_words });
            }
            let most = fits.min(self.room().await);
            if most == 0 {
                break;
            }
            match self.claim(ClaimTexts(self.next_claim(most))).await {
                Claimed::Events(events) => {
                    if let Err(obstacle) = self.clone().send(events).await {
                        return Some(obstacle);
                    }
                }
                Claimed::Unknown => {
                    pause().await;
                    self.recover().await;
                }
                Claimed::Refused(obstacle) => return Some(obstacle),
                Claimed::TooLarge if most > 1 => fits = most / 2,
                Claimed::Nothing | Claimed::TooLarge => break,
            }
        }
        None
    }

    /// Whether the run still has mails to send. A company that cannot be asked is taken to have some.
    pub(super) async fn has_mails_left(&self) -> bool {
        let run = self.run;
        self.manager.inspect(move |company| has_mails_left(company, run)).await.unwrap_or(true)
    }
}
