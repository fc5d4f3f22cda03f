//! Modules, versions and comparisons as people read them.

use roost_protocol::api::{Comparison, ManifestInfo, Module, ModuleList, Origin, Version};

use crate::cli::table::{
    Facts, Listing, ago, count, grouped, now, or_dash, plain, short, size, span,
};

/// All modules, a line each.
pub(crate) fn list(list: &ModuleList) -> String {
    let columns = [
        "module",
        ">active",
        "sha-256",
        ">versions",
        ">rooms",
        "activity",
        "note",
    ];
    let mut table = Listing::new(&columns);
    for module in &list.modules {
        let active = module.versions.iter().find(|version| version.active);
        table.row(&[
            module.name.clone(),
            or_dash(module.active),
            or_dash(active.map(|version| short(&version.sha256))),
            module.versions.len().to_string(),
            grouped(module.rooms as u64),
            activity(module).join(", "),
            active
                .map(|version| version.note.clone())
                .unwrap_or_default(),
        ]);
    }
    table.render("no modules so far: roost module publish FILE uploads one")
}

/// What is going on with a module.
fn activity(module: &Module) -> Vec<String> {
    let mut activity = Vec::new();
    if let Some(version) = module.rolling {
        activity.push(format!("rolling to {version}"));
    }
    if let Some(canary) = &module.canary {
        activity.push(format!("canary {} at {} %", canary.version, canary.percent));
    }
    if module.held_back > 0 {
        activity.push(format!("{} held back", count(module.held_back, "room")));
    }
    activity
}

/// A module and its versions, newest first.
pub(crate) fn module(module: &Module) -> String {
    let mut facts = Facts::default();
    facts.row("active", or_dash(module.active));
    facts.row("rollback to", or_dash(module.previous));
    facts.row("rooms", grouped(module.rooms as u64));
    facts.some("activity", Some(activity(module).join(", ")));
    let columns = [
        "version", "state", "sha-256", ">size", "origin", "uploaded", "by", ">rooms", "note",
    ];
    let mut table = Listing::new(&columns);
    let now = now();
    for version in module.versions.iter().rev() {
        table.row(&[
            format!("{}@{}", module.name, version.version),
            state(module, version.version),
            short(&version.sha256),
            size(version.size),
            origin(version.origin).to_owned(),
            ago(now, version.uploaded_at),
            version.by.clone(),
            grouped(version.rooms as u64),
            version.note.clone(),
        ]);
    }
    let versions = table.render("no versions");
    format!("{}\n{}\n\n{versions}", module.name, facts.render())
}

fn state(module: &Module, version: u32) -> String {
    let canary = module.canary.as_ref().map(|canary| canary.version);
    let states = [
        ("active", module.active),
        ("canary", canary),
        ("rolling", module.rolling),
        ("previous", module.previous),
    ];
    let state = states.iter().find(|(_, of)| *of == Some(version));
    state.map_or("", |(state, _)| state).to_owned()
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Upload => "upload",
        Origin::BuiltIn => "built-in",
        Origin::File => "file",
    }
}

/// A version in full.
pub(crate) fn version(name: &str, version: &Version) -> String {
    let mut facts = Facts::default();
    facts.row(
        "state",
        if version.active {
            "active"
        } else {
            "not active"
        },
    );
    facts.row("rooms", grouped(version.rooms as u64));
    facts.row("sha-256", &version.sha256);
    facts.row("size", size(version.size));
    facts.row("origin", origin(version.origin));
    let uploaded = format!("{} by {}", ago(now(), version.uploaded_at), version.by);
    facts.row("uploaded", uploaded);
    facts.some("note", Some(version.note.clone()));
    facts.row("interface", format!("roost:room@{}", version.interface));
    facts.some("imports", Some(version.imports.join("\n")));
    manifest(&mut facts, &version.manifest);
    format!("{name}@{}\n{}", version.version, facts.render())
}

fn manifest(facts: &mut Facts, manifest: &ManifestInfo) {
    facts.row("state version", manifest.state_version.to_string());
    facts.row("pace", &manifest.pace);
    facts.row("durability", &manifest.durability);
    facts.row("grace", span(manifest.grace));
    facts.row(
        "members",
        format!("at most {}", grouped(manifest.members.into())),
    );
    facts.some("capabilities", Some(manifest.capabilities.join(", ")));
    let topics = manifest.topics.iter();
    let topics = topics.map(|topic| format!("{} ({})", topic.name, topic.intake));
    facts.some("topics", Some(topics.collect::<Vec<_>>().join("\n")));
}

