//! Everybody in a tile at one instant, column by column, and the two payloads made of it: all of it, or what changed.

use super::bytes::{BadFrame, Reader, put_ascending, put_varint, unzigzag, zigzag};

/// What a tile holds at one instant, by number of the vehicle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Numbers of the vehicles, ascending.
    pub ids: Vec<u32>,
    /// Position from the tile's west side; 65,536 would be its east side.
    pub x: Vec<u16>,
    /// Position from the tile's north side.
    pub y: Vec<u16>,
    /// Heading, 256 for a full turn, clockwise from north.
    pub heading: Vec<u8>,
    /// Speed [0.25 m/s], at most 255.
    pub speed: Vec<u8>,
    /// Bits 0-4 the class, 5 siren, 6 at a stop.
    pub kind: Vec<u8>,
}

/// A vehicle in a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mote {
    pub(super) id: u32,
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) heading: u8,
    pub(super) speed: u8,
    pub(super) kind: u8,
}

impl Columns {
    /// Nobody, with room for so many.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            ids: Vec::with_capacity(count),
            x: Vec::with_capacity(count),
            y: Vec::with_capacity(count),
            heading: Vec::with_capacity(count),
            speed: Vec::with_capacity(count),
            kind: Vec::with_capacity(count),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn push(&mut self, mote: Mote) {
        self.ids.push(mote.id);
        self.x.push(mote.x);
        self.y.push(mote.y);
        self.heading.push(mote.heading);
        self.speed.push(mote.speed);
        self.kind.push(mote.kind);
    }

    pub(super) fn mote(&self, row: usize) -> Mote {
        Mote {
            id: self.ids[row],
            x: self.x[row],
            y: self.y[row],
            heading: self.heading[row],
            speed: self.speed[row],
            kind: self.kind[row],
        }
    }

    /// The payload that says everything.
    pub(super) fn key(&self, out: &mut Vec<u8>) {
        out.clear();
        self.put(0..self.len(), out);
    }

    /// A count and the columns of some rows, given by ascending place.
    fn put(&self, rows: impl ExactSizeIterator<Item = usize> + Clone, out: &mut Vec<u8>) {
        out.extend(count(rows.len()));
        put_ascending(out, rows.clone().map(|row| self.ids[row]));
        out.extend(rows.clone().flat_map(|row| self.x[row].to_le_bytes()));
        out.extend(rows.clone().flat_map(|row| self.y[row].to_le_bytes()));
        out.extend(rows.clone().map(|row| self.heading[row]));
        out.extend(rows.clone().map(|row| self.speed[row]));
        out.extend(rows.map(|row| self.kind[row]));
    }

    /// What [`Self::put`] wrote.
    fn read(reader: &mut Reader<'_>) -> Result<Self, BadFrame> {
        let count = reader.count()?;
        Ok(Self {
            ids: reader.ascending(count)?,
            x: reader.u16s(count)?,
            y: reader.u16s(count)?,
            heading: reader.take(count)?.to_vec(),
            speed: reader.take(count)?.to_vec(),
            kind: reader.take(count)?.to_vec(),
        })
    }

    /// What a key's payload says.
    pub(super) fn of_key(payload: &[u8]) -> Result<Self, BadFrame> {
        let mut reader = Reader::new(payload);
        let columns = Self::read(&mut reader)?;
        reader.end()?;
        Ok(columns)
    }
}

fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// Working memory of [`delta`], kept from tile to tile.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    removed: Vec<u32>,
    added: Vec<usize>,
    /// Rows of who stays: in the new columns, and in the old.
    stay: Vec<(u32, u32)>,
    predicted: Vec<(i32, i32)>,
}

/// Where whoever moves on as between `before` and `base` would be now.
fn ahead(base: (u16, u16), before: Option<(u16, u16)>) -> (i32, i32) {
    let at = |(x, y): (u16, u16)| (i32::from(x), i32::from(y));
    let (x, y) = at(base);
    before.map(at).map_or((x, y), |(earlier_x, earlier_y)| (2 * x - earlier_x, 2 * y - earlier_y))
}

