//! What is in the folder after a batch, and what never leaves it.

use boarding_commands::decide::outcome::MailOutcome;
use boarding_commands::template::Rendered;
use boarding_commands::values::{Code, Time};

use super::*;
use crate::delivery::mail::Purpose;

fn mail(message_id: &str) -> Mail {
    Mail {
        company: "acme".parse().unwrap(),
        purpose: Purpose::Run("01JD0000000000000000000001".parse().unwrap()),
        message_id: message_id.to_owned(),
        from: "onboarding@acme.example".to_owned(),
        to: "jane@acme.example".to_owned(),
        to_name: "Jane".to_owned(),
        date: Time(0),
        content: Rendered {
            subject: "s".to_owned(),
            text: "first".to_owned(),
            html: "<p>h</p>".to_owned(),
        },
        coded_link: None,
        text_message: None,
        invitation: None,
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".id") {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

#[tokio::test]
async fn a_batch_is_one_file_a_mail_and_nothing_unfinished() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    let mails: Vec<_> = (0..100).map(|n| mail(&format!("{n}@x"))).collect();
    let sent = outbox.send_batch(mails.clone()).await;
    assert_eq!(sent, vec![TransportAnswer::SENT; 100]);
    assert_eq!(files(dir.path()).len(), 100);
    for mail in &mails {
        assert_eq!(fs::read(outbox.path(mail)).unwrap(), mail.letter().unwrap().bytes);
    }
    let run = dir.path().join("acme/01JD0000000000000000000001");
    assert_eq!(fs::read_dir(run).unwrap().count(), 100);
}

/// P7: one Message-ID has one mail; a second mail with the same id is ignored.
#[tokio::test]
async fn repeated_mail_keeps_the_file_and_counts_as_sent() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    let first = mail("1@x");
    let second = Mail { to: "elsewhere@acme.example".to_owned(), ..mail("1@x") };
    assert_eq!(outbox.send_batch(vec![first.clone()]).await, [TransportAnswer::SENT]);
    assert_eq!(
        Outbox::open(dir.path()).unwrap().send_batch(vec![second]).await,
        [TransportAnswer::SENT]
    );
    assert_eq!(files(dir.path()).len(), 1);
    assert_eq!(fs::read(outbox.path(&first)).unwrap(), first.letter().unwrap().bytes);
}

/// N56, N66: a hostile Message-ID never selects a path outside of the outbox.
#[tokio::test]
async fn hostile_message_id_stays_inside_the_outbox() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(&dir.path().join("outbox")).unwrap();
    let long = "x".repeat(2000);
    let hostile =
        ["../../evil@x", "/etc/evil@x", "..", ".", "a\0b@x", "a/../../b@x", long.as_str(), "ü@x"];
    for id in hostile {
        let path = outbox.path(&mail(id));
        let relative = path.strip_prefix(dir.path().join("outbox")).unwrap();
        let plain = |part: std::path::Component| matches!(part, std::path::Component::Normal(_));
        assert!(relative.components().all(plain), "{path:?}");
        assert!(path.file_name().unwrap().len() < 255, "{path:?}");
        outbox.send_batch(vec![mail(id)]).await;
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn one_bad_mail_does_not_hold_up_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    let bad = Mail { to: "nobody".to_owned(), ..mail("2@x") };
    let sent = outbox.send_batch(vec![mail("1@x"), bad, mail("3@x")]).await;
    assert!(matches!(
        sent.as_slice(),
        [
            TransportAnswer::Outcome(MailOutcome::Sent { .. }),
            TransportAnswer::Outcome(MailOutcome::Failed { code: Code::RecipientEmailMissing, .. }),
            TransportAnswer::Outcome(MailOutcome::Sent { .. })
        ]
    ));
    assert_eq!(files(dir.path()).len(), 2);
}

