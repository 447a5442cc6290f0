//! The summaries of TensorBoard's plugin for hyperparameters: an experiment, and the start and end of a session in it.

use std::collections::BTreeMap;

use crate::protobuf::Message;

/// The value of a hyperparameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Hyperparameter {
    /// A number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Anything else, as text.
    Text(String),
}

impl Hyperparameter {
    /// Its type, as the plugin counts them.
    fn data_type(&self) -> u64 {
        match self {
            Self::Text(_) => 1,
            Self::Bool(_) => 2,
            Self::Number(_) => 3,
        }
    }

    /// As `google.protobuf.Value`.
    fn value(&self) -> Message {
        let mut value = Message::default();
        match self {
            Self::Number(number) => value.double(2, *number),
            Self::Text(text) => value.bytes(3, text.as_bytes()),
            Self::Bool(is_true) => value.varint(4, u64::from(*is_true)),
        }
        value
    }
}

/// The plugin's name, by which it finds its summaries.
const PLUGIN: &[u8] = b"hparams";
/// A run that ended.
const SUCCESS: u64 = 1;

/// Which hyperparameters there are, and by which scalars runs are compared.
pub(crate) fn experiment(
    wall_time_secs: f64,
    hyperparameters: &BTreeMap<String, Hyperparameter>,
    metrics: &[&str],
) -> Message {
    let mut experiment = Message::default();
    experiment.double(3, wall_time_secs);
    for (name, value) in hyperparameters {
        let mut info = Message::default();
        info.bytes(1, name.as_bytes());
        info.varint(4, value.data_type());
        experiment.message(4, &info);
    }
    for tag in metrics {
        let mut name = Message::default();
        name.bytes(2, tag.as_bytes());
        let mut info = Message::default();
        info.message(1, &name);
        experiment.message(5, &info);
    }
    summary("_hparams_/experiment", 2, &experiment)
}

/// The values of a run that begins.
pub(crate) fn session_start(
    wall_time_secs: f64,
    hyperparameters: &BTreeMap<String, Hyperparameter>,
) -> Message {
    let mut start = Message::default();
    for (name, value) in hyperparameters {
        let mut entry = Message::default();
        entry.bytes(1, name.as_bytes());
        entry.message(2, &value.value());
        start.message(1, &entry);
    }
    start.double(5, wall_time_secs);
    summary("_hparams_/session_start_info", 3, &start)
}

/// The end of a run.
pub(crate) fn session_end(wall_time_secs: f64) -> Message {
    let mut end = Message::default();
    end.varint(1, SUCCESS);
    end.double(2, wall_time_secs);
    summary("_hparams_/session_end_info", 4, &end)
}

/// A summary of the plugin: its content is in the metadata, beside a tensor without numbers.
fn summary(tag: &str, field: u8, content: &Message) -> Message {
    let mut data = Message::default();
    data.message(field, content);
    let mut plugin = Message::default();
    plugin.bytes(1, PLUGIN);
    plugin.message(2, &data);
    let mut metadata = Message::default();
    metadata.message(1, &plugin);

    // Floats of the shape [0].
    let mut shape = Message::default();
    shape.message(2, &Message::default());
    let mut tensor = Message::default();
    tensor.varint(1, 1);
    tensor.message(2, &shape);

    let mut value = Message::default();
    value.bytes(1, tag.as_bytes());
    value.message(8, &tensor);
    value.message(9, &metadata);
    let mut summary = Message::default();
    summary.message(1, &value);
    summary
}
