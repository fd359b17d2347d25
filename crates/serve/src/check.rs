//! `wail-serve check`: the health check of a container.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Error;

/// Time limit for the whole check.
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Start of the answer of a healthy service.
const HEALTHY: &[u8] = b"HTTP/1.1 200 ";

/// Checks that the service at `address` answers `GET /livez` with status 200.
///
/// # Errors
/// [`Error::Unreachable`] or [`Error::Unhealthy`].
pub fn check(address: SocketAddr) -> Result<(), Error> {
    let answer = get_livez(address).map_err(|source| Error::Unreachable { address, source })?;
    if answer == HEALTHY { Ok(()) } else { Err(Error::Unhealthy(address)) }
}

/// The first bytes of the answer, as many as those of [`HEALTHY`].
fn get_livez(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let deadline = Instant::now() + TIME_LIMIT;
    let mut stream = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while answer.len() < HEALTHY.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    Ok(answer)
}
