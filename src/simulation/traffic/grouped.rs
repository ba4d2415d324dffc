//! Items grouped by a number, such as the tails on every lane or the announcements at every link, in flat columns.
//!
//! A vector per lane or link would cost a header each, used or not, and scatter the items over the heap. Here items are collected
//! as they come and then put into order by one counting pass that keeps the order of arrival within a group. Knows nothing
//! about what the items are.

use std::ops::Index;
use std::sync::Arc;

use super::facts::count;

/// Items by group. Copies share them until one is filled anew, which forgets the old ones anyway.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Grouped<T>(Arc<Filling<T>>);

/// What a filling left.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Filling<T> {
    /// Items in the order of the groups' first appearance, and within a group of arrival.
    items: Vec<T>,
    /// Where each group begins and how many it has.
    spans: Vec<(u32, u32)>,
    /// One bit per group: whether it has any item.
    present: Vec<u64>,
    /// The groups that have any.
    touched: Vec<u32>,
}

impl<T> Filling<T> {
    fn new(groups: usize) -> Self {
        Self {
            items: Vec::new(),
            spans: vec![(0, 0); groups],
            present: vec![0; groups.div_ceil(64)],
            touched: Vec::new(),
        }
    }
}

impl<T: Copy> Grouped<T> {
    /// No items, in so many groups.
    pub(crate) fn new(groups: usize) -> Self {
        Self(Arc::new(Filling::new(groups)))
    }

    /// Forgets every item and takes those of all sources instead, in their order; each comes with its group.
    pub(crate) fn refill<'a>(&mut self, sources: impl DoubleEndedIterator<Item = &'a [(u32, T)]> + Clone)
    where
        T: 'a,
    {
        if Arc::get_mut(&mut self.0).is_none() {
            *self = Self::new(self.0.spans.len());
        }
        if let Some(filling) = Arc::get_mut(&mut self.0) {
            filling.refill(sources);
        }
    }

    /// Whether it has as many groups as another, and every span lies within the items; for what comes from outside.
    pub(crate) fn fits(&self, like: &Self) -> bool {
        let (own, like) = (&*self.0, &*like.0);
        let within = |&(first, length): &(u32, u32)| first as usize + length as usize <= own.items.len();
        own.spans.len() == like.spans.len()
            && own.present.len() == like.present.len()
            && own.touched.iter().all(|&group| (group as usize) < own.spans.len())
            && own.spans.iter().all(within)
    }

    /// Whether there is such a group.
    pub(crate) fn knows(&self, group: u32) -> bool {
        (group as usize) < self.0.spans.len()
    }

    /// Whether a group has any item; cheap, also where it is asked of many groups.
    #[inline]
    pub(crate) fn has(&self, group: u32) -> bool {
        self.0.present[group as usize / 64] & (1 << (group % 64)) != 0
    }
}

impl<T: Copy> Filling<T> {
    fn refill<'a>(&mut self, sources: impl DoubleEndedIterator<Item = &'a [(u32, T)]> + Clone)
    where
        T: 'a,
    {
        for group in self.touched.drain(..) {
            self.spans[group as usize] = (0, 0);
            self.present[group as usize / 64] = 0;
        }
        let mut total = 0;
        for source in sources.clone() {
            for (group, _) in source {
                let group = *group;
                let length = &mut self.spans[group as usize].1;
                if *length == 0 {
                    self.touched.push(group);
                    self.present[group as usize / 64] |= 1 << (group % 64);
                }
                *length += 1;
            }
            total += source.len();
        }
        let Some(&(_, any)) = sources.clone().find_map(<[_]>::first) else { return self.items.clear() };
        let mut end = 0;
        for &group in &self.touched {
            let span = &mut self.spans[group as usize];
            end += span.1;
            span.0 = end;
        }
        debug_assert_eq!(end, count(total), "every item has a group");
        // What is left of the last filling is written over.
        self.items.resize(total, any);
        for source in sources.rev() {
            for (group, item) in source.iter().rev() {
                let place = &mut self.spans[*group as usize].0;
                *place -= 1;
                self.items[*place as usize] = *item;
            }
        }
    }
}

impl<T> Index<usize> for Grouped<T> {
    type Output = [T];

    #[inline]
    fn index(&self, group: usize) -> &[T] {
        let (first, length) = self.0.spans[group];
        &self.0.items[first as usize..(first + length) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_the_order_of_arrival() {
        let mut grouped = Grouped::new(100);
        let (early, late) = ([(70, 'a'), (3, 'b'), (70, 'c')], [(99, 'd'), (3, 'e'), (70, 'f')]);
        grouped.refill([&early[..], &late].into_iter());
        let expected = [&['a', 'c', 'f'][..], &['b', 'e'], &['d'], &[]];
        assert_eq!([&grouped[70], &grouped[3], &grouped[99], &grouped[5]], expected);
        assert!(grouped.has(70) && grouped.has(3) && !grouped.has(4));
        grouped.refill([&early[1..2]].into_iter());
        assert_eq!([&grouped[70], &grouped[3]], [&[][..], &['b']]);
        grouped.refill([].into_iter());
        assert!(grouped[3].is_empty() && !grouped.has(3));
    }
}
