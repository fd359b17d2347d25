//! A table of recordings in a Parquet file. The columns that are not texts, numbers or truth values, such as embedded sound, are
//! refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record};

use super::row::MakeRow;

/// The rows of `file`, numbered from 1.
pub(super) fn rows<R>(file: File, make: MakeRow<R>) -> Result<Vec<R>, String> {
    // The reader indexes into pages of damaged files.
    let read = catch_unwind(AssertUnwindSafe(|| read(file, make)));
    read.unwrap_or_else(|_| Err("it is damaged".into()))
}

fn read<R>(file: File, make: MakeRow<R>) -> Result<Vec<R>, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let records = reader.get_row_iter(None).map_err(|error| error.to_string())?;
    records.zip(1..).map(|(record, number)| row(number, &record.map_err(|error| error.to_string())?, make)).collect()
}

fn row<R>(number: usize, record: &Record, make: MakeRow<R>) -> Result<R, String> {
    let mut values = BTreeMap::new();
    for (name, field) in record.get_column_iter() {
        let text = match field {
            Field::Null => continue,
            Field::Str(text) => text.trim().to_owned(),
            Field::Float(number) => number.to_string(),
            Field::Double(number) => number.to_string(),
            Field::Bool(_)
            | Field::Byte(_)
            | Field::Short(_)
            | Field::Int(_)
            | Field::Long(_)
            | Field::UByte(_)
            | Field::UShort(_)
            | Field::UInt(_)
            | Field::ULong(_)
            | Field::Decimal(_)
            | Field::Date(_)
            | Field::TimestampMillis(_)
            | Field::TimestampMicros(_) => field.to_string(),
            _ => return Err(format!("row {number}: {name} must be a text, a number, true or false")),
        };
        if values.insert(name.trim().to_lowercase(), text).is_some() {
            return Err(format!("its columns name {name} twice"));
        }
    }
    make(number, values)
}
