//! Labware by name: built in, or from tables of a configuration.

use std::collections::BTreeMap;
use std::path::Path;

use rmrl_files::{decode_text, read_regular_file};
use toml::{Table, Value};

use crate::built_in::built_in_labware;
use crate::labware::Labware;
use crate::library_error::LibraryError;

/// The largest labware file, in bytes: room for thousands of tables.
const MOST_BYTES: u64 = 1 << 20;

/// Labware by name. A labware `NAME` that has a lid brings a second one, `NAME.lid`: its lid when it lies alone.
///
/// ```
/// use rmrl_labware::Library;
///
/// let library = Library::built_in().with_toml(
///     r#"
///     [labware.tall-assay]
///     like = "96-well"
///     height_m = 0.0162
///
///     [labware.reservoir]
///     kind = "reservoir"
///     length_m = 0.12776
///     width_m = 0.08548
///     height_m = 0.0314
///     stacking_height_m = 0.0314
///     grip = { width_m = 0.08548, height_m = 0.002 }
///     "#,
/// )?;
/// assert_eq!(library.get("tall-assay")?.height_m, 0.0162);
/// assert_eq!(library.get("96-well-with-lid.lid")?.height_m, 0.0089);
/// let error = library.get("96-wells").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "there is no labware \"96-wells\", expected one of: \
///      384-well, 96-deep-well, 96-well, 96-well-with-lid, reservoir, tall-assay"
/// );
/// # Ok::<(), rmrl_labware::LibraryError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Library {
    labware: BTreeMap<String, Labware>,
    /// The lids of the labware that has one, alone.
    lids: BTreeMap<String, Labware>,
}

impl Default for Library {
    /// The built-in labware.
    fn default() -> Self {
        Self::built_in()
    }
}

impl Library {
    /// The built-in labware.
    pub fn built_in() -> Self {
        let mut library = Self { labware: BTreeMap::new(), lids: BTreeMap::new() };
        built_in_labware().into_iter().for_each(|one| library.add(one));
        library
    }

    /// The built-in labware and that of a file's tables `[labware.NAME]`.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 1 MiB or is no TOML, or a table is invalid.
    pub fn read(path: &Path) -> Result<Self, LibraryError> {
        let syntax = |reason| LibraryError::Syntax { path: path.to_path_buf(), reason };
        let bytes = read_regular_file(path, MOST_BYTES)
            .map_err(|source| LibraryError::Read { path: path.to_path_buf(), source })?;
        let text = decode_text(&bytes).map_err(syntax)?;
        let file: Table = toml::from_str(&text)
            .map_err(|error: toml::de::Error| syntax(error.to_string().trim_end().to_string()))?;
        Self::built_in().with_file(&file).map_err(|error| LibraryError::InFile {
            path: path.to_path_buf(),
            reason: Box::new(error),
        })
    }

    /// The same library with the tables `[labware.NAME]` of a TOML text.
    ///
    /// # Errors
    /// The text is no TOML, has other keys, or a table is invalid.
    pub fn with_toml(self, text: &str) -> Result<Self, LibraryError> {
        let file: Table = toml::from_str(text).map_err(|error: toml::de::Error| {
            let reason = error.to_string().trim_end().to_string();
            LibraryError::Form { key: "labware".to_string(), reason }
        })?;
        self.with_file(&file)
    }

    /// The same library with more labware: `tables` has one table for each, by its name.
    ///
    /// A table with `like = "NAME"` takes all keys of that labware that it does not have itself, also within `grip` and
    /// `lid`. That labware may be built in or of another table, before it or after it.
    ///
    /// # Errors
    /// A table has unknown, missing or invalid keys, is like an unknown labware or like itself, or its name is taken, or
    /// that of its lid.
    pub fn with_tables(mut self, tables: &Table) -> Result<Self, LibraryError> {
        let mut merged = Vec::new();
        for name in tables.keys() {
            if self.labware.contains_key(name) {
                let hint = format!(" and like = \"{name}\"");
                return Err(LibraryError::Taken { name: name.clone(), hint });
            }
            let table = self.merged(name, tables, &mut Vec::new())?;
            merged.push(labware_of(name, table)?);
        }
        for one in merged {
            self.check_free(&one)?;
            self.add(one);
        }
        Ok(self)
    }

    /// Neither its name nor that of its lid is taken.
    fn check_free(&self, one: &Labware) -> Result<(), LibraryError> {
        let lid = one.lid_alone().map(|lid| lid.name);
        let is_taken = |name: &&String| self.get(name).is_ok();
        match [Some(&one.name), lid.as_ref()].into_iter().flatten().find(is_taken) {
            Some(name) => Err(LibraryError::Taken { name: name.clone(), hint: String::new() }),
            None => Ok(()),
        }
    }

    fn add(&mut self, one: Labware) {
        self.lids.extend(one.lid_alone().map(|lid| (lid.name.clone(), lid)));
        self.labware.insert(one.name.clone(), one);
    }