/// How two versions differ, as in a diff.
pub(crate) fn comparison(name: &str, comparison: &Comparison) -> String {
    let (from, to) = (comparison.from, comparison.to);
    if comparison.identical {
        return format!("{name}@{from} and {name}@{to} are the same bytes");
    }
    let mut lines = vec![format!("{name}@{from} → {name}@{to}")];
    for (sign, what, names) in [
        ('-', "capability", &comparison.capabilities_removed),
        ('+', "capability", &comparison.capabilities_added),
        ('-', "topic", &comparison.topics_removed),
        ('+', "topic", &comparison.topics_added),
        ('+', "import", &comparison.imports_added),
    ] {
        lines.extend(
            names
                .iter()
                .map(|name| format!("  {sign} {what} {}", plain(name))),
        );
    }
    for change in &comparison.changes {
        let line = format!("  ~ {}: {} → {}", change.what, change.from, change.to);
        lines.push(plain(&line).into_owned());
    }
    if lines.len() == 1 {
        lines.push("  other code, the same manifest".to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use roost_protocol::api::{CanaryStatus, StateChange, TopicInfo};

    use super::*;

    fn sample(number: u32, active: bool) -> Version {
        Version {
            version: number,
            sha256: "0123456789abcdef".repeat(4),
            size: 1536,
            origin: Origin::BuiltIn,
            uploaded_at: now() - 180_000,
            by: "server".to_owned(),
            note: "first".to_owned(),
            active,
            rooms: 1200,
            interface: "0.1.0".to_owned(),
            imports: vec!["roost:room/log@0.1.0".to_owned()],
            manifest: ManifestInfo {
                release: None,
                state_version: 1,
                pace: "60 Hz".to_owned(),
                durability: "snapshot".to_owned(),
                grace: 30_000,
                members: 64,
                capabilities: vec![],
                topics: ["say", "shout"]
                    .map(|name| TopicInfo {
                        name: name.to_owned(),
                        intake: "reliable".to_owned(),
                    })
                    .to_vec(),
            },
        }
    }

    fn echo() -> Module {
        Module {
            name: "echo".to_owned(),
            active: Some(1),
            previous: None,
            canary: Some(CanaryStatus {
                version: 2,
                percent: 2.5,
            }),
            rolling: None,
            rooms: 1201,
            held_back: 1,
            versions: vec![sample(1, true), sample(2, false)],
        }
    }

    #[test]
    fn modules_are_listed() {
        let modules = ModuleList {
            modules: vec![echo()],
        };
        assert_eq!(
            list(&modules),
            "MODULE  ACTIVE  SHA-256       VERSIONS  ROOMS  ACTIVITY                             NOTE\n\
             echo         1  0123456789ab         2  1,201  canary 2 at 2.5 %, 1 room held back  first"
        );
    }

    #[test]
    fn a_module_shows_its_versions_newest_first() {
        let text = module(&echo());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "echo");
        assert!(lines.contains(&"  active       1"), "{text}");
        assert_eq!(
            lines[lines.len() - 2..],
            [
                "echo@2   canary  0123456789ab  1.5 KiB  built-in  3 min ago  server  1,200  first",
                "echo@1   active  0123456789ab  1.5 KiB  built-in  3 min ago  server  1,200  first",
            ]
        );
    }

    #[test]
    fn a_version_is_shown_in_full() {
        let text = version("echo", &sample(1, true));
        assert!(
            text.starts_with("echo@1\n  state          active\n"),
            "{text}"
        );
        assert!(
            text.ends_with("  topics         say (reliable)\n                 shout (reliable)"),
            "{text}"
        );
    }

    #[test]
    fn versions_are_compared_as_in_a_diff() {
        let mut differ = Comparison {
            from: 1,
            to: 2,
            identical: false,
            capabilities_added: vec!["publish".to_owned()],
            capabilities_removed: vec![],
            topics_added: vec![],
            topics_removed: vec!["shout".to_owned()],
            imports_added: vec![],
            changes: vec![StateChange {
                what: "pace".to_owned(),
                from: "messages".to_owned(),
                to: "60 Hz".to_owned(),
            }],
        };
        assert_eq!(
            comparison("echo", &differ),
            "echo@1 → echo@2\n  + capability publish\n  - topic shout\n  ~ pace: messages → 60 Hz"
        );
        differ.identical = true;
        assert_eq!(
            comparison("echo", &differ),
            "echo@1 and echo@2 are the same bytes"
        );
    }
}
