//! Finds a chessboard's corners in an image.

use std::collections::HashMap;

use calib_targets_chessboard::{
    ChessboardDetector, ChessboardParams, GrayImageView, default_chess_config, detect_corners,
};
use image::{GrayImage, RgbImage, imageops};
use nalgebra::{Point2, Vector2};
use rmrl_vision::{BoxError, Chessboard, CornerFinder};

use crate::BoardCorner;
use crate::corner::{FittedCorner, fit_corner};
use crate::corner_grid::{CornerGrid, pixel_at_full_size};

/// Finds boards by ChESS corners, which `calib-targets-chessboard` joins to a grid, and fits each corner to some
/// hundredths of a pixel.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChessboardFinder;

/// All corners of a board in one image.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardSighting {
    /// The corners, row by row in the order of [`Chessboard::points`].
    pub corners: Vec<BoardCorner>,
    /// The width of edges: the standard deviation of the blur across them, in pixels, as the median over the
    /// corners. About 0.4 for a sharp image.
    pub edge_px: f64,
}

/// Why a board was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoardMissing {
    /// The image shows no chessboard.
    #[error("no chessboard is visible")]
    Nothing,
    /// The image shows only a part of the board.
    #[error(
        "only {seen} of {expected} corners are visible: the board is cut off, covered, blurred or too small"
    )]
    Partial {
        /// Visible corners.
        seen: usize,
        /// Corners of the board.
        expected: usize,
    },
    /// The visible corners are not those of the board, although there are enough of them.
    #[error(
        "{seen} corners in {columns} columns and {rows} rows are visible, which do not form the board of {expected}: \
         something beside the board looks like a corner, a part of the board is covered, or --corners is wrong"
    )]
    Misshapen {
        /// Visible corners.
        seen: usize,
        /// Corners along the longer side.
        columns: usize,
        /// Corners along the shorter side.
        rows: usize,
        /// The expected board.
        expected: rmrl_vision::CornerCount,
    },
    /// All corners are visible, but some cannot be located.
    #[error(
        "{seen} corners are visible, but {} of them cannot be located to a fraction of a pixel: they are at the image's \
         border, blurred, covered in part, or glare",
        seen - located
    )]
    NotLocated {
        /// Visible corners.
        seen: usize,
        /// Located corners.
        located: usize,
    },
    /// Too few corners of a ChArUco board are visible.
    #[error(
        "only {seen} of {expected} corners are usable, but at least {needed} in 3 rows and 3 columns are needed: the \
         board is covered, blurred or too small"
    )]
    TooFewCorners {
        /// Usable corners.
        seen: usize,
        /// Corners of the board.
        expected: usize,
        /// The least number.
        needed: usize,
    },
    /// A chessboard without markers of the dictionary.
    #[error(
        "a chessboard is visible, but no marker of the board with {dictionary}: --charuco, --corners or --marker-mm is \
         wrong, or the image is blurred"
    )]
    NoMarkers {
        /// The dictionary.
        dictionary: String,
    },
    /// The markers do not have the places that they have on the board.
    #[error(
        "the markers are not where the board has them (only {agreeing} agree): --corners is wrong, or the board was \
         printed by an OpenCV before 4.6 or as a legacy pattern, which has a white square at its first corner"
    )]
    OtherMarkers {
        /// Markers that agree with the best place.
        agreeing: usize,
    },
    /// The board has other numbers of corners.
    #[error("the visible board has {columns}x{rows} or more inner corners, expected {expected}")]
    Other {
        /// Corners one way.
        columns: usize,
        /// Corners the other way.
        rows: usize,
        /// The expected board.
        expected: rmrl_vision::CornerCount,
    },
    /// The contrast between black and white squares is too low.
    #[error(
        "black and white squares cannot be distinguished: the image is too dark, too bright or glares"
    )]
    Contrast,
}

impl ChessboardFinder {
    /// Finds all corners of a board.
    ///
    /// # Errors
    /// The whole board is not visible.
    pub fn look(
        &self,
        image: &GrayImage,
        board: &Chessboard,
    ) -> Result<BoardSighting, BoardMissing> {
        look_at_scales(image, &SHRINKS, |image_at_scale, scale| {
            let grid = CornerGrid::find(image_at_scale, scale).ok_or(BoardMissing::Nothing)?;
            grid.sighting(image, board)
        })
    }
}

