//! NumPy's files of arrays (`.npy`), as far as images need them.
//!
//! The format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

/// The kinds of numbers that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NpyKind {
    /// `u2`
    U16,
    /// `f4`
    F32,
    /// `f8`
    F64,
}

/// An image in a `.npy` file.
#[derive(Debug)]
pub(crate) struct NpyImage<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) kind: NpyKind,
    is_big_endian: bool,
    /// Column after column.
    is_fortran: bool,
    data: &'a [u8],
}

/// The first bytes of a file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

impl<'a> NpyImage<'a> {
    /// Reads the header; sides may have `largest_px` pixels.
    ///
    /// # Errors
    /// It is no array of two dimensions with numbers of a known kind, or the file has not as many as it says.
    pub(crate) fn parse(bytes: &'a [u8], largest_px: u32) -> Result<Self, String> {
        let cut = || "it ends within its header".to_string();
        let (from, length) = match bytes.get(MAGIC.len()).ok_or_else(cut)? {
            1 => (10, bytes.get(8..10).map(|two| u32::from(u16::from_le_bytes([two[0], two[1]])))),
            2 | 3 => {
                let four = bytes.get(8..12).and_then(|four| four.first_chunk());
                (12, four.map(|four| u32::from_le_bytes(*four)))
            }
            other => return Err(format!("its format version is {other}, expected 1 to 3")),
        };
        let end = from + length.ok_or_else(cut)? as usize;
        let header = bytes.get(from..end).ok_or_else(cut)?;
        let header = std::str::from_utf8(header).map_err(|_| "its header is no text")?;
        let value = |key: &str| {
            let after =
                header.split_once(&format!("'{key}':")).map(|(_, after)| after.trim_start());
            after.ok_or_else(|| format!("its header has no {key}"))
        };
        let descr = value("descr")?;
        let descr = descr.strip_prefix('\'').and_then(|text| text.split('\'').next());
        let descr = descr.ok_or("it holds records, expected one number for each pixel")?;
        let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
        let kind = match kind {
            "u2" => NpyKind::U16,
            "f4" => NpyKind::F32,
            "f8" => NpyKind::F64,
            _ => return Err(format!("its dtype is {descr}, expected uint16, float32 or float64")),
        };
        let is_fortran = value("fortran_order")?.starts_with("True");
        let shape = value("shape")?.trim_start_matches('(');
        let shape = shape.split_once(')').map_or(shape, |(shape, _)| shape);
        let sides: Option<Vec<u32>> = shape
            .split(',')
            .map(str::trim)
            .filter(|side| !side.is_empty())
            .map(|side| side.parse().ok())
            .collect();
        let (height, width) = match sides.as_deref() {
            Some([height, width] | [height, width, 1]) => (*height, *width),
            _ => return Err(format!("its shape is ({shape}), expected (height, width)")),
        };
        if !(1..=largest_px).contains(&width) || !(1..=largest_px).contains(&height) {
            return Err(format!(
                "its shape is ({shape}), expected 1 to {largest_px} along each side"
            ));
        }
        let data = &bytes[end..];
        let expected = width as usize * height as usize * kind.bytes();
        if data.len() != expected {
            return Err(format!("it has {} bytes of numbers, expected {expected}", data.len()));
        }
        Ok(Self { width, height, kind, is_big_endian: order == ">", is_fortran, data })
    }

    /// The value at column `u`, row `v`.
    pub(crate) fn value(&self, u: u32, v: u32) -> f64 {
        let index = if self.is_fortran {
            u as usize * self.height as usize + v as usize
        } else {
            v as usize * self.width as usize + u as usize
        };
        let size = self.kind.bytes();
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.data[index * size..][..size]);
        if self.is_big_endian {
            bytes[..size].reverse();
        }
        let [a, b, c, d, ..] = bytes;
        match self.kind {
            NpyKind::U16 => f64::from(u16::from_le_bytes([a, b])),
            NpyKind::F32 => f64::from(f32::from_le_bytes([a, b, c, d])),
            NpyKind::F64 => f64::from_le_bytes(bytes),
        }
    }
}

impl NpyKind {
    fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}
