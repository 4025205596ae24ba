//! A wire between a client and a server that can be cut: nothing comes through, and nobody is told.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Listens on a port of its own, and passes on what comes, until it is cut.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let cut = watch::Sender::new(false);
        let watched = cut.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass(near, port, watched.clone()));
            }
        });
        Self { port: own, cut, task }
    }

    /// From now on bytes go nowhere; connections look as if they were there.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// New connections come through again; those that were cut are gone.
    pub(crate) fn mend(&self) {
        self.cut.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut near: TcpStream, port: u16, mut cut: watch::Receiver<bool>) {
    if !*cut.borrow() {
        let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            _ = cut.wait_for(|cut| *cut) => {}
        }
    }
    let _ = cut.wait_for(|cut| !*cut).await;
}
