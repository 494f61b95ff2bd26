//! TLS in front of a service that does not use it here: a relay with a certificate from an invented CA.

use std::{path::Path, sync::Arc};

use anyhow::{Context, ensure};
use harness::authority;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

/// Signs the certificates of the relays.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    AtOnce,
    /// After the eight bytes with which a client of PostgreSQL asks for it.
    WhenAsked,
}

impl Ca {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new([])?;
        // Two CAs with the same name would be confused.
        params.distinguished_name.push(DnType::CommonName, Uuid::new_v4().to_string());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Writes the certificate for `SSL_CERT_FILE`.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<String> {
        std::fs::write(file, self.0.pem()).with_context(|| file.display().to_string())?;
        Ok(file.display().to_string())
    }

    /// A relay for the service of `url`, with a certificate for the relay's own address; returns the URL of the relay with the new
    /// scheme.
    pub(crate) async fn relay(&self, url: &str, scheme: &str, begins: Begins) -> anyhow::Result<String> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &self.0)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .context("the relay's certificate")?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the relay")?;
        let (service, address) = (authority(url)?, listener.local_addr()?.to_string());
        let rest = url.replacen(&service, &address, 1);
        let rest = rest.split_once("://").context("a URL")?.1.to_owned();
        tokio::spawn(accept(listener, service, TlsAcceptor::from(Arc::new(config)), begins));
        Ok(format!("{scheme}://{rest}"))
    }
}

async fn accept(listener: TcpListener, service: String, tls: TlsAcceptor, begins: Begins) {
    while let Ok((client, _)) = listener.accept().await {
        let (service, tls) = (service.clone(), tls.clone());
        tokio::spawn(async move { carry(client, &service, &tls, begins).await });
    }
}

async fn carry(mut client: TcpStream, service: &str, tls: &TlsAcceptor, begins: Begins) -> anyhow::Result<()> {
    if begins == Begins::WhenAsked {
        let mut request = [0; 8];
        client.read_exact(&mut request).await?;
        ensure!(request == [0, 0, 0, 8, 4, 210, 22, 47], "no SSLRequest");
        client.write_all(b"S").await?;
    }
    let mut client = tls.accept(client).await?;
    let mut server = TcpStream::connect(service).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
