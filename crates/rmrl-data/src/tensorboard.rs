//! TensorBoard event files: scalars, images and hyperparameters.
//!
//! A file is a sequence of TFRecords, each an `Event` message: length (u64), its masked CRC, the
//! message, its masked CRC.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use rmrl_files::create_file;

use crate::hyperparameters::{self, Hyperparameter};
use crate::protobuf::Message;

/// The quality of images, of 100. Untuned.
const JPEG_QUALITY: u8 = 80;
/// Images are in RGB, as the format counts colors.
const RGB: u64 = 3;

/// Writes one event file.
pub struct EventWriter {
    file: BufWriter<File>,
}

impl EventWriter {
    /// Creates an event file, replacing one of the same name. TensorBoard finds it by
    /// `events.out.tfevents` in its name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, wall_time_secs: f64) -> std::io::Result<Self> {
        let mut writer = Self { file: BufWriter::new(create_file(path)?) };
        let mut event = Message::default();
        event.double(1, wall_time_secs);
        event.bytes(3, b"brain.Event:2");
        writer.record(&event)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Adds the scalars of one step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn scalars(
        &mut self,
        wall_time_secs: f64,
        step: i64,
        scalars: &[(&str, f32)],
    ) -> std::io::Result<()> {
        let mut summary = Message::default();
        for (tag, scalar) in scalars {
            let mut value = Message::default();
            value.bytes(1, tag.as_bytes());
            value.float(2, *scalar);
            summary.message(1, &value);
        }
        self.summary(wall_time_secs, step, &summary)
    }

    /// Adds an image of one step, as JPEG.
    ///
    /// # Errors
    /// The file cannot be written, or the image is empty.
    pub fn image(
        &mut self,
        wall_time_secs: f64,
        step: i64,
        tag: &str,
        image: &RgbImage,
    ) -> std::io::Result<()> {
        let (width, height) = image.dimensions();
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
            .write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8)
            .map_err(std::io::Error::other)?;
        let mut content = Message::default();
        content.varint(1, height.into());
        content.varint(2, width.into());
        content.varint(3, RGB);
        content.bytes(4, &jpeg);
        let mut value = Message::default();
        value.bytes(1, tag.as_bytes());
        value.message(4, &content);
        let mut summary = Message::default();
        summary.message(1, &value);
        self.summary(wall_time_secs, step, &summary)
    }

    /// Adds the hyperparameters of a run that begins, for the plugin of that name. `metrics` are the tags of scalars that
    /// runs are compared by.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn session_begins(
        &mut self,
        wall_time_secs: f64,
        hyperparameters: &BTreeMap<String, Hyperparameter>,
        metrics: &[&str],
    ) -> std::io::Result<()> {
        let experiment = hyperparameters::experiment(wall_time_secs, hyperparameters, metrics);
        self.summary(wall_time_secs, 0, &experiment)?;
        let start = hyperparameters::session_start(wall_time_secs, hyperparameters);
        self.summary(wall_time_secs, 0, &start)
    }

    /// Adds that the run of [`EventWriter::session_begins`] has ended.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn session_ends(&mut self, wall_time_secs: f64) -> std::io::Result<()> {
        self.summary(wall_time_secs, 0, &hyperparameters::session_end(wall_time_secs))
    }

    fn summary(
        &mut self,
        wall_time_secs: f64,
        step: i64,
        summary: &Message,
    ) -> std::io::Result<()> {
        let mut event = Message::default();
        event.double(1, wall_time_secs);
        if step != 0 {
            event.varint(2, step as u64);
        }
        event.message(5, summary);
        self.record(&event)
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }

    fn record(&mut self, event: &Message) -> std::io::Result<()> {
        let message = event.as_bytes();
        let length = (message.len() as u64).to_le_bytes();
        self.file.write_all(&length)?;
        self.file.write_all(&masked_crc(&length).to_le_bytes())?;
        self.file.write_all(message)?;
        self.file.write_all(&masked_crc(message).to_le_bytes())
    }
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fixture holds the bytes that TensorBoard's own writer makes of the same events: made by
    /// `tools/tensorboard_fixture.py` with tensorboard 2.21.0.
    #[test]
    fn event_files_equal_those_of_tensorboard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.out.tfevents.test");
        let mut writer = EventWriter::create(&path, 1000.5).unwrap();
        let scalars = [("reward/trial", 0.948), ("error/translation_mm", 5.25)];
        writer.scalars(1001.25, 1, &scalars).unwrap();
        writer.scalars(1002.0, 150, &[("reward/trial", 0.97)]).unwrap();
        writer.flush().unwrap();
        let theirs = include_bytes!("../tests/fixtures/events.out.tfevents.fixture");
        assert_eq!(std::fs::read(&path).unwrap(), theirs);
    }

    /// The same of hyperparameters and the frame of an image. Its JPEG is that of this encoder in both.
    #[test]
    fn hyperparameters_and_images_equal_those_of_tensorboard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.out.tfevents.test");
        let mut writer = EventWriter::create(&path, 1000.5).unwrap();
        let values = BTreeMap::from([
            ("method".to_string(), Hyperparameter::Text("rm-rl".to_string())),
            ("policy.encoder.train".to_string(), Hyperparameter::Bool(false)),
            ("policy.learning_rate".to_string(), Hyperparameter::Number(0.0003)),
            ("record.exact".to_string(), Hyperparameter::Bool(true)),
            ("seed".to_string(), Hyperparameter::Number(0.0)),
        ]);
        let metrics = ["reward/moving_average", "error/translation_mm"];
        writer.session_begins(1000.5, &values, &metrics).unwrap();
        let image = RgbImage::from_fn(24, 16, |u, v| image::Rgb([10 * u as u8, 15 * v as u8, 90]));
        writer.image(1001.25, 10, "images/start", &image).unwrap();
        writer.session_ends(1002.0).unwrap();
        writer.flush().unwrap();
        let theirs = include_bytes!("../tests/fixtures/events.out.tfevents.hyperparameters");
        assert_eq!(std::fs::read(&path).unwrap(), theirs);
    }
}
