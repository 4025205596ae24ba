//! What only files can go wrong with.

use super::*;
use crate::log::contract::Backend;

struct Files(tempfile::TempDir, u64);

impl Backend for Files {
    async fn open(&self) -> Arc<dyn EventLog> {
        let options = Options { segment_bytes: self.1, ..Options::new(Time(0)) };
        Arc::new(FileLog::open(self.0.path(), options).unwrap().log)
    }
}

mod one_segment {
    use super::*;
    crate::event_log_contract!(Files(tempfile::tempdir().unwrap(), 1 << 20));
}

mod a_segment_for_every_frame {
    use super::*;
    crate::event_log_contract!(Files(tempfile::tempdir().unwrap(), 1));
}

mod segments_of_a_few_frames {
    use super::*;
    crate::event_log_contract!(Files(tempfile::tempdir().unwrap(), 2_000));
}
