//! The recordings in a request body, in any of the supported forms.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use serde::Deserialize;

use crate::body::Held;
use crate::problem::Problem;
use crate::service::Service;
use crate::sound::Sound;

/// Maximum number of recordings in one request.
const MAX_SOUNDS: usize = 16;

/// A JSON body that names a recording by URL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    url: String,
}

/// Reads the one to 16 recordings of a request: a form with one or more fields `file`, a sound file, or, if fetching is on, JSON with
/// a `url`.
///
/// # Errors
/// The errors of `Memory::read` and `Fetcher::fetch`, [`Problem::Compressed`], [`Problem::Invalid`] if there is no recording,
/// [`Problem::MediaType`] for other content types, [`Problem::Unusable`] for a damaged form.
pub async fn recordings(request: Request, service: &Service) -> Result<Vec<Sound>, Problem> {
    let (head, body) = request.into_parts();
    let held = service.memory.read(body, &service.settings.limits).await?;
    if is_compressed(&head.headers) {
        return Err(Problem::Compressed);
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let sounds = match media_type.as_str() {
        "multipart/form-data" => form_files(held, content_type).await?,
        "application/json" => vec![linked(held, service).await?],
        "application/octet-stream" | "application/ogg" => vec![Sound::unnamed(held)],
        audio if audio.starts_with("audio/") => vec![Sound::unnamed(held)],
        "" if held.is_empty() => vec![],
        _ => return Err(Problem::MediaType),
    };
    if sounds.is_empty() {
        return Err(Problem::Invalid(vec!["body", "file"], "no recording: send one in the form field `file`".into()));
    }
    Ok(sounds)
}

/// Whether the body is encoded in another way than chunked.
fn is_compressed(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::CONTENT_ENCODING).iter().chain(headers.get_all(header::TRANSFER_ENCODING));
    let is_plain = |name: &str| ["", "identity", "chunked"].iter().any(|plain| name.trim().eq_ignore_ascii_case(plain));
    lists.map(|list| list.to_str().unwrap_or("unknown")).any(|list| !list.split(',').all(is_plain))
}

/// The fields `file` of a form. They share the memory of the body.
async fn form_files(body: Held, content_type: &str) -> Result<Vec<Sound>, Problem> {
    let damaged = |error: multer::Error| Problem::Unusable(format!("the form cannot be read: {error}"));
    let boundary = multer::parse_boundary(content_type).map_err(damaged)?;
    let (body, reserved) = body.into_parts();
    let mut form = multer::Multipart::new(Body::from(body).into_data_stream(), boundary);
    let mut sounds = Vec::new();
    while let Some(mut field) = form.next_field().await.map_err(damaged)? {
        if field.name() != Some("file") {
            continue;
        }
        if sounds.len() == MAX_SOUNDS {
            let problem = format!("too many recordings: send at most {MAX_SOUNDS} per request");
            return Err(Problem::Invalid(vec!["body", "file"], problem));
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        // The whole body is there, so a field is one chunk, which is not copied.
        let mut content = field.chunk().await.map_err(damaged)?.unwrap_or_default();
        while let Some(more) = field.chunk().await.map_err(damaged)? {
            content = [content, more].concat().into();
        }
        sounds.push(Sound::named(&name, Held::from_parts(content, Arc::clone(&reserved))));
    }
    Ok(sounds)
}

async fn linked(body: Held, service: &Service) -> Result<Sound, Problem> {
    let invalid = |reason: &str| Problem::Invalid(vec!["body", "url"], reason.into());
    let Some(fetcher) = &service.fetcher else {
        return Err(invalid(
            "recordings by URL are off: send the recording itself, or start wail-serve with --allow-url-host HOST",
        ));
    };
    let link: Link =
        serde_json::from_slice(&body).map_err(|_| invalid("the JSON body must be an object with the one key `url`"))?;
    drop(body);
    Ok(Sound::unnamed(fetcher.fetch(link.url, &service.memory).await?))
}
