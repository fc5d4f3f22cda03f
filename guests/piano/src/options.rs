//! The operator's settings for the kind.

use std::collections::{BTreeMap, BTreeSet};

use roost_sdk::types::RoomConfig;
use serde::Deserialize;

use crate::quota::Params;

/// What the operator may set. Unknown keys are errors.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// Participants of a lobby with a number, before newcomers are sent to the next one.
    pub(crate) lobby_capacity: u32,
    /// Masked in rooms with "no cussing"; in lower case once read.
    pub(crate) words: BTreeSet<String>,
    /// How much may be played.
    pub(crate) quota: Quotas,
    /// Room to user id as clients see it: who may take the crown at any time.
    pub(crate) owners: BTreeMap<String, String>,
    /// Seconds without a message after which somebody is shown as away; 0 for never.
    pub(crate) afk_after: u32,
}

/// The quota of each kind of place.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Quotas {
    /// In lobbies.
    pub(crate) lobby: Params,
    /// In other rooms.
    pub(crate) normal: Params,
    /// With the crown.
    pub(crate) crown: Params,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lobby_capacity: 20,
            words: BTreeSet::new(),
            quota: Quotas::default(),
            owners: BTreeMap::new(),
            afk_after: 600,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            lobby: Params::new(200, 600),
            normal: Params::new(400, 1200),
            crown: Params::new(600, 1800),
        }
    }
}

impl Options {
    /// Read and check them.
    ///
    /// # Errors
    /// Which key is wrong.
    pub(crate) fn of(config: &RoomConfig) -> Result<Self, String> {
        let mut options: Self = config
            .parse_options()
            .map_err(|error| format!("options of kind piano: {error}"))?;
        if options.lobby_capacity == 0 {
            return Err("lobby_capacity is 0: nobody could enter a lobby".to_owned());
        }
        let Quotas {
            lobby,
            normal,
            crown,
        } = options.quota;
        if [lobby, normal, crown].iter().any(|params| params.max == 0) {
            return Err("a quota with a max of 0: nobody could play".to_owned());
        }
        options.words = options
            .words
            .iter()
            .map(|word| word.to_lowercase())
            .collect();
        Ok(options)
    }
}
