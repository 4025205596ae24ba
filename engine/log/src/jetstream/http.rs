//! A plain HTTP GET, for a server's monitoring port: no TLS, no redirects, a short answer.
//!
//! The port only reports settings and accepts no commands. Operators bind it to loopback or a private
//! network.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// The longest response, in bytes: the whole state of a server is some kilobytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Requests a path from `http://host[:port]` and returns the body. It blocks.
///
/// # Errors
/// When the address is malformed, the server does not respond in time, or the status is not 200.
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
    // HTTP 1.0 has no chunks: the body ends with the connection.
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "the response is not HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(odd)?;
    let status = head.split_whitespace().nth(1).ok_or_else(odd)?;
    if status == "200" {
        Ok(body.to_owned())
    } else {
        Err(io::Error::other(format!("the response has status {status}")))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// The result for this response of a server, and the request that the server got.
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
    fn the_body_begins_after_the_headers() {
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
