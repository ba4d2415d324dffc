//! What a storm is asked for, from the words of the command line.

/// Scenes on embedded parts at the same time in a slow storm, unless told otherwise.
const JOBS: usize = 3;
/// Most scenes at the same time: each has two processes and a port.
const JOBS_MAX: usize = 64;
/// How long a load lasts in a quick and in a slow storm [s], unless told otherwise, and at most.
const SECONDS: (u64, u64) = (4, 8);
const SECONDS_MAX: u64 = 3600;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Each fault once, and of those on real parts only one for each server.
    pub(super) quick: bool,
    /// The first seed; every further time has the next.
    pub(super) seed: u64,
    /// Parts of the names of the faults to do; all of them if none.
    pub(super) only: Vec<String>,
    /// How often each fault is done.
    pub(super) times: Option<u64>,
    /// Whether to forget what was done before.
    pub(super) fresh: bool,
    jobs: Option<usize>,
    seconds: Option<u64>,
}

impl Wishes {
    /// Reads the words; an error that names the word otherwise.
    pub(super) fn of(words: &[&str]) -> Result<Self, String> {
        let mut wishes = Self { seed: 1, ..Self::default() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut number = |least: u64, most: u64| {
                let number: Option<u64> = words.next().and_then(|word| word.parse().ok());
                let number = number.filter(|number| (least..=most).contains(number));
                number.ok_or_else(|| {
                    let most = if most == u64::MAX { String::new() } else { format!(", {most} at most") };
                    format!("`{word}` wants a whole number, {least} at least{most}")
                })
            };
            match *word {
                "--quick" => wishes.quick = true,
                "--fresh" => wishes.fresh = true,
                "--seed" => wishes.seed = number(0, u64::from(u32::MAX))?,
                "--times" => wishes.times = Some(number(1, u64::from(u32::MAX))?),
                "--jobs" => wishes.jobs = usize::try_from(number(1, JOBS_MAX as u64)?).ok(),
                "--seconds" => wishes.seconds = Some(number(1, SECONDS_MAX)?),
                flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
                name => wishes.only.push(name.to_owned()),
            }
        }
        Ok(wishes)
    }

    /// Scenes on embedded parts at the same time.
    pub(super) fn jobs(&self) -> usize {
        self.jobs.unwrap_or(if self.quick { 1 } else { JOBS })
    }

    /// How long a load lasts [s].
    pub(super) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { SECONDS.0 } else { SECONDS.1 })
    }

    /// The seeds of a fault that is done so often unless something else was wished for.
    pub(super) fn seeds(&self, times: u64) -> std::ops::Range<u64> {
        self.seed..self.seed + if self.quick { 1 } else { self.times.unwrap_or(times) }
    }

    /// Whether a fault of this name is asked for.
    pub(super) fn include(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was wished for, in short.
    fn told(line: &str) -> Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let wishes = Wishes::of(&words)?;
        let Wishes { quick, fresh, ref only, .. } = wishes;
        let (seeds, jobs, seconds) = (wishes.seeds(20), wishes.jobs(), wishes.seconds());
        Ok(format!("quick {quick}, fresh {fresh}, seeds {seeds:?}, jobs {jobs}, seconds {seconds}, only {only:?}"))
    }

    #[test]
    fn words_are_understood() {
        for (line, expected) in [
            ("", "quick false, fresh false, seeds 1..21, jobs 3, seconds 8, only []"),
            ("--quick", "quick true, fresh false, seeds 1..2, jobs 1, seconds 4, only []"),
            ("--quick --jobs 2 --seed 7", "quick true, fresh false, seeds 7..8, jobs 2, seconds 4, only []"),
            ("--times 2 --fresh", "quick false, fresh true, seeds 1..3, jobs 3, seconds 8, only []"),
            (
                "embedded --seconds 2 keeper",
                r#"quick false, fresh false, seeds 1..21, jobs 3, seconds 2, only ["embedded", "keeper"]"#,
            ),
        ] {
            assert_eq!(told(line).as_deref(), Ok(expected), "{line}");
        }
    }

    /// A word that was meant as something else must not become a storm of hours over nothing.
    #[test]
    fn words_that_make_no_sense_are_named() {
        for (line, named) in [
            ("--slow", "unknown option `--slow`"),
            ("--jobs", "`--jobs` wants a whole number, 1 at least, 64 at most"),
            ("--jobs 0", "`--jobs` wants a whole number"),
            ("--jobs 65", "64 at most"),
            ("--times many", "`--times` wants a whole number, 1 at least"),
            ("--seed -1", "`--seed` wants"),
            ("--seconds 0", "`--seconds` wants"),
        ] {
            let error = told(line).unwrap_err();
            assert!(error.contains(named), "{line}: {error}");
        }
    }

    #[test]
    fn a_fault_is_chosen_by_a_part_of_its_name() {
        let wishes = Wishes::of(&["servers/keeper", "cut"]).unwrap();
        let chosen = |name| wishes.include(name);
        assert!(chosen("servers/keeper killed") && chosen("embedded/network cut") && !chosen("embedded/keeper killed"));
        assert!(Wishes::of(&[]).unwrap().include("anything"));
    }
}
