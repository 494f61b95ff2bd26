//! A TCP relay in front of a service, which can be cut: then it ends every connection and takes no new one.

use std::sync::Arc;

use anyhow::Context;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Clone)]
pub struct Relay {
    /// Where to connect instead of the service.
    pub address: String,
    open: Arc<watch::Sender<bool>>,
}

impl Relay {
    /// Stands in for `service`, a host and a port.
    pub async fn to(service: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the relay")?;
        let address = listener.local_addr()?.to_string();
        let open = Arc::new(watch::Sender::new(true));
        tokio::spawn(accept(listener, service.to_owned(), open.clone()));
        Ok(Self { address, open })
    }

    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    pub fn restore(&self) {
        self.open.send_replace(true);
    }

    /// The URL with its host and port replaced by the relay's.
    pub fn instead_of(&self, url: &str) -> anyhow::Result<String> {
        Ok(url.replacen(&authority(url)?, &self.address, 1))
    }
}

/// Host and port of a URL such as `amqp://user:password@host:port/path`.
pub fn authority(url: &str) -> anyhow::Result<String> {
    let rest = url.split_once("://").context("a URL")?.1;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    Ok(authority.rsplit('@').next().unwrap_or_default().to_owned())
}

async fn accept(listener: TcpListener, service: String, open: Arc<watch::Sender<bool>>) {
    while let Ok((client, _)) = listener.accept().await {
        let (service, mut state) = (service.clone(), open.subscribe());
        if *state.borrow() {
            tokio::spawn(async move {
                tokio::select! {
                    _ = carry(client, &service) => {}
                    _ = state.wait_for(|open| !open) => {}
                }
            });
        }
    }
}

async fn carry(mut client: TcpStream, service: &str) -> std::io::Result<()> {
    let mut server = TcpStream::connect(service).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}
