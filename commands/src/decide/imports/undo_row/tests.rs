//! Tests of what the undo of a row compares.

use super::*;
use crate::event::Person;

#[test]
fn undone_row_names_exactly_the_values_that_differ() {
    let person = |person| UserSnapshot { person, ..UserSnapshot::default() };
    let text = Some("x".to_owned());
    let attributes = [("title".to_owned(), "Head".to_owned())].into();
    let changed = [
        ("first_name", person(Person { first_name: text.clone(), ..Person::default() })),
        ("last_name", person(Person { last_name: text.clone(), ..Person::default() })),
        ("email", person(Person { email: text.clone(), ..Person::default() })),
        ("phone", person(Person { phone: Phone::parse("+84923448071").ok(), ..Person::default() })),
        ("org_unit", UserSnapshot { org_unit: text, ..UserSnapshot::default() }),
        ("roles", UserSnapshot { roles: vec!["Agent".to_owned()], ..UserSnapshot::default() }),
        ("attributes", person(Person { attributes, ..Person::default() })),
    ];
    for (name, after) in changed {
        assert_eq!(differing(&UserSnapshot::default(), &after), [name]);
        assert!(differing(&after, &after).is_empty());
    }
}
