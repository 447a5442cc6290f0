//! Draws what the camera saw and what was found in it, for the page.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use rmrl_cell::Capture;
use rmrl_core::PlanarPose;
use rmrl_operator::{OperatorPage, PageImage, PageImageFormat};
use rmrl_vision::{CameraModel, Localization, PlateGeometry, draw_localization, draw_plate};

/// A color image with what is to be drawn into it.
#[derive(Clone)]
pub(super) struct AnnotatedFrame {
    image: Arc<RgbImage>,
    found: Option<Localization>,
    camera: CameraModel,
    plate: PlateGeometry,
    /// Where the arm picks, world frame; `None` where nothing was decided.
    pick: Option<PlanarPose>,
}

impl AnnotatedFrame {
    pub(super) fn of(capture: &Capture, camera: CameraModel, plate: PlateGeometry) -> Self {
        Self {
            image: Arc::clone(&capture.frame.color),
            found: capture.localization.as_ref().ok().cloned(),
            camera,
            plate,
            pick: None,
        }
    }

    /// Draws where the arm picks, too.
    pub(super) fn with_pick(self, pick: PlanarPose) -> Self {
        Self { pick: Some(pick), ..self }
    }

    fn paint(&self) -> Result<PageImage, image::ImageError> {
        let mut drawn = RgbImage::clone(&self.image);
        let mut caption = "No plate was found".to_string();
        if let Some(found) = &self.found {
            draw_localization(&mut drawn, found, &self.camera, self.plate);
            caption = "Found: the pixels of the plate (red tint), their box (yellow), the pose of the plate (green)".to_string();
            if let Some(pick) = self.pick {
                let blue = [60, 140, 255];
                draw_plate(&mut drawn, &self.camera, self.plate, pick, found.height_m, blue);
                caption += "; where it is picked (blue)";
            }
        }
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
            .write_image(&drawn, drawn.width(), drawn.height(), ExtendedColorType::Rgb8)?;
        Ok(PageImage { bytes: bytes.into(), format: PageImageFormat::Png, caption })
    }
}

/// Draws frames on a thread of its own, which ends with the last clone of this. Where frames come too fast, only
/// the latest is drawn.
#[derive(Clone)]
pub(super) struct FramePainter {
    queue: Arc<PaintQueue>,
    /// Dropped with the last clone, which wakes the thread.
    _guard: Arc<ShutdownGuard>,
}

#[derive(Default)]
struct PaintQueue {
    waiting: Mutex<(Option<AnnotatedFrame>, bool)>,
    came: Condvar,
}

struct ShutdownGuard(Arc<PaintQueue>);

impl Drop for ShutdownGuard {
    fn drop(&mut self) {
        self.0.waiting().1 = true;
        self.0.came.notify_one();
    }
}

impl PaintQueue {
    /// The frame that waits, and whether no more will come.
    fn waiting(&self) -> MutexGuard<'_, (Option<AnnotatedFrame>, bool)> {
        // A thread that panicked has left whole values.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<AnnotatedFrame> {
        let mut waiting = self
            .came
            .wait_while(self.waiting(), |(frame, closed)| frame.is_none() && !*closed)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.0.take()
    }
}

impl FramePainter {
    pub(super) fn new(page: Arc<OperatorPage>) -> Self {
        let queue = Arc::new(PaintQueue::default());
        let own = Arc::clone(&queue);
        let work = move || {
            while let Some(frame) = own.next() {
                match frame.paint() {
                    Ok(image) => page.show(image),
                    Err(error) => tracing::warn!("an image cannot be shown: {error}"),
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("frame-painter".to_string()).spawn(work) {
            tracing::warn!("the page shows no images: {error}");
        }
        Self { _guard: Arc::new(ShutdownGuard(Arc::clone(&queue))), queue }
    }

    pub(super) fn paint(&self, frame: AnnotatedFrame) {
        self.queue.waiting().0 = Some(frame);
        self.queue.came.notify_one();
    }
}
