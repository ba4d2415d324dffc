//! Messages between actors: posted in one step, delivered in the next, in an order nobody can influence.

use super::ActorId;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Letter<M> {
    /// For whom.
    pub(crate) to: ActorId,
    /// From whom.
    pub(crate) from: ActorId,
    /// How many letters the sender had posted before in the same step.
    pub(crate) sequence: u32,
    /// What it says.
    pub(crate) message: M,
}

/// The post office: collects letters during a step and hands them out, sorted, in the next.
///
/// Its capacity is what actors post in one step; it is emptied every step, so it cannot grow beyond that.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct PostOffice<M> {
    posted: Vec<Letter<M>>,
}

impl<M> Default for PostOffice<M> {
    fn default() -> Self {
        Self { posted: Vec::new() }
    }
}

impl<M> PostOffice<M> {
    /// Takes a letter; it will be delivered in the next step.
    pub(crate) fn post(&mut self, from: ActorId, to: ActorId, message: M) {
        let sequence = self.posted.iter().rev().take_while(|l| l.from == from).count();
        let sequence = u32::try_from(sequence).unwrap_or(u32::MAX);
        self.posted.push(Letter { to, from, sequence, message });
    }

    /// What is on its way.
    pub(crate) fn posted(&self) -> impl Iterator<Item = &M> {
        self.posted.iter().map(|letter| &letter.message)
    }

    /// Whether anything is on its way to somebody.
    pub(crate) fn is_for(&self, to: ActorId) -> bool {
        self.posted.iter().any(|letter| letter.to == to)
    }

    /// Hands out everything posted since the last call, ordered by (recipient, sender, sequence).
    pub(crate) fn deliver(&mut self) -> Vec<Letter<M>> {
        let mut letters = std::mem::take(&mut self.posted);
        letters.sort_by_key(|l| (l.to, l.from, l.sequence));
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_order_does_not_depend_on_posting_order() {
        let (a, b, c) = (ActorId::new(0, 1), ActorId::new(0, 2), ActorId::new(1, 0));
        let mut office = PostOffice::default();
        office.post(c, a, "c1");
        office.post(b, a, "b1");
        office.post(b, a, "b2");
        office.post(a, b, "a1");
        let order: Vec<&str> = office.deliver().into_iter().map(|l| l.message).collect();
        assert_eq!(order, ["b1", "b2", "c1", "a1"]);
        assert!(office.deliver().is_empty());
    }
}
