//! Which values each setting takes.

use serde_json::{Value, json};

use super::*;
use crate::values::{Code, Refusal};

fn check(asked: &Value) -> Result<Vec<(String, Value)>, Refusal> {
    Settings::default().check(asked.as_object().unwrap())
}

/// LX-06: any positive number, 100 unless set.
#[test]
fn the_limit_takes_positive_numbers_only() {
    assert_eq!(Settings::default().bulk_integration_max_records, 100);
    assert!(check(&json!({"bulk_integration_max_records": 1})).is_ok());
    for bad in [json!(0), json!(-1), json!("100"), json!(1.5), json!(null), json!(true)] {
        let refusal = check(&json!({"bulk_integration_max_records": bad})).unwrap_err();
        assert_eq!(refusal.code, Code::ConfigInvalidValue);
    }
}

/// ML-16: a list of plain domains, and numbers within their own bounds.
#[test]
fn domains_percent_and_seconds_are_held_to_their_bounds() {
    assert!(check(&json!({"allowed_email_domains": ["acme.com", "Globex.example"]})).is_ok());
    assert!(check(&json!({"allowed_email_domains": []})).is_ok());
    assert!(check(&json!({"number_cooling_seconds": 0, "number_threshold_percent": 100})).is_ok());
    for bad in [
        json!({"allowed_email_domains": ["jane@acme.com"]}),
        json!({"allowed_email_domains": ["acme"]}),
        json!({"allowed_email_domains": "acme.com"}),
        json!({"allowed_email_domains": vec!["acme.com"; 101]}),
        json!({"number_threshold_percent": 101}),
        json!({"number_threshold_percent": 0}),
        json!({"number_cooling_seconds": -1}),
    ] {
        assert_eq!(check(&bad).unwrap_err().code, Code::ConfigInvalidValue, "{bad}");
    }
    let allowed_email_domains = vec!["Acme.com".to_owned()];
    let settings = Settings { allowed_email_domains, ..Settings::default() };
    assert!(settings.allows_domain_of("jane@ACME.com"));
    assert!(!settings.allows_domain_of("jane@mail.acme.com"));
    assert!(Settings::default().allows_domain_of("jane@globex.example"));
}

/// ML-16: domains are compared as DNS knows them, so both spellings of a domain beyond ASCII are one.
#[test]
fn allowed_domains_are_compared_in_a_labels() {
    let allowed_email_domains = vec!["ACME.example".to_owned(), "münchen.example".to_owned()];
    let settings = Settings { allowed_email_domains, ..Settings::default() };
    for good in ["a@acme.example", "a@xn--mnchen-3ya.example", "a@MÜNCHEN.example"] {
        assert!(settings.allows_domain_of(good), "{good}");
    }
    assert!(!settings.allows_domain_of("a@sub.acme.example"));
}

/// LX-05: the vendor's keys, in both spellings, are ours under another name.
#[test]
fn the_vendors_keys_are_understood() {
    for key in ["enabled", "enable"] {
        let key = format!("com.leapxpert.whatsapp.archived.channel.{key}");
        assert_eq!(
            check(&json!({key: true})).unwrap(),
            [("channels.whatsapp".to_owned(), json!(true))]
        );
    }
}

#[test]
fn only_the_company_name_can_be_unset() {
    let named = Settings { company_name: Some("Acme".to_owned()), ..Settings::default() };
    let check = |asked: &Value| named.check(asked.as_object().unwrap());
    assert!(check(&json!({"company_name": null})).is_ok());
    assert!(check(&json!({"language": null})).is_err());
}

