//! Orders to a session: its clock, and what is changed in its city.

use serde::{Deserialize, Serialize};

/// What a session is told to do. It is done between two steps, in the order in which orders come, and written down with the city's
/// time, so that the same orders make the same city again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// How the clock goes.
    Clock(Clock),
    /// Go somewhere else in time.
    Jump(Jump),
    /// Change the city.
    Intervene(Intervention),
}

/// How the clock of a session goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Clock {
    /// Stand still.
    Pause,
    /// Go on.
    Resume,
    /// Take so many steps and stand still again; 1 to 3,600.
    Step {
        /// How many.
        #[schema(minimum = 1, maximum = 3600)]
        steps: u32,
    },
    /// City seconds for a second on the wall, 0.5 to 60; none is as fast as possible.
    Speed {
        /// How many.
        #[schema(minimum = 0.5, maximum = 60)]
        factor: Option<f64>,
    },
}

/// Where to in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Jump {
    /// To an instant [s after midnight]. Back only in a session that does not speak into the wire.
    To {
        /// The instant.
        time_s: f64,
    },
    /// Ahead to the next event: an incident, a call, or a change of one of them.
    NextEvent,
}

/// A change in the city, from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Intervention {
    /// Barriers across all lanes of a road.
    CloseRoad {
        /// The road's id.
        road: String,
    },
    /// Barriers that were put up are taken away.
    OpenRoad {
        /// The road's id.
        road: String,
    },
    /// Something blocks lanes of a road for a while.
    Incident {
        /// The road's id.
        road: String,
        /// `crash`, `breakdown`, `roadworks` or `obstruction`.
        #[schema(pattern = "^(crash|breakdown|roadworks|obstruction)$")]
        what: String,
        /// How far along the road [m]; its middle if none.
        position_m: Option<f64>,
        /// How many lanes, from the kerb; 1 if none.
        #[schema(minimum = 1, maximum = 64)]
        lanes: Option<u32>,
        /// For how long [s]; 10 s to a day.
        #[schema(minimum = 10, maximum = 86400)]
        duration_s: f64,
        /// How many people are hurt; each is a call for an ambulance. At most 50.
        #[schema(maximum = 50)]
        casualties: u32,
    },
    /// An incident is cleared now.
    ClearIncident {
        /// Its number.
        incident: u32,
    },
    /// A signal gets other green times.
    RetimeSignal {
        /// The signal's id.
        signal: String,
        /// For every phase of its program how long it lasts [s]; 1 to 600 each.
        durations_s: Vec<f64>,
        /// By how much its cycle is shifted [s].
        offset_s: Option<f64>,
    },
    /// Another weather.
    Weather {
        /// `dry`, `rain`, `snow` or `fog`.
        #[schema(pattern = "^(dry|rain|snow|fog)$")]
        sky: String,
        /// How much falls [mm/h]; none is moderate.
        #[schema(minimum = 0, maximum = 500)]
        rate_mm_h: Option<f64>,
        /// How far one sees [m]; none is what the sky brings.
        #[schema(minimum = 1, maximum = 100_000)]
        visibility_m: Option<f64>,
        /// Temperature of the air [°C]; none is as it was.
        #[schema(minimum = -90, maximum = 70)]
        temperature_c: Option<f64>,
    },
    /// Somebody calls for an ambulance.
    Call {
        /// The road's id.
        road: String,
        /// How far along it [m]; its middle if none.
        position_m: Option<f64>,
        /// `C1`, `C2`, `C3` or `C4`.
        #[schema(pattern = "^C[1-4]$")]
        category: String,
    },
    /// An ambulance is sent to a call that waits, or away from the one it drives to.
    SendUnit {
        /// The unit's name.
        unit: String,
        /// The call's number.
        call: u32,
    },
}

/// An order was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Done {
    /// Its number in the session, from 1.
    pub number: u64,
    /// The city's time when it was [s after midnight].
    pub time_s: f64,
    /// What was done, in a sentence.
    pub said: String,
}

/// Why an order was not carried out; every one a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such thing.
    #[error("{0}")]
    Unknown(String),
    /// It cannot be meant.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be done now.
    #[error("{0}")]
    NotNow(String),
    /// There are as many as there may be.
    #[error("{0}")]
    TooMany(String),
    /// The session has failed.
    #[error("{0}")]
    Failed(String),
}
