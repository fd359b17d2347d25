//! The recordings in a request, however they are sent.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use hyper::body::Bytes;
use serde::Deserialize;

use crate::body::Held;
use crate::problem::Problem;
use crate::service::Service;

/// Most recordings in one request.
const MAX_SOUNDS: usize = 16;
/// Longest file name that is sent back, characters.
const MAX_NAME: usize = 200;
/// Longest file extension that is passed to the decoder as a hint.
const MAX_EXTENSION: usize = 8;

/// The recordings in a request.
pub struct Upload {
    /// At least one.
    pub sounds: Vec<Sound>,
    /// Says that the body's memory is in use.
    _held: Held,
}

/// A recording as it was sent.
#[derive(Debug)]
pub struct Sound {
    /// What the client calls it. To be shown, never to be used as a path.
    pub name: Option<String>,
    /// The sound file.
    pub bytes: Bytes,
    /// A hint for the decoder.
    pub extension: Option<String>,
}

/// A body that says where the recording is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    url: String,
}

impl Upload {
    /// Reads a request: multipart form data with one or more fields `file`, a sound file as it is, or, where that is switched on, JSON
    /// with a `url`.
    ///
    /// # Errors
    /// Those of the body; [`Problem::Invalid`] if there is no recording, [`Problem::MediaType`] for other bodies,
    /// [`Problem::Unusable`] for damaged ones.
    pub async fn read(request: Request, service: &Service) -> Result<Self, Problem> {
        let header = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = header.unwrap_or_default().to_owned();
        let held = service.memory.read(request.into_body(), &service.settings.limits).await?;
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let sounds = match media_type.as_str() {
            "multipart/form-data" => parts(held.bytes.clone(), &content_type).await?,
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

impl Sound {
    pub(crate) fn unnamed(bytes: Bytes) -> Self {
        Self { name: None, bytes, extension: None }
    }

    fn named(name: &str, bytes: Bytes) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        let is_plain = |extension: &String| {
            extension.len() <= MAX_EXTENSION && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        Self { name: Some(name.chars().take(MAX_NAME).collect()), bytes, extension: extension.filter(is_plain) }
    }
}

fn no_file() -> Problem {
    Problem::Invalid(vec!["body", "file"], "there is no recording in the field `file`".into())
}

async fn parts(body: Bytes, content_type: &str) -> Result<Vec<Sound>, Problem> {
    let broken = |error: multer::Error| Problem::Unusable(format!("broken form data: {error}"));
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let mut form = multer::Multipart::new(Body::from(body).into_data_stream(), boundary);
    let mut sounds = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() != Some("file") {
            continue;
        }
        if sounds.len() == MAX_SOUNDS {
            return Err(Problem::Invalid(vec!["body", "file"], format!("more than {MAX_SOUNDS} recordings")));
        }
        let name = field.file_name().unwrap_or_default().to_owned();
        sounds.push(Sound::named(&name, field.bytes().await.map_err(broken)?));
    }
    Ok(sounds)
}

async fn linked(body: &[u8], service: &Service) -> Result<Sound, Problem> {
    let Some(fetcher) = service.fetcher.clone() else { return Err(no_file()) };
    let link: Link = serde_json::from_slice(body)
        .map_err(|_| Problem::Invalid(vec!["body", "url"], "the body is JSON with the key `url` alone".into()))?;
    fetcher.fetch(link.url).await.map(|bytes| Sound::unnamed(bytes.into()))
}
