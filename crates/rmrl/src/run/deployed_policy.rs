//! What a run deploys, asked with a picture and a pose: a policy network, or the belief of a self-calibration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use image::RgbImage;
use rmrl_belief::SavedBelief;
use rmrl_core::{Decision, Look, Observation, PictureReader, PlanarPose, PlateInImage};
use rmrl_data::RunDir;
use rmrl_files::read_regular_file;
use rmrl_learn::{ImageView, Limits, POSE_INPUTS, Policy, PolicyConfig};
use rmrl_vision::{PlateProjection, Recording};

use super::baseline::limits;
use super::trained_policy::{TrainedPolicy, projection};
use super::{BELIEF, POLICY};
use crate::cell::perception::picture_reader;
use crate::config::RunConfig;

/// No belief is larger, in bytes.
const MOST_BELIEF_BYTES: u64 = 16 << 20;

/// The result of a run, asked with a picture and a pose: its policy network, or the belief of its self-calibration.
pub struct DeployedPolicy {
    acting: Acting,
    /// Where a picture shows a plate; `None` without a camera, or a trial that tells how high plates lie.
    projection: Option<PlateProjection>,
    /// What was opened, for messages.
    path: PathBuf,
}

/// Who decides.
enum Acting {
    /// A policy network.
    Network(Box<Policy>),
    /// A belief, within the limits of its run, with what reads its pictures.
    Belief {
        belief: Box<SavedBelief>,
        limits: Option<Limits>,
        reader: Option<Box<dyn PictureReader>>,
    },
}

/// A state to decide in. Without what is `None`, that follows from picture and pose.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The camera's picture.
    pub image: Arc<RgbImage>,
    /// The plate's pose as localized in it, in the world frame.
    pub pose: PlanarPose,
    /// Where the picture shows the plate, as the localizer measured it.
    pub plate_in_image: Option<PlateInImage>,
    /// By how much the picture says that the pose is off: estimate minus truth along x and y, in meters.
    pub look_error_m: Option<[f64; 2]>,
}

