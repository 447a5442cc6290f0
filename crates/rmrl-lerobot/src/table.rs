//! A table as a Parquet file, written and read without Arrow.
//!
//! All columns are uncompressed and plain: images are compressed already, and the numbers are few.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Row;
use parquet::schema::types::{Type, TypePtr};

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    Integers(Vec<i64>),
    Floats(Vec<f32>),
    Booleans(Vec<bool>),
    Texts(Vec<String>),
    /// Text that may be missing.
    OptionalTexts(Vec<Option<String>>),
    /// In each row a list of as many integers.
    IntegerLists(usize, Vec<i64>),
    /// In each row a list of as many numbers.
    FloatLists(usize, Vec<f32>),
    /// In each row `width` numbers in `depth` lists inside each other, of which all but the outermost have one entry. These
    /// are the shapes of statistics: `[d]` and `[channels, 1, 1]`.
    NestedDoubles {
        depth: usize,
        width: usize,
        values: Vec<f64>,
    },
    /// In each row a list of one text.
    TextLists(Vec<String>),
    /// Image files, as a struct of `bytes` and `path`.
    Images(Vec<Option<ImageFile>>),
}

/// An image as a file, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// A table of named columns with as many rows each, and what its file says about itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table {
    pub columns: Vec<(String, Column)>,
    pub metadata: Vec<(String, String)>,
}

impl Table {
    /// The table as a file. The same table gives the same bytes.
    ///
    /// # Errors
    /// The columns do not fit together.
    pub(crate) fn to_parquet(&self) -> Result<Vec<u8>, ParquetError> {
        let fields = self.columns.iter().map(|(name, column)| column.schema(name));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
        let about = self.metadata.iter();
        let about =
            about.map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect::<Vec<_>>();
        let properties = WriterProperties::builder()
            .set_created_by("rmrl".to_string())
            .set_dictionary_enabled(false)
            // A reader finds what it looks for without them, and those of images would be images.
            .set_statistics_enabled(EnabledStatistics::None)
            .set_key_value_metadata(Some(about).filter(|about| !about.is_empty()))
            .build();
        let mut file = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties))?;
        let mut group = writer.next_row_group()?;
        for (_, column) in &self.columns {
            column.write(&mut group)?;
        }
        group.close()?;
        writer.close()?;
        Ok(file)
    }
}

/// The rows of a Parquet file.
///
/// # Errors
/// It is damaged, or compressed.
pub(crate) fn rows(file: Vec<u8>) -> Result<Vec<Row>, ParquetError> {
    SerializedFileReader::new(Bytes::from(file))?.get_row_iter(None)?.collect()
}

impl Column {
    fn schema(&self, name: &str) -> Result<TypePtr, ParquetError> {
        let text = Some(LogicalType::String);
        match self {
            Self::Integers(_) => primitive(name, Physical::INT64, None),
            Self::Floats(_) => primitive(name, Physical::FLOAT, None),
            Self::Booleans(_) => primitive(name, Physical::BOOLEAN, None),
            Self::Texts(_) | Self::OptionalTexts(_) => primitive(name, Physical::BYTE_ARRAY, text),
            Self::IntegerLists(..) => list(name, primitive("element", Physical::INT64, None)?),
            Self::FloatLists(..) => list(name, primitive("element", Physical::FLOAT, None)?),
            Self::TextLists(_) => list(name, primitive("element", Physical::BYTE_ARRAY, text)?),
            Self::NestedDoubles { depth, .. } => {
                let mut inner = primitive("element", Physical::DOUBLE, None)?;
                for _ in 1..*depth {
                    inner = list("element", inner)?;
                }
                list(name, inner)
            }
            Self::Images(_) => {
                let bytes = primitive("bytes", Physical::BYTE_ARRAY, None)?;
                let path = primitive("path", Physical::BYTE_ARRAY, text)?;
                group(name, None, vec![bytes, path])
            }
        }
    }

    fn write(&self, group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>) -> Written {
        match self {
            Self::Integers(values) => write::<Int64Type>(group, values, &flat(values.len())),
            Self::Floats(values) => write::<FloatType>(group, values, &flat(values.len())),
            Self::Booleans(values) => write::<BoolType>(group, values, &flat(values.len())),
            Self::Texts(values) => {
                write::<ByteArrayType>(group, &texts(values), &flat(values.len()))
            }
            Self::OptionalTexts(values) => {
                let levels = optional(values.iter().map(Option::is_some), 1);
                write::<ByteArrayType>(group, &texts(values.iter().flatten()), &levels)
            }
            Self::IntegerLists(width, values) => {
                write::<Int64Type>(group, values, &nested(1, *width, values.len()))
            }
            Self::FloatLists(width, values) => {
                write::<FloatType>(group, values, &nested(1, *width, values.len()))
            }
            Self::NestedDoubles { depth, width, values } => {
                write::<DoubleType>(group, values, &nested(*depth, *width, values.len()))
            }
            Self::TextLists(values) => {
                write::<ByteArrayType>(group, &texts(values), &nested(1, 1, values.len()))
            }
            Self::Images(values) => {
                let levels = optional(values.iter().map(Option::is_some), 2);
                let there = values.iter().flatten();
                let bytes = there.clone().map(|image| ByteArray::from(image.bytes.clone()));
                write::<ByteArrayType>(group, &bytes.collect::<Vec<_>>(), &levels)?;
                write::<ByteArrayType>(group, &texts(there.map(|image| &image.name)), &levels)
            }
        }
    }
}

type Written = Result<(), ParquetError>;

/// How deep each value is defined, and at which list it continues.
struct Levels {
    definition: Vec<i16>,
    repetition: Option<Vec<i16>>,
}