/// The payload that says what became of `base`; positions are told against where everybody would be who moved on as from `before`, if
/// the reader knows where they were then.
pub(super) fn delta(base: &Columns, before: Option<&Columns>, now: &Columns, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let Scratch { removed, added, stay, predicted } = scratch;
    removed.clear();
    added.clear();
    stay.clear();
    predicted.clear();
    let row = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let (mut old, mut earlier) = (0, 0);
    for (new, &id) in now.ids.iter().enumerate() {
        while base.ids.get(old).is_some_and(|&other| other < id) {
            removed.push(base.ids[old]);
            old += 1;
        }
        if base.ids.get(old) != Some(&id) {
            added.push(new);
            continue;
        }
        let mut known = None;
        if let Some(before) = before {
            while before.ids.get(earlier).is_some_and(|&other| other < id) {
                earlier += 1;
            }
            known = (before.ids.get(earlier) == Some(&id)).then(|| (before.x[earlier], before.y[earlier]));
        }
        predicted.push(ahead((base.x[old], base.y[old]), known));
        stay.push((row(new), row(old)));
        old += 1;
    }
    removed.extend(&base.ids[old..]);

    out.clear();
    out.extend(count(removed.len()));
    put_ascending(out, removed.iter().copied());
    now.put(added.iter().copied(), out);
    for (&(new, _), &(x, _)) in stay.iter().zip(&*predicted) {
        put_varint(out, zigzag(i32::from(now.x[new as usize]) - x));
    }
    for (&(new, _), &(_, y)) in stay.iter().zip(&*predicted) {
        put_varint(out, zigzag(i32::from(now.y[new as usize]) - y));
    }
    out.extend(stay.iter().map(|&(new, old)| now.heading[new as usize].wrapping_sub(base.heading[old as usize])));
    out.extend(stay.iter().map(|&(new, old)| now.speed[new as usize].wrapping_sub(base.speed[old as usize])));
    let changed = |&(_, &(new, old)): &(u32, &(u32, u32))| now.kind[new as usize] != base.kind[old as usize];
    let changed = || (0_u32..).zip(&*stay).filter(changed);
    out.extend(count(changed().count()));
    put_ascending(out, changed().map(|(place, _)| place));
    out.extend(changed().map(|(_, &(new, _))| now.kind[new as usize]));
}

/// A tile as a reader has it: who is there, and where each of them was one frame earlier, where that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Who is there.
    pub now: Columns,
    /// By row of `now`.
    before: Vec<Option<(u16, u16)>>,
}

impl Shown {
    /// A tile of which everything was told.
    pub(super) fn of_key(payload: &[u8]) -> Result<Self, BadFrame> {
        let now = Columns::of_key(payload)?;
        Ok(Self { before: vec![None; now.len()], now })
    }

    /// The tile after what a delta's payload says.
    pub(super) fn after(&self, payload: &[u8]) -> Result<Self, BadFrame> {
        let mut reader = Reader::new(payload);
        let removed = reader.count()?;
        let removed = reader.ascending(removed)?;
        let added = Columns::read(&mut reader)?;
        let mut gone = removed.iter().peekable();
        let mut stay: Vec<usize> = Vec::with_capacity(self.now.len());
        for (row, &id) in self.now.ids.iter().enumerate() {
            if gone.next_if_eq(&&id).is_none() {
                stay.push(row);
            }
        }
        if gone.next().is_some() {
            return Err(BadFrame::Contradiction);
        }
        let rx = (0..stay.len()).map(|_| reader.varint().map(unzigzag)).collect::<Result<Vec<i32>, _>>()?;
        let ry = (0..stay.len()).map(|_| reader.varint().map(unzigzag)).collect::<Result<Vec<i32>, _>>()?;
        let (headings, speeds) = (reader.take(stay.len())?, reader.take(stay.len())?);
        let changed = reader.count()?;
        let changed = reader.ascending(changed)?;
        let mut kinds: Vec<u8> = stay.iter().map(|&row| self.now.kind[row]).collect();
        for (&place, &kind) in changed.iter().zip(reader.take(changed.len())?) {
            *kinds.get_mut(place as usize).ok_or(BadFrame::Contradiction)? = kind;
        }
        reader.end()?;
        let mut stayers = Vec::with_capacity(stay.len());
        for (place, &row) in stay.iter().enumerate() {
            let was = self.now.mote(row);
            let (x, y) = ahead((was.x, was.y), self.before[row]);
            let moved = |predicted: i32, by: i32| predicted.checked_add(by).and_then(|at| u16::try_from(at).ok());
            let mote = Mote {
                id: was.id,
                x: moved(x, rx[place]).ok_or(BadFrame::Contradiction)?,
                y: moved(y, ry[place]).ok_or(BadFrame::Contradiction)?,
                heading: was.heading.wrapping_add(headings[place]),
                speed: was.speed.wrapping_add(speeds[place]),
                kind: kinds[place],
            };
            stayers.push((mote, Some((was.x, was.y))));
        }
        Self::merged(stayers, &added)
    }

