//! Profile pictures: what is kept of replaced ones when the engine stops in the middle of an archive.

use std::fs::File;

use serde_json::json;

use super::{EngineHarness, ok};
use crate::support::pictures::write_pictures;

/// The pictures of the archive: many more than are read ahead of the commit that decides about them.
const NAMES: &str = "[f'agent{n}.png' for n in range(6000)]";

/// A27: a picture that an archive has replaced before a crash is removed when the archive is done.
#[tokio::test]
async fn picture_replaced_before_a_crash_is_removed() {
    let mut harness = EngineHarness::acme(None).await;
    let user = json!({"user": "ann", "attributes": {"agent_id": "agent0"}});
    ok(&harness.submit("AddUser", user).await);
    let import = async |harness: &EngineHarness, names: &str, kinds: usize| {
        let path = harness.data().join("Archive.zip");
        write_pictures(&path, names, kinds);
        let file = File::open(path).unwrap();
        let kept = harness.engine().keep_file("Archive.zip", file).unwrap();
        let file = json!({"name": kept.name, "sha256": kept.sha256});
        let body = json!({"file": file, "match_attribute": "agent_id"});
        ok(&harness.submit("ImportPictures", body).await)
    };
    import(&harness, "['none.png', 'agent0.png']", 2).await;
    let shown = async |harness: &EngineHarness| {
        harness.row("picture", json!({"user": "ann"})).await["sha256"].as_str().unwrap().to_owned()
    };
    let first = shown(&harness).await;
    assert_eq!(import(&harness, NAMES, 1).await["state"], "processing");
    // The first commit of the archive has the new picture.
    while shown(&harness).await == first {
        tokio::task::yield_now().await;
    }
    harness.restart().await;
    harness.settle().await;
    let second = shown(&harness).await;
    // The import has ended before its replaced pictures are removed.
    harness.close().await;
    let files = harness.data().join("files");
    assert!(files.join(second).exists());
    assert!(!files.join(first).exists(), "the bytes stay although no user has the picture");
}
