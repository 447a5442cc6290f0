//! What cameras see of a cell: ideal images by ray tracing, to which a sensor adds its noise.

mod camera_mount;
pub(crate) mod chessboard_view;
pub(crate) mod d435_noise;
mod depth_noise;
mod ideal_frame;
pub(crate) mod moving_things;
mod normal_noise;
pub(crate) mod overhead_camera;
mod pixel_region;
mod render;
mod scene_view;
mod srgb;
