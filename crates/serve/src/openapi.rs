//! The OpenAPI 3.1 document of the API. The schemas come from the types that are sent, so the document cannot differ from the responses.

use monitor::{Level, Recorded, Review, SourceStatus};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::api::classify::{Answers, Parameters};
use crate::api::episodes::{self, EpisodeList};
use crate::api::health::Health;
use crate::api::model::Model;
use crate::api::monitor::MonitorState;
use crate::api::predict::{CRY_SCORE, NOT_A_CRY, Plain, WARNINGS};
use crate::problem::{ErrorBody, InvalidBody};

/// Status and description of an error response.
type ErrorResponse = (&'static str, &'static str);

const UNAUTHORIZED: ErrorResponse = ("401", "The access token is missing or wrong");
const ELSEWHERE: ErrorResponse =
    ("403", "The service has no token, and the request names another machine than localhost");
const NO_MONITOR: ErrorResponse = ("404", "No monitor runs here");
const NO_EPISODE: ErrorResponse = ("404", "There is no such episode or clip, or no monitor runs here");
const BUSY: ErrorResponse = ("503", "The service is busy; Retry-After says when to try again");
const INTERNAL: ErrorResponse = ("500", "The service failed");
/// Error responses of operations that take recordings, besides 422.
const WITH_RECORDINGS: [ErrorResponse; 6] = [
    ("400", "The recording is not usable, or the request body is damaged"),
    UNAUTHORIZED,
    ("408", "The request body was sent too slowly"),
    ("413", "The request body is too large"),
    ("415", "The request body is compressed, or its content type is not supported"),
    BUSY,
];
const CLASSIFY_LIMITS: &str = "A request has at most 16 recordings and, unless the service was started with other limits, 10 MiB and 30 s for \
    the answer. Of a recording, the first clip is classified (`clip_seconds` of `GET /v1/model`); with `episodes`, `window` or `hop` also at most 240 \
    windows of its first 120 s. A recording that is longer, or shorter than half a clip, gets a warning. An explanation is of one recording \
    without windows. Recordings have 4 to 192 kHz.";
const INVALID: &str = "A parameter is invalid, or there is no recording";

const EVENTS: &str = "Server-sent events, each with a name and JSON on one line: `start`, `end` and `review` with an episode (`Recorded`), `level` with what a \
    window of a source sounded like (`Level`, about two a second for each source), and `source` with the state of a source \
    (`SourceStatus`). Whoever reads too slowly loses levels first. A comment every 15 s keeps the connection open. The stream ends when \
    the service stops.";

/// The whole document.
pub fn document() -> Value {
    let mut schemas = settings().into_generator();
    let paths = paths(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wail",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Estimates why a baby is crying from a recording of a few seconds. Research software, not a medical device.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

/// JSON Schema 2020-12, the dialect of OpenAPI 3.1.
fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.meta_schema = None;
        settings.definitions_path = "/components/schemas".into();
    })
}

fn paths(schemas: &mut SchemaGenerator) -> Value {
    json!({
        "/health": { "get": operation("Does the service answer?", "health", ok::<Health>(schemas), schemas, &[]) },
        "/livez": { "get": operation("Does the service answer?", "livez", ok::<Health>(schemas), schemas, &[]) },
        "/readyz": {
            "get": operation("Would a new request be accepted?", "readyz", ok::<Health>(schemas), schemas, &[BUSY])
        },
        "/predict": { "post": predict(schemas) },
        "/v1/classify": { "post": classify(schemas) },
        "/v1/model": {
            "get": secured(operation("Describe the model", "model", ok::<Model>(schemas), schemas, &[UNAUTHORIZED]))
        },
        "/v1/monitor": { "get": secured(operation(
            "Describe the microphones and cameras that are listened to", "monitor", ok::<MonitorState>(schemas), schemas,
            &[UNAUTHORIZED, ELSEWHERE, NO_MONITOR],
        )) },
        "/v1/episodes": { "get": episodes(schemas) },
        "/v1/episodes/{id}/clip": { "get": clip(schemas) },
        "/v1/episodes/{id}/review": { "post": review(schemas) },
        "/v1/events": { "get": events(schemas) },
        "/metrics": { "get": secured(operation("Counters and times", "metrics", json!({
            "description": "OpenMetrics text",
            "content": { "application/openmetrics-text": { "schema": { "type": "string" } } },
        }), schemas, &[UNAUTHORIZED])) },
    })
}

fn predict(schemas: &mut SchemaGenerator) -> Value {
    let mut success = ok::<Plain>(schemas);
    let header = |description: &str, schema: Value| json!({ "description": description, "schema": schema });
    success["headers"] = json!({
        CRY_SCORE.as_str(): header(
            "How much the recording sounds like a cry. Absent if the model has no gate.",
            json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        ),
        NOT_A_CRY.as_str(): header(
            "Whether the cry score is below the model's threshold: label and probabilities are then meaningless. Absent if the model has \
             no gate.",
            json!({ "type": "boolean" }),
        ),
        WARNINGS.as_str(): header(
            "Quality warnings, such as a silent recording, separated by `; `. Absent if there are none.",
            json!({ "type": "string" }),
        ),
    });
    let mut operation = operation("Classify one recording", "predict", success, schemas, &WITH_RECORDINGS);
    operation["responses"]["422"] = response::<InvalidBody>(INVALID, schemas);
    operation["parameters"] = json!([{
        "name": "top_k", "in": "query", "required": false,
        "description": "Number of classes to rank; values outside of 1 to the number of classes are clamped.",
        "schema": { "type": "integer", "minimum": 0, "default": 3 },
    }]);
    operation["requestBody"] = json!({ "required": true, "content": { "multipart/form-data": { "schema": form(1) } } });
    secured(operation)
}

