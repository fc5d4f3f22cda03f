//! House rules that no compiler checks. Each test lists every offender at once.

use std::sync::LazyLock;

use roost_tidy::manifest::{Dependency, dependencies, package_name};
use roost_tidy::mask::mask;
use roost_tidy::outline::{Function, functions, lines_with, test_regions};
use roost_tidy::tree::{Source, root, sources};

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 60;
const USUAL_FUNCTION_LINES: usize = 35;

/// Which of our own crates each crate may name, outside of tests. Whoever adds a crate adds its row; the crates in `tests/`
/// may name any, and guests the SDK.
const ARROWS: [(&str, &[&str]); 8] = [
    ("roost-room", &[]),
    ("roost-sandbox", &["roost-room"]),
    ("roost-store", &[]),
    ("roost-protocol", &["roost-room"]),
    (
        "roost-server",
        &[
            "roost-room",
            "roost-sandbox",
            "roost-store",
            "roost-protocol",
            "xtask",
        ],
    ),
    ("xtask", &[]),
    ("roost-bench", &[]),
    ("roost-sdk", &[]),
];

/// All the kernel may use: it has no clock, no runtime, no serde, no randomness.
const KERNEL_DEPENDENCIES: [&str; 4] = ["bytes", "minicbor", "siphasher", "thiserror"];

/// A Rust file with its code laid bare.
struct Code {
    source: &'static Source,
    masked: String,
}

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| sources(&root()).unwrap_or_default());

static CODE: LazyLock<Vec<Code>> = LazyLock::new(|| {
    let rust = SOURCES.iter().filter(|source| source.is_rust());
    rust.map(|source| Code {
        source,
        masked: mask(&source.text),
    })
    .collect()
});

struct Manifest {
    path: &'static str,
    package: String,
    dependencies: Vec<Dependency>,
}

static MANIFESTS: LazyLock<Vec<Manifest>> = LazyLock::new(|| {
    let all = SOURCES
        .iter()
        .filter(|source| source.path.ends_with("Cargo.toml"));
    all.filter_map(|source| {
        Some(Manifest {
            path: &source.path,
            package: package_name(&source.text)?,
            dependencies: dependencies(&source.text),
        })
    })
    .collect()
});

