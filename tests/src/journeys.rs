//! The steps of each vendor's guide, on a file log and on JetStream. Comments quote the guide.

mod client;
mod leapxpert;
mod multiline;
mod ocm;
mod officechat;
mod outbox;

use client::JourneyClient;

/// LX-04, LX-05, LX-06, LX-07, LX-08, LX-09, LX-10, LX-11, LX-12, LX-13, LX-14, LX-15,
/// LX-16, LX-17, LX-18, LX-19, LX-20, LX-21, LX-22, LX-23, LX-24, LX-25, LX-26, LX-27, LX-28, LX-29, LX-30,
/// LX-31, LX-32, LX-33, LX-34, LX-35: "step-by-step instructions to help you onboard users in bulk to
/// WhatsApp Native".
#[tokio::test]
async fn leapxpert_guide_works_on_a_file_log() {
    leapxpert::journey(&JourneyClient::on_data_folder()).await;
}

/// LX-01, LX-02, LX-03, LX-04, LX-05, LX-06, LX-07, LX-08, LX-09, LX-10, LX-11, LX-12, LX-13, LX-14, LX-15,
/// LX-16, LX-17, LX-18, LX-19, LX-20, LX-21, LX-22, LX-23, LX-24, LX-25, LX-26, LX-27, LX-28, LX-29, LX-30,
/// LX-31, LX-32, LX-33, LX-34, LX-35: the same steps over NATS.
#[tokio::test]
async fn leapxpert_guide_works_on_jetstream() {
    leapxpert::journey(&JourneyClient::on_jetstream().await).await;
}

/// OC-01, OC-02, OC-03, OC-04, OC-05, OC-06, OC-07, OC-08, OC-09, OC-10, OC-11, OC-12, OC-13, OC-14, OC-15,
/// OC-16, OC-17, OC-18: "How can I bulk import Users to my Office Chat network?"
#[tokio::test]
async fn officechat_guide_works_on_a_file_log() {
    officechat::journey(&JourneyClient::on_data_folder()).await;
}

/// OC-01, OC-02, OC-03, OC-04, OC-05, OC-06, OC-07, OC-08, OC-09, OC-10, OC-11, OC-12, OC-13, OC-14, OC-15,
/// OC-16, OC-17, OC-18: the same steps over NATS.
#[tokio::test]
async fn officechat_guide_works_on_jetstream() {
    officechat::journey(&JourneyClient::on_jetstream().await).await;
}

/// ML-02, ML-03, ML-04, ML-05, ML-06, ML-07, ML-08, ML-09, ML-10, ML-11, ML-12, ML-13, ML-15, ML-16,
/// ML-17, ML-18: "how to add and invite a batch of users to MultiLine using the batch CSV upload".
#[tokio::test]
async fn multiline_guide_works_on_a_file_log() {
    multiline::journey(&JourneyClient::on_data_folder()).await;
}

/// ML-01, ML-02, ML-03, ML-04, ML-05, ML-06, ML-07, ML-08, ML-09, ML-10, ML-11, ML-12, ML-13, ML-15, ML-16,
/// ML-17, ML-18: the same steps over NATS.
#[tokio::test]
async fn multiline_guide_works_on_jetstream() {
    multiline::journey(&JourneyClient::on_jetstream().await).await;
}

/// OCM-01, OCM-02, OCM-03, OCM-04, OCM-05, OCM-06, OCM-07, OCM-08, OCM-09, OCM-10, OCM-11, OCM-12, OCM-13,
/// OCM-14, OCM-15, OCM-16, OCM-17, OCM-18, OCM-19, OCM-20, OCM-21, OCM-22, OCM-23: "users can be imported and
/// assigned roles in bulk".
#[tokio::test]
async fn ocm_guide_works_on_a_file_log() {
    ocm::journey(&JourneyClient::on_data_folder()).await;
}

/// OCM-01, OCM-02, OCM-03, OCM-04, OCM-05, OCM-06, OCM-07, OCM-08, OCM-09, OCM-10, OCM-11, OCM-12, OCM-13,
/// OCM-14, OCM-15, OCM-16, OCM-17, OCM-18, OCM-19, OCM-20, OCM-21, OCM-22, OCM-23: the same steps over NATS,
/// with the archive in the object store.
#[tokio::test]
async fn ocm_guide_works_on_jetstream() {
    ocm::journey(&JourneyClient::on_jetstream().await).await;
}
