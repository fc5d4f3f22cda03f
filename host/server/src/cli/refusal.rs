//! What is said when a server says no, or nothing at all.

use roost_protocol::api::{ApiError, ErrorBody};
use serde_json::Value;

use crate::cli::table::{Facts, plain};
use crate::client::ClientError;

/// An error in full: what it is, what is known of it, and what helps.
#[must_use]
pub fn explain(error: &anyhow::Error) -> String {
    match error.downcast_ref::<ClientError>() {
        Some(error) => explain_client(error),
        None => format!("{error:#}"),
    }
}

/// A refusal as the server would have answered it, for scripts; `None` for other errors.
#[must_use]
pub fn refusal_json(error: &anyhow::Error) -> Option<String> {
    let ClientError::Refused(refusal) = error.downcast_ref()? else {
        return None;
    };
    let error = refusal.error.clone();
    serde_json::to_string(&ErrorBody { error }).ok()
}

/// The same for what a request came to.
pub(crate) fn explain_client(error: &ClientError) -> String {
    match error {
        ClientError::Refused(refusal) => render(&refusal.error),
        ClientError::Unreachable { reason, .. } => {
            let certificate = reason.contains("certificate");
            with_hint(error.to_string(), Some(unreachable_hint(certificate)))
        }
        ClientError::Foreign { .. } => with_hint(
            error.to_string(),
            Some("is something else listening there, or an older server? See --server".to_owned()),
        ),
        ClientError::Broken { .. } | ClientError::Address { .. } => error.to_string(),
    }
}

fn unreachable_hint(certificate: bool) -> String {
    if certificate {
        return "an authority of your own is named in SSL_CERT_FILE".to_owned();
    }
    "is it running (`roost serve`), and is this its address (--server, ROOST_SERVER)?".to_owned()
}

/// Code, message, details, and what helps.
pub(crate) fn render(error: &ApiError) -> String {
    let message = plain(&error.message);
    let mut text = format!("refused, {}: {message}", plain(&error.code));
    let facts = details(&error.details);
    if !facts.is_empty() {
        text.push('\n');
        text.push_str(&facts);
    }
    with_hint(text, hint(error))
}

fn with_hint(mut text: String, hint: Option<String>) -> String {
    if let Some(hint) = hint {
        text.push_str("\n  → ");
        text.push_str(&hint);
    }
    text
}

fn details(details: &Value) -> String {
    let mut facts = Facts::default();
    for (name, value) in details.as_object().into_iter().flatten() {
        facts.some(&name.replace('_', " "), Some(words(value)));
    }
    facts.render()
}

/// A value without the quotes and brackets of JSON, as far as it can be understood without them.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items)
            if items
                .iter()
                .all(|item| item.is_string() || item.is_number()) =>
        {
            let items: Vec<String> = items.iter().map(words).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}

/// What helps, where one can know.
fn hint(error: &ApiError) -> Option<String> {
    let hint = match error.code.as_str() {
        "unauthorized" => {
            "show a token: --token or ROOST_ADMIN_TOKEN. A server on loopback keeps one as admin.token in its \
             state folder; `roost token --admin` makes others"
        }
        "admin_closed" => {
            "set ROOST_ADMIN_TOKEN or ROOST_ADMIN_SECRET (16 bytes or more) for the server, and start it again"
        }
        "forbidden" => {
            let scope = error.details.get("needs").and_then(Value::as_str)?;
            return Some(format!(
                "`roost token --admin --scope {}` makes a token that may",
                plain(scope)
            ));
        }
        "not_allowed" => {
            let wanted = words(error.details.get("capabilities")?).replace(", ", ",");
            return Some(format!("if it may: --allow {}", plain(&wanted)));
        }
        "no_such_module" => "`roost module list` shows those there are",
        "no_such_version" => "`roost module inspect NAME` shows those there are",
        "no_such_room" => "`roost room list` shows those that live",
        "no_such_job" => "`roost job list` shows the last hundred",
        "no_such_recording" => "`roost recording list` shows those that are kept",
        "busy" => "`roost job list` shows what is at work",
        "canary_running" => "`roost module canary NAME --end` ends it",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(code: &str, details: Value) -> ApiError {
        ApiError {
            code: code.to_owned(),
            message: "no".to_owned(),
            details,
        }
    }

    #[test]
    fn refusals_say_what_is_known_and_what_helps() {
        let not_allowed = error(
            "not_allowed",
            json!({"capabilities": ["publish", "move"], "room_version": 3}),
        );
        assert_eq!(
            render(&not_allowed),
            "refused, not_allowed: no\n  capabilities  publish, move\n  room version  3\n  → if it may: --allow publish,move"
        );
        assert_eq!(
            render(&error("too_large", json!({}))),
            "refused, too_large: no"
        );
        let forbidden = render(&error("forbidden", json!({"needs": "activate"})));
        assert!(forbidden.contains("--scope activate"), "{forbidden}");
    }

    #[test]
    fn details_of_any_shape_are_printed() {
        let rehearsal = error(
            "rehearsal_failed",
            json!({"room": "a\u{1b}[2J", "step": "line 1\nline 2", "nothing": null, "more": {"a": [1]}}),
        );
        assert_eq!(
            render(&rehearsal),
            "refused, rehearsal_failed: no\n  more  {\"a\":[1]}\n  room  a\u{fffd}[2J\n  step  line 1\n        line 2"
        );
        let odd = error("busy", json!("text"));
        assert!(render(&odd).starts_with("refused, busy: no\n  → "));
    }

    #[test]
    fn scripts_get_refusals_as_json() {
        let busy = ClientError::refused(error("busy", json!({})));
        let json = refusal_json(&anyhow::Error::from(busy)).unwrap();
        assert_eq!(
            json,
            r#"{"error":{"code":"busy","message":"no","details":{}}}"#
        );
        assert_eq!(refusal_json(&anyhow::Error::msg("no file")), None);
    }

    #[test]
    fn silence_is_explained() {
        let error = ClientError::Unreachable {
            server: "http://127.0.0.1:1".to_owned(),
            reason: "Connection refused".to_owned(),
        };
        let text = explain(&anyhow::Error::from(error));
        assert!(text.starts_with("no server answers at http://127.0.0.1:1: Connection refused\n"));
        assert!(
            text.contains("roost serve") && text.contains("ROOST_SERVER"),
            "{text}"
        );
    }
}
