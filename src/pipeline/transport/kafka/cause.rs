//! What a client told of trouble with its brokers last, for whoever asks later why nothing answers.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// The last cause of trouble; none since a broker has answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Cause(Option<String>);

impl Cause {
    /// Takes down what a client tells. That all brokers are down is told after why the last one is, and says less.
    pub(super) fn note(&mut self, error: &KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(Code::AllBrokersDown) || self.0.is_none() {
            self.0 = Some(reason.to_owned());
        }
    }

    /// A broker has answered.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// In the words of the client, if there is one.
    pub(super) fn words(&self) -> Option<String> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever has a wrong password has to read that, and not that no broker is up.
    #[test]
    fn that_all_are_down_does_not_hide_why() {
        let all_down = || KafkaError::Global(Code::AllBrokersDown);
        let mut cause = Cause::default();
        cause.note(&all_down(), "1/1 brokers are down");
        assert_eq!(cause.words().as_deref(), Some("1/1 brokers are down"));
        cause.note(&KafkaError::Global(Code::Authentication), "invalid credentials");
        cause.note(&all_down(), "1/1 brokers are down");
        assert_eq!(cause.words().as_deref(), Some("invalid credentials"));
        cause.note(&KafkaError::Global(Code::BrokerTransportFailure), "refused");
        assert_eq!(cause.words().as_deref(), Some("refused"));
        cause.forget();
        assert_eq!(cause.words(), None);
    }
}
