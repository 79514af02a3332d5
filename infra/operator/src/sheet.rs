//! A file with a header row, and a row for each thing to do: read whole, or everything that is wrong with it is said and
//! nothing is done.

use std::collections::HashMap;
use std::path::Path;

use aws_lc_rs::digest;
use serde_json::Value;

use crate::csv::{self, Wrong};
use crate::failure::Failure;

/// Bytes of a file at most.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Rows of a file at most: about a working day at one a second.
const ROWS_MAX: usize = 20_000;

/// What a row of a file says.
pub(crate) trait Sheet: Sized {
    /// The columns a file may have, those it must have first.
    const COLUMNS: &'static [&'static str];
    /// How many it must have.
    const REQUIRED: usize;

    /// Checks what was given, by column.
    fn check<'a>(line: usize, given: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Vec<Wrong>>;

    /// What no two rows of a file have in common.
    fn once(&self) -> Vec<String>;
}

/// Reads a JSON object. What stands in it is not repeated in an error: there may be a password among it.
pub(crate) fn json(path: &Path) -> Result<Value, Failure> {
    let unread = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    match serde_json::from_str(&text(path)?) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(unread("not a JSON object".to_owned())),
        Err(error) => Err(unread(format!("line {}, column {}: not JSON", error.line(), error.column()))),
    }
}

/// Reads a file whole, or says everything that is wrong with it.
pub(crate) fn file<T: Sheet>(path: &Path) -> Result<Vec<T>, Failure> {
    read(&text(path)?).map_err(|wrong| {
        let lines: String = wrong.iter().map(|wrong| format!("\n  line {}: {}", wrong.line, wrong.why)).collect();
        Failure::Usage(format!("{}: nothing was sent, for these reasons:{lines}", path.display()))
    })
}

fn text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let unread = |why: String| Failure::Usage(format!("{shown}: {why}"));
    let size = std::fs::metadata(path).map_err(|error| unread(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unread(format!("larger than {FILE_BYTES_MAX} bytes: split it")));
    }
    let bytes = std::fs::read(path).map_err(|error| unread(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        unread(format!("line {line}: not UTF-8"))
    })
}

/// All rows of a file, or everything that is wrong with it.
pub(crate) fn read<T: Sheet>(text: &str) -> Result<Vec<T>, Vec<Wrong>> {
    let mut records = csv::read(text).map_err(|wrong| vec![wrong])?.into_iter();
    let (line, header) =
        records.next().ok_or_else(|| vec![Wrong::new(1, "the file is empty; its first line names the columns")])?;
    let columns: Vec<&str> = header.iter().map(|name| name.trim()).collect();
    check_header::<T>(line, &columns)?;
    let (mut rows, mut wrong) = (Vec::<T>::new(), Vec::new());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (line, fields) in records {
        if fields.len() != columns.len() {
            let (has, wants) = (fields.len(), columns.len());
            wrong.push(Wrong::new(line, format!("{has} fields, but the first line names {wants} columns")));
            continue;
        }
        let given = |name: &str| Some(fields[columns.iter().position(|column| *column == name)?].as_str());
        match T::check(line, given) {
            Err(more) => wrong.extend(more),
            Ok(row) => {
                for what in row.once() {
                    if let Some(before) = seen.get(&what) {
                        wrong.push(Wrong::new(line, format!("{what} stands on line {before} already")));
                    } else {
                        seen.insert(what, line);
                    }
                }
                rows.push(row);
            }
        }
    }
    if rows.len() > ROWS_MAX {
        wrong.push(Wrong::new(line, format!("more than {ROWS_MAX} rows: split the file")));
    }
    if wrong.is_empty() { Ok(rows) } else { Err(wrong) }
}

fn check_header<T: Sheet>(line: usize, columns: &[&str]) -> Result<(), Vec<Wrong>> {
    let mut wrong = Vec::new();
    for (n, column) in columns.iter().enumerate() {
        if !T::COLUMNS.contains(column) {
            wrong.push(Wrong::new(line, format!("unknown column `{column}`; there are {}", T::COLUMNS.join(", "))));
        } else if columns[..n].contains(column) {
            wrong.push(Wrong::new(line, format!("column `{column}` twice")));
        }
    }
    for required in &T::COLUMNS[..T::REQUIRED] {
        if !columns.contains(required) {
            wrong.push(Wrong::new(line, format!("column `{required}` is missing")));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// The key of what a row says, none of whose fields holds a line break: the same for the same content, wherever in whichever
/// file it stands.
pub(crate) fn key(prefix: &str, content: &[&str]) -> String {
    format!("{prefix}-{}", hex(digest::digest(&digest::SHA256, content.join("\n").as_bytes()).as_ref()))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
