//! The recordings in a request body, in any of the supported forms.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use hyper::body::Bytes;
use serde::Deserialize;

use crate::body::Held;
use crate::problem::Problem;
use crate::service::Service;
use crate::sound::Sound;

/// Maximum number of recordings in one request.
const MAX_SOUNDS: usize = 16;

/// The recordings in a request body.
pub struct Upload {
    /// One to 16 recordings.
    pub sounds: Vec<Sound>,
    /// Keeps the body's memory reserved.
    _held: Held,
}

/// A JSON body that names a recording by URL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    url: String,
}

impl Upload {
    /// Reads a request body: a form with one or more fields `file`, a sound file, or, if fetching is on, JSON with a `url`.
    ///
    /// # Errors
    /// The errors of `Memory::read`, [`Problem::Invalid`] if there is no recording, [`Problem::MediaType`] for other
    /// content types, [`Problem::Unusable`] for a damaged form.
    pub async fn read(request: Request, service: &Service) -> Result<Self, Problem> {
        let header = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = header.unwrap_or_default().to_owned();
        let held = service.memory.read(request.into_body(), &service.settings.limits).await?;
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let sounds = match media_type.as_str() {
            "multipart/form-data" => form_files(held.bytes.clone(), &content_type).await?,
            "application/json" => vec![linked(&held.bytes, service).await?],
            "application/octet-stream" | "application/ogg" => vec![Sound::unnamed(held.bytes.clone())],
            audio if audio.starts_with("audio/") => vec![Sound::unnamed(held.bytes.clone())],
            "" if held.bytes.is_empty() => vec![],
            _ => return Err(Problem::MediaType),
        };
        if sounds.is_empty() {
            return Err(no_file());
        }
        Ok(Self { sounds, _held: held })
    }
}

fn no_file() -> Problem {
    Problem::Invalid(vec!["body", "file"], "no recording: send one in the form field `file`".into())
}

async fn form_files(body: Bytes, content_type: &str) -> Result<Vec<Sound>, Problem> {
    let damaged = |error: multer::Error| Problem::Unusable(format!("the form cannot be read: {error}"));
    let boundary = multer::parse_boundary(content_type).map_err(damaged)?;
    let mut form = multer::Multipart::new(Body::from(body).into_data_stream(), boundary);
    let mut sounds = Vec::new();
    while let Some(field) = form.next_field().await.map_err(damaged)? {
        if field.name() != Some("file") {
            continue;
        }
        if sounds.len() == MAX_SOUNDS {
            let problem = format!("too many recordings: send at most {MAX_SOUNDS} per request");
            return Err(Problem::Invalid(vec!["body", "file"], problem));
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        sounds.push(Sound::named(&name, field.bytes().await.map_err(damaged)?));
    }
    Ok(sounds)
}

async fn linked(body: &[u8], service: &Service) -> Result<Sound, Problem> {
    let Some(fetcher) = service.fetcher.clone() else { return Err(no_file()) };
    let link: Link = serde_json::from_slice(body).map_err(|_| {
        Problem::Invalid(vec!["body", "url"], "the JSON body must be an object with the one key `url`".into())
    })?;
    fetcher.fetch(link.url).await.map(|bytes| Sound::unnamed(bytes.into()))
}
