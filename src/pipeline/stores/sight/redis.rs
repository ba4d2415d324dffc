//! Looks into Redis: our own live state, or whatever a command of somebody's own reads.

use std::time::Duration;

use super::{Answer, Sight, Sought, ask_each};
use crate::pipeline::stores::StoreError;
use crate::pipeline::stores::live::{LiveSettings, RedisLive, RedisSettings};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Redis as it is looked into.
#[derive(Debug)]
pub struct RedisSight {
    live: RedisLive,
    /// The words of a command, with places for device, epoch and sequence.
    query: Option<Vec<String>>,
}

impl RedisSight {
    /// Takes a server; it need not answer yet.
    ///
    /// # Errors
    /// When URL, prefix or certificates are none.
    pub fn new(settings: &RedisSettings, query: Option<&str>) -> Result<Self, StoreError> {
        let settings = RedisSettings { patience: PATIENCE, ..settings.clone() };
        let query = query.map(|query| query.split_whitespace().map(str::to_owned).collect());
        Ok(Self { live: RedisLive::new(&settings, LiveSettings::default())?, query })
    }
}

impl Sight for RedisSight {
    fn place(&self) -> String {
        self.live.place().to_owned()
    }

    fn look(&mut self, sought: &[&Sought]) -> Result<Vec<bool>, String> {
        let Self { live, query } = self;
        let by_sequence = query.as_ref().is_some_and(|words| words.iter().any(|word| word.contains("{sequence}")));
        ask_each(sought, by_sequence, &mut |one| match &*query {
            None => {
                let stamp = live.stamp(one.kind, &one.device).map_err(|error| error.to_string())?;
                Ok(stamp.map_or(Answer::Nothing, |(epoch, sequence)| Answer::UpTo(Some(epoch), sequence)))
            }
            Some(words) => {
                let words: Vec<String> = words.iter().map(|word| one.fill(word)).collect();
                let answer = live.ask(&words).map_err(|error| error.to_string())?;
                answer.map_or(Ok(Answer::Nothing), |text| Answer::read(&text, by_sequence))
            }
        })
    }
}
