//! Downloads: in full under their name, or not at all.

use std::fs::Permissions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::cli::connect::Session;
use crate::cli::table::size;
use crate::client::{Address, Download};

/// Saves what is at `address`; `-` is standard output.
pub(crate) async fn save(session: &Session, address: &Address, to: &Path) -> anyhow::Result<()> {
    if to == Path::new("-") {
        ensure!(
            !io::stdout().is_terminal(),
            "this is no text for a terminal; -o FILE saves it"
        );
        let mut download = session.client.download(address).await?;
        copy(&mut download, &mut io::stdout().lock()).await?;
        return Ok(());
    }
    ensure!(!to.is_dir(), "{} is a folder", to.display());
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let whole = || format!("cannot write {}", to.display());
    // Asked first, so that a refusal leaves no trace.
    let mut download = session.client.download(address).await?;
    let mut file = fresh(folder).with_context(whole)?;
    let bytes = copy(&mut download, file.as_file_mut())
        .await
        .with_context(whole)?;
    file.persist(to).with_context(whole)?;
    let json = serde_json::json!({ "file": to, "bytes": bytes });
    let words = format!("{} ({})", to.display(), size(bytes));
    Ok(session.done(&json, &words)?)
}

async fn copy(download: &mut Download, to: &mut (impl Write + ?Sized)) -> anyhow::Result<usize> {
    let mut bytes = 0;
    while let Some(piece) = download.piece().await? {
        to.write_all(&piece)?;
        bytes += piece.len();
    }
    to.flush()?;
    Ok(bytes)
}

/// A file without a name that others may know yet; like any new file it may be read by whom the umask lets.
fn fresh(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let permissions = Permissions::from_mode(0o666);
    tempfile::Builder::new()
        .permissions(permissions)
        .tempfile_in(folder)
}
