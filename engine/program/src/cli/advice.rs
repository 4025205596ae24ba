//! The next command to type after a refusal, by its code.

use serde_json::Value;

use super::words::quoted;

/// The advice for a refusal, or nothing if there is nothing to type.
pub(super) fn on(code: &str, details: &Value) -> Option<String> {
    let detail = |name: &str| details.get(name).and_then(Value::as_str);
    if let Some(first) = detail("query").and_then(first_import) {
        return Some(first.to_owned());
    }
    Some(match (code, detail("channel"), detail("found")) {
        ("channel.not_enabled", Some(channel), _) => {
            format!("enable it: boarding config set channels.{channel} true")
        }
        ("csv.wrong_delimiter", _, Some("tab")) => {
            format!("add --delimiter tab{}", column_options(details))
        }
        // A wide mark is no delimiter, and the message says what to write.
        ("csv.wrong_delimiter", _, Some(found)) if !found.is_ascii() => return None,
        ("csv.wrong_delimiter", _, Some(found)) => {
            format!("add --delimiter '{found}'{}", column_options(details))
        }
        ("csv.invalid_encoding", ..) if details.get("readings").is_some() => readings(details),
        // No option reads UTF-32, and the message says how to save the file.
        ("csv.invalid_encoding", ..) if detail("encoding") == Some("UTF-32") => return None,
        ("csv.missing_column" | "csv.unknown_column", ..)
            if details.get("did_you_mean").is_some() =>
        {
            format!("if the columns are meant so, add{}", column_options(details))
        }
        // A refusal by the company's setting has the vendor's code. The limits of the products cannot be raised.
        ("import.too_many_rows", ..) if details.get("legacy_code").is_some() => {
            "split the file, or raise the limit: boarding config set bulk_integration_max_records NUMBER"
                .to_owned()
        }
        ("run.too_many_recipients", ..) if details.get("legacy_code").is_some() => {
            "raise the limit: boarding config set bulk_integration_max_records NUMBER".to_owned()
        }
        ("number.in_use", ..) => format!(
            "find the number: boarding numbers list --search {}; release it: boarding numbers release NUMBER",
            quoted(detail("user")?)
        ),
        ("number.not_available", ..) if detail("state") == Some("reserved") => {
            "use it with the tag of its reservation: boarding numbers assign NUMBER USER --tag TAG; or end the reservation: boarding numbers unreserve NUMBER"
                .to_owned()
        }
        ("import.unsupported_file_type", _, Some("picture")) => {
            format!("zip Archive.zip {0}; boarding pictures Archive.zip", quoted(detail("file")?))
        }
        ("user.not_found" | "picture.not_found", ..) if picture_of(detail("user")).is_some() => {
            format!(
                "{} is the name of a file; name its user, and find the user: boarding pictures list --search {}",
                detail("user")?,
                quoted(picture_of(detail("user"))?)
            )
        }
        ("field.required", ..) => format!("add {}", option_of(detail("field")?)?),
        ("run.empty_selection", ..) => of_empty_selection(details)?,
        ("query.not_found", ..) => of_chain(details).or_else(|| list_of(details).map(str::to_owned))?,
        _ => fixed(code)?.to_owned(),
    })
}

/// The name of a picture without its ending, or nothing if it is another name.
fn picture_of(name: Option<&str>) -> Option<&str> {
    let (stem, ending) = name?.rsplit_once('.')?;
    ["jpg", "jpeg", "png"].iter().any(|known| ending.eq_ignore_ascii_case(known)).then_some(stem)
}

/// The option that gives a field of a command.
fn option_of(field: &str) -> Option<&'static str> {
    match field {
        "organization" => Some("--organization NAME"),
        "permission_group" => Some("--permission-group NAME"),
        "channel" => Some("--channel whatsapp or --channel imessage"),
        _ => None,
    }
}

/// What may be selected instead of nobody.
fn of_empty_selection(details: &Value) -> Option<String> {
    let count = |name: &str| details.get(name).and_then(Value::as_u64).unwrap_or(0);
    if let Some(run) = details.get("run").and_then(Value::as_str) {
        return Some(match (count("failed"), count("uncertain")) {
            (0, 0) => format!("list the people of the run: boarding log {run}"),
            (_, 0) => format!("retry those who failed: boarding runs retry {run} --failed"),
            _ => format!("retry the uncertain ones: boarding runs retry {run} --uncertain"),
        });
    }
    let unit = details.get("org_units")?.as_array()?.first()?.as_str()?;
    Some(format!("list the people of a unit: boarding users list --org-unit {}", quoted(unit)))
}

