//! The calibration record that a check of an emulated cell's camera would find.

use jiff::Timestamp;
use nalgebra::Point3;
use rmrl_cell::Camera;
use rmrl_sim::SimulatedCell;
use rmrl_vision::CalibrationRecord;

use crate::config::RunConfig;

/// The number of points along each side of the start region.
const GRID: u32 = 5;

/// The calibration record of a simulated cell's camera, from its ground truth. The residual is the largest distance
/// along the table between a point and where the calibrated camera sees it in the true camera's image. The points lie at
/// a plate's height, where plates start and where they are placed.
pub fn emulated_calibration(config: &RunConfig, cell: &SimulatedCell) -> CalibrationRecord {
    let (task, height_m) = (&config.task, config.vision.localizer.plate.height_m);
    let along = |[from, to]: [f64; 2], step: u32| {
        from + (to - from) * f64::from(step) / f64::from(GRID - 1)
    };
    let starts = (0..GRID * GRID).map(|step| {
        let (x_m, y_m) = (along(task.start.x_m, step % GRID), along(task.start.y_m, step / GRID));
        Point3::new(x_m, y_m, task.start_surface_m + height_m)
    });
    let place = Point3::new(task.place.x_m, task.place.y_m, task.place.surface_m + height_m);
    let (truth, calibrated) = (cell.true_camera(), cell.model());
    let off_m = starts.chain([place]).map(|point| {
        let pixel = truth.project(point);
        let seen = pixel.and_then(|pixel| calibrated.intersect_plane(pixel, point.z));
        seen.map_or(f64::INFINITY, |seen| (seen - point).norm())
    });
    let now = Timestamp::now();
    CalibrationRecord {
        checked: Some(now),
        residual_mm: Some(1000.0 * off_m.fold(0.0, f64::max)),
        ..CalibrationRecord::new(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::simulated::simulated_cell;
    use rmrl_cell::TaskKind;
    use rmrl_vision::CameraFile;

    /// The bound in configs/xarm6-emulated.toml admits every emulated cell, and the number is the true error.
    #[test]
    fn the_residual_of_an_emulated_camera_is_its_true_error() {
        let config = RunConfig::for_task(TaskKind::Table);
        let residual_mm = |seed: u32, config: &RunConfig| {
            let config = RunConfig { seed, ..config.clone() };
            let cell = simulated_cell(&config, 0).unwrap();
            emulated_calibration(&config, &cell).residual_mm.unwrap()
        };
        let all: Vec<f64> = (0..20).map(|seed| residual_mm(seed, &config)).collect();
        let [least, most] = [
            all.iter().copied().fold(f64::INFINITY, f64::min),
            all.iter().copied().fold(0.0, f64::max),
        ];
        assert!(least > 0.5 && (4.0..20.0).contains(&most), "{all:?}");

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("overhead.toml");
        let truth = simulated_cell(&config, 0).unwrap().true_camera();
        std::fs::write(&path, CameraFile::from(truth).to_toml()).unwrap();
        let mut calibrated = config;
        calibrated.camera.calibration = Some(path);
        assert!(residual_mm(0, &calibrated) < 1e-6);
    }
}
