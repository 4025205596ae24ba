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
