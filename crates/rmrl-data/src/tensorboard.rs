//! TensorBoard event files, scalars only.
//!
//! A file is a sequence of TFRecords, each an `Event` message: length (u64), its masked CRC, the
//! message, its masked CRC. The messages need four kinds of protobuf fields, which are written here
//! by hand, because the crates that could do it have been unmaintained for years.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rmrl_files::create_file;

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
        writer.record(&event.0)?;
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
            summary.bytes(1, &value.0);
        }
        let mut event = Message::default();
        event.double(1, wall_time_secs);
        event.varint(2, step as u64);
        event.bytes(5, &summary.0);
        self.record(&event.0)
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }

    fn record(&mut self, message: &[u8]) -> std::io::Result<()> {
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

/// A protobuf message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, field: u8, value: u64) {
        self.0.push(field << 3);
        self.raw_varint(value);
    }

    fn double(&mut self, field: u8, value: f64) {
        self.0.push(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, value: &[u8]) {
        self.0.push(field << 3 | 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u8, value: f32) {
        self.0.push(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
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
}
