//! What a lobby keeps in the store. The store adds version and checksum.

use super::SiteBan;
use roost_room::{Ban, Profile, UserId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct ProfileRecord {
    name: String,
    color: u32,
}

#[derive(Serialize, Deserialize)]
struct BanRecord {
    user: String,
    until: u64,
}

#[derive(Serialize, Deserialize)]
struct SiteBanRecord {
    until: Option<u64>,
    reason: String,
    note: String,
    by: String,
    at: u64,
}

pub(crate) fn write_site_ban(ban: &SiteBan) -> Vec<u8> {
    let record = SiteBanRecord {
        until: ban.until,
        reason: ban.reason.clone(),
        note: ban.note.clone(),
        by: ban.by.as_str().to_owned(),
        at: ban.at,
    };
    serde_json::to_vec(&record).unwrap_or_default()
}

/// `None` for what cannot be read.
pub(crate) fn read_site_ban(bytes: &[u8]) -> Option<SiteBan> {
    let record: SiteBanRecord = serde_json::from_slice(bytes).ok()?;
    Some(SiteBan {
        until: record.until,
        reason: record.reason,
        note: record.note,
        by: UserId::parse(&record.by)?,
        at: record.at,
    })
}

pub(crate) fn write_profile(profile: &Profile) -> Vec<u8> {
    let record = ProfileRecord {
        name: profile.name.clone(),
        color: profile.color,
    };
    serde_json::to_vec(&record).unwrap_or_default()
}

/// `None` for what is no profile within its bounds.
pub(crate) fn read_profile(bytes: &[u8]) -> Option<Profile> {
    let record: ProfileRecord = serde_json::from_slice(bytes).ok()?;
    Some(Profile {
        name: record.name,
        color: record.color,
    })
    .filter(Profile::is_valid)
}

pub(crate) fn write_bans(bans: &[Ban]) -> Vec<u8> {
    let records: Vec<BanRecord> = bans
        .iter()
        .map(|ban| BanRecord {
            user: ban.user.as_str().to_owned(),
            until: ban.until,
        })
        .collect();
    serde_json::to_vec(&records).unwrap_or_default()
}

pub(crate) fn read_bans(bytes: &[u8]) -> Vec<Ban> {
    let records: Vec<BanRecord> = serde_json::from_slice(bytes).unwrap_or_default();
    let bans = records.into_iter().filter_map(|r| {
        Some(Ban {
            user: UserId::parse(&r.user)?,
            until: r.until,
        })
    });
    bans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let profile = Profile {
            name: "Ä\"".to_owned(),
            color: 0xff_00_12,
        };
        assert_eq!(read_profile(&write_profile(&profile)), Some(profile));
        assert_eq!(read_profile(b"{}"), None);
        let bans = vec![Ban {
            user: UserId::new("mpp", "67dc").unwrap(),
            until: 9,
        }];
        assert_eq!(read_bans(&write_bans(&bans)), bans);
    }
}
