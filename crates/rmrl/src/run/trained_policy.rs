//! The trained policy of a run, and what it takes to ask it with a picture and a pose.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use image::RgbImage;
use rmrl_core::{Observation, PlanarPose, PlateInImage};
use rmrl_data::RunDir;
use rmrl_learn::{ImageView, MethodName, Policy};
use rmrl_onnx::{ModelNotes, onnx_model};
use rmrl_vision::{PlateProjection, Recording};

use super::POLICY;
use super::run_log::read_records;
use crate::config::RunConfig;
use crate::perception::frame_source::camera_of_run;

/// The trained policy of a run, asked with a picture and a pose.
pub struct TrainedPolicy {
    policy: Policy,
    /// Where a picture shows a plate of the run; `None` where the run stored no camera.
    projection: Option<PlateProjection>,
    notes: ModelNotes,
}

impl TrainedPolicy {
    /// The policy of the run in `root`, as [`crate::evaluate_run`] deploys it. It computes on the CPU or on the device of the
    /// run's configuration.
    ///
    /// # Errors
    /// `root` is no run, or has no policy: its method learns none, or it has not ended. Or its files are damaged.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        RunDir::check(root)?;
        let config = RunConfig::of_run(&root.join(RunDir::CONFIG))?;
        let file = root.join(POLICY);
        if !file.exists() {
            bail!(without_policy(root, &config));
        }
        let policy = Policy::from_file(&file, &config.policy)?;
        let projection = match root.join(Recording::CAMERA).exists() {
            true => projection(root, &config)?,
            false => None,
        };
        let name = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let notes = ModelNotes { run: name, method: config.method.as_str().to_string() };
        Ok(Self { policy, projection, notes })
    }

    /// The policy, and where a picture shows a plate.
    pub(super) fn into_parts(self) -> (Policy, Option<PlateProjection>) {
        (self.policy, self.projection)
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where a picture shows a plate at a pose, at the median height of the run's plates; `None` where the run stored no
    /// camera, or no completed trial.
    pub fn projection(&self) -> Option<&PlateProjection> {
        self.projection.as_ref()
    }

    /// What the policy is asked with: a picture, and the pose of the plate in it. `seen` is where the picture shows the plate,
    /// as the localizer measured it; without it that follows from the pose.
    ///
    /// # Errors
    /// The picture has another size than the run's camera, the pose is not finite, or the camera would not see a plate there.
    pub fn observation(
        &self,
        image: Arc<RgbImage>,
        pose: PlanarPose,
        seen: Option<PlateInImage>,
    ) -> anyhow::Result<Observation> {
        if !pose.is_finite() {
            bail!("the pose is {pose:?}, expected finite numbers of meters and radians");
        }
        let expected = self.projection.map(|projection| projection.camera.intrinsics);
        if let Some(lens) = expected
            && (lens.width, lens.height) != image.dimensions()
        {
            let (width, height) = image.dimensions();
            bail!(
                "the picture has {width} x {height} pixels, expected {} x {}, those of the run's camera",
                lens.width,
                lens.height
            );
        }
        let plate_in_image = match (seen, self.projection) {
            (Some(seen), _) => seen,
            (None, Some(projection)) => projection
                .in_image(pose)
                .with_context(|| format!("the camera of the run sees no plate at {pose:?}"))?,
            (None, None) if self.needs_place() => bail!(
                "{} has no {}, so expected where the picture shows the plate; or copy the file from where the run was made",
                self.notes.run,
                Recording::CAMERA
            ),
            (None, None) => PlateInImage::default(),
        };
        Ok(Observation {
            image,
            estimated_pose: pose,
            look_error_m: None,
            plate_in_image,
            carries: Vec::new(),
            features: None,
        })
    }

    /// Whether it has to be told where the picture shows the plate: it sees a square around the plate, and the run stored no
    /// camera.
    pub fn needs_place(&self) -> bool {
        self.projection.is_none() && self.sees_square()
    }

    fn sees_square(&self) -> bool {
        matches!(self.policy.shape().view, ImageView::Crop { .. })
    }

    /// The bytes of an ONNX model that decides as the policy does; `docs/onnx.md` describes it.
    pub fn to_onnx(&self) -> Vec<u8> {
        onnx_model(&self.policy, self.projection.as_ref(), &self.notes)
    }
}

/// Why a run has no policy, and what to do.
fn without_policy(root: &Path, config: &RunConfig) -> String {
    let (run, method) = (root.display(), config.method);
    if config.learning_method().is_some() {
        return format!("{run} has no {POLICY} yet; finish it with rmrl train --resume {run}");
    }
    let learns = |method: &MethodName| {
        RunConfig { method: *method, ..config.clone() }.learning_method().is_some()
    };
    let methods: Vec<&str> =
        MethodName::ALL.into_iter().filter(learns).map(MethodName::as_str).collect();
    format!(
        "{run} has no policy network, because its method is {method}; make a run with rmrl train --method {}, or another \
         of {}",
        MethodName::Hindsight.as_str(),
        methods.join(", ")
    )
}

/// Where the pictures of a run show a plate, at the median height at which its trials saw one; `None` without a trial.
pub(super) fn projection(
    root: &Path,
    config: &RunConfig,
) -> anyhow::Result<Option<PlateProjection>> {
    let at_zero = PlateProjection::new(camera_of_run(root)?, &config.vision.localizer, 0.0);
    let height = |record: &rmrl_data::TrialRecord| {
        Some(at_zero.height_of(record.estimated_pose?, record.plate_in_image?))
    };
    let mut heights_m: Vec<f64> = read_records(root)?.iter().filter_map(height).collect();
    heights_m.sort_by(f64::total_cmp);
    let median_m = heights_m.get(heights_m.len() / 2).copied();
    Ok(median_m.map(|height_m| PlateProjection { height_m, ..at_zero }))
}
