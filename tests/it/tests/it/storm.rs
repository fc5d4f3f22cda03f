//! Rules that change all the time while people play: nobody is dropped, no note is lost or comes twice, and the rooms
//! stay what they were.

use anyhow::{Context, Result, bail, ensure};
use roost_it::{Admin, Pianist, Server, Start, component, times, with_section};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Players, in rooms of ten.
const PLAYERS: usize = 100;
const ROOM: usize = 10;
/// Each plays a note so often: 2,000 a second in all.
const BEAT: Duration = Duration::from_millis(50);

/// What a player heard of the others: the number of the last note of each.
#[derive(Default)]
struct Ears {
    last: BTreeMap<String, u64>,
    heard: u64,
}

impl Ears {
    fn hear(&mut self, message: &Value) -> Result<()> {
        if message["m"] != "n" {
            return Ok(());
        }
        let who = message["p"].as_str().context("a player")?;
        let number = message["t"].as_u64().context("a number")?;
        if let Some(last) = self.last.get(who) {
            ensure!(number == last + 1, "note {number} of {who} after {last}");
        }
        self.last.insert(who.to_owned(), number);
        self.heard += 1;
        Ok(())
    }
}

/// Play until told to stop; then hear the others to their end.
async fn play(mut pianist: Pianist, mut stop: watch::Receiver<bool>) -> Result<(Pianist, u64)> {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut ears, mut number) = (Ears::default(), 0_u64);
    loop {
        tokio::select! {
            _ = beat.tick() => {
                number += 1;
                let note = json!({"m": "n", "t": number, "n": [{"n": "a3", "v": 0.5}]});
                pianist.say(note).await?;
            }
            message = pianist.hear() => ears.hear(&message?)?,
            _ = stop.changed() => break,
        }
    }
    for message in pianist.all().await? {
        ears.hear(&message)?;
    }
    Ok((pianist, ears.heard))
}

/// What a room is: its settings, who owns it, who is in it.
async fn shown(pianist: &mut Pianist, room: &str) -> Result<Value> {
    let mut ch = pianist.go(room).await?;
    let ch = ch.as_object_mut().context("an object")?;
    ch.remove("p");
    let people = ch.get_mut("ppl").and_then(Value::as_array_mut);
    let people = people.context("people")?;
    people.sort_by_key(|person| person["_id"].to_string());
    Ok(json!(ch))
}

/// Activate and roll back as soon as the last one has ended. Gives how many there were in how many seconds.
async fn swap(admin: &Admin, wasm: &[u8], lasts: Duration) -> Result<(u32, f64)> {
    let (began, mut swaps) = (Instant::now(), 0);
    while began.elapsed() < lasts {
        let version = with_section(wasm, &format!("storm {swaps}"));
        let (status, answer) = admin.upload("piano", "?activate=true", &version).await?;
        ensure!(status == 201, "{status} {answer}");
        ensure!(answer["held_back"] == 0, "{answer}");
        let (status, answer) = admin.post("/modules/piano/rollback", json!({})).await?;
        ensure!(
            status == 200 && answer["held_back"] == 0,
            "{status} {answer}"
        );
        swaps += 2;
    }
    Ok((swaps, began.elapsed().as_secs_f64()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_a_storm_of_swaps() -> Result<()> {
    let lasts = Duration::from_secs(times(5, 30) as u64);
    let state = tempfile::tempdir()?;
    let start = Start {
        config: "[net]\nmax_sockets_per_address = 1000\n".to_owned(),
        ..Start::default()
    };
    let server = Server::start(state.path(), start).await?;
    let admin = Admin::of(&server);
    // May have to be built first.
    let wasm = std::fs::read(component("piano")?)?;
    let name = |player: usize| format!("storm {}", player / ROOM);
    let mut pianists = Vec::new();
    for player in 0..PLAYERS {
        let (mut pianist, _) = Pianist::enter(&server.url(), &name(player)).await?;
        if player % ROOM == 0 {
            let set = json!({"color": "#123456", "chat": true, "limit": 50});
            pianist.say(json!({"m": "chset", "set": set})).await?;
        }
        pianists.push(pianist);
    }
    let mut before = Vec::new();
    for (player, pianist) in pianists.iter_mut().enumerate() {
        pianist.all().await?;
        if player % ROOM == 0 {
            before.push(shown(pianist, &name(player)).await?);
        }
    }
    let (stop, stopped) = watch::channel(false);
    let players = pianists.into_iter().map(|pianist| {
        let stopped = stopped.clone();
        tokio::spawn(play(pianist, stopped))
    });
    let players: Vec<_> = players.collect();
    let (swaps, took) = swap(&admin, &wasm, lasts).await?;
    stop.send(true)?;
    let (mut heard, mut after) = (0, Vec::new());
    for (player, playing) in players.into_iter().enumerate() {
        let (mut pianist, notes) = playing.await?.with_context(|| format!("player {player}"))?;
        heard += notes;
        if player % ROOM == 0 {
            after.push(shown(&mut pianist, &name(player)).await?);
        }
        // Nobody leaves before all have been looked at.
        std::mem::forget(pianist);
    }
    println!(
        "{swaps} swaps in {took:.1} s ({:.1} a second), {:.0} notes heard a second, none lost",
        f64::from(swaps) / took,
        heard as f64 / took
    );
    if after != before {
        bail!("rooms are others than before:\n{before:?}\n{after:?}");
    }
    ensure!(
        heard as f64 > took * 10_000.0,
        "only {heard} notes were heard"
    );
    Ok(())
}