impl Manifest {
    fn in_folder(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    fn at(&self, dependency: &Dependency) -> String {
        format!("{}:{}: {}", self.path, dependency.line, dependency.name)
    }
}

#[track_caller]
fn none(rule: &str, offenders: &[String]) {
    let list = offenders.join("\n  ");
    assert!(
        offenders.is_empty(),
        "\n{rule}\n{} of them:\n  {list}\n",
        offenders.len()
    );
}

/// Offenders of a word that must not stand in code: `wanted` says on which lines of which files it is looked for.
fn code_with(word: &str, wanted: impl Fn(&Code, usize) -> bool) -> Vec<String> {
    let mut offenders = Vec::new();
    for code in CODE.iter() {
        let lines = lines_with(&code.masked, word).into_iter();
        let lines = lines.filter(|line| wanted(code, *line));
        offenders.extend(lines.map(|line| format!("{}:{line}", code.source.path)));
    }
    offenders
}

fn in_test(code: &Code, line: usize) -> bool {
    code.source.is_test()
        || test_regions(&code.masked)
            .iter()
            .any(|lines| lines.contains(&line))
}

#[test]
fn the_repository_is_found() {
    assert!(
        CODE.len() > 20,
        "only {} Rust files below {:?}",
        CODE.len(),
        root()
    );
    assert!(MANIFESTS.len() > 5);
}

#[test]
fn files_are_short() {
    let long = SOURCES
        .iter()
        .filter(|source| source.is_code())
        .filter_map(|source| {
            let lines = source.text.lines().count();
            let excused = source.text.lines().take(5).any(|line| {
                let reason = line.split_once("over 500 lines: ");
                reason.is_some_and(|(_, reason)| reason.trim().len() > 10)
            });
            (lines > MAX_FILE_LINES && !excused).then(|| format!("{}: {lines} lines", source.path))
        });
    none(
        "Files stay under 500 lines: split by noun, or begin with a comment `over 500 lines: <reason>`.",
        &long.collect::<Vec<_>>(),
    );
}

fn all_functions() -> impl Iterator<Item = (&'static Code, Function)> {
    CODE.iter().flat_map(|code| {
        functions(&code.masked)
            .into_iter()
            .map(move |function| (code, function))
    })
}

fn describe(code: &Code, function: &Function) -> String {
    let (path, line) = (&code.source.path, function.lines.start());
    format!(
        "{path}:{line}: {} has {} lines",
        function.name,
        function.length()
    )
}

#[test]
fn functions_are_short() {
    let long = all_functions().filter(|(_, function)| function.length() > MAX_FUNCTION_LINES);
    none(
        "Functions stay within 60 lines: give a part of it a name.",
        &long
            .map(|(code, function)| describe(code, &function))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn nine_of_ten_functions_fit_a_screen() {
    let production =
        all_functions().filter(|(code, function)| !in_test(code, *function.lines.start()));
    let (long, short): (Vec<_>, Vec<_>) =
        production.partition(|(_, function)| function.length() >= USUAL_FUNCTION_LINES);
    let list: Vec<_> = long
        .iter()
        .map(|(code, function)| describe(code, function))
        .collect();
    assert!(
        long.len() * 9 <= short.len(),
        "\nNine functions of ten stay under 35 lines; these {} of {} do not:\n  {}\n",
        long.len(),
        long.len() + short.len(),
        list.join("\n  ")
    );
}

#[test]
fn every_module_says_what_it_is() {
    let silent = SOURCES
        .iter()
        .filter(|source| source.is_rust())
        .filter(|source| {
            let mut lines = source.text.lines().map(str::trim);
            let first = lines.find(|line| {
                let excuse = line.starts_with("// over 500 lines: ");
                !(line.is_empty() || line.starts_with("#!") || excuse)
            });
            !first.is_some_and(|line| line.len() > 4 && line.starts_with("//!"))
        });
    none(
        "Every Rust file begins with `//!` and what it is for.",
        &silent.map(|source| source.path.clone()).collect::<Vec<_>>(),
    );
}

/// Whether a name says only that somebody did not find one.
fn says_nothing(name: &str) -> bool {
    let numbered = name.strip_prefix("part").unwrap_or("x");
    matches!(name, "util" | "utils" | "helper" | "helpers" | "misc")
        || (!numbered.is_empty() && numbered.chars().all(|c| c.is_ascii_digit() || c == '_'))
}

#[test]
fn names_are_nouns_of_the_field() {
    let mut offenders = Vec::new();
    for source in SOURCES.iter().filter(|source| source.is_code()) {
        let mut parts = source.path.split('/');
        if parts.any(|part| says_nothing(part.split('.').next().unwrap_or(part))) {
            offenders.push(source.path.clone());
        }
    }
    for code in CODE.iter() {
        for (number, line) in code.masked.lines().enumerate() {
            let module = line.split("mod ").nth(1).unwrap_or("");
            let end = module.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            if says_nothing(module.get(..end.unwrap_or(module.len())).unwrap_or("")) {
                offenders.push(format!(
                    "{}:{}: {}",
                    code.source.path,
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    none(
        "No `utils`, `helpers`, `misc`, `part2`: name the thing that is in there.",
        &offenders,
    );
}

#[test]
fn crates_depend_as_the_arrows_allow() {
    let mut offenders = Vec::new();
    for manifest in MANIFESTS.iter() {
        let row = ARROWS
            .iter()
            .find(|(package, _)| *package == manifest.package);
        let guest = manifest.in_folder("guests/") || manifest.in_folder("tests/guests/");
        let allowed: &[&str] = match row {
            Some((_, allowed)) => allowed,
            None if guest => &["roost-sdk"],
            None if manifest.in_folder("tests/") => continue,
            None => {
                offenders.push(format!(
                    "{}: {} has no row in ARROWS",
                    manifest.path, manifest.package
                ));
                continue;
            }
        };
        let ours = manifest.dependencies.iter().filter(|dependency| {
            let ours = dependency.name.starts_with("roost-") || dependency.name == "xtask";
            ours && !dependency.is_dev()
        });
        let wrong = ours.filter(|dependency| !allowed.contains(&dependency.name.as_str()));
        offenders.extend(wrong.map(|dependency| manifest.at(dependency)));
    }
    none("These dependencies point the wrong way.", &offenders);
}

#[test]
fn nothing_but_tests_depends_on_the_server() {
    let others = MANIFESTS
        .iter()
        .filter(|manifest| !manifest.in_folder("tests/"));
    let wrong = others.flat_map(|manifest| {
        let server = manifest
            .dependencies
            .iter()
            .filter(|d| d.name == "roost-server");
        server.map(|dependency| manifest.at(dependency))
    });
    none(
        "Only tests may name roost-server.",
        &wrong.collect::<Vec<_>>(),
    );
}

#[test]
fn guests_and_host_share_no_crate() {
    const HOST: [&str; 6] = [
        "roost-room",
        "roost-sandbox",
        "roost-store",
        "roost-protocol",
        "roost-server",
        "wasmtime",
    ];
    let guests: Vec<&str> = MANIFESTS
        .iter()
        .filter(|manifest| manifest.in_folder("guests/"))
        .map(|manifest| manifest.package.as_str())
        .collect();
    let mut offenders = Vec::new();
    for manifest in MANIFESTS.iter() {
        let is_guest = manifest.in_folder("guests/");
        let is_host = manifest.in_folder("host/") || manifest.in_folder("protocol/");
        for dependency in &manifest.dependencies {
            let name = dependency.name.as_str();
            if (is_guest && HOST.contains(&name)) || (is_host && guests.contains(&name)) {
                offenders.push(manifest.at(dependency));
            }
        }
    }
    none(
        "Guests and host share text (wit/, schemas), never Rust types.",
        &offenders,
    );
}

#[test]
fn the_kernel_is_pure() {
    let kernel = MANIFESTS
        .iter()
        .filter(|manifest| manifest.package == "roost-room");
    let wrong = kernel.flat_map(|manifest| {
        let unknown = manifest.dependencies.iter().filter(|dependency| {
            !dependency.is_dev() && !KERNEL_DEPENDENCIES.contains(&dependency.name.as_str())
        });
        unknown.map(|dependency| manifest.at(dependency))
    });
    none(
        "roost-room may use bytes, minicbor, siphasher and thiserror, and nothing else.",
        &wrong.collect::<Vec<_>>(),
    );
}

#[test]
fn only_the_sandbox_names_wasmtime() {
    let others = MANIFESTS
        .iter()
        .filter(|manifest| manifest.package != "roost-sandbox");
    let in_manifests = others.flat_map(|manifest| {
        let wasmtime = manifest
            .dependencies
            .iter()
            .filter(|d| d.name.starts_with("wasmtime"));
        wasmtime.map(|dependency| manifest.at(dependency))
    });
    let mut offenders: Vec<_> = in_manifests.collect();
    offenders.extend(code_with("wasmtime::", |code, _| {
        !code.source.path.starts_with("host/sandbox/")
    }));
    none("wasmtime is named in host/sandbox only.", &offenders);
}

#[test]
fn versions_are_chosen_in_one_place() {
    let wrong = MANIFESTS.iter().flat_map(|manifest| {
        let own = manifest
            .dependencies
            .iter()
            .filter(|dependency| !dependency.is_inherited());
        own.map(|dependency| manifest.at(dependency))
    });
    none(
        "Versions stand in [workspace.dependencies] of the root; write `name.workspace = true`.",
        &wrong.collect::<Vec<_>>(),
    );
}

#[test]
fn every_dependency_has_a_reason() {
    let text = |path: &str| {
        let source = SOURCES.iter().find(|source| source.path == path);
        source.map_or("", |source| source.text.as_str())
    };
    let architecture = text("ARCHITECTURE.md");
    let all = dependencies(text("Cargo.toml"));
    let foreign = all
        .iter()
        .filter(|dependency| !dependency.value.contains("path ="));
    let missing = foreign.filter(|dependency| {
        let row = format!("| `{}` |", dependency.name);
        !architecture.lines().any(|line| line.starts_with(&row))
    });
    none(
        "Every row of [workspace.dependencies] has one in the dependency table of ARCHITECTURE.md, \
         which starts with \"| `name` |\" and says what the crate is for.",
        &missing
            .map(|dependency| dependency.name.clone())
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_queue_is_bounded() {
    none(
        "Queues are bounded, and say what happens when they are full.",
        &[
            code_with("unbounded_channel", |_, _| true),
            code_with("UnboundedSender", |_, _| true),
        ]
        .concat(),
    );
}

#[test]
fn tests_run_always_and_never_sleep() {
    none(
        "A test that is ignored proves nothing; long ones read ROOST_SOAK and return early.",
        &code_with("#[ignore", |_, _| true),
    );
    none(
        "Tests do not sleep: pass time in, pause it, or wait for what should happen, with a timeout.",
        &code_with("sleep(", in_test),
    );
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
    ];
    let mut offenders = Vec::new();
    let written = |source: &&Source| source.is_code() || source.path.ends_with(".toml");
    for source in SOURCES.iter().filter(written) {
        for word in words {
            let lines = lines_with(&source.text, word).into_iter();
            offenders.extend(lines.map(|line| format!("{}:{line}: {word}", source.path)));
        }
    }
    none("Do it, or open an issue.", &offenders);
}
