//! The API's description, OpenAPI 3.1. The schemas come from the types that are sent, so that no second description can differ.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::api::classify::{Answers, Parameters};
use crate::api::health::Health;
use crate::api::model::Model;
use crate::api::predict::Plain;
use crate::problem::{ErrorBody, InvalidBody};

/// Statuses that any question may get.
const ALWAYS: [(&str, &str); 1] = [("500", "It is our fault")];
/// Statuses that a question with recordings may get, besides 422.
const WITH_RECORDINGS: [(&str, &str); 5] = [
    ("400", "The recording cannot be used, or the body is broken"),
    ("401", "A token is needed"),
    ("408", "The body came too slowly"),
    ("413", "The body is too large"),
    ("503", "Too busy; Retry-After says when to come again"),
];

/// The whole document.
pub fn document() -> Value {
    let mut schemas = settings().into_generator();
    let paths = json!({
        "/health": { "get": question("Is it there?", "health", ok::<Health>(&mut schemas), &mut schemas, &[]) },
        "/livez": { "get": question("Does the process answer?", "livez", ok::<Health>(&mut schemas), &mut schemas, &[]) },
        "/readyz": {
            "get": question("Would a request be taken now?", "readyz", ok::<Health>(&mut schemas), &mut schemas, &[WITH_RECORDINGS[4]])
        },
        "/predict": { "post": predict(&mut schemas) },
        "/v1/classify": { "post": classify(&mut schemas) },
        "/v1/model": {
            "get": secured(question("Which model answers?", "model", ok::<Model>(&mut schemas), &mut schemas, &[WITH_RECORDINGS[1]]))
        },
        "/metrics": { "get": secured(question("Counters and times", "metrics", json!({
            "description": "OpenMetrics text",
            "content": { "application/openmetrics-text": { "schema": { "type": "string" } } },
        }), &mut schemas, &[WITH_RECORDINGS[1]])) },
    });
    let mut components = Map::new();
    components.insert("schemas".into(), Value::Object(schemas.take_definitions(true)));
    components.insert("securitySchemes".into(), json!({ "token": { "type": "http", "scheme": "bearer" } }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wail",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Says why a baby may cry, from a recording of a few seconds. Research software, no medical device.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": components,
    })
}

/// OpenAPI 3.1 speaks JSON Schema 2020-12.
fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.meta_schema = None;
        settings.definitions_path = "/components/schemas".into();
    })
}

fn predict(schemas: &mut SchemaGenerator) -> Value {
    let mut question = question("Classify one recording", "predict", ok::<Plain>(schemas), schemas, &WITH_RECORDINGS);
    question["responses"]["422"] = answer::<InvalidBody>("A parameter makes no sense, or there is no file", schemas);
    question["parameters"] = json!([{
        "name": "top_k", "in": "query", "required": false,
        "description": "How many classes to rank; 0 is taken for 1, and more than there are for all.",
        "schema": { "type": "integer", "minimum": 0, "default": 3 },
    }]);
    question["requestBody"] = json!({ "required": true, "content": { "multipart/form-data": { "schema": form(1) } } });
    secured(question)
}

fn classify(schemas: &mut SchemaGenerator) -> Value {
    let mut question = question(
        "Classify recordings, with all that is known",
        "classify",
        ok::<Answers>(schemas),
        schemas,
        &WITH_RECORDINGS,
    );
    question["responses"]["415"] = answer::<ErrorBody>("A body of this type is not read", schemas);
    question["responses"]["422"] = answer::<InvalidBody>("A parameter makes no sense, or there is no file", schemas);
    let schema = settings().into_generator().into_root_schema_for::<Parameters>().to_value();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let parameter = |(name, property): (&String, &Value)| json!({ "name": name, "in": "query", "required": false, "schema": property });
    question["parameters"] = properties.map(parameter).collect();
    let raw = json!({ "schema": { "type": "string", "format": "binary", "minLength": 1 } });
    question["requestBody"] = json!({
        "required": true,
        "content": { "multipart/form-data": { "schema": form(16) }, "audio/*": raw, "application/octet-stream": raw },
    });
    secured(question)
}

/// Form data with at most so many sound files.
fn form(max_files: usize) -> Value {
    let file =
        json!({ "type": "string", "format": "binary", "description": "wav, flac, mp3, ogg-vorbis, m4a, aac or caf" });
    let files = if max_files == 1 {
        file
    } else {
        json!({ "type": "array", "items": file, "minItems": 1, "maxItems": max_files })
    };
    json!({ "type": "object", "required": ["file"], "properties": { "file": files } })
}

fn question(summary: &str, id: &str, success: Value, schemas: &mut SchemaGenerator, errors: &[(&str, &str)]) -> Value {
    let mut responses = Map::from_iter([("200".to_owned(), success)]);
    for (status, description) in errors.iter().chain(&ALWAYS) {
        responses.insert((*status).into(), answer::<ErrorBody>(description, schemas));
    }
    json!({ "summary": summary, "operationId": id, "responses": responses })
}

/// The token is optional here: whether it is needed is the service's setting.
fn secured(mut question: Value) -> Value {
    question["security"] = json!([{}, { "token": [] }]);
    question
}

fn ok<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    answer::<T>("The answer", schemas)
}

fn answer<T: JsonSchema>(description: &str, schemas: &mut SchemaGenerator) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schemas.subschema_for::<T>() } } })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_is_as_reviewed() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&super::document()).unwrap_or_default());
    }
}
