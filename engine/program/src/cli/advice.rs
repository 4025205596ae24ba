//! What to do about a refusal: one line a code, where there is something to type.

use serde_json::Value;

/// The advice that goes with a refusal, if there is any.
pub(super) fn on(code: &str, details: &Value) -> Option<String> {
    let detail = |name: &str| details.get(name).and_then(Value::as_str);
    Some(match (code, detail("channel"), detail("found")) {
        ("channel.not_enabled", Some(channel), _) => {
            format!("enable it: boarding config set channels.{channel} true")
        }
        ("csv.wrong_delimiter", _, Some("tab")) => "name it: --delimiter tab".to_owned(),
        ("csv.wrong_delimiter", _, Some(found)) => format!("name it: --delimiter '{found}'"),
        // Only the company's own limit has a number of the vendor's.
        ("import.too_many_rows", ..) if details.get("legacy_code").is_some() => {
            "split the file, or raise the limit: boarding config set bulk_integration_max_records NUMBER"
                .to_owned()
        }
        _ => fixed(code)?.to_owned(),
    })
}

fn fixed(code: &str) -> Option<&'static str> {
    Some(match code {
        "channel.unknown" => "name one of whatsapp, imessage",
        "run.too_many_recipients" => {
            "raise the limit: boarding config set bulk_integration_max_records NUMBER"
        }
        "import.too_many_rows" => "split the file into several",
        "run.plan_changed" => "look at the number again: ask without --id, or with a new one",
        "run.not_found" => "see which there are: boarding runs list",
        "run.cannot_be_stopped" => "a started run goes on to its end: boarding runs show ID",
        "import.none_available" => {
            "import a file first: boarding import FILE --dialect leapxpert --add-phones"
        }
        "import.plan_changed" => "look again: the same with --preview in the place of --plan-hash",
        "import.not_found" | "import.not_completed" | "import.already_undone" => {
            "see which there are: boarding imports list"
        }
        "import.invalid_rows" => "see all of them: the same with --preview and --on-error continue",
        "import.unknown_dialect" => "see a dialect's columns: boarding template leapxpert",
        "csv.missing_column" | "csv.missing_header" | "csv.unknown_column" => {
            "name the file's columns with --column THEIRS=OURS; ours: boarding template DIALECT"
        }
        "import.missing_companion_file" => {
            "give all files that belong together; their templates: boarding template ocm --file NAME"
        }
        "csv.invalid_encoding" => "name it: --encoding windows-1252",
        "org_unit.not_found" | "reference.org_unit_not_found" => {
            "see which there are: boarding org-units"
        }
        "permission_group.not_found" => {
            "see which there are: boarding permission-groups; define one: boarding permission-groups define NAME"
        }
        "number.none_available" | "number.insufficient_in_destination" => {
            "see what there is: boarding numbers utilisation"
        }
        "org_unit.role_lacks_permission" => {
            "give one of its roles the permission: boarding roles define ROLE --permission bulk_integration"
        }
        "number.not_in_pool" => {
            "see which there are: boarding numbers; put it in: boarding numbers add NUMBER"
        }
        "number.not_available" | "number.in_use" | "number.allocated_to_other_org" => {
            "see where it stands: boarding numbers list --search NUMBER"
        }
        "reference.role_not_found" => "see which there are: boarding roles",
        "user.not_found" => "see who is there: boarding users --search TEXT",
        "phone.not_found" => "see which are listed: boarding phones --search TEXT",
        "command.duplicate_conflict" => "this id was used for something else: leave --id away",
        "config.unknown_setting" | "config.invalid_value" => {
            "see what may be set: boarding config get"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// N30: the advice names what was found, not what is found most often.
    #[test]
    fn n30_the_advice_is_about_this_refusal() {
        let on = |code, details| on(code, &details).unwrap();
        assert!(on("csv.wrong_delimiter", json!({"found": "tab"})).ends_with("--delimiter tab"));
        assert!(on("csv.wrong_delimiter", json!({"found": "|"})).ends_with("--delimiter '|'"));
        let not_enabled = on("channel.not_enabled", json!({"channel": "imessage"}));
        assert!(not_enabled.ends_with("channels.imessage true"));
        let (own, product) = (json!({"legacy_code": 20001}), json!({"limit": 1000}));
        assert!(on("import.too_many_rows", own).contains("bulk_integration_max_records"));
        assert!(!on("import.too_many_rows", product).contains("bulk_integration_max_records"));
    }
}