/// OCM-04: an id has letters, digits and the marks that the company adds. No setting allows blanks or other
/// letters.
#[test]
fn settings_add_characters_that_ids_may_hold() {
    let mut settings = Settings::default();
    assert!(settings.takes_id("JohnDoe22") && !settings.takes_id("john.doe"));
    let changes = check(&json!({"id_extra_characters": ".-"})).unwrap();
    settings.set(&changes[0].0, &changes[0].1).unwrap();
    assert!(settings.takes_id("john.doe-2") && !settings.takes_id("john_doe"));
    for bad in [json!(" "), json!("é"), json!("a"), json!("1"), json!(""), json!("\n")] {
        assert!(check(&json!({"id_extra_characters": bad})).is_err(), "{bad}");
    }
    assert!(check(&json!({"id_extra_characters": null})).is_ok());
}

/// OC-14: the administrator's address is one, or none.
#[test]
fn network_admin_is_one_address_or_none() {
    let check = |value: Value| check(&json!({"network_admin_email": value}));
    assert!(check(json!("admin@acme.example")).is_ok() && check(json!(null)).is_ok());
    for bad in [json!("admin"), json!("a@x.com, b@x.com"), json!(""), json!(1)] {
        assert!(check(bad.clone()).is_err(), "{bad}");
    }
}

/// History is not refused: an invalid sender in an old event is still the company's setting.
#[test]
fn settings_of_old_events_are_kept_unchecked() {
    let mut settings = Settings::default();
    settings.set("mail_from", &json!("x")).unwrap();
    assert_eq!(settings.mail_from, "x");
}