    fn merged(stayers: Vec<(Mote, Option<(u16, u16)>)>, added: &Columns) -> Result<Self, BadFrame> {
        let mut shown = Self { now: Columns::with_capacity(stayers.len() + added.len()), before: Vec::new() };
        let mut put = |(mote, before)| {
            shown.now.push(mote);
            shown.before.push(before);
        };
        let mut next = 0;
        for (mote, before) in stayers {
            while added.ids.get(next).is_some_and(|&id| id < mote.id) {
                put((added.mote(next), None));
                next += 1;
            }
            if added.ids.get(next) == Some(&mote.id) {
                return Err(BadFrame::Contradiction);
            }
            put((mote, before));
        }
        (next..added.len()).for_each(|row| put((added.mote(row), None)));
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(motes: &[(u32, u16, u16, u8, u8, u8)]) -> Columns {
        let mut columns = Columns::default();
        for &(id, x, y, heading, speed, kind) in motes {
            columns.push(Mote { id, x, y, heading, speed, kind });
        }
        columns
    }

    fn told(base: &Columns, before: Option<&Columns>, now: &Columns) -> Vec<u8> {
        let mut out = Vec::new();
        delta(base, before, now, &mut Scratch::default(), &mut out);
        out
    }

    /// The bytes as the contract with the page has them, written out once.
    #[test]
    fn payloads_are_laid_out_as_agreed() {
        let base = columns(&[(3, 100, 200, 255, 10, 6), (300, 0x0102, 0x0304, 64, 255, 0x29)]);
        let mut key = Vec::new();
        base.key(&mut key);
        let expected: &[u8] = &[
            2, 0, 0, 0, // vehicles
            3, 0xa9, 0x02, // ids: 3, and 297 more
            100, 0, 0x02, 0x01, // x
            200, 0, 0x04, 0x03, // y
            255, 64, // heading
            10, 255, // speed
            6, 0x29, // kind
        ];
        assert_eq!(key, expected);
        // 3 left; 5 came; 300 went 2 west and 1 south, turned a little left across north, slowed down and switched its siren off.
        let now = columns(&[(5, 7, 8, 9, 10, 11), (300, 0x0100, 0x0305, 63, 254, 9)]);
        let expected: &[u8] = &[
            1, 0, 0, 0, 3, // removed
            1, 0, 0, 0, 5, 7, 0, 8, 0, 9, 10, 11, // added, as in a key
            3, 2, // -2 and 1 in zigzag
            255, 255, // heading and speed, both one less
            1, 0, 0, 0, 0, 9, // kinds
        ];
        assert_eq!(told(&base, None, &now), expected);
        let shown = Shown::of_key(&key).and_then(|shown| shown.after(expected)).expect("it is sound");
        assert_eq!(shown.now, now);
        // Who moves on as before needs zeros.
        let next = columns(&[(5, 7, 8, 9, 10, 11), (300, 0x00fe, 0x0306, 63, 254, 9)]);
        let expected: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(told(&now, Some(&base), &next), expected);
        assert_eq!(shown.after(expected).expect("it is sound").now, next);
    }

    #[test]
    fn who_crosses_the_tile_needs_no_wider_numbers() {
        let base = columns(&[(u32::MAX, 65_535, 0, 0, 0, 0)]);
        let before = columns(&[(u32::MAX, 0, 65_535, 0, 0, 0)]);
        let now = columns(&[(u32::MAX, 0, 65_535, 0, 0, 0)]);
        let mut key = Vec::new();
        before.key(&mut key);
        let mut shown = Shown::of_key(&key).expect("it is sound");
        shown = shown.after(&told(&before, None, &base)).expect("it is sound");
        shown = shown.after(&told(&base, Some(&before), &now)).expect("it is sound");
        assert_eq!(shown.now, now);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let base = columns(&[(3, 1, 1, 1, 1, 1), (4, 2, 2, 2, 2, 2)]);
        let mut key = Vec::new();
        base.key(&mut key);
        let shown = Shown::of_key(&key).expect("it is sound");
        let none = [0_u8; 4];
        let bad: [(&str, Vec<u8>); 5] = [
            ("who is not there is removed", [&[1, 0, 0, 0, 9][..], &none, &[0; 8], &none].concat()),
            ("who is there is added", [&none[..], &[1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], &[0; 8], &none].concat()),
            ("somebody leaves the tile to the west", [&none[..], &none, &[3, 0, 0, 0, 0, 0, 0, 0], &none].concat()),
            ("the kind of nobody changes", [&none[..], &none, &[0; 8], &[1, 0, 0, 0, 2, 0]].concat()),
            ("more than there should be", [&none[..], &none, &[0; 8], &none, &[0]].concat()),
        ];
        for (what, payload) in bad {
            assert_eq!(shown.after(&payload), Err(BadFrame::Contradiction), "{what}");
        }
        assert_eq!(shown.after(&[255, 255, 255, 255]), Err(BadFrame::Short));
        assert_eq!(Shown::of_key(&key[..key.len() - 1]), Err(BadFrame::Short));
    }
}
