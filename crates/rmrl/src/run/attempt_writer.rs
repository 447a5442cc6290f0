//! Writes attempts to disk beside whatever is computed next: images first, then the simulated
//! world, then the line in the log.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use image::RgbImage;
use rmrl_data::{ImageWriter, Journal, TrialRecord};
use rmrl_vision::DepthImage;

use crate::run::kept_images::Rounding;
use crate::run::world_record::WorldRecord;

/// An attempt as it will be on disk.
pub(crate) struct Attempt {
    /// Its images, by their names.
    pub images: Vec<(String, ImageToWrite)>,
    /// The simulated world after it.
    pub world: Option<WorldRecord>,
    /// Its line in the log.
    pub record: TrialRecord,
}

/// An image of an attempt.
pub(crate) enum ImageToWrite {
    Color(Arc<RgbImage>, Option<Rounding>),
    Depth(DepthImage, Option<Rounding>),
}

/// The logs that attempts are written to.
pub(crate) struct Logs {
    pub trials: Journal<TrialRecord>,
    /// `None` where the world is a real one.
    pub worlds: Option<Journal<WorldRecord>>,
}

impl Logs {
    fn write(&mut self, attempt: &Attempt, writer: &ImageWriter) -> anyhow::Result<()> {
        for (name, image) in &attempt.images {
            match image {
                ImageToWrite::Color(image, None) => writer.write_color(name, image)?,
                ImageToWrite::Color(image, Some(rounding)) => {
                    writer.write_color(name, &rounding.of_color(image))?
                }
                ImageToWrite::Depth(image, None) => writer.write_depth(name, image)?,
                ImageToWrite::Depth(image, Some(rounding)) => {
                    writer.write_depth(name, &rounding.of_depth(image))?
                }
            }
        }
        writer.sync()?;
        // The world first: should the process die in between, the trial is made again from the
        // world before it.
        if let (Some(log), Some(world)) = (&mut self.worlds, &attempt.world) {
            log.append(world)?;
        }
        Ok(self.trials.append(&attempt.record)?)
    }
}

/// Writes one attempt at a time, on a thread of its own.
pub(crate) struct AttemptWriter {
    images: ImageWriter,
    /// With the thread, while it writes.
    logs: Option<Logs>,
    writing: Option<JoinHandle<(Logs, anyhow::Result<TrialRecord>)>>,
}

impl AttemptWriter {
    pub(crate) fn new(images: ImageWriter, logs: Logs) -> Self {
        Self { images, logs: Some(logs), writing: None }
    }

    /// Begins to write an attempt. The one before it has to be flushed.
    ///
    /// # Errors
    /// No thread could be started.
    pub(crate) fn begin(&mut self, attempt: Attempt) -> anyhow::Result<()> {
        let mut logs = self.logs.take().expect("the attempt before is flushed");
        let images = self.images.clone();
        let write = move || {
            let written = logs.write(&attempt, &images);
            (logs, written.map(|()| attempt.record))
        };
        self.writing =
            Some(thread::Builder::new().name("attempt-writer".to_string()).spawn(write)?);
        Ok(())
    }

    /// Waits until the attempt that is being written is on disk. Returns its record.
    ///
    /// # Errors
    /// It could not be written.
    pub(crate) fn flush(&mut self) -> anyhow::Result<Option<TrialRecord>> {
        let Some(writing) = self.writing.take() else {
            return Ok(None);
        };
        let (logs, written) =
            writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.logs = Some(logs);
        written.map(Some)
    }

    /// The digests of the trial log's lines. The last attempt has to be flushed.
    pub(crate) fn digests(&self) -> Vec<u32> {
        self.logs.as_ref().expect("the last attempt is flushed").trials.digests()
    }
}

impl Drop for AttemptWriter {
    /// A run that ends early loses nothing that it has begun to write.
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::error!("the last attempt could not be recorded: {error:#}");
        }
    }
}
