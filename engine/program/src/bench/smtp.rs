//! A local mail server that accepts every mail, and a plain client to compare with.

use std::io;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// The typical size of an invitation in bytes.
const MAIL_BYTES: usize = 2_500;
/// The width of a line of a mail, in bytes.
const LINE_BYTES: usize = 72;

/// A mail server that accepts every mail and forgets it.
#[derive(Debug)]
pub struct Sink {
    pub port: u16,
    accepting: AbortHandle,
}

impl Sink {
    /// Starts the server on a free port of this machine.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let accepting = tokio::spawn(async move {
            // A session ends when its client disconnects, or when this task is aborted.
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sessions.spawn(serve(stream));
            }
        });
        Ok(Self { port, accepting: accepting.abort_handle() })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers one client until the client quits.
async fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await?;
    let (mut line, mut in_mail) = (Vec::new(), false);
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match (in_mail, line.as_slice()) {
            (true, b".\r\n") => {
                in_mail = false;
                b"250 accepted\r\n"
            }
            (true, _) => continue,
            (false, b"DATA\r\n") => {
                in_mail = true;
                b"354 go on\r\n"
            }
            (false, b"QUIT\r\n") => return stream.write_all(b"221 bye\r\n").await,
            (false, command) if command.starts_with(b"EHLO") => {
                b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
            }
            (false, _) => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}

/// Sends the mails over this number of connections, and keeps no record. Each connection waits for the reply to each
/// command. Returns the mails per second.
///
/// # Errors
/// When the server cannot be reached or sends an unexpected reply.
pub async fn plain_client(port: u16, connections: usize, mails: usize) -> io::Result<f64> {
    let started = Instant::now();
    let mut sending = JoinSet::new();
    for index in 0..connections {
        // The remainder of the division: the first connections send one mail more.
        let share = mails / connections + usize::from(index < mails % connections);
        sending.spawn(send(port, share));
    }
    while let Some(sent) = sending.join_next().await {
        sent.map_err(io::Error::other)??;
    }
    Ok(mails as f64 / started.elapsed().as_secs_f64().max(1e-9))
}

async fn send(port: u16, mails: usize) -> io::Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    expect_reply(&mut stream, "220").await?;
    send_command(&mut stream, "EHLO bench\r\n", "250").await?;
    let line = format!("{}\r\n", "x".repeat(LINE_BYTES));
    let content = line.repeat(MAIL_BYTES / line.len()) + ".\r\n";
    for _ in 0..mails {
        send_command(&mut stream, "MAIL FROM:<bench@acme.example>\r\n", "250").await?;
        send_command(&mut stream, "RCPT TO:<jane@acme.example>\r\n", "250").await?;
        send_command(&mut stream, "DATA\r\n", "354").await?;
        send_command(&mut stream, &content, "250").await?;
    }
    Ok(())
}

async fn send_command(
    stream: &mut BufReader<TcpStream>,
    command: &str,
    code: &str,
) -> io::Result<()> {
    stream.write_all(command.as_bytes()).await?;
    expect_reply(stream, code).await
}

/// Reads one reply. Fails unless all its lines begin with the code.
async fn expect_reply(stream: &mut BufReader<TcpStream>, code: &str) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        match line.strip_prefix(code) {
            Some(rest) if rest.starts_with('-') => {}
            Some(_) => return Ok(()),
            None => return Err(io::Error::other(format!("{code} expected: {line:?}"))),
        }
    }
}