fn classify(schemas: &mut SchemaGenerator) -> Value {
    let summary = "Classify recordings, with all details";
    let success = ok::<Answers>(schemas);
    let mut operation = operation(summary, "classify", success, schemas, &WITH_RECORDINGS);
    operation["description"] = CLASSIFY_LIMITS.into();
    operation["responses"]["422"] = response::<InvalidBody>(INVALID, schemas);
    operation["parameters"] = query::<Parameters>();
    let raw = json!({ "schema": { "type": "string", "format": "binary", "minLength": 1 } });
    operation["requestBody"] = json!({
        "required": true,
        "content": { "multipart/form-data": { "schema": form(16) }, "audio/*": raw, "application/octet-stream": raw },
    });
    secured(operation)
}

fn episodes(schemas: &mut SchemaGenerator) -> Value {
    let summary = "List the episodes of crying that the monitor found, the newest first";
    let success = ok::<EpisodeList>(schemas);
    let mut operation = operation(summary, "episodes", success, schemas, &[UNAUTHORIZED, ELSEWHERE, NO_MONITOR]);
    operation["responses"]["422"] = response::<InvalidBody>("A parameter is invalid", schemas);
    operation["parameters"] = query::<episodes::Parameters>();
    secured(operation)
}

fn clip(schemas: &mut SchemaGenerator) -> Value {
    let success = json!({
        "description": "16-bit mono FLAC, from some seconds before the onset to the end, of at most 120 s",
        "content": { "audio/flac": { "schema": { "type": "string", "format": "binary" } } },
    });
    let mut operation =
        operation("Get the sound of an episode", "clip", success, schemas, &[UNAUTHORIZED, ELSEWHERE, NO_EPISODE]);
    operation["parameters"] = episode_number();
    secured(operation)
}

fn review(schemas: &mut SchemaGenerator) -> Value {
    let errors = [
        ("400", "The request body is damaged"),
        UNAUTHORIZED,
        ELSEWHERE,
        NO_EPISODE,
        ("408", "The request body was sent too slowly"),
        ("413", "The request body is too large"),
        BUSY,
    ];
    let success = ok::<Recorded>(schemas);
    let mut operation = operation("Say whether an episode was a cry, and why", "review", success, schemas, &errors);
    operation["responses"]["422"] = response::<InvalidBody>("The review is invalid", schemas);
    operation["parameters"] = episode_number();
    operation["requestBody"] = json!({
        "required": true,
        "content": { "application/json": { "schema": schemas.subschema_for::<Review>() } },
    });
    secured(operation)
}

fn events(schemas: &mut SchemaGenerator) -> Value {
    let data = [
        schemas.subschema_for::<Recorded>(),
        schemas.subschema_for::<Level>(),
        schemas.subschema_for::<SourceStatus>(),
    ];
    let success = json!({
        "description": "The events from now on",
        "content": { "text/event-stream": { "schema": {
            "type": "string",
            "contentMediaType": "text/event-stream",
            "x-data": data,
        } } },
    });
    let mut operation =
        operation("Follow the monitor", "events", success, schemas, &[UNAUTHORIZED, ELSEWHERE, NO_MONITOR]);
    operation["description"] = EVENTS.into();
    secured(operation)
}

/// The optional query parameters that are the fields of `T`.
fn query<T: JsonSchema>() -> Value {
    let schema = settings().into_generator().into_root_schema_for::<T>().to_value();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let parameter = |(name, property): (&String, &Value)| json!({ "name": name, "in": "query", "required": false, "schema": property });
    properties.map(parameter).collect()
}

/// The path parameter `id`.
fn episode_number() -> Value {
    json!([{
        "name": "id", "in": "path", "required": true,
        "description": "Number of the episode.",
        "schema": { "type": "integer", "minimum": 1 },
    }])
}

/// Schema of a form with one to `max_files` sound files.
fn form(max_files: usize) -> Value {
    let file = json!({ "type": "string", "format": "binary", "description": "wav, aiff, au, caf, flac, mp3, ogg or webm (Vorbis or Opus), m4a or aac" });
    let files = if max_files == 1 {
        file
    } else {
        json!({ "type": "array", "items": file, "minItems": 1, "maxItems": max_files })
    };
    json!({ "type": "object", "required": ["file"], "properties": { "file": files } })
}

/// An operation with its success response, `errors`, and status 500, which every operation may have.
fn operation(
    summary: &str,
    id: &str,
    success: Value,
    schemas: &mut SchemaGenerator,
    errors: &[ErrorResponse],
) -> Value {
    let mut responses = Map::from_iter([("200".to_owned(), success)]);
    for (status, description) in errors.iter().chain(&[INTERNAL]) {
        responses.insert((*status).into(), response::<ErrorBody>(description, schemas));
    }
    json!({ "summary": summary, "operationId": id, "responses": responses })
}

/// Marks the token as optional, since the settings of the service decide whether it is needed.
fn secured(mut operation: Value) -> Value {
    operation["security"] = json!([{}, { "token": [] }]);
    operation
}

fn ok<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    response::<T>("Success", schemas)
}

fn response<T: JsonSchema>(description: &str, schemas: &mut SchemaGenerator) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schemas.subschema_for::<T>() } } })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_is_as_reviewed() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&super::document()).unwrap_or_default());
    }
}
