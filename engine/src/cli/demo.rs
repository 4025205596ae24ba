//! x
use super::common::Common;
use super::failure::{Done, Ending};
use super::output::Out;
use clap::Args;
/// x
#[derive(Debug, Args)]
#[command(after_help = "x")]
pub(super) struct Demo {}
impl Demo {
    pub(super) async fn run(self, _: &Common, _: &Out) -> Ending {
        Ok(Done::Well)
    }
}