/// Of values that are all there.
fn flat(values: usize) -> Levels {
    Levels { definition: vec![1; values], repetition: None }
}

/// Of values that may be missing, `deepest` groups and values deep.
fn optional(is_there: impl Iterator<Item = bool>, deepest: i16) -> Levels {
    let definition = is_there.map(|is_there| if is_there { deepest } else { 0 }).collect();
    Levels { definition, repetition: None }
}

/// Of lists of `width` entries, whose entries are lists of one entry, and so on.
fn nested(depth: usize, width: usize, values: usize) -> Levels {
    // A list counts twice: it is there, and it has an entry.
    let deepest = 2 * depth as i16 + 1;
    let continues = |at| i16::from(at % width.max(1) != 0);
    Levels {
        definition: vec![deepest; values],
        repetition: Some((0..values).map(continues).collect()),
    }
}

fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut Vec<u8>>,
    values: &[T::T],
    levels: &Levels,
) -> Written {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns".to_string()));
    };
    column.typed::<T>().write_batch(
        values,
        Some(&levels.definition),
        levels.repetition.as_deref(),
    )?;
    column.close()
}

fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Vec<ByteArray> {
    values.into_iter().map(|value| ByteArray::from(value.as_ref())).collect()
}

fn primitive(
    name: &str,
    physical: Physical,
    logical: Option<LogicalType>,
) -> Result<TypePtr, ParquetError> {
    let built = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    Ok(Arc::new(built.build()?))
}

fn group(
    name: &str,
    logical: Option<LogicalType>,
    fields: Vec<TypePtr>,
) -> Result<TypePtr, ParquetError> {
    let built = Type::group_type_builder(name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .with_fields(fields);
    Ok(Arc::new(built.build()?))
}

fn list(name: &str, element: TypePtr) -> Result<TypePtr, ParquetError> {
    let entries = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![element])
        .build()?;
    group(name, Some(LogicalType::List), vec![Arc::new(entries)])
}

#[cfg(test)]
mod tests {
    use parquet::record::Field;

    use super::*;

    /// A table with every kind of column, of 3 rows.
    fn table() -> Table {
        let image = |name: &str, bytes: &[u8]| {
            Some(ImageFile { name: name.to_string(), bytes: bytes.to_vec() })
        };
        let text = |text: &str| text.to_string();
        let columns = vec![
            ("integers", Column::Integers(vec![1, -2, i64::MAX])),
            ("floats", Column::Floats(vec![0.1, f32::NAN, -0.0])),
            ("booleans", Column::Booleans(vec![true, false, true])),
            ("texts", Column::Texts(vec![text("a"), text(""), text("μ")])),
            ("optional", Column::OptionalTexts(vec![None, Some(text("b")), None])),
            ("integer lists", Column::IntegerLists(2, vec![1, 2, 3, 4, 5, 6])),
            ("float lists", Column::FloatLists(3, (0..9).map(|at| at as f32).collect())),
            (
                "nested",
                Column::NestedDoubles {
                    depth: 3,
                    width: 2,
                    values: vec![0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
                },
            ),
            ("text lists", Column::TextLists(vec![text("x"), text("y"), text("z")])),
            ("images", Column::Images(vec![image("1.png", b"\x89P"), None, image("3.png", b"")])),
        ];
        Table {
            columns: columns.into_iter().map(|(name, column)| (name.to_string(), column)).collect(),
            metadata: vec![("about".to_string(), "{}".to_string())],
        }
    }

    fn field(row: &Row, name: &str) -> Field {
        row.get_column_iter().find(|(found, _)| *found == name).unwrap().1.clone()
    }

    #[test]
    fn every_kind_of_column_comes_back() {
        let bytes = table().to_parquet().unwrap();
        assert_eq!(bytes, table().to_parquet().unwrap());
        let rows = rows(bytes).unwrap();
        assert_eq!(rows.len(), 3);
        let shown = |row: usize, name: &str| field(&rows[row], name).to_string();
        assert_eq!(field(&rows[2], "integers"), Field::Long(i64::MAX));
        assert_eq!(field(&rows[0], "floats"), Field::Float(0.1));
        assert!(matches!(field(&rows[1], "floats"), Field::Float(nan) if nan.is_nan()));
        assert_eq!(field(&rows[1], "booleans"), Field::Bool(false));
        assert_eq!(field(&rows[2], "texts"), Field::Str("μ".to_string()));
        assert_eq!(field(&rows[0], "optional"), Field::Null);
        assert_eq!(shown(1, "optional"), "\"b\"");
        assert_eq!(shown(1, "integer lists"), "[3, 4]");
        assert_eq!(shown(2, "float lists"), "[6.0, 7.0, 8.0]");
        assert_eq!(shown(0, "text lists"), "[\"x\"]");
        assert_eq!(field(&rows[1], "images"), Field::Null);
        let Field::Group(image) = field(&rows[0], "images") else { panic!("no image") };
        assert_eq!(field(&image, "path"), Field::Str("1.png".to_string()));
        assert_eq!(field(&image, "bytes"), Field::Bytes(ByteArray::from(b"\x89P".to_vec())));
        assert_eq!(shown(1, "nested"), "[[[2.5]], [[3.5]]]");
    }

    #[test]
    fn columns_of_different_lengths_are_an_error() {
        let mut table = table();
        table.columns[0].1 = Column::Integers(vec![1]);
        assert!(table.to_parquet().is_err());
    }

    #[test]
    fn what_is_no_parquet_file_is_an_error() {
        let mut bytes = table().to_parquet().unwrap();
        bytes.truncate(bytes.len() - 5);
        assert!(rows(bytes).is_err());
        assert!(rows(b"PAR1".to_vec()).is_err());
    }
}