/// ML-14: the designated administrators are plain addresses, each named once. None can add a mail header.
#[test]
fn designated_administrators_must_be_distinct_addresses() {
    let check = |value: Value| check(&json!({"designated_admin_emails": value}));
    assert!(check(json!(["a@acme.example", "b@acme.example"])).is_ok() && check(json!([])).is_ok());
    let many: Vec<_> = (0..21).map(|n| format!("a{n}@acme.example")).collect();
    assert!(check(json!(many[..20])).is_ok());
    for bad in [
        json!(["a@acme.example", "A@Acme.example"]),
        json!(["a@acme.example\r\nBcc: b@acme.example"]),
        json!(["acme.example"]),
        json!("a@acme.example"),
        json!(many),
    ] {
        assert!(check(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn an_unknown_setting_is_refused_with_a_hint() {
    let refusal = check(&json!({"chanels": {"whatsapp": true}})).unwrap_err();
    assert_eq!(refusal.code, Code::ConfigUnknownSetting);
    assert!(refusal.message.contains("channels.whatsapp"), "{refusal}");
}

/// The names that people type: case, blanks and punctuation do not count, and the vendor's names are ours.
#[test]
fn setting_is_found_by_a_similar_or_vendor_name() {
    for (text, meant) in [
        ("Bulk Integration Max-Records", "bulk_integration_max_records"),
        ("com.leapxpert.whatsapp.archived.channel.enable", "channels.whatsapp"),
        (
            "define maximum number of records users per bulk integration run",
            "bulk_integration_max_records",
        ),
        ("Channels", "channels"),
        ("no such setting", "no such setting"),
    ] {
        assert_eq!(Settings::meant(text), meant);
    }
}

#[test]
fn each_setting_says_what_it_means() {
    for (path, _) in Settings::default().flat() {
        assert!(Settings::meaning(&path).is_some_and(|text| text.len() > 20), "{path}");
    }
    let meaning = |path| Settings::meaning(path).unwrap();
    assert!(meaning("number_threshold_percent").starts_with("The organization is warned"));
    assert!(meaning("notify.expired_digest").starts_with("Which invitations expired"));
    assert_ne!(meaning("notify.run_started"), meaning("notify"));
    assert_eq!(Settings::meaning("nothing"), None);
}

#[test]
fn listed_names_are_distinct_texts_of_one_line() {
    let check = |value: Value| check(&json!({"crm_names": value})).is_ok();
    let longest = "x".repeat(255);
    assert!(check(json!(["Acme CRM", "Globex", longest])));
    let too_long = "x".repeat(256);
    for bad in
        [json!(["A", "A"]), json!([" "]), json!(["a\nb"]), json!([too_long]), json!(["A", 1])]
    {
        assert!(!check(bad.clone()), "{bad}");
    }
}

#[test]
fn refusal_of_a_value_says_what_the_setting_takes() {
    for (name, bad, takes) in [
        ("live_invitation", json!("x"), "by_dialect or supersede or skip"),
        ("blank_means", json!("x"), "keep or clear"),
        ("reference_resolution", json!("x"), "strict or file_order or two_pass"),
        ("assume_plus", json!(1), "true or false"),
        ("reminder_max", json!(11), "a whole number from 1 to 10"),
        (
            "designated_admin_emails",
            json!(1),
            "a list of up to 20 plain e-mail addresses, each once",
        ),
        ("crm_names", json!(1), "a list of up to 500 names, each once"),
        ("allowed_email_domains", json!(1), "a list of up to 100 domains such as acme.com"),
        ("id_extra_characters", json!("a"), "ASCII punctuation marks, or null for none"),
        ("network_admin_email", json!("x"), "one plain e-mail address, or null"),
        ("company_name", json!(""), "a text of 1 to 255 characters without line breaks"),
    ] {
        let refusal = check(&json!({name: bad})).unwrap_err();
        assert_eq!(refusal.details["takes"], takes, "{name}");
    }
    for (name, example) in [
        ("mail_from", "onboarding@acme.com"),
        ("logo_url", "https://www.acme.com/app"),
        ("link_base_url", "https://link.acme.com/"),
        ("language", "pt-BR"),
        ("link_secret", "16 characters"),
    ] {
        let refusal = check(&json!({name: ""})).unwrap_err();
        let takes = refusal.details["takes"].as_str().unwrap();
        assert!(takes.contains(example), "{name}: {takes}");
    }
}

#[test]
fn numbers_have_their_own_bounds() {
    for (name, least, most) in [
        ("number_cooling_seconds", 0, 10_000_000),
        ("number_threshold_percent", 1, 100),
        ("import_max_rows", 1, boarding_csv::ROWS_MAX),
        ("reminder_after_days", 0, 365),
        ("reminder_max", 1, 10),
        ("expired_digest_hours", 1, 720),
        ("delivery_retry_minutes", 1, 10_080),
        ("relay_wait_minutes", 1, 10_080),
        ("max_pending_runs", 1, 10_000_000),
    ] {
        for (number, fits) in [(least, true), (most, true), (most + 1, false)] {
            assert_eq!(check(&json!({name: number})).is_ok(), fits, "{name}: {number}");
        }
        if least > 0 {
            assert!(check(&json!({name: least - 1})).is_err(), "{name}");
        }
    }
}

#[test]
fn lists_have_their_own_limits() {
    for (name, most) in
        [("allowed_email_domains", 100), ("crm_names", 500), ("greeting_templates", 500)]
    {
        let list = |count: usize| (0..count).map(|n| format!("a{n}.example")).collect::<Vec<_>>();
        assert!(check(&json!({name: list(most)})).is_ok(), "{name}");
        assert!(check(&json!({name: list(most + 1)})).is_err(), "{name}");
    }
}

#[test]
fn placeholders_of_mails_are_named_until_they_are_set() {
    let names = |settings: &Settings, has_link| {
        let unset = settings.mail_placeholders(has_link).into_iter();
        unset.map(|(name, _)| name).collect::<Vec<_>>()
    };
    let mut settings = Settings::default();
    assert_eq!(names(&settings, true), ["link_base_url", "mail_from"]);
    assert_eq!(names(&settings, false), ["mail_from"]);
    settings.mail_from = "on@acme.example".to_owned();
    assert_eq!(names(&settings, true), ["link_base_url"]);
    settings.link_base_url = "https://link.acme.example/".to_owned();
    assert!(names(&settings, true).is_empty());
}