/// The list that has the rows of an import or the people of a run; none for another query.
fn of_chain(details: &Value) -> Option<String> {
    let id = |name: &str| details.get(name).and_then(Value::as_str);
    if details.get("row").is_some() {
        return Some(format!("list the rows: boarding imports rows {}", id("import")?));
    }
    id("user")?;
    Some(format!("list the people of the run: boarding log {}", id("run")?))
}

/// The verb that finds what a query did not find.
fn list_of(details: &Value) -> Option<&'static str> {
    let lists = [
        ("account", "find the account: boarding accounts --search TEXT"),
        ("user", "find the user: boarding users --search TEXT"),
        ("run", "list the runs: boarding runs list"),
        (
            "import",
            "list the imports: boarding imports list; archives of pictures: boarding pictures",
        ),
        ("nats_user", "list the bound users: boarding nats-users"),
        ("actor", "list who has permissions: boarding permissions"),
    ];
    lists.into_iter().find(|(name, _)| details.get(name).is_some()).map(|(_, text)| text)
}

/// How the first import is made that this query would list.
fn first_import(query: &str) -> Option<&'static str> {
    Some(match query {
        "picture_imports" => "import pictures first: boarding pictures ARCHIVE",
        "batch_operation_reports" => {
            "import accounts first: boarding import FILE --dialect multiline --organization NAME --permission-group NAME"
        }
        _ => return None,
    })
}

/// Whether the message or the advice of a refusal shows this detail.
pub(super) fn shows(code: &str, detail: &str) -> bool {
    if code == "run.empty_selection" {
        return true;
    }
    (code, detail) == ("import.none_available", "query")
        || code == "csv.invalid_encoding" && matches!(detail, "readings" | "hint")
}

/// How the first cell beyond ASCII reads in each encoding that may be meant.
fn readings(details: &Value) -> String {
    let text = |reading: &Value, name: &str| reading[name].as_str().unwrap_or_default().to_owned();
    let readings = details["readings"].as_array().into_iter().flatten();
    let lines = readings.map(|one| {
        format!("\n    --encoding {:<14} reads {}", text(one, "encoding"), text(one, "shown"))
    });
    let lines: String = lines.collect();
    format!("add the encoding in which the text is right:{lines}")
}

/// The options that map each column of the file to the one that it means, each with a blank before it.
fn column_options(details: &Value) -> String {
    let suggested = details.get("did_you_mean").and_then(Value::as_object);
    let pairs = suggested.into_iter().flatten();
    let option = |(own, column): (&String, &Value)| {
        // A quote ends the quoted word of a shell, so it is written between two words.
        let own = own.replace('\'', "'\\''");
        format!(" --column '{own}={}'", column.as_str().unwrap_or_default())
    };
    pairs.map(option).collect()
}

