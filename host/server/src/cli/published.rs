//! What came of an upload, an activation, a rollback or a canary, in a line.

use roost_protocol::api::Published;

use crate::cli::table::{count, short};

/// In a line, with a second one where there is something to do.
pub(crate) fn summary(published: &Published) -> String {
    let Published { name, version, .. } = published;
    let hash = short(&published.sha256);
    let mut text = if published.active == Some(*version) {
        format!("{name}@{version} ({hash}) is live")
    } else {
        let active = published
            .active
            .map(|active| format!(", {name}@{active} is live"));
        format!(
            "{name}@{version} ({hash}) is stored{}",
            active.unwrap_or_default()
        )
    };
    if published.rolled > 0 {
        text.push_str(&format!(
            "; {} changed over",
            count(published.rolled, "room")
        ));
    }
    if published.held_back > 0 {
        let kept = count(published.held_back, "room");
        text.push_str(&format!(
            "; {kept} kept what it had, since its state was refused"
        ));
    }
    if published.active != Some(*version) && published.rolled == 0 {
        let wanted = published.new_capabilities.join(",");
        let allow = if wanted.is_empty() {
            String::new()
        } else {
            format!(" --allow {wanted}")
        };
        text.push_str(&format!(
            "\n  → roost module activate {name}@{version}{allow}"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(active: Option<u32>, rolled: usize, held_back: usize) -> Published {
        Published {
            name: "echo".to_owned(),
            version: 3,
            sha256: "0123456789abcdef".repeat(4),
            active,
            longest_pause_us: 0,
            rolled,
            held_back,
            job: None,
            new_capabilities: vec!["publish".to_owned()],
        }
    }

    #[test]
    fn what_came_of_it_is_one_line() {
        assert_eq!(
            summary(&published(Some(3), 12, 1)),
            "echo@3 (0123456789ab) is live; 12 rooms changed over; 1 room kept what it had, since its state was refused"
        );
        assert_eq!(
            summary(&published(Some(2), 0, 0)),
            "echo@3 (0123456789ab) is stored, echo@2 is live\n  → roost module activate echo@3 --allow publish"
        );
        assert_eq!(
            summary(&published(None, 0, 0)).lines().next(),
            Some("echo@3 (0123456789ab) is stored")
        );
    }
}
