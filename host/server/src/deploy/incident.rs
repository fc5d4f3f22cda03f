//! What rooms report of their rules.

use crate::actor::RoomHandle;
use roost_room::{Bundle, Fault, FaultReport, ProgramHash, UserId};

/// Something that rules did wrong.
#[derive(Debug)]
pub enum Incident {
    /// They failed.
    Fault {
        /// In a room of this kind.
        kind: String,
        /// Which program.
        program: ProgramHash,
        /// Who brought it about; nobody for what the host alone does.
        user: Option<UserId>,
        /// Whether it counts: what the clock or the machine is to blame for does not.
        counts: bool,
        /// What happened, for the log.
        text: String,
    },
    /// What led to a fault.
    Bundle(Box<Bundle>),
}

impl Incident {
    /// A fault that a room has charged.
    #[must_use]
    pub fn fault(room: &RoomHandle, report: &FaultReport) -> Self {
        let nobodys = matches!(report.fault, Fault::Interrupted(_) | Fault::Start(_));
        Self::Fault {
            kind: room.kind().to_string(),
            program: report.program,
            user: report.user.clone(),
            counts: !nobodys,
            text: format!("{} in {}: {}", report.event, room.id(), report.fault),
        }
    }

    /// A room could not begin.
    #[must_use]
    pub fn unopened(room: &RoomHandle, fault: &Fault) -> Self {
        Self::Fault {
            kind: room.kind().to_string(),
            program: room.program().hash(),
            user: None,
            counts: !matches!(fault, Fault::Interrupted(_) | Fault::Start(_)),
            text: format!("start of {}: {fault}", room.id()),
        }
    }
}

/// Whether a room is a copy, made to try something on.
#[must_use]
pub fn is_fork(room: &str) -> bool {
    room.starts_with("~fork/")
}
