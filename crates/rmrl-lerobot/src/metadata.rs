//! The files of `meta/` that describe a whole dataset.

use serde_json::{Map, Value, json};

use crate::error::LeRobotError;
use crate::features::{FEATURES, Frame, IMAGE, described};
use crate::segment::numbers;
use crate::state::CHUNK_FILES;
use crate::statistics::{self, Histogram, Statistics};
use crate::table::{Column, Table};

/// The version of the format.
const VERSION: &str = "v3.0";
/// The files of data are smaller, in MB: LeRobot asks before it appends to one.
const DATA_FILE_MB: u32 = 100;
const VIDEO_FILE_MB: u32 = 200;

/// `meta/info.json`, of images of this width and height in pixels.
pub(crate) fn info(image_px: (u32, u32), robot: &str, episodes: usize, tasks: usize) -> Vec<u8> {
    let file = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet";
    let info = json!({
        "codebase_version": VERSION,
        "robot_type": robot,
        "total_episodes": episodes,
        "total_frames": episodes,
        "total_tasks": tasks,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": DATA_FILE_MB,
        "video_files_size_in_mb": VIDEO_FILE_MB,
        // An episode has one frame, whose time is 0.
        "fps": 1,
        "splits": { "train": format!("0:{episodes}") },
        "data_path": format!("data/{file}"),
        "video_path": null,
        "features": described(image_px),
    });
    pretty(&info)
}

/// `meta/tasks.parquet`: the sentences, as the index of a table of pandas.
///
/// # Errors
/// The table could not be written.
pub(crate) fn tasks(sentences: &[String]) -> Result<Vec<u8>, LeRobotError> {
    let index = "__index_level_0__";
    let column = |name: Value, field: &str, kind: &str, numpy: &str| json!({ "name": name, "field_name": field, "pandas_type": kind, "numpy_type": numpy, "metadata": null });
    let about = json!({
        "index_columns": [index],
        "column_indexes": [{ "name": null, "field_name": null, "pandas_type": "unicode", "numpy_type": "object", "metadata": { "encoding": "UTF-8" } }],
        "columns": [
            column(json!("task_index"), "task_index", "int64", "int64"),
            column(Value::Null, index, "unicode", "object"),
        ],
        "creator": { "library": "rmrl", "version": env!("CARGO_PKG_VERSION") },
        "pandas_version": "2.2.0",
    });
    let columns = vec![
        ("task_index".to_string(), Column::Integers((0..sentences.len() as i64).collect())),
        (index.to_string(), Column::Texts(sentences.to_vec())),
    ];
    let table = Table { columns, metadata: vec![("pandas".to_string(), about.to_string())] };
    Ok(table.to_parquet()?)
}

/// The numbers of all frames, for `meta/stats.json`.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// Of each feature, of each of its entries.
    features: Vec<Vec<Vec<f64>>>,
}

impl Numbers {
    pub(crate) fn add(&mut self, frame: Frame<'_>) {
        self.features.resize(FEATURES.len(), Vec::new());
        for (feature, entries) in FEATURES.iter().zip(&mut self.features) {
            let found = numbers(&(feature.value)(frame));
            entries.resize(found.len(), Vec::new());
            for (entry, number) in entries.iter_mut().zip(found) {
                entry.push(number);
            }
        }
    }

    /// `meta/stats.json`. A feature of which no frame knows the value is left out.
    pub(crate) fn stats(&self, images: &Histogram) -> Vec<u8> {
        let mut all = Map::from_iter([(
            IMAGE.to_string(),
            statistics::described(&images.statistics(), true),
        )]);
        for (feature, entries) in FEATURES.iter().zip(&self.features) {
            let of = |entry: &Vec<f64>| Statistics::of(entry.iter().copied());
            let known: Option<Vec<Statistics>> = entries.iter().map(of).collect();
            if let Some(known) = known.filter(|known| !known.is_empty()) {
                all.insert(feature.key.to_string(), statistics::described(&known, false));
            }
        }
        pretty(&Value::Object(all))
    }
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("it is made of JSON's types");
    bytes.push(b'\n');
    bytes
}