/// The detector examines images at full size, then at a half and a quarter.
const SHRINKS: [u32; 3] = [1, 2, 4];

/// Looks for a board in an image at its full size, then at 1 / `shrinks` of it, until it is found. The corners and markers
/// of a blurred image are sharp again in a smaller one. `look` also gets how much larger the image is.
///
/// # Errors
/// The first reason that says more than that nothing is visible.
pub(crate) fn look_at_scales(
    image: &GrayImage,
    shrinks: &[u32],
    look: impl Fn(&GrayImage, f64) -> Result<BoardSighting, BoardMissing>,
) -> Result<BoardSighting, BoardMissing> {
    let mut best = BoardMissing::Nothing;
    for shrink in shrinks {
        let (width, height) = (image.width() / shrink, image.height() / shrink);
        if width.min(height) < SMALLEST_IMAGE_PX {
            break;
        }
        let found = if *shrink == 1 {
            look(image, 1.0)
        } else {
            let small = imageops::resize(image, width, height, imageops::FilterType::Triangle);
            look(&small, f64::from(image.width()) / f64::from(width))
        };
        match found {
            Ok(sighting) => return Ok(sighting),
            Err(missing) if best == BoardMissing::Nothing => best = missing,
            Err(_) => {}
        }
    }
    Err(best)
}

/// Smaller images contain no board.
const SMALLEST_IMAGE_PX: u32 = 60;

impl CornerFinder for ChessboardFinder {
    fn find(
        &mut self,
        image: &RgbImage,
        board: &Chessboard,
    ) -> Result<Option<Vec<Point2<f64>>>, BoxError> {
        board.validate()?;
        let sighting = self.look(&imageops::grayscale(image), board).ok();
        Ok(sighting.map(|found| found.corners.iter().map(|corner| corner.pixel).collect()))
    }
}

impl CornerGrid {
    /// The largest grid in an image, in the pixels of an image that is `scale` times as large.
    fn find(image: &GrayImage, scale: f64) -> Option<Self> {
        let view = GrayImageView {
            width: image.width() as usize,
            height: image.height() as usize,
            data: image.as_raw(),
        };
        let corners = detect_corners(&view, &default_chess_config());
        let detector = ChessboardDetector::new(ChessboardParams::default()).ok()?;
        let found = detector.detect(&corners)?;
        let corners: HashMap<[usize; 2], Point2<f64>> = found
            .corners
            .iter()
            .filter_map(|corner| {
                let place = [corner.grid.u, corner.grid.v].map(usize::try_from);
                let [Ok(column), Ok(row)] = place else { return None };
                Some(([column, row], pixel_at_full_size(corner.position, scale)))
            })
            .collect();
        let size =
            [0, 1].map(|axis| corners.keys().map(|place| place[axis] + 1).max().unwrap_or(0));
        Some(Self { size, corners })
    }

    /// The board, if this grid is the whole of it.
    fn sighting(
        mut self,
        image: &GrayImage,
        board: &Chessboard,
    ) -> Result<BoardSighting, BoardMissing> {
        let (columns, rows) = (board.corners.columns, board.corners.rows);
        let expected = columns * rows;
        let seen = self.corners.len();
        let mut sides = self.size;
        sides.sort_unstable();
        if sides[0] > columns.min(rows) || sides[1] > columns.max(rows) {
            let [columns, rows] = [sides[1], sides[0]];
            return Err(BoardMissing::Other { columns, rows, expected: board.corners });
        }
        if sides != [columns.min(rows), columns.max(rows)] || 5 * seen < 4 * expected {
            return Err(if seen < expected {
                BoardMissing::Partial { seen, expected }
            } else {
                let [rows, columns] = sides;
                BoardMissing::Misshapen { seen, columns, rows, expected: board.corners }
            });
        }
        let fitted = self.fit(image);
        let located = fitted.iter().flatten().count();
        let Some(fitted) = fitted.into_iter().collect() else {
            return Err(if seen < expected {
                BoardMissing::Partial { seen, expected }
            } else {
                BoardMissing::NotLocated { seen, located }
            });
        };
        // The camera sees the board's front, so x turns into y clockwise in the image.
        let mut fitted = Fitted { size: self.size, corners: fitted };
        if !fitted.is_clockwise() {
            fitted = fitted.transposed();
        }
        if fitted.size != [columns, rows] {
            fitted = fitted.quarter_turned();
        }
        let contrast = fitted.first_square_brightness(image);
        if contrast.abs() < LEAST_CONTRAST {
            return Err(BoardMissing::Contrast);
        }
        // A board that looks the same after half a turn has the same color there.
        if contrast > 0.0 && board.has_unique_frame() {
            fitted.corners.reverse();
        }
        let mut edges: Vec<f64> = fitted.corners.iter().map(|corner| corner.edge_px).collect();
        edges.sort_by(f64::total_cmp);
        Ok(BoardSighting {
            corners: fitted
                .corners
                .iter()
                .enumerate()
                .map(|(index, corner)| BoardCorner { index, pixel: corner.pixel })
                .collect(),
            edge_px: edges[edges.len() / 2],
        })
    }