#[tokio::test]
async fn unwritable_folder_is_a_temporary_failure_with_a_detail() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    // A file stands where the company's folder should be: refused for every user, root too.
    fs::write(dir.path().join("acme"), "").unwrap();
    let sent = outbox.send_batch(vec![mail("1@x")]).await;
    let [TransportAnswer::Outcome(MailOutcome::Retry { code, detail: Some(detail) })] =
        sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert_eq!(*code, Code::DeliveryServerUnavailable);
    assert!(detail.contains("outbox"), "{detail}");
    assert!(!detail.contains(dir.path().to_str().unwrap()), "{detail}");
    // Mended, the same mail goes out.
    fs::remove_file(dir.path().join("acme")).unwrap();
    assert_eq!(outbox.send_batch(vec![mail("1@x")]).await, [TransportAnswer::SENT]);
}

/// A full disk: /dev/full takes no byte, as a full disk does.
#[tokio::test]
async fn a_full_disk_is_a_temporary_failure_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join(UNFINISHED).join("0")).unwrap();
    let sent = outbox.send_batch(vec![mail("1@x")]).await;
    let [TransportAnswer::Outcome(MailOutcome::Retry { detail: Some(detail), .. })] =
        sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert!(detail.contains("free some room"), "{detail}");
    assert_eq!(files(dir.path()).len(), 0);
}

#[tokio::test]
async fn what_a_crash_left_unfinished_is_cleared_and_never_counts() {
    let dir = tempfile::tempdir().unwrap();
    Outbox::open(dir.path()).unwrap();
    fs::write(dir.path().join(UNFINISHED).join("7"), "half a mail").unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    assert_eq!(files(dir.path()).len(), 0);
    assert_eq!(outbox.send_batch(vec![mail("1@x")]).await, [TransportAnswer::SENT]);
    assert_eq!(files(dir.path()).len(), 1);
}

fn text(message_id: &str) -> Mail {
    let number = boarding_commands::values::Phone::parse("+84923448071").unwrap();
    let message = crate::delivery::mail::TextMessage {
        number: boarding_commands::values::Personal(number),
        link: boarding_commands::values::Personal("https://link.acme.example/t".to_owned()),
        language: "en".to_owned(),
        user: boarding_commands::values::UserKey::new("+84923448071"),
        expires_at: Time(0),
    };
    let content = Rendered { text: "first line\n\nlast line".to_owned(), ..mail("1@x").content };
    Mail { text_message: Some(message), content, ..mail(message_id) }
}

/// P7: the outbox knows each mail and text by its Message-ID. One that was torn by a crash is removed.
#[tokio::test]
async fn whole_mails_are_found_and_torn_ones_are_removed() {
    use Lookup::{Delivered, NotDelivered};
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    let mails = [mail("1@x"), mail("2@x"), text("3@x"), text("4@x"), mail("5@x"), text("6@x")];
    let ids: Vec<_> = mails.iter().map(Mail::id).collect();
    assert_eq!(outbox.look_up(ids.clone()).await, [NotDelivered; 6]);
    outbox.send_batch(mails[..4].to_vec()).await;
    for torn in [&mails[1], &mails[3]] {
        let file = File::options().write(true).open(outbox.path(torn)).unwrap();
        file.set_len(file.metadata().unwrap().len() - 2).unwrap();
    }
    let expected = [Delivered, NotDelivered, Delivered, NotDelivered, NotDelivered, NotDelivered];
    let again = Outbox::open(dir.path()).unwrap();
    assert_eq!(again.look_up(ids).await, expected);
    assert_eq!(files(dir.path()).len(), 2);
    assert_eq!(again.outbox(), outbox.outbox());
}

/// A torn file of a crash never counts as a mail that was sent.
#[tokio::test]
async fn torn_mail_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path()).unwrap();
    outbox.send_batch(vec![mail("1@x")]).await;
    fs::write(outbox.path(&mail("1@x")), "half").unwrap();
    assert_eq!(outbox.send_batch(vec![mail("1@x")]).await, [TransportAnswer::SENT]);
    assert_eq!(fs::read(outbox.path(&mail("1@x"))).unwrap(), mail("1@x").letter().unwrap().bytes);
}
