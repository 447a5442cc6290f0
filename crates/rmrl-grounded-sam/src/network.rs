//! An ONNX graph in the runtime, with checks of its file, inputs and outputs.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rten::{Dimension, Model, RunOptions, ThreadPool, Value};
use rten_tensor::Tensor;

use crate::{GroundedSamError, onnx_file};

pub(crate) struct Network {
    file: PathBuf,
    model: Model,
    threads: Option<Arc<ThreadPool>>,
}

impl Network {
    /// Opens `file`; `role` is the expected content, for errors.
    pub fn open(
        file: &Path,
        role: &'static str,
        threads: Option<Arc<ThreadPool>>,
    ) -> Result<Self, GroundedSamError> {
        onnx_file::check(file, role)?;
        let loaded = guarded(file, || Model::load_file(file))?;
        let model = loaded.map_err(|source| GroundedSamError::Load {
            file: file.to_path_buf(),
            source: Box::new(source),
        })?;
        Ok(Self { file: file.to_path_buf(), model, threads })
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn has_input(&self, name: &str) -> bool {
        self.names(self.model.input_ids()).any(|input| input == name)
    }

    pub fn has_output(&self, name: &str) -> bool {
        self.names(self.model.output_ids()).any(|output| output == name)
    }

    pub fn input_names(&self) -> String {
        self.names(self.model.input_ids()).collect::<Vec<_>>().join(", ")
    }

    /// Checks that the graph has exactly `inputs` and at least `outputs`.
    pub fn check_interface(
        &self,
        inputs: (&[&str], &'static str),
        outputs: (&[&str], &'static str),
    ) -> Result<(), GroundedSamError> {
        let error = |side, found, expected| {
            Err(GroundedSamError::Interface { file: self.file.clone(), side, found, expected })
        };
        let count = self.model.input_ids().len();
        if count != inputs.0.len() || !inputs.0.iter().all(|name| self.has_input(name)) {
            return error("inputs", self.input_names(), inputs.1);
        }
        if !outputs.0.iter().all(|name| self.has_output(name)) {
            let found = self.names(self.model.output_ids()).collect::<Vec<_>>().join(", ");
            return error("outputs", found, outputs.1);
        }
        Ok(())
    }

    /// The shape of an input, with `None` for each side that is free.
    pub fn input_shape(&self, name: &str) -> Option<Vec<Option<usize>>> {
        let shape = self.model.node_info(self.model.find_node(name)?)?.shape()?;
        let size = |side: &Dimension| match side {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Symbolic(_) => None,
        };
        Some(shape.iter().map(size).collect())
    }

    /// The error that `value` has a wrong shape.
    pub fn wrong_shape(
        &self,
        value: &'static str,
        found: impl std::fmt::Debug,
        expected: impl Into<String>,
    ) -> GroundedSamError {
        let (file, found) = (self.file.clone(), format!("{found:?}"));
        GroundedSamError::Shape { file, value, found, expected: expected.into() }
    }

    /// Computes `outputs`, which must hold 32-bit floats.
    pub fn run<const N: usize>(
        &self,
        inputs: Vec<(&str, Value)>,
        outputs: [&'static str; N],
    ) -> Result<[Tensor<f32>; N], GroundedSamError> {
        let failed = |source| GroundedSamError::Run { file: self.file.clone(), source };
        let feeds = inputs
            .into_iter()
            .map(|(name, value)| Ok((self.model.node_id(name)?, value.into())))
            .collect::<Result<Vec<_>, rten::RunError>>()
            .map_err(failed)?;
        let mut ids = Vec::with_capacity(N);
        for name in outputs {
            ids.push(self.model.node_id(name).map_err(failed)?);
        }
        let options = RunOptions::default().with_thread_pool(self.threads.clone());
        let values =
            guarded(&self.file, || self.model.run(feeds, &ids, Some(options)))?.map_err(failed)?;
        let mut tensors = Vec::with_capacity(N);
        for (value, name) in values.into_iter().zip(outputs) {
            let dtype = value.dtype();
            let tensor: Tensor<f32> = value
                .try_into()
                .map_err(|_| self.wrong_shape(name, dtype, "a tensor of 32-bit floats"))?;
            tensors.push(tensor);
        }
        Ok(tensors.try_into().unwrap_or_else(|_| unreachable!("an output for every name")))
    }

    fn names<'a>(&'a self, ids: &'a [rten::NodeId]) -> impl Iterator<Item = &'a str> {
        ids.iter().map(|id| self.model.node_info(*id).and_then(|info| info.name()).unwrap_or("?"))
    }
}

/// A pool of `threads`; `None` for the runtime's own pool, with a thread for every physical core.
pub(crate) fn thread_pool(threads: Option<NonZeroUsize>) -> Option<Arc<ThreadPool>> {
    threads.map(|threads| Arc::new(ThreadPool::with_num_threads(threads.get())))
}

/// Calls the runtime and turns panics into errors. Its operators panic on some graphs that contradict themselves,
/// as those of damaged files do; this must not end a training run. Afterwards the graph is dropped, or unchanged,
/// because running takes it by shared reference.
fn guarded<T>(file: &Path, call: impl FnOnce() -> T) -> Result<T, GroundedSamError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| GroundedSamError::Contradiction {
        file: file.to_path_buf(),
        message: message_of(panic),
    })
}

/// Calls a tokenizer and turns panics into errors: it panics on some files, too.
pub(crate) fn guarded_tokenizer<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(message_of)
}

fn message_of(panic: Box<dyn Any + Send>) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_default()
}
