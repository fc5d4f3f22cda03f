//! A report for people.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::process::Usage;
use crate::recorder::Quantiles;
use crate::report::{Report, Server, Traffic};

/// The whole report, ready to print.
pub(crate) fn render(report: &Report) -> String {
    let (rooms, peers) = (report.rooms, report.peers);
    let mut text = format!(
        "{} against {}: {rooms} rooms of {peers}\n",
        report.scenario, report.target
    );
    let mut facts = Facts::new();
    facts.joins(report);
    if let Some(traffic) = &report.traffic {
        facts.traffic(traffic);
    }
    if let Some(server) = &report.server {
        facts.server(server);
    }
    let cpu = format!("{:.0} %", report.generator_cpu_percent);
    facts.row("generator CPU", &cpu);
    for (why, count) in &report.ended_early {
        facts.row(&format!("ended early: {why}"), &grouped(*count));
    }
    for (why, count) in &report.slow_readers {
        facts.row(&format!("slow reader: {why}"), &grouped(*count));
    }
    text.push_str(&facts.table.to_string());
    text.push('\n');
    text.push_str(&latencies(report));
    text.push('\n');
    for warning in &report.warnings {
        text.push_str("note: ");
        text.push_str(warning);
        text.push('\n');
    }
    text
}

fn new_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Name and value, row by row.
struct Facts {
    table: Table,
}

impl Facts {
    fn new() -> Self {
        Self { table: new_table() }
    }

    fn row(&mut self, name: &str, value: &str) {
        let value = Cell::new(value).set_alignment(CellAlignment::Right);
        self.table.add_row([Cell::new(name), value]);
    }

    fn count(&mut self, name: &str, count: u64) {
        self.row(name, &grouped(count));
    }

    /// A row that is there only when there is something to say.
    fn trouble(&mut self, name: &str, count: u64) {
        if count > 0 {
            self.count(name, count);
        }
    }

    fn joins(&mut self, report: &Report) {
        self.count("connections entered", report.joins.entered);
        self.row(
            "entered per second",
            &format!("{:.0}", report.joins.per_second),
        );
        for (why, count) in &report.joins.failed {
            self.row(&format!("not entered: {why}"), &grouped(*count));
        }
    }

    fn traffic(&mut self, traffic: &Traffic) {
        self.count("messages sent", traffic.sent);
        self.trouble("messages not sent", traffic.unsent);
        self.count("deliveries expected", traffic.expected);
        self.count("deliveries received", traffic.received);
        self.row(
            "deliveries per second",
            &grouped(traffic.deliveries_per_second.round() as u64),
        );
        self.count("lost", traffic.lost);
        self.count("doubled", traffic.doubled);
        self.count("reordered", traffic.reordered);
        self.trouble("unexpected", traffic.unexpected);
        self.trouble("strayed into another room", traffic.strayed);
        self.trouble("complaints of the server", traffic.errors);
        if let Some(error) = &traffic.last_error {
            self.row("the last complaint", error);
        }
    }

    fn server(&mut self, server: &Server) {
        let usage = |usage: &Usage| {
            let (resident, anonymous) = (mebibytes(usage.resident), mebibytes(usage.anonymous));
            format!("{resident} resident, {anonymous} anonymous")
        };
        self.row("server before", &usage(&server.before));
        self.row("server with connections", &usage(&server.connected));
        self.row("server at the end", &usage(&server.end));
        let per = |bytes: f64| format!("{:.1} KiB", bytes / 1024.0);
        self.row(
            "resident per connection",
            &per(server.resident_per_connection),
        );
        self.row(
            "anonymous per connection",
            &per(server.anonymous_per_connection),
        );
        self.row("server CPU", &format!("{:.0} %", server.cpu_percent));
        if let Some(each) = server.cpu_us_per_delivery {
            self.row("server CPU per delivery", &format!("{each:.2} µs"));
        }
        let each = format!("{:.0} µs", server.cpu_us_per_join);
        self.row("server CPU per connection entered", &each);
        self.count("server threads", server.end.threads);
    }
}

fn latencies(report: &Report) -> String {
    let mut table = new_table();
    table.set_header(["ms", "p50", "p90", "p99", "p99.9", "max", "count"]);
    let mut row = |name: &str, quantiles: &Quantiles| {
        let numbers = [
            quantiles.p50_ms,
            quantiles.p90_ms,
            quantiles.p99_ms,
            quantiles.p999_ms,
            quantiles.max_ms,
        ];
        let mut cells = vec![Cell::new(name)];
        cells.extend(numbers.map(|number| right(format!("{number:.2}"))));
        cells.push(right(grouped(quantiles.count)));
        table.add_row(cells);
    };
    row("entering", &report.joins.latency);
    if let Some(traffic) = &report.traffic {
        if let Some(latency) = &traffic.latency {
            row("delivery", latency);
        }
        if let Some(lateness) = &traffic.generator_lateness {
            row("of it, generator", lateness);
        }
    }
    table.to_string()
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
