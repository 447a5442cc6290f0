//! Files, read with limits and written without following links.
//!
//! - `read.rs`: reads whole files without waiting for, or being filled by, what is no file; text in any encoding.
//! - `write.rs`: writes whole files so that each is the old one or the new one at every instant, and opens files
//!   to write to.

mod read;
mod write;

pub use read::{decode_text, open_regular_file, read_regular_file, read_utf8, read_utf8_file};
pub use write::{create_file, open_to_append, parent, sync_folder, write_atomically};