    /// Fits every corner, row by row. Missing corners start where their neighbors expect them.
    fn fit(&mut self, image: &GrayImage) -> Vec<Option<FittedCorner>> {
        let [columns, rows] = self.size;
        let places: Vec<[usize; 2]> =
            (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row])).collect();
        while let Some((place, pixel)) = places
            .iter()
            .filter(|place| !self.corners.contains_key(*place))
            .find_map(|place| Some((*place, self.expected(*place)?)))
        {
            self.corners.insert(place, pixel);
        }
        places
            .iter()
            .map(|place| fit_corner(image, *self.corners.get(place)?, self.edges(*place)?))
            .collect()
    }
}

/// The least difference between white and black squares, in levels of 255.
const LEAST_CONTRAST: f64 = 10.0;

/// A full grid of fitted corners, row by row.
struct Fitted {
    size: [usize; 2],
    corners: Vec<FittedCorner>,
}

impl Fitted {
    fn at(&self, column: usize, row: usize) -> FittedCorner {
        self.corners[row * self.size[0] + column]
    }

    /// Whether columns turn into rows clockwise in the image, whose v points down.
    fn is_clockwise(&self) -> bool {
        let [columns, rows] = self.size;
        let origin = self.at(0, 0).pixel;
        let along = self.at(columns - 1, 0).pixel - origin;
        let down = self.at(0, rows - 1).pixel - origin;
        along.perp(&down) > 0.0
    }

    /// Exchanges columns and rows.
    fn transposed(&self) -> Self {
        let [columns, rows] = self.size;
        let places = (0..columns).flat_map(|row| (0..rows).map(move |column| (row, column)));
        Self {
            size: [rows, columns],
            corners: places.map(|(column, row)| self.at(column, row)).collect(),
        }
    }

    /// The grid read from its next corner: its columns become rows.
    fn quarter_turned(&self) -> Self {
        let [columns, rows] = self.size;
        let places =
            (0..columns).flat_map(|row| (0..rows).map(move |column| (row, rows - 1 - column)));
        Self {
            size: [rows, columns],
            corners: places.map(|(column, row)| self.at(column, row)).collect(),
        }
    }

    /// How much brighter the first square, and all squares of its color, are than the others. On the board it is
    /// black.
    fn first_square_brightness(&self, image: &GrayImage) -> f64 {
        let [columns, rows] = self.size;
        let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
        for row in 0..rows - 1 {
            for column in 0..columns - 1 {
                let around = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .map(|(right, down)| self.at(column + right, row + down).pixel.coords);
                let middle = around.iter().sum::<Vector2<f64>>() / 4.0;
                let within =
                    |value: f64, size: u32| value.round().clamp(0.0, f64::from(size - 1)) as u32;
                let (u, v) = (within(middle.x, image.width()), within(middle.y, image.height()));
                let color = (column + row) % 2;
                sums[color] += f64::from(image.get_pixel(u, v).0[0]);
                counts[color] += 1.0;
            }
        }
        sums[0] / counts[0] - sums[1] / counts[1]
    }
}
