//! How two versions compared that heard the same.

use roost_protocol::api::{Difference, ShadowReport};

use crate::cli::table::{count, grouped, plain};

/// The report of a shadow.
pub(crate) fn render(module: &str, version: Option<u32>, report: &ShadowReport) -> String {
    let name = match version {
        Some(version) => format!("{module}@{version}"),
        None => module.to_owned(),
    };
    let rooms = count(report.rooms, "room");
    let calls = grouped(report.calls);
    if report.calls == 0 {
        return format!("{name} heard nothing: no call was made in {rooms}");
    }
    let other = report.calls.saturating_sub(report.same);
    if other == 0 {
        return format!("{name} did the same as what runs, in all {calls} calls of {rooms}");
    }
    let mut text = format!(
        "{name} did otherwise in {} of {calls} calls of {rooms}",
        grouped(other)
    );
    for difference in &report.differences {
        text.push('\n');
        text.push_str(&part(difference));
    }
    text
}

fn part(difference: &Difference) -> String {
    let events = difference.events.join(", ");
    let head = format!("  {}, call {}: {events}", difference.room, difference.call);
    format!(
        "{}\n    - {}\n    + {}",
        plain(&head),
        plain(&difference.active),
        plain(&difference.other)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shown_as_in_a_diff() {
        let mut report = ShadowReport {
            rooms: 2,
            calls: 1_000,
            same: 999,
            differences: vec![Difference {
                room: "lobby".to_owned(),
                call: 7,
                events: vec!["join 3".to_owned(), "message 3".to_owned()],
                active: "deliver say".to_owned(),
                other: "deliver shout".to_owned(),
            }],
        };
        assert_eq!(
            render("echo", Some(4), &report),
            "echo@4 did otherwise in 1 of 1,000 calls of 2 rooms\n  \
             lobby, call 7: join 3, message 3\n    - deliver say\n    + deliver shout"
        );
        report.same = 1_000;
        assert!(render("echo", None, &report).starts_with("echo did the same"));
        let nothing = render("echo", Some(4), &ShadowReport::default());
        assert!(nothing.contains("heard nothing"), "{nothing}");
    }
}
