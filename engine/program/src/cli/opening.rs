//! Opens the engine of a data folder and prints what had to be repaired.

use boarding_core::clock::Clock;
use boarding_core::data_dir::DataDirError;
use boarding_core::engine::{Engine, EngineError, LogChoice, Options};

use super::common::Common;
use super::failure::Failure;
use super::output::Out;

/// The engine's options for the common options of the command line.
pub(super) fn options(common: &Common) -> Result<Options, Failure> {
    Ok(Options {
        data: common.data(),
        log: LogChoice::Files,
        transport: common.transport()?,
        texts: common.texts()?,
        adopt_runs: common.adopt_runs,
        carries_runs: true,
        link_page: common.link_page.clone(),
        secret: None,
        clock: Clock::system(),
    })
}

/// Opens the data folder and prints what had to be repaired.
pub(super) async fn open_engine(options: Options, out: &Out) -> Result<Engine, Failure> {
    let opening = tokio::task::spawn_blocking(move || Engine::open(options));
    let engine = opening.await.map_err(|error| Failure::Unavailable(error.to_string()))??;
    print_repairs(&engine, out);
    Ok(engine)
}

/// Opens the data folder to read it, and waits until its rows show the whole log. If another process uses the folder, or it
/// cannot be written, it is read as it is now.
pub(super) async fn open_engine_to_read(common: &Common, out: &Out) -> Result<Engine, Failure> {
    let options = || options(common).map(|it| Options { carries_runs: false, ..it });
    let writing = options()?;
    let opened = tokio::task::block_in_place(|| Engine::open(writing));
    let (why, failure) = match opened {
        Ok(engine) => {
            print_repairs(&engine, out);
            let caught_up = match engine.rows_wait_for_space() {
                false => engine.caught_up().await,
                true => Ok(()),
            };
            if !engine.rows_wait_for_space() {
                return caught_up.map(|()| engine).map_err(Failure::from);
            }
            engine.close().await;
            let why = "the disk of the data folder is full, so it was only read".to_owned();
            (why.clone(), Failure::Unavailable(why))
        }
        Err(error) if error.hinders_only_writing() => (read_because(&error), error.into()),
        Err(error) => return Err(error.into()),
    };
    let reading = options()?;
    match tokio::task::block_in_place(|| Engine::open_to_read(reading)) {
        Ok(engine) => {
            out.remark(&format!("note: {why}"));
            engine.caught_up().await?;
            Ok(engine)
        }
        Err(error) if error.is_damage() => Err(error.into()),
        Err(error) => {
            let text = boarding_log::error_chain(&error);
            Err(Failure::Unavailable(format!(
                "{}\n  and it cannot be read meanwhile: {text}",
                failure.text()
            )))
        }
    }
}

/// Why the folder was only read, for people.
fn read_because(hindrance: &EngineError) -> String {
    match hindrance {
        EngineError::Folder(DataDirError::InUse { process, .. }) => {
            format!("process {process} uses the data folder; this is its content as of now")
        }
        other => format!(
            "the data folder cannot be written, so it was only read ({})",
            boarding_log::error_chain(other)
        ),
    }
}

fn print_repairs(engine: &Engine, out: &Out) {
    let found = engine.opening_report();
    if let Some(torn) = &found.torn_tail {
        let (bytes, segment, kept) = (torn.bytes, &torn.segment, torn.kept.display());
        out.warn(&format!(
            "note: the last write was interrupted before it was acknowledged; its {bytes} bytes were moved from {segment} to {kept}"
        ));
    }
    if let Some(original) = &found.completed_from {
        out.warn(&format!(
            "note: this folder is a copy that was made while another process used the original; its log was completed from {}",
            original.display()
        ));
    }
    if let Some(folder) = &found.set_aside {
        let folder = folder.display();
        out.warn(&format!(
            "note: the read models were damaged and are rebuilt from the log; the old ones are in {folder}"
        ));
    }
}
