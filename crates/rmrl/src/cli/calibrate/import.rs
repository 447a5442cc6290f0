//! `rmrl calibrate import`

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use rmrl_vision::CameraFile;
use serde::Serialize;

use super::shared_args::write_camera;
use crate::cli::args::check_folder_of;
use crate::cli::failure::Failure;
use crate::cli::output::{path_word, print_result};

/// Convert the camera file of another program: ROS, OpenCV, Kalibr or RealSense.
///
/// Focal lengths, principal point and distortion are taken, if the lens is Brown-Conrady (plumb_bob, radtan, OpenCV's
/// five coefficients). Such files are also read wherever a camera file is; convert one that holds several cameras, or
/// no image size. The pose of the camera follows by `rmrl calibrate hand-eye` or `overhead`.
#[derive(Debug, Args)]
#[command(
    name = "import",
    after_help = "Examples:
  rmrl calibrate import ~/.ros/camera_info/head_camera.yaml --out overhead.toml
  rmrl calibrate import camchain.yaml --name cam0 --out wrist.toml
  rs-enumerate-devices -c > d435.txt
  rmrl calibrate import d435.txt --name 'Color 640x480' --out overhead.toml"
)]
pub struct ImportCommand {
    /// The camera as YAML, XML, JSON, or the output of rs-enumerate-devices -c
    file: PathBuf,

    /// Where to write the camera (TOML); an existing file is replaced
    #[arg(long, value_name = "FILE.toml")]
    out: PathBuf,

    /// Which camera of the file, if it has several
    #[arg(long)]
    name: Option<String>,

    /// Size of the camera's images in pixels, if the file has none
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = image_size)]
    image_size: Option<[u32; 2]>,

    /// Print JSON on a terminal, too
    #[arg(long)]
    json: bool,
}

fn image_size(text: &str) -> Result<[u32; 2], String> {
    let sides = text.split_once(['x', 'X']);
    let side =
        |text: &str| text.trim().parse::<u32>().ok().filter(|side| (1..=65_535).contains(side));
    sides
        .and_then(|(width, height)| Some([side(width)?, side(height)?]))
        .ok_or_else(|| "expected the width and height in pixels, such as 640x480".to_string())
}

#[derive(Serialize)]
struct Imported {
    camera: String,
    name: String,
    /// Width and height, in pixels.
    size: [u32; 2],
    /// `fx`, `fy`, `cx`, `cy`, in pixels.
    pinhole: [f64; 4],
    /// `k1`, `k2`, `p1`, `p2`, `k3`.
    distortion: [f64; 5],
    /// What the file has beside, which has no effect.
    ignored: Vec<&'static str>,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([fx, fy, cx, cy], [k1, k2, p1, p2, k3]) = (self.pinhole, self.distortion);
        writeln!(f, "camera     {}, {} x {} pixels", self.name, self.size[0], self.size[1])?;
        writeln!(f, "focal      {fx:.2} px, {fy:.2} px")?;
        writeln!(f, "center     {cx:.2} px, {cy:.2} px")?;
        writeln!(f, "lens       k1 {k1:.4}, k2 {k2:.4}, p1 {p1:.5}, p2 {p2:.5}, k3 {k3:.4}")?;
        for ignored in &self.ignored {
            writeln!(f, "ignored    {ignored}")?;
        }
        writeln!(f, "written    {}", self.camera)
    }
}

/// Runs the command.
pub fn run(arguments: &ImportCommand) -> Result<(), Failure> {
    check_folder_of(&arguments.out)?;
    let name = arguments.name.as_deref();
    let (file, camera) = CameraFile::import(&arguments.file, name, arguments.image_size)?;
    write_camera(&arguments.out, &file)?;
    let found = file.intrinsics;
    let lens = found.distortion;
    let result = Imported {
        camera: arguments.out.display().to_string(),
        name: camera.name,
        size: [found.width, found.height],
        pinhole: [found.fx, found.fy, found.cx, found.cy],
        distortion: [lens.k1, lens.k2, lens.p1, lens.p2, lens.k3],
        ignored: camera.ignored,
    };
    print_result(
        &result,
        arguments.json,
        &format!("rmrl calibrate overhead --camera {0} --out {0}", path_word(&arguments.out)),
    )?;
    Ok(())
}
