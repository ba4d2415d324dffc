//! From where people get to how many jobs: a map of what a variant changes, and tables by group of people and by zone.
//!
//! Roads carry the colour of their zone; the tables say the same in numbers. Nothing where nobody asked.

use std::fmt::Write as _;

use super::super::access::{Whose, Within, name};
use super::super::analysis::{Gains, VariantResult};
use super::super::files::Whole;
use super::super::statistics::paired::Interval;
use super::super::wording::signed;
use super::gains;
use crate::city::network::Network;
use crate::city::scenario::Access;
use crate::primitives::ids::EdgeId;
use crate::studies::access::zone_of_roads;
use crate::studies::report::map::drawing::{Sheet, road_line, scale_bar, twins};
use crate::studies::report::markup::{count_of, escape, number};

/// Limits between the classes of a change, in points of all jobs; blue gains, orange loses.
const LIMITS: [f64; 6] = [-10.0, -3.0, -1.0, 1.0, 3.0, 10.0];
/// Zones in a table; all are in comparison.json.
const SHOWN: usize = 12;
/// Most roads drawn of all zones; beyond it the shortest are left out, and counted.
const ROADS_MAX: usize = 12_000;

/// The class of a change in points: 0 gains much to 6 loses much.
fn class(points: f64) -> usize {
    LIMITS.iter().filter(|limit| -points > **limit).count()
}

/// A limit of time in words.
fn minutes(access: &Access, limit: usize) -> String {
    let seconds = access.within.get(limit).map_or(0.0, |within| within.as_seconds());
    format!("{} min", number(seconds / 60.0, usize::from(seconds % 60.0 != 0.0)))
}

/// The section of the page.
pub(super) fn section(whole: &Whole<'_>, network: &Network) -> String {
    let Some(access) = whole.design.access.as_deref() else { return String::new() };
    let mut html = format!(
        "<section aria-labelledby=\"access\"><h2 id=\"access\">Where people get to</h2><p>Share of the {} jobs in {} zones that people get to by \
         car within {}, mean over {} departures, by the fastest ways at the travel times of each run; what a zone has is spread over a few of its \
         roads. Shares are of people, mean of the runs, differences in points.</p>",
        count_of(rounded(access.jobs())),
        access.zones.len(),
        (0..access.within.len()).map(|limit| minutes(access, limit)).collect::<Vec<_>>().join(", "),
        access.departures.len(),
    );
    if !access.divisions.is_empty() {
        html.push_str(
            "<p class=\"small\">Groups are known by the zone only: they are taken to live spread over it, and to travel like everybody there. \
             What differs between groups is where they live.</p>",
        );
    }
    html.push_str(
        "<p class=\"small\">By bus, by bicycle and on foot is not there: this is access for whoever has a car.</p>",
    );
    let others: Vec<_> = whole.design.variants.iter().zip(&whole.analysis.variants).skip(1).collect();
    if others.is_empty() {
        table(&mut html, access, &whole.design.base().name, &whole.analysis.variants[0]);
    }
    for (variant, result) in others {
        if result.is_same() {
            let _ = write!(html, "<p><strong>{}</strong> is the same as the base.</p>", escape(&variant.name));
            continue;
        }
        map(&mut html, access, (&variant.name, result), network);
        table(&mut html, access, &variant.name, result);
        groups(&mut html, access, &variant.name, &result.group_gains);
    }
    html.push_str("</section>");
    html
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "jobs are not negative and far fewer")]
fn rounded(jobs: f64) -> usize {
    jobs.round().min(1e15) as usize
}

