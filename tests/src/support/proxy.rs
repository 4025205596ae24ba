//! A TCP proxy between a client and a server that can drop all traffic without closing connections.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Listens on a free port and forwards connections until it is cut.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    is_cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let is_cut = watch::Sender::new(false);
        let receiver = is_cut.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, port, receiver.clone()));
            }
        });
        Self { port: own_port, is_cut, task }
    }

    /// Stops forwarding bytes. Connections stay open, so that neither side notices.
    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Forwards new connections again and closes those that were cut.
    pub(crate) fn restore(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut client: TcpStream, port: u16, mut is_cut: watch::Receiver<bool>) {
    if !*is_cut.borrow() {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = is_cut.wait_for(|cut| *cut) => {}
        }
    }
    let _ = is_cut.wait_for(|cut| !*cut).await;
}
