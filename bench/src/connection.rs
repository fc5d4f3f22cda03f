//! Opens one connection and brings it into its room.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use crate::dialect::{Dialect, Heard, Seat};
use crate::outgoing::Outgoing;
use crate::target::Target;
use crate::websocket::{Inbox, Message, Opcode, Upgrade, split_message, write_frame};

/// From the first packet to being in the room.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that is in its room.
pub(crate) struct Entered {
    /// Where it sits.
    pub(crate) seat: Seat,
    /// Its read half.
    pub(crate) incoming: OwnedReadHalf,
    /// Its write half.
    pub(crate) outgoing: Outgoing,
    /// What was read beyond the welcome.
    pub(crate) inbox: Inbox,
}

/// Connects, upgrades, and waits until the room has let us in.
///
/// # Errors
/// When the server refuses at any of these steps, or takes longer than 30 s. The message is short enough to be counted by.
pub(crate) async fn enter(
    target: &Target,
    dialect: &dyn Dialect,
    seat: Seat,
    slow: bool,
) -> Result<Entered> {
    timeout(PATIENCE, async {
        let mut stream = target.connect(seat.index, slow).await?;
        let mut read = upgrade(&mut stream, &target.host, &dialect.address(seat)?).await?;
        if let Some((opcode, payload)) = dialect.hello(seat) {
            let mut frame = Vec::new();
            write_frame(opcode, &payload, seat.index, &mut frame);
            stream.write_all(&frame).await?;
        }
        while welcome(dialect, &mut read)?.is_continue() {
            read_more(&mut stream, &mut read).await?;
        }
        let (incoming, half) = stream.into_split();
        Ok(Entered {
            seat,
            incoming,
            outgoing: Outgoing::new(half),
            inbox: Inbox::with(read),
        })
    })
    .await
    .context("no welcome within 30 s")?
}

/// Returns what was read beyond the answer.
async fn upgrade(stream: &mut TcpStream, host: &str, address: &str) -> Result<Vec<u8>> {
    let upgrade = Upgrade::new(host, address);
    stream.write_all(upgrade.request()).await?;
    let mut read = Vec::with_capacity(1024);
    loop {
        read_more(stream, &mut read).await?;
        if let Some(size) = upgrade.check(&read)? {
            return Ok(read.split_off(size));
        }
    }
}

async fn read_more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<()> {
    if stream.read_buf(read).await.context("cut off")? == 0 {
        bail!("closed without a word");
    }
    Ok(())
}

/// Takes messages off the front until one says that we are in.
fn welcome(dialect: &dyn Dialect, read: &mut Vec<u8>) -> Result<ControlFlow<()>> {
    while let Some((message, size)) = split_message(read)? {
        let entered = understand(dialect, message)?;
        read.drain(..size);
        if entered {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn understand(dialect: &dyn Dialect, message: Message<'_>) -> Result<bool> {
    if message.opcode == Opcode::Close {
        let (code, reason) = message.close_reason();
        bail!("closed {code} {reason}");
    }
    let (mut entered, mut refused) = (false, None);
    dialect.hear(message, &mut |heard| match heard {
        Heard::Entered => entered = true,
        Heard::Refused(reason) | Heard::Error(reason) => refused = Some(reason),
        Heard::Stamp(_) | Heard::Other => {}
    });
    match refused {
        Some(reason) => bail!(reason),
        None => Ok(entered),
    }
}
