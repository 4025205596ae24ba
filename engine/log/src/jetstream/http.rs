//! A plain HTTP GET, for a server's monitoring port: no TLS, no redirects, a short answer.
//!
//! The port says what the server's settings are and takes no orders; it is bound to the machine itself or
//! to a network of the operator's own.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// The longest answer, in bytes: a server's whole state is some kilobytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Asks for a path at an address `http://host[:port]`; the body of the answer. Blocks.
///
/// # Errors
/// When the address is none, nobody answers in time, or the answer is another status than 200.
pub(super) fn get(address: &str, path: &str, patience: Duration) -> io::Result<String> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let url = url::Url::parse(address).map_err(|error| invalid(&error.to_string()))?;
    if url.scheme() != "http" {
        return Err(invalid("it does not begin with http://"));
    }
    let host = url.host_str().ok_or_else(|| invalid("it names no host"))?;
    let port = url.port().unwrap_or(8222);
    let mut addresses = (host.trim_matches(['[', ']']), port).to_socket_addrs()?;
    let socket = addresses.next().ok_or_else(|| invalid("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&socket, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    // Version 1.0 is answered in one piece and ends with the connection.
    let asked = format!("GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not one of HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(odd)?;
    let status = head.split_whitespace().nth(1).ok_or_else(odd)?;
    if status == "200" {
        Ok(body.to_owned())
    } else {
        Err(io::Error::other(format!("the answer is status {status}")))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// The answer of a server that says this, and what it was asked.
    fn answered(says: &'static str) -> (io::Result<String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).unwrap();
            stream.write_all(says.as_bytes()).unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let answer = get(&address, "/varz", PATIENCE);
        (answer, server.join().unwrap())
    }

    #[test]
    fn the_body_of_an_answer_is_what_follows_the_headers() {
        let (answer, asked) =
            answered("HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n{\"a\":1}\r\n\r\n");
        assert_eq!(answer.unwrap(), "{\"a\":1}\r\n\r\n");
        assert!(asked.starts_with("GET /varz HTTP/1.0\r\nHost: 127.0.0.1:"), "{asked}");
    }

    #[test]
    fn anything_else_is_an_error() {
        assert!(
            answered("HTTP/1.0 404 Not Found\r\n\r\nno").0.unwrap_err().to_string().contains("404")
        );
        assert!(answered("SSH-2.0").0.is_err());
        for address in ["https://127.0.0.1", "127.0.0.1:8222", "", "http://"] {
            assert!(get(address, "/varz", PATIENCE).is_err(), "{address}");
        }
    }
}