impl DeployedPolicy {
    /// What a run deploys, or what is in a `policy.safetensors` or a `belief.json`. For a file in a run the run's
    /// configuration and camera count, too.
    ///
    /// # Errors
    /// There is no such file, the run has neither policy nor belief, or a file is damaged.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            return Self::of_run(path, path.join(BELIEF).exists());
        }
        let is_belief = path.extension().is_some_and(|extension| extension == "json");
        let root = path.parent().filter(|root| root.join(RunDir::CONFIG).is_file());
        let own = if is_belief { BELIEF } else { POLICY };
        match root {
            Some(root) if path.file_name().is_some_and(|name| name == own) => {
                Self::of_run(root, is_belief)
            }
            _ => Self::of_file(path, is_belief),
        }
    }

    fn of_run(root: &Path, is_belief: bool) -> anyhow::Result<Self> {
        let path = root.to_path_buf();
        if !is_belief {
            let (policy, projection) = TrainedPolicy::open(root)?.into_parts();
            return Ok(Self { acting: Acting::Network(Box::new(policy)), projection, path });
        }
        RunDir::check(root)?;
        let config = RunConfig::of_run(&root.join(RunDir::CONFIG))?;
        let belief = Box::new(read_belief(&root.join(BELIEF))?);
        let projection = match root.join(Recording::CAMERA).exists() {
            true => projection(root, &config)?,
            false => None,
        };
        let (limits, reader) = (Some(limits(&config)), picture_reader(&config)?);
        Ok(Self { acting: Acting::Belief { belief, limits, reader }, projection, path })
    }

    fn of_file(path: &Path, is_belief: bool) -> anyhow::Result<Self> {
        let acting = if is_belief {
            let belief = Box::new(read_belief(path)?);
            Acting::Belief { belief, limits: None, reader: None }
        } else {
            let policy = Policy::from_file(path, &PolicyConfig::default())?;
            if policy.shape().pose_inputs != POSE_INPUTS {
                bail!(
                    "{} is a policy of an environment that is no cell of plates: it takes {} features, not a pose; load it \
                     by rmrl_robot.method.RoleModelRL.load",
                    path.display(),
                    policy.shape().pose_inputs
                );
            }
            Acting::Network(Box::new(policy))
        };
        Ok(Self { acting, projection: None, path: path.to_path_buf() })
    }

    /// The policy network; `None` for a belief.
    pub fn network(&self) -> Option<&Policy> {
        match &self.acting {
            Acting::Network(policy) => Some(policy),
            Acting::Belief { .. } => None,
        }
    }

    /// The belief of a self-calibration; `None` for a network.
    pub fn belief(&self) -> Option<&SavedBelief> {
        match &self.acting {
            Acting::Network(_) => None,
            Acting::Belief { belief, .. } => Some(belief),
        }
    }

    /// Where a picture shows a plate at a pose; `None` without a run's camera.
    pub fn projection(&self) -> Option<&PlateProjection> {
        self.projection.as_ref()
    }

    /// Decides as the deployed policy does.
    ///
    /// # Errors
    /// The pose is not finite, the picture has another size than the run's camera, or it is needed where the picture shows the
    /// plate and that cannot be computed.
    pub fn decide(&mut self, asked: &Asked) -> anyhow::Result<Decision> {
        self.check(asked)?;
        let needs_place = match &self.acting {
            Acting::Network(policy) => matches!(policy.shape().view, ImageView::Crop { .. }),
            Acting::Belief { reader, .. } => reader.is_some() && asked.look_error_m.is_none(),
        };
        let plate_in_image = match asked.plate_in_image {
            Some(seen) => seen,
            None if needs_place => self.place_in_image(asked.pose)?,
            None => PlateInImage::default(),
        };
        let projection = self.projection;
        match &mut self.acting {
            Acting::Network(policy) => Ok(policy.decide(&Observation {
                image: Arc::clone(&asked.image),
                estimated_pose: asked.pose,
                look_error_m: asked.look_error_m,
                plate_in_image,
                carries: Vec::new(),
                features: None,
            })),
            Acting::Belief { belief, limits, reader } => {
                let error_m = match (asked.look_error_m, reader, projection) {
                    (Some(error_m), ..) => Some(error_m),
                    (None, Some(reader), Some(PlateProjection { camera, .. })) => {
                        Some(camera.along_world(reader.look_error_m(&asked.image, plate_in_image)))
                    }
                    _ => None,
                };
                let pick = belief.pick(Look { pose: asked.pose, error_m });
                Ok(match limits {
                    Some(limits) => limits.decision(pick, asked.pose),
                    None => Decision {
                        adjustment: pick.tool.relative_to(asked.pose),
                        index: None,
                        probabilities: None,
                        interval_m: Some(pick.interval_m),
                        abstained: false,
                    },
                })
            }
        }
    }

    fn check(&self, asked: &Asked) -> anyhow::Result<()> {
        let Asked { image, pose, plate_in_image, look_error_m } = asked;
        if !pose.is_finite() {
            bail!("the pose is {pose:?}, expected finite numbers of meters and radians");
        }
        if let Some(seen) = plate_in_image
            && !(seen.u_px.is_finite() && seen.v_px.is_finite() && seen.diagonal_px > 0.0)
        {
            bail!("plate_in_image is {seen:?}, expected finite pixels and a diagonal above 0");
        }
        if look_error_m.is_some_and(|error| !error.iter().all(|m| m.is_finite())) {
            bail!("look_error_m is {look_error_m:?}, expected finite numbers of meters");
        }
        let lens = self.projection.map(|projection| projection.camera.intrinsics);
        match lens {
            Some(lens) if (lens.width, lens.height) != image.dimensions() => bail!(
                "the picture has {} x {} pixels, expected {} x {}, those of the run's camera",
                image.width(),
                image.height(),
                lens.width,
                lens.height
            ),
            _ => Ok(()),
        }
    }

    fn place_in_image(&self, pose: PlanarPose) -> anyhow::Result<PlateInImage> {
        let projection = self.projection.with_context(|| {
            format!(
                "{} has no camera beside it, so plate_in_image is needed: the center of the plate and its diagonal, in pixels",
                self.path.display()
            )
        })?;
        projection
            .in_image(pose)
            .with_context(|| format!("the camera of the run sees no plate at {pose:?}"))
    }
}

fn read_belief(path: &Path) -> anyhow::Result<SavedBelief> {
    let bytes = read_regular_file(path, MOST_BELIEF_BYTES)
        .with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
}
