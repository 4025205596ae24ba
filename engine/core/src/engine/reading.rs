//! Opens an engine that only answers queries, on a folder that another process uses or that cannot be written.

use std::sync::Arc;

use super::opening::{EngineError, LogChoice, OpeningReport, Options, Parts};
use super::opening::{build, check_place, check_position, options_of_files};
use crate::context::EngineContext;
use crate::data_dir::DataDir;
use crate::delivery::null::NullTransport;
use crate::limits::DERIVED_COPIES_MAX;
use crate::read::store::{Opened, Store};
use boarding_log::EventLog as _;
use boarding_log::file::FileLog;

/// Opens a data folder to read it as it is now. Its derived data are copied, and the read models go on in the copy.
///
/// # Errors
/// When the log is damaged so that it cannot be read, is in JetStream, or there is no place for temporary files.
pub(super) fn open(options: Options) -> Result<(EngineContext, OpeningReport), EngineError> {
    let mut folder = DataDir::open_to_read(&options.data)?;
    check_place(&LogChoice::Files, &folder)?;
    if !folder.has_log()? {
        return Err(EngineError::NoLogToRead { folder: options.data });
    }
    if let Some(secret) = &options.secret {
        folder.adopt_secret(secret);
    }
    let open_log = |store: &Store| {
        let indexed_up_to = store.read_meta().map_or(0, |meta| meta.position);
        let log_options = options_of_files(&folder, &options.clock, indexed_up_to)?;
        Ok::<_, EngineError>(Arc::new(FileLog::open_to_read(&folder.log(), &log_options)?))
    };
    // The derived data come before the log, so that they are never ahead of it.
    let mut store = open_store(&folder)?;
    let mut log = open_log(&store)?;
    let damage_text = log.damage_text();
    if folder.is_derived_of_other_damage(&damage_text)? {
        check_position(&store, &*log)?;
        drop((store, log));
        folder.empty_derived()?;
        store = Store::open(&folder.derived())?.0;
        log = open_log(&store)?;
    }
    let report = OpeningReport { damaged: log.damaged_companies(), ..OpeningReport::default() };
    let parts = Parts {
        folder,
        log,
        store,
        transport: Arc::new(NullTransport),
        former_outbox: None,
        signing: None,
        clock: options.clock,
        link_page: None,
        secret: options.secret,
        adopt_runs: false,
        carries_runs: false,
    };
    let context = build(parts)?;
    // No process manager starts anything.
    context.closing.send_replace(true);
    Ok((context, report))
}

/// Opens a copy of the read models. A copy is not whole if another process wrote them at the same time. After some copies
/// the rows are made again from the log.
fn open_store(folder: &DataDir) -> Result<Store, EngineError> {
    for _ in 1..DERIVED_COPIES_MAX {
        if let (store, Opened::Kept) = Store::open(&folder.derived())? {
            return Ok(store);
        }
        folder.copy_derived()?;
    }
    Ok(Store::open(&folder.derived())?.0)
}
