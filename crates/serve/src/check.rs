//! `wail-serve check`: the health check of a container.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Error;

/// Time limit for connecting, and for each read.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// Checks that the service at `address` answers `GET /livez` with status 200.
///
/// # Errors
/// [`Error::Unreachable`] or [`Error::Unhealthy`].
pub fn check(address: SocketAddr) -> Result<(), Error> {
    let answer = get_livez(address).map_err(|source| Error::Unreachable { address, source })?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(Error::Unhealthy(address)) }
}

fn get_livez(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}
