//! Random scripts from a number, the same for the same number.

/// A small generator; what matters is that it stays the same.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.roll(words.len() as u64)).unwrap()]
    }
}

/// Lines to play in a room that is open. Faults are few enough that nobody is put out for them.
pub(crate) fn script(seed: u64, length: usize) -> Vec<String> {
    let mut dice = Dice::new(seed);
    let mut lines = vec![
        "enter s1 ann".to_owned(),
        "enter s2 bob".to_owned(),
        "say c1 on timer add 1 & all ding;on leave add 3;on attach to $m welcome;on tick add 1"
            .to_owned(),
    ];
    let (mut session, mut user_faults, mut program_faults) = (2, 1, 2);
    while lines.len() < length {
        let connection = 1 + dice.roll(6);
        let together = if dice.roll(3) == 0 { "+ " } else { "" };
        let line = match dice.roll(16) {
            0..=2 => {
                session += 1;
                let user = dice.pick(&["ann", "bob", "cyd", "dan"]);
                let once = dice.pick(&["once", "once", "", "resume=7:1 once"]);
                format!("{together}knock s{session} {user} {once}")
            }
            3 => format!("{together}confirm c{connection}"),
            4 => {
                let reason = dice.pick(&["lost", "lost", "closed", "moved"]);
                format!("{together}detach c{connection} {reason}")
            }
            5 => format!("{together}withdraw s{} lost", 1 + dice.roll(session)),
            6..=11 => {
                let mut commands = said(&mut dice);
                if dice.roll(6) == 0 && program_faults > 0 {
                    program_faults -= 1;
                    commands.push_str(";batchtrap");
                } else if dice.roll(8) == 0 && user_faults > 0 {
                    user_faults -= 1;
                    commands.push_str(";trap");
                }
                format!("{together}say c{connection} {commands}")
            }
            12 => format!("wait {}", dice.pick(&["1", "10", "400", "1000"])),
            13 => format!(
                "{together}rename {} x{}",
                dice.pick(&["ann", "bob", "cyd"]),
                dice.roll(9)
            ),
            14 => format!("{together}media m{}", 1 + dice.roll(3)),
            _ => format!("{together}signal {session} {}", said(&mut dice)),
        };
        lines.push(line);
    }
    lines.push("step".to_owned());
    lines
}

fn said(dice: &mut Dice) -> String {
    let mut commands = Vec::new();
    for _ in 0..=dice.roll(3) {
        let number = dice.roll(9);
        commands.push(match dice.roll(14) {
            0 => format!("add {number}"),
            1 => format!("all {number}"),
            2 => format!("un {number}"),
            3 => format!("timer {} {}", number % 3, dice.roll(900)),
            4 => format!("cancel {}", number % 3),
            5 => format!("kick {} out", 1 + number % 2),
            6 => format!("list {number}"),
            7 => "grant 1".to_owned(),
            8 => "deny 2".to_owned(),
            9 => "grant 1 2".to_owned(),
            10 => "digest".to_owned(),
            11 => "open ann d".to_owned(),
            12 => format!("by {} hello", 1 + number % 2),
            _ => "sub 1 t".to_owned(),
        });
    }
    commands.join(";")
}
