//! Tables of text, as people and spreadsheets write them: lines of cells below a header.
//!
//! - Cells are separated by commas, semicolons or tabs, whatever the header has. With semicolons or tabs numbers
//!   may have decimal commas.
//! - The text is UTF-8 or UTF-16, with or without a byte order mark, and with the line ends of any system.
//! - Upper case and spaces in the header do not matter: `Roll (degrees)` is `roll_deg`.
//! - Empty lines are ignored.

use std::path::{Component, Path, PathBuf};

use rmrl_files::{decode_text, read_regular_file};

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct TextTable {
    /// The columns: lower case, with `_` between words, and units as `mm`, `m`, `deg` and `rad`.
    pub columns: Vec<String>,
    /// The header as it is written.
    pub header: String,
    /// The rows below it.
    pub rows: Vec<TextRow>,
    has_decimal_commas: bool,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TextRow {
    /// The line in the file, counted from 1.
    pub line: u64,
    /// One cell for each column, without the spaces around it.
    pub cells: Vec<String>,
}

/// No table of images is larger, in bytes.
const MOST_BYTES: u64 = 64 << 20;

impl TextTable {
    /// Reads a table from a file.
    ///
    /// # Errors
    /// The file cannot be read, or is no table.
    pub fn read(path: &Path) -> std::io::Result<Result<Self, String>> {
        let bytes = read_regular_file(path, MOST_BYTES)?;
        Ok(decode_text(&bytes).and_then(|text| Self::parse(&text)))
    }

    /// Parses a table's text.
    ///
    /// # Errors
    /// It has no header, a column has no name, or a line has another number of cells than the header.
    pub fn parse(text: &str) -> Result<Self, String> {
        // Spreadsheets write the separator into a line of its own.
        let first = text.split('\n').next().unwrap_or_default().trim();
        let (text, lines_before) = match first.strip_prefix("sep=") {
            Some(_) => (text.split_once('\n').map_or("", |(_, rest)| rest), 1),
            None => (text, 0),
        };
        let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let separator = [';', '\t'].into_iter().find(|one| header.contains(*one)).unwrap_or(',');
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator as u8)
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| error.to_string())?;
            let line = record.position().map_or(0, csv::Position::line) + lines_before;
            let cells: Vec<String> = record.iter().map(str::to_string).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                rows.push(TextRow { line, cells });
            }
        }
        if rows.is_empty() {
            return Err("it is empty, expected a header".to_string());
        }
        let header_row = rows.remove(0);
        let mut columns: Vec<String> =
            header_row.cells.iter().map(|name| column_name(name)).collect();
        // Lines that end with a separator.
        while columns.last().is_some_and(String::is_empty) {
            columns.pop();
        }
        if let Some(place) = columns.iter().position(String::is_empty) {
            return Err(format!("column {} has no name", place + 1));
        }
        rows.iter_mut().try_for_each(|row| fit(row, columns.len(), separator))?;
        let number_has = |mark: char| {
            let cells = rows.iter().flat_map(|row| &row.cells);
            cells.into_iter().any(|cell| looks_like_number(cell) && cell.contains(mark))
        };
        let has_decimal_commas = separator != ',' && number_has(',') && !number_has('.');
        Ok(Self { columns, header: header.trim().to_string(), rows, has_decimal_commas })
    }

    /// The place of a column.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// A cell's finite number. A comma is a decimal comma only in a table that separates cells otherwise, and that
    /// has no decimal point: `1,234` may be more than a thousand elsewhere.
    pub fn number(&self, cell: &str) -> Option<f64> {
        let plain = cell.replace('\u{2212}', "-");
        let plain = if self.has_decimal_commas { plain.replacen(',', ".", 1) } else { plain };
        plain.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

/// Removes empty cells beyond the header's, and refuses another number of cells.
fn fit(row: &mut TextRow, columns: usize, separator: char) -> Result<(), String> {
    while row.cells.len() > columns && row.cells.last().is_some_and(String::is_empty) {
        row.cells.pop();
    }
    let (line, found) = (row.line, row.cells.len());
    if found == columns {
        return Ok(());
    }
    let hint = match separator {
        ',' if found > columns + 1 => "; where numbers have decimal commas, separate cells by ;",
        _ => "",
    };
    Err(format!("line {line} has {found} cells, but the header has {columns}{hint}"))
}

fn looks_like_number(cell: &str) -> bool {
    cell.contains(|c: char| c.is_ascii_digit())
        && cell
            .chars()
            .all(|c| matches!(c, '0'..='9' | '+' | '-' | '\u{2212}' | 'e' | 'E' | '.' | ','))
}

/// A column's name in one spelling: lower case, `_` between words, units as `mm`, `m`, `deg` and `rad`.
pub fn column_name(written: &str) -> String {
    let words = written.to_lowercase().replace('°', " deg ");
    let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words
        .map(|word| match word {
            "millimeter" | "millimeters" | "millimetre" | "millimetres" => "mm",
            "meter" | "meters" | "metre" | "metres" => "m",
            "degree" | "degrees" => "deg",
            "radian" | "radians" => "rad",
            other => other,
        })
        .collect();
    words.join("_")
}

/// The name of a file in a table, relative to `folder`: without `./`, and with `/` for the `\` of Windows unless
/// a file has it in its name.
pub fn listed_name(folder: &Path, written: &str) -> String {
    let written = match written.contains('\\') && !folder.join(written).exists() {
        true => written.replace('\\', "/"),
        false => written.to_string(),
    };
    let parts = Path::new(&written).components().filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_spreadsheets_write_them() {
        let expected = TextTable::parse("image,x_mm\na b.png,-1.5\n").unwrap();
        for text in [
            "image,x_mm\r\na b.png,-1.5\r\n",
            "\n Image ; X [mm] \n\na b.png; -1.5 ;\n;;\n",
            "sep=;\nimage;x (mm);\na b.png;-1,5;\n",
            "IMAGE\tX millimeters\n\"a b.png\"\t\u{2212}1,5",
        ] {
            let table = TextTable::parse(text).unwrap();
            assert_eq!(table.columns, expected.columns, "{text:?}");
            assert_eq!(table.rows[0].cells[0], "a b.png", "{text:?}");
            assert_eq!(table.number(&table.rows[0].cells[1]), Some(-1.5), "{text:?}");
        }
        for (written, name) in [
            ("Roll (degrees)", "roll_deg"),
            ("yaw °", "yaw_deg"),
            ("X-Position / m", "x_position_m"),
            ("m00", "m00"),
        ] {
            assert_eq!(column_name(written), name);
        }
    }

    #[test]
    fn commas_that_may_be_thousands_are_no_numbers() {
        let number = |text: &str| {
            let table = TextTable::parse(text).unwrap();
            table.number(&table.rows[0].cells[0])
        };
        assert_eq!(number("x;y\n1,234;2\n"), Some(1.234));
        assert_eq!(number("x;y\n1,234;2.5\n"), None);
        assert_eq!(number("x,y\n\"1,234\",2\n"), None);
        assert_eq!(number("x;y\n1.234,5;2\n"), None);
        assert_eq!(number("x;y\n1,2,3;2\n"), None);
        assert_eq!(number("x;y\nnan;2\n"), None);
    }

    #[test]
    fn no_tables_are_refused_with_the_line() {
        for (text, expected) in [
            ("", "empty"),
            ("\n;;\n", "empty"),
            ("a,,b\n1,2,3\n", "column 2 has no name"),
            ("a,b\n1,2\n1\n", "line 3 has 1 cells"),
            ("a,b\n1,5,2,5\n", "separate cells by ;"),
            ("sep=;\na;b\n1;2;3\n", "line 3 has 3 cells"),
        ] {
            let message = TextTable::parse(text).unwrap_err();
            assert!(message.contains(expected), "{text:?}: {message}");
        }
    }

    #[test]
    fn names_are_those_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("odd\\name.png"), "").unwrap();
        for (written, name) in [
            ("./a.png", "a.png"),
            (".\\sub\\a.png", "sub/a.png"),
            ("sub//./a.png", "sub/a.png"),
            ("odd\\name.png", "odd\\name.png"),
            ("/data/a b.png", "/data/a b.png"),
        ] {
            assert_eq!(listed_name(dir.path(), written), name);
        }
    }
}