/// Everybody and the groups, then the zones that change most; a column of differences for every limit of time.
fn table(html: &mut String, access: &Access, variant: &str, result: &VariantResult) {
    let by_whose: Vec<&[Within]> = result.access.chunk_by(|one, next| one.whose == next.whose).collect();
    let (mut zones, first): (Vec<&[Within]>, Vec<&[Within]>) =
        by_whose.into_iter().partition(|lines| matches!(lines[0].whose, Whose::Zone(_)));
    zones.sort_by(|a, b| b[0].difference.value.abs().total_cmp(&a[0].difference.value.abs()));
    let title = escape(variant);
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Jobs within reach: {title}\"><table><caption><span>{title}: jobs within \
         reach</span></caption><thead><tr><th scope=\"col\">Who</th><th scope=\"col\">People</th>"
    );
    for limit in 0..access.within.len() {
        let within = minutes(access, limit);
        let _ = write!(html, "<th scope=\"col\">{within}: share [%]</th><th scope=\"col\">Difference [pp]</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for lines in first.iter().chain(zones.iter().take(SHOWN)) {
        let total = if lines[0].whose == Whose::Everybody { " class=\"total\"" } else { "" };
        let who = escape(&name(access, &lines[0].whose));
        let _ = write!(html, "<tr{total}><th scope=\"row\">{who}</th><td>{}</td>", number(lines[0].people, 0));
        for line in *lines {
            let shares = format!("{}\u{a0}→\u{a0}{}", per_cent(line.base), per_cent(line.variant));
            let _ = write!(html, "<td>{shares}</td><td>{}</td>", points(line.difference));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    if zones.len() > SHOWN {
        let _ = write!(
            html,
            "<p class=\"small\">{} zones that change less are in comparison.json.</p>",
            zones.len() - SHOWN
        );
    }
}

fn per_cent(share: Interval) -> String {
    number(share.value * 100.0, 1)
}

fn points(difference: Interval) -> String {
    let ends = difference.ends.map_or(String::new(), |(low, high)| {
        format!(" <span class=\"ends\">[{}, {}]</span>", signed(low * 100.0, 1), signed(high * 100.0, 1))
    });
    format!("{}{ends}", signed(difference.value * 100.0, 1))
}

/// Who gains and who loses on their trips, by group.
fn groups(html: &mut String, access: &Access, variant: &str, groups: &[((usize, usize), Gains)]) {
    if groups.is_empty() {
        return;
    }
    let caption = format!("{}: trips by group of the people where they begin", escape(variant));
    gains::begin(html, &caption, "Group");
    for ((division, group), gains) in groups {
        gains::row(html, &name(access, &Whose::Group(*division, *group)), gains);
    }
    html.push_str("</tbody></table></div>");
}

/// The roads in the colour of their zone, by the first limit of time.
fn map(html: &mut String, access: &Access, (variant, result): (&str, &VariantResult), network: &Network) {
    let mut change = vec![None; access.zones.len()];
    for line in result.access.iter().filter(|line| line.limit == 0) {
        if let Whose::Zone(zone) = line.whose {
            change[zone] = Some(line.difference.value * 100.0);
        }
    }
    let all = zone_of_roads(access);
    let mut roads: Vec<(EdgeId, usize)> = all.into_iter().filter(|road| road.0.index() < network.edges.len()).collect();
    let length = |road: &(EdgeId, usize)| network.edge(road.0).length.as_metres();
    roads.sort_by(|a, b| length(b).total_cmp(&length(a)).then(a.0.cmp(&b.0)));
    let left_out = roads.len().saturating_sub(ROADS_MAX);
    roads.truncate(ROADS_MAX);
    let (sheet, twins, name) = (Sheet::around(network), twins(network), escape(variant));
    let within = minutes(access, 0);
    let _ = write!(
        html,
        "<figure class=\"map-figure\"><div class=\"map\"><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Map of {name}: roads in the colour \
         of how many more or fewer jobs the people of their zone get to within {within}; the table below says it in numbers.\" \
         style=\"--px:{:.2};--lane:{:.2}\"><g class=\"zones\">",
        sheet.width(),
        sheet.height(),
        sheet.pixel(),
        sheet.lane_width()
    );
    for (road, zone) in roads {
        let class = change[zone].map_or_else(|| "unused".to_owned(), |points| format!("d{}", class(points)));
        let lanes = network.edge(road).lane_count().clamp(1, 6);
        let _ = write!(html, "<path class=\"w{lanes} {class}\" d=\"{}\"/>", road_line(network, road, &sheet, &twins));
    }
    let _ = write!(html, "</g>{}</svg></div><div class=\"legend\">", scale_bar(&sheet));
    let _ = write!(
        html,
        "<p><strong>{name}: change of jobs within {within} [pp]</strong> blue gets to more, orange to fewer than in the base</p><ol class=\"scale\">"
    );
    for place in 0..=LIMITS.len() {
        let label = match place {
            0 => format!("over {}", signed(-LIMITS[0], 0)),
            6 => format!("under {}", signed(-LIMITS[5], 0)),
            place => format!("{} to {}", signed(-LIMITS[place - 1], 0), signed(-LIMITS[place], 0)),
        };
        let _ = write!(html, "<li><span class=\"swatch d{place}\"></span><span>{label}</span></li>");
    }
    html.push_str("</ol>");
    if change.iter().any(Option::is_none) {
        html.push_str("<ul class=\"keys\"><li><span class=\"swatch unused\"></span>nobody lives there</li></ul>");
    }
    html.push_str("</div>");
    if left_out > 0 {
        let _ = write!(html, "<p class=\"small\">{} of the shortest roads are not drawn.</p>", count_of(left_out));
    }
    html.push_str("</figure>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gains_is_blue_and_who_loses_orange() {
        assert_eq!([99.0, 10.0, 2.0, 0.0, -1.0, -1.1, -10.0, -11.0].map(class), [0, 0, 2, 3, 3, 4, 5, 6]);
    }
}
