//! A corpus as a Croissant 1.1 description: JSON-LD that catalogues and loaders of datasets read
//! (<https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html>).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{Corpus, Recording};

/// The terms of the description and what each stands for, as the specification lists them.
const TERMS: [(&str, &str); 36] = [
    ("arrayShape", "cr:arrayShape"),
    ("citeAs", "cr:citeAs"),
    ("column", "cr:column"),
    ("conformsTo", "dct:conformsTo"),
    ("containedIn", "cr:containedIn"),
    ("cr", "http://mlcommons.org/croissant/"),
    ("dct", "http://purl.org/dc/terms/"),
    ("equivalentProperty", "cr:equivalentProperty"),
    ("extract", "cr:extract"),
    ("field", "cr:field"),
    ("fileObject", "cr:fileObject"),
    ("fileProperty", "cr:fileProperty"),
    ("fileSet", "cr:fileSet"),
    ("format", "cr:format"),
    ("includes", "cr:includes"),
    ("isArray", "cr:isArray"),
    ("isLiveDataset", "cr:isLiveDataset"),
    ("jsonPath", "cr:jsonPath"),
    ("key", "cr:key"),
    ("md5", "cr:md5"),
    ("parentField", "cr:parentField"),
    ("path", "cr:path"),
    ("rai", "http://mlcommons.org/croissant/RAI/"),
    ("recordSet", "cr:recordSet"),
    ("references", "cr:references"),
    ("regex", "cr:regex"),
    ("repeated", "cr:repeated"),
    ("replace", "cr:replace"),
    ("samplingRate", "cr:samplingRate"),
    ("sc", "https://schema.org/"),
    ("separator", "cr:separator"),
    ("source", "cr:source"),
    ("subField", "cr:subField"),
    ("transform", "cr:transform"),
    ("@language", "en"),
    ("@vocab", "https://schema.org/"),
];