fn fixed(code: &str) -> Option<&'static str> {
    Some(match code {
        "auth.unauthenticated" => {
            "check --token (or BOARDING_TOKEN) and --company: a token opens one company"
        }
        "auth.actor_not_bound" => "leave out --actor: the actor is the owner of the token",
        "channel.unknown" => "the channels are whatsapp and imessage",
        "import.too_many_rows" => "split the file into smaller files",
        "run.plan_changed" => {
            "check the number of people again: repeat the command without --id, or with a new id"
        }
        "run.people_in_unfinished_run" => {
            "go on with that run: boarding runs resume (a scheduled one waits for its time; boarding runs withdraw ID ends it); to send a second mail nevertheless: repeat the command with --yes-again"
        }
        "config.network_admin_email_unset" => {
            "set the address: boarding config set network_admin_email ADDRESS"
        }
        "notification.not_resendable" => "list the mails: boarding notifications list",
        "user.exists" => {
            "change the user by a file: boarding import FILE --dialect leapxpert --existing update; show the user: boarding users show USER"
        }
        "run.not_found" => "list the runs: boarding runs list",
        "run.cannot_be_stopped" => "show how far it is: boarding runs show ID",
        "import.none_available" => {
            "import a file first: boarding import FILE --dialect leapxpert --add-phones"
        }
        "import.plan_changed" => {
            "show the rows again: repeat the command with --preview instead of --plan-hash"
        }
        "import.not_found" | "import.not_completed" | "import.already_undone" => {
            "list the imports: boarding imports list"
        }
        "import.invalid_rows" => {
            "show all invalid rows: repeat the command with --preview and --on-error continue"
        }
        "import.unknown_dialect" => "print the columns of a dialect: boarding template leapxpert",
        "org_unit.not_found" | "reference.org_unit_not_found" => {
            "list the org units: boarding org-units"
        }
        "permission_group.not_found" => {
            "list the groups: boarding permission-groups; define one: boarding permission-groups define NAME"
        }
        "number.none_available" | "number.insufficient_in_destination" | "import.numbers_short" => {
            "show the free numbers of each organization: boarding numbers utilisation"
        }
        "org_unit.role_lacks_permission" => {
            "define a role with the permission: boarding roles define ROLE --permission bulk_integration; give it to the unit: boarding org-units define NAME --role ROLE"
        }
        "phone.already_provisioned" => {
            "show who has it: boarding phones list --search PHONE; take it off the list: boarding phones remove PHONE"
        }
        "number.not_in_pool" => {
            "list the pool: boarding numbers; add the number: boarding numbers add NUMBER"
        }
        "number.not_available" | "number.allocated_to_other_org" => {
            "show the number's state: boarding numbers list --search NUMBER"
        }
        "reference.role_not_found" => "list the roles: boarding roles",
        "user.not_found" => "find the user: boarding users --search TEXT",
        "token.unknown" | "token.too_many" => "list the tokens: boarding tokens",
        "phone.not_found" => "find the phone: boarding phones --search TEXT",
        "command.duplicate_conflict" => {
            "this id belongs to another command: repeat the command without --id"
        }
        "config.unknown_setting" | "config.invalid_value" => {
            "list the settings: boarding config get"
        }
        _ => return of_files(code),
    })
}

/// The advice about the columns and the encoding of a file.
fn of_files(code: &str) -> Option<&'static str> {
    Some(match code {
        "csv.missing_column" | "csv.missing_header" | "csv.unknown_column" => {
            "map the file's columns with --column 'FILE COLUMN=DIALECT COLUMN'; print the dialect's columns: boarding template DIALECT"
        }
        "csv.duplicate_column" => {
            "choose one of the columns with --column 'FILE COLUMN=DIALECT COLUMN'"
        }
        "import.missing_companion_file" => {
            "import all three files together; print the template of one: boarding template ocm --file NAME"
        }
        "csv.invalid_encoding" => "add the encoding that the file was saved in: --encoding NAME",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// N30: The advice names the delimiter that was found.
    #[test]
    fn advice_uses_the_details_of_the_refusal() {
        let on = |code, details| on(code, &details).unwrap();
        assert!(on("csv.wrong_delimiter", json!({"found": "tab"})).ends_with("--delimiter tab"));
        assert!(on("csv.wrong_delimiter", json!({"found": "|"})).ends_with("--delimiter '|'"));
        let meant = json!({"did_you_mean": {"Nom d'utilisateur": "username"}});
        let advice = on("csv.missing_column", meant);
        assert!(advice.ends_with(r"add --column 'Nom d'\''utilisateur=username'"), "{advice}");
        let not_enabled = on("channel.not_enabled", json!({"channel": "imessage"}));
        assert!(not_enabled.ends_with("channels.imessage true"));
        let required = on("field.required", json!({"field": "organization"}));
        assert_eq!(required, "add --organization NAME");
        let none = on("import.none_available", json!({"query": "picture_imports"}));
        assert_eq!(none, "import pictures first: boarding pictures ARCHIVE");
        assert!(on("query.not_found", json!({"account": "ann"})).contains("boarding accounts"));
        let (own, product) = (json!({"legacy_code": 20001}), json!({"limit": 1000}));
        assert!(on("import.too_many_rows", own).contains("bulk_integration_max_records"));
        assert!(!on("import.too_many_rows", product).contains("bulk_integration_max_records"));
    }
}