    /// Adds one labware, such as an imported one.
    ///
    /// # Errors
    /// Its keys are invalid, or its name is taken, or that of its lid.
    pub fn insert(&mut self, labware: Labware) -> Result<(), LibraryError> {
        let name = labware.name.clone();
        labware.validate().map_err(|error| error.within(&path_of(&name)))?;
        self.check_free(&labware)?;
        self.add(labware);
        Ok(())
    }

    /// The labware of a name; of `NAME.lid` the lid that lies alone.
    ///
    /// # Errors
    /// There is none; the error lists all names but those of lids.
    pub fn get(&self, name: &str) -> Result<&Labware, LibraryError> {
        self.labware.get(name).or_else(|| self.lids.get(name)).ok_or_else(|| {
            let known = self.labware.keys().cloned().collect();
            LibraryError::Unknown { name: name.to_string(), known }
        })
    }

    /// All names, sorted, but those of lids.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.labware.keys().map(String::as_str)
    }

    /// All labware, sorted by name, but no lids.
    pub fn iter(&self) -> impl Iterator<Item = &Labware> {
        self.labware.values()
    }

    /// The lids that may lie alone, sorted by name.
    pub fn lids(&self) -> impl Iterator<Item = &Labware> {
        self.lids.values()
    }

    fn with_file(self, file: &Table) -> Result<Self, LibraryError> {
        if let Some(key) = file.keys().find(|key| *key != "labware") {
            let reason = "unknown key, expected only [labware.NAME]".to_string();
            return Err(LibraryError::Form { key: key.clone(), reason });
        }
        match file.get("labware") {
            None => Ok(self),
            Some(Value::Table(tables)) => self.with_tables(tables),
            Some(other) => Err(not_a_table("labware", other)),
        }
    }

    /// The table of `name` over what it is like. `above` has the names that led here.
    fn merged(
        &self,
        name: &str,
        tables: &Table,
        above: &mut Vec<String>,
    ) -> Result<Table, LibraryError> {
        if let Some(first) = above.iter().position(|other| other == name) {
            let mut names = above.split_off(first);
            names.push(name.to_string());
            return Err(LibraryError::Circular { names });
        }
        let mut own = match tables.get(name) {
            Some(Value::Table(own)) => own.clone(),
            Some(other) => return Err(not_a_table(&path_of(name), other)),
            None => return self.table_of_known(name),
        };
        let like = match own.remove("like") {
            None => return Ok(own),
            Some(Value::String(like)) => like,
            Some(other) => {
                let key = format!("{}.like", path_of(name));
                let reason = format!("it is {}, expected the name of a labware", other.type_str());
                return Err(LibraryError::Form { key, reason });
            }
        };
        if !tables.contains_key(&like) && !self.labware.contains_key(&like) {
            let known = self.labware.keys().chain(tables.keys()).filter(|one| *one != name);
            let mut known: Vec<String> = known.cloned().collect();
            known.sort();
            return Err(LibraryError::UnknownLike { name: name.to_string(), like, known });
        }
        above.push(name.to_string());
        let mut table = self.merged(&like, tables, above)?;
        overlay(&mut table, own);
        Ok(table)
    }

    /// The table of a labware of this library, without its name.
    fn table_of_known(&self, name: &str) -> Result<Table, LibraryError> {
        let form = |error: toml::ser::Error| LibraryError::Form {
            key: path_of(name),
            reason: error.to_string(),
        };
        let mut table = Table::try_from(self.get(name)?).map_err(form)?;
        table.remove("name");
        Ok(table)
    }
}

fn labware_of(name: &str, mut table: Table) -> Result<Labware, LibraryError> {
    let path = path_of(name);
    if table.contains_key("name") {
        let reason = format!("it is given, expected none: the table's name is {name:?}");
        return Err(LibraryError::Form { key: format!("{path}.name"), reason });
    }
    table.insert("name".to_string(), Value::String(name.to_string()));
    let labware: Labware = serde_path_to_error::deserialize(Value::Table(table)).map_err(
        |error: serde_path_to_error::Error<toml::de::Error>| {
            let inner = error.path().to_string();
            let key = if inner == "." { path.clone() } else { format!("{path}.{inner}") };
            LibraryError::Form { key, reason: error.inner().message().to_string() }
        },
    )?;
    labware.validate().map_err(|error| error.within(&path))?;
    Ok(labware)
}

/// Puts the keys of `own` over those of `table`, also within sections.
fn overlay(table: &mut Table, own: Table) {
    for (key, value) in own {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(section)), Value::Table(own)) => overlay(section, own),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

fn path_of(name: &str) -> String {
    format!("labware.{name}")
}

fn not_a_table(key: &str, value: &Value) -> LibraryError {
    let reason = format!("it is {}, expected a table", value.type_str());
    LibraryError::Form { key: key.to_string(), reason }
}