/// Media types of sound files by extension; others are `application/octet-stream`.
const MEDIA_TYPES: [(&str, &str); 24] = [
    ("3gp", "audio/3gpp"),
    ("aac", "audio/aac"),
    ("aif", "audio/aiff"),
    ("aifc", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("amr", "audio/amr"),
    ("au", "audio/basic"),
    ("bwf", "audio/wav"),
    ("caf", "audio/x-caf"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mka", "audio/matroska"),
    ("mp2", "audio/mpeg"),
    ("mp3", "audio/mpeg"),
    ("mp4", "audio/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("rf64", "audio/wav"),
    ("snd", "audio/basic"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "audio/webm"),
    ("wma", "audio/x-ms-wma"),
];

/// The description of `corpus`, pretty-printed JSON; `recorders` is `[n_recordings]`. Paths are relative to the corpus' folder, so the
/// description belongs into it.
///
/// Each file is a `FileObject` with its SHA-256, and each recording a row of the record set `recordings` with its label, recorder and
/// columns. Licence, creator, address and date are not in a folder of recordings and remain to be added.
pub fn croissant(corpus: &Corpus, recorders: &[Option<&str>]) -> String {
    let name = corpus.root.canonicalize().unwrap_or_else(|_| corpus.root.clone());
    let name = name.file_name().map_or_else(|| "recordings".into(), |name| name.to_string_lossy().into_owned());
    let description = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "name": name,
        "description": format!(
            "{} labelled {}",
            crate::count(corpus.recordings.len(), "recording"),
            corpus.labels.join(", ")
        ),
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "distribution": distribution(corpus),
        "recordSet": [labels(corpus), recordings(corpus, recorders)],
    });
    format!("{description:#}\n")
}

fn context() -> Value {
    let mut context: Map<String, Value> =
        TERMS.iter().map(|(term, meaning)| ((*term).to_owned(), json!(meaning))).collect();
    for name in ["data", "examples"] {
        context.insert(name.into(), json!({"@id": format!("cr:{name}"), "@type": "@json"}));
    }
    context.insert("dataType".into(), json!({"@id": "cr:dataType", "@type": "@vocab"}));
    for name in ["description", "name"] {
        context.insert(name.into(), json!({"@container": "@language"}));
    }
    Value::Object(context)
}

/// A file set of all recordings, and a file object of each file.
fn distribution(corpus: &Corpus) -> Vec<Value> {
    let files: BTreeMap<String, &Recording> =
        corpus.recordings.iter().map(|recording| (file(recording), recording)).collect();
    let extensions: BTreeSet<&str> = files.keys().map(|file| extension(file)).collect();
    let media_types: BTreeSet<&str> = extensions.iter().map(|extension| media_type(extension)).collect();
    let set = json!({
        "@type": "cr:FileSet",
        "@id": "files",
        "name": "files",
        "description": "All recordings.",
        "encodingFormat": media_types,
        "includes": extensions.iter().map(|extension| format!("**/*.{extension}")).collect::<Vec<_>>(),
    });
    let object = |(index, (file, recording)): (usize, (&String, &&Recording))| {
        json!({
            "@type": "cr:FileObject",
            "@id": format!("file-{}", index + 1),
            "name": file,
            "contentUrl": file,
            "contentSize": format!("{} B", recording.bytes),
            "encodingFormat": media_type(extension(file)),
            "sha256": recording.whole_file().unwrap_or_default(),
        })
    };
    std::iter::once(set).chain(files.iter().enumerate().map(object)).collect()
}

/// The file of a recording, relative to the root of its corpus if it is below it.
fn file(recording: &Recording) -> String {
    recording.file.as_ref().map_or_else(|| recording.path.clone(), |file| file.to_string_lossy().replace('\\', "/"))
}

/// The record set of the classes.
fn labels(corpus: &Corpus) -> Value {
    json!({
        "@type": "cr:RecordSet",
        "@id": "labels",
        "name": "labels",
        "description": "The classes.",
        "dataType": "sc:Enumeration",
        "key": {"@id": "labels/name"},
        "field": [field("labels/name", "Name of the class.", "sc:Text")],
        "data": corpus.labels.iter().map(|label| json!({"labels/name": label})).collect::<Vec<_>>(),
    })
}

/// The record set of what is known of each recording.
fn recordings(corpus: &Corpus, recorders: &[Option<&str>]) -> Value {
    let columns: BTreeSet<&str> =
        corpus.recordings.iter().flat_map(|recording| recording.columns.keys()).map(String::as_str).collect();
    let own = [
        ("path", "Path of the recording, and the times of a part of a longer one."),
        ("file", "File that holds it."),
        ("start_seconds", "Where it starts in the file, s; null for the whole file."),
        ("end_seconds", "Where it ends in the file, s; null for the end of the file."),
        ("label", "Class of the recording."),
        ("recorder", "Who or what recorded it; null if unknown. Recordings of one recorder are not independent."),
    ];
    let columns: Vec<&str> = columns.into_iter().filter(|name| own.iter().all(|(known, _)| known != name)).collect();
    let row = |(recording, recorder): (&Recording, &Option<&str>)| {
        let segment = recording.segment.as_ref();
        let mut row = Map::from_iter([
            ("recordings/path".to_owned(), json!(recording.path)),
            ("recordings/file".to_owned(), json!(file(recording))),
            ("recordings/start_seconds".to_owned(), json!(segment.map(|segment| segment.start.as_secs_f64()))),
            (
                "recordings/end_seconds".to_owned(),
                json!(segment.and_then(|segment| segment.end).map(|end| end.as_secs_f64())),
            ),
            ("recordings/label".to_owned(), json!(corpus.labels[recording.label])),
            ("recordings/recorder".to_owned(), json!(recorder)),
        ]);
        row.extend(columns.iter().map(|name| (format!("recordings/{name}"), json!(recording.columns.get(*name)))));
        Value::Object(row)
    };
    let own = own.iter().map(|(name, description)| {
        let data_type = if name.ends_with("_seconds") { "sc:Float" } else { "sc:Text" };
        let mut field = field(&format!("recordings/{name}"), description, data_type);
        if *name == "label" {
            field["references"] = json!({"field": {"@id": "labels/name"}});
        }
        field
    });
    let others = columns.iter().map(|name| field(&format!("recordings/{name}"), "As in the corpus' table.", "sc:Text"));
    json!({
        "@type": "cr:RecordSet",
        "@id": "recordings",
        "name": "recordings",
        "description": "Class, recorder and whatever else is known of each recording.",
        "key": {"@id": "recordings/path"},
        "field": own.chain(others).collect::<Vec<_>>(),
        "data": corpus.recordings.iter().zip(recorders).map(row).collect::<Vec<_>>(),
    })
}

fn field(id: &str, description: &str, data_type: &str) -> Value {
    let name = id.rsplit('/').next().unwrap_or(id);
    json!({"@type": "cr:Field", "@id": id, "name": name, "description": description, "dataType": data_type})
}

/// The extension of a path as it is written; empty without one.
fn extension(path: &str) -> &str {
    Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn media_type(extension: &str) -> &'static str {
    let known = MEDIA_TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use features::Segment;

    use super::*;

    #[test]
    fn every_recording_has_its_hash_label_and_recorder() {
        let recording = |path: &str, label| Recording {
            path: path.into(),
            label,
            sha256: "ab".repeat(32),
            bytes: 7,
            ..Recording::default()
        };
        let segment = |start, end| {
            let segment = Segment { start: Duration::from_secs(start), end: Some(Duration::from_secs(end)) };
            Recording { columns: [("age".into(), "3".into())].into(), ..recording("night.ogg", 1).cut(segment) }
        };
        let corpus = Corpus {
            root: "a corpus".into(),
            labels: ["hungry", "tired"].map(String::from).to_vec(),
            recordings: vec![recording("hungry/1.WAV", 0), segment(1, 2), segment(5, 7)],
            ..Corpus::default()
        };
        let found: Value = serde_json::from_str(&croissant(&corpus, &[Some("anna"), None, None])).unwrap();
        assert_eq!(
            (&found["name"], &found["conformsTo"]),
            (&json!("a corpus"), &json!("http://mlcommons.org/croissant/1.1"))
        );
        let [set, first, second] = &found["distribution"].as_array().unwrap()[..] else { panic!("{found}") };
        assert_eq!(set["includes"], json!(["**/*.WAV", "**/*.ogg"]));
        assert_eq!(set["encodingFormat"], json!(["audio/ogg", "audio/wav"]));
        assert_eq!((&first["contentUrl"], &first["sha256"]), (&json!("hungry/1.WAV"), &json!("ab".repeat(32))));
        assert_eq!((&second["contentUrl"], &second["sha256"]), (&json!("night.ogg"), &json!("ab".repeat(32))));
        let row = |index: usize, name: &str| found["recordSet"][1]["data"][index][format!("recordings/{name}")].clone();
        assert_eq!(["path", "label", "recorder"].map(|name| row(0, name)), ["hungry/1.WAV", "hungry", "anna"]);
        assert_eq!(["file", "age"].map(|name| row(1, name)), ["night.ogg", "3"]);
        assert_eq!((row(2, "start_seconds"), row(2, "end_seconds")), (json!(5.0), json!(7.0)));
        assert_eq!(
            [row(1, "recorder"), row(0, "age"), row(0, "start_seconds")],
            [Value::Null, Value::Null, Value::Null]
        );
    }
}
