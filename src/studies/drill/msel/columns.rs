//! The columns of a master scenario events list, and what planners call them.

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Number,
    Time,
    Type,
    Method,
    From,
    To,
    Description,
    Expected,
    Responsible,
    Objective,
    Notes,
    Effects,
}

impl Column {
    /// Every column, in the order in which they are written.
    pub(super) const ALL: [Self; 12] = [
        Self::Number,
        Self::Time,
        Self::Type,
        Self::Method,
        Self::From,
        Self::To,
        Self::Description,
        Self::Expected,
        Self::Responsible,
        Self::Objective,
        Self::Notes,
        Self::Effects,
    ];

    /// What it is called in a sheet that this program writes.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Number => "No.",
            Self::Time => "Time",
            Self::Type => "Type",
            Self::Method => "Method",
            Self::From => "From",
            Self::To => "To",
            Self::Description => "Description",
            Self::Expected => "Expected action",
            Self::Responsible => "Responsible",
            Self::Objective => "Objective",
            Self::Notes => "Notes",
            Self::Effects => "Effects",
        }
    }

    /// What else planners call it, in small letters and digits alone, with spaces between.
    const fn synonyms(self) -> &'static str {
        match self {
            Self::Number => {
                "no number nr num seq seqno sequence sequenceno sequencenumber inject injectno injectnumber \
                 injectid id event eventno eventnumber mselno mselnumber item itemno serial serialno"
            }
            Self::Time => {
                "time at when trigger datetime datetimedelivered dateandtime deliverytime eventtime injecttime \
                 scheduledtime plannedtime timeofdelivery exercisetime stime timing timedelivery"
            }
            Self::Type => "type kind injecttype eventtype typeofinject",
            Self::Method => {
                "method by mode medium means channel deliverymethod methodofdelivery injectmode injectmethod \
                 modeofdelivery deliverymode delivery how"
            }
            Self::From => "from originator sender source simulatedsender caller fromwhom",
            Self::To => "to recipient receiver recipients addressee recipientplayer player players role towhom target",
            Self::Description => {
                "description text message injecttext injectdescription content eventdescription scenario details \
                 whatissaid summary injectsummary eventscenario"
            }
            Self::Expected => {
                "expectedaction expectedactions expect expected expectedoutcome expectedoutcomes \
                 expectedresponse expectedplayeraction expectedplayeractions anticipatedresponse \
                 anticipatedaction anticipatedplayeraction expectedresult"
            }
            Self::Responsible => {
                "responsible responsiblecontroller controller responsibility owner responsiblecontrollersimcell \
                 responsibleperson deliveredby simcell"
            }
            Self::Objective => {
                "objective objectives objectiveno objectivecorecapability corecapability capability \
                 exerciseobjective exerciseobjectives objectiveorcapability objectivetested"
            }
            Self::Notes => "notes note comment comments remark remarks controllernotes",
            Self::Effects => "effects effect inthecity city cityeffects",
        }
    }

    /// The column of a name.
    pub(super) fn of(name: &str) -> Option<Self> {
        let bare: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        if bare.is_empty() {
            return name.contains('#').then_some(Self::Number);
        }
        Self::ALL.into_iter().find(|column| column.synonyms().split_whitespace().any(|name| name == bare))
    }

    /// Every name there is, for a suggestion.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }
}

/// Columns that are filled in while it is played: they are there and say nothing.
pub(super) fn is_filled_in_later(name: &str) -> bool {
    let bare: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    [
        "actualtime",
        "actualtimedelivered",
        "timedelivered",
        "actualresponse",
        "actualaction",
        "actualactions",
        "actualoutcome",
        "delivered",
        "done",
        "status",
        "completed",
        "actualtimeofdelivery",
    ]
    .contains(&bare.as_str())
}
