//! OCM Secure Work From Home: one row a person in `userdetails`, keyed by LAN ID; two files come beside it.

use std::collections::BTreeMap;

use boarding_csv::{CellValue, Column, FileFormat, FilePart};
use unicode_normalization::UnicodeNormalization as _;

use crate::settings::Settings;
use crate::user_file::{Cells, Dialect, ImportRules, Known, RowValues, UserRef, user_format};
use crate::values::{Code, Problem, UserKey, fold};

/// The dialect `ocm`.
#[derive(Debug)]
pub(super) struct Ocm;

const LAN_ID: usize = 0;
const FIRST_NAME: usize = 1;
const LAST_NAME: usize = 2;
const AGENT_ID: usize = 3;
const PBX_ID: usize = 4;
const PROFILE: usize = 5;
const SUPERVISOR: usize = 6;
const ORG_UNIT: usize = 7;
const ROLE: usize = 8;
const ACCESS_ROLE: usize = 9;
const CRM_NAME: usize = 10;
const GREETING: usize = 11;

/// The vendor's twelve columns, in the vendor's order.
const COLUMNS: [Column; 12] = [
    // No setting allows a blank in a LAN ID, so that the example row is never imported.
    Column { name: "LAN ID", aliases: &[], required: true, example: "johndoe22 (example)" },
    Column { name: "First Name", aliases: &["given name"], required: true, example: "John" },
    Column { name: "Last Name", aliases: &["surname"], required: true, example: "Doe" },
    Column { name: "Agent ID", aliases: &[], required: false, example: "" },
    Column { name: "PBX ID", aliases: &[], required: true, example: "4711" },
    Column { name: "Profile", aliases: &[], required: true, example: "agent" },
    Column { name: "Supervisor", aliases: &[], required: true, example: "janedoe1" },
    Column {
        name: "Org Unit",
        aliases: &["organizational unit", "organisational unit"],
        required: true,
        example: "Team A",
    },
    Column { name: "Role", aliases: &[], required: true, example: "Agent" },
    Column { name: "Access Role", aliases: &[], required: false, example: "" },
    Column { name: "CRM Name", aliases: &[], required: false, example: "" },
    Column {
        name: "Text Chat Greeting Template Name",
        aliases: &["text chat greeting template", "greeting template"],
        required: false,
        example: "",
    },
];

/// The columns that need a value in each row. The supervisor is not here: only agents need one.
const NEVER_BLANK: [usize; 5] = [FIRST_NAME, LAST_NAME, PBX_ID, ORG_UNIT, ROLE];

/// The three files of an import, recognised by their headers first and by their names second. The vendor names
/// them in two ways; `word` is in both. The contents of the vendor's two other templates are not known: these
/// headers are ours.
const PARTS: [FilePart; 3] = [
    FilePart { name: "userdetails", word: "userdetail", header: &[] },
    FilePart { name: "featuredetails", word: "feature", header: &["LAN ID", "Feature", "Enabled"] },
    FilePart {
        name: "channelcountdetails",
        word: "channel",
        header: &["LAN ID", "Channel", "Count"],
    },
];

/// The longest LAN ID, Agent ID or PBX ID, in characters.
const MAX_ID_CHARS: usize = 64;

const AGENT: &str = "agent";
const PROFILES: [&str; 2] = [AGENT, "supervisor"];

/// The lowest level of org units. Agents belong to units of this level only.
const TEAM: &str = "team";

static FORMAT: FileFormat = FileFormat { parts: &PARTS, ..user_format(&COLUMNS) };

impl Dialect for Ocm {
    fn name(&self) -> &'static str {
        "ocm"
    }

    fn format(&self) -> &'static FileFormat {
        &FORMAT
    }

    fn read(&self, cells: &mut Cells<'_>) -> RowValues {
        cells.require(LAN_ID);
        let lan_id = login(cells, LAN_ID);
        let lan_id = if cells.refuse_null_word(LAN_ID) { CellValue::Absent } else { lan_id };
        let agent_id = match cells.raw(AGENT_ID) {
            CellValue::Value(_) => login(cells, AGENT_ID),
            CellValue::Absent | CellValue::Blank => lan_id.clone(),
        };
        NEVER_BLANK.iter().for_each(|&column| cells.require(column));
        let profile = cells.word(PROFILE, &PROFILES);
        if profile == Some(AGENT) {
            cells.require(SUPERVISOR);
        }
        let pbx_id = number(cells, PBX_ID);
        let supervisor = cells.id(SUPERVISOR, UserKey::MAX_CHARS);
        let named = supervisor.as_ref().value().map(|key| UserRef::named(UserKey::new(key)));
        let attributes = [
            ("agent_id", agent_id),
            ("pbx_id", pbx_id),
            (
                "profile",
                profile.map_or(CellValue::Absent, |word| CellValue::Value(word.to_owned())),
            ),
            ("supervisor", supervisor),
            ("access_role", cells.text(ACCESS_ROLE)),
            ("crm_name", cells.text(CRM_NAME)),
            ("text_chat_greeting_template_name", cells.text(GREETING)),
        ];
        RowValues {
            user: lan_id.value().map(|id| UserKey::new(&id)),
            first_name: cells.person_name(FIRST_NAME),
            last_name: cells.person_name(LAST_NAME),
            org_unit: cells.text(ORG_UNIT),
            roles: cells.text(ROLE).map(|role| vec![role]),
            supervisor: named,
            attributes: BTreeMap::from(attributes.map(|(name, given)| (name.to_owned(), given))),
            ..RowValues::default()
        }
    }
}

impl ImportRules for Ocm {
    fn check_key(&self, key: &UserKey, settings: &Settings) -> Option<Problem> {
        let is_allowed = |c: char| settings.takes_id(c.encode_utf8(&mut [0; 4]));
        let key = key.as_str();
        (!settings.takes_id(key)).then(|| special_characters(LAN_ID, key, is_allowed))
    }

    fn check(&self, row: &RowValues, known: &dyn Known) -> Vec<Problem> {
        let mut problems = Vec::new();
        let attribute = |name: &str| match row.attributes.get(name) {
            Some(CellValue::Value(value)) => Some(value.as_str()),
            _ => None,
        };
        // An Agent ID that replaces a blank cell is checked as a LAN ID.
        let same_as_key = |id: &str| row.user.as_ref().is_some_and(|key| key.folded() == fold(id));
        let agent_id = attribute("agent_id").filter(|id| !same_as_key(id) && !known.takes_id(id));
        if let Some(id) = agent_id {
            let is_allowed = |c: char| known.takes_id(c.encode_utf8(&mut [0; 4]));
            problems.push(special_characters(AGENT_ID, id, is_allowed));
        }
        let lost = |other: &UserRef| same_as_key(other.key.as_str()) || !known.may_refer_to(other);
        if row.supervisor.as_ref().is_some_and(lost) {
            problems.push(in_column(SUPERVISOR, Code::ReferenceSupervisorNotFound));
        }
        if let CellValue::Value(unit) = &row.org_unit
            && attribute("profile") == Some(AGENT)
            && known.org_unit_level(unit).is_some_and(|level| level != Some(TEAM))
        {
            problems.push(in_column(ORG_UNIT, Code::ReferenceOrgUnitNotTeamLevel));
        }
        if attribute("access_role").is_some_and(|role| !known.has_role(role)) {
            problems.push(in_column(ACCESS_ROLE, Code::ReferenceRoleNotFound));
        }
        if attribute("crm_name").is_some_and(|name| !known.takes_crm_name(name)) {
            problems.push(in_column(CRM_NAME, Code::ReferenceCrmNameNotFound));
        }
        let greeting = attribute("text_chat_greeting_template_name");
        if greeting.is_some_and(|name| !known.takes_greeting_template(name)) {
            problems.push(in_column(GREETING, Code::ReferenceGreetingTemplateNotFound));
        }
        problems
    }

    fn unique(&self) -> &'static [&'static str] {
        &["agent_id", "pbx_id"]
    }

    fn existing_is_duplicate(&self) -> bool {
        true
    }

    /// A setting allows a supervisor in a later row.
    fn refers_ahead(&self) -> bool {
        true
    }

    fn invites(&self) -> bool {
        false
    }

    fn has_phones(&self) -> bool {
        false
    }
}

/// A LAN ID or Agent ID: ASCII without blanks. Which punctuation marks it may hold is the company's to say.
fn login(cells: &mut Cells<'_>, column: usize) -> CellValue<String> {
    let id = cells.id(column, MAX_ID_CHARS);
    match &id {
        CellValue::Value(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            let is_allowed = |c: char| c.is_ascii_graphic();
            cells.invalid(special_characters(column, text, is_allowed));
            CellValue::Absent
        }
        _ => id,
    }
}

/// A number that is used as a name: compared as text, so that 007 is not 7. Full-width digits are accepted;
/// superscript and circled digits are not.
fn number(cells: &mut Cells<'_>, column: usize) -> CellValue<String> {
    let narrow = |c: char| match c {
        '\u{ff10}'..='\u{ff19}' => c.nfkc().collect(),
        _ => String::from(c),
    };
    match cells
        .number_id(column, MAX_ID_CHARS)
        .map(|text| text.chars().map(narrow).collect::<String>())
    {
        CellValue::Value(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => {
            cells.problem(column, Code::FieldNotNumber);
            CellValue::Absent
        }
        number => number,
    }
}

/// The problem of an id with the characters that it may not have.
fn special_characters(column: usize, id: &str, is_allowed: impl Fn(char) -> bool) -> Problem {
    let mut found = Vec::new();
    for c in id.chars().filter(|c| !is_allowed(*c)) {
        let shown = if c.is_whitespace() { "blank".to_owned() } else { c.to_string() };
        if !found.contains(&shown) {
            found.push(shown);
        }
    }
    let problem = in_column(column, Code::FieldSpecialCharacters);
    problem.saying(&format!("not allowed: {}", found.join(" ")))
}

fn in_column(column: usize, code: Code) -> Problem {
    Problem::in_column(COLUMNS.get(column).map_or("", |column| column.name), code)
}

#[cfg(test)]
mod tests {
    use boarding_csv::Limits;

    use super::*;
    use crate::user_file::{ParsedRow, ReadOptions, rows};

    const HEADER: &str = "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,\
        Role,Access Role,CRM Name,Text Chat Greeting Template Name";

    #[track_caller]
    fn read(row: &str) -> ParsedRow {
        let text = format!("{HEADER}\n{row}\n");
        let (options, limits) = (ReadOptions::default(), Limits::default());
        rows(text.as_bytes(), &Ocm, &options, &limits).unwrap().next().unwrap().unwrap()
    }

    fn problems(row: &str) -> Vec<(String, Code)> {
        let named = |problem: Problem| (problem.column.unwrap_or_default(), problem.code);
        read(row).problems.into_iter().map(named).collect()
    }

    fn one(column: &str, code: Code) -> Vec<(String, Code)> {
        vec![(column.to_owned(), code)]
    }

    /// OCM-03: the header of the template is the vendor's twelve columns in their order.
    #[test]
    fn template_has_the_twelve_columns_in_order() {
        assert_eq!(Ocm.template().lines().next(), Some(HEADER));
    }

    /// OCM-05, OCM-11: some cells may be blank; a blank Agent ID is the LAN ID.
    #[test]
    fn blank_agent_id_is_the_lan_id() {
        let row = read("johndoe22,John,Doe,,4711,Agent,jane1,Team A,Agent,,,");
        assert_eq!((&row.problems, row.values.user.unwrap().as_str()), (&vec![], "johndoe22"));
        let attribute = |name: &str| row.values.attributes[name].clone().value();
        assert_eq!(attribute("agent_id").as_deref(), Some("johndoe22"));
        assert_eq!(attribute("profile").as_deref(), Some("agent"), "the canonical word is kept");
        assert_eq!(attribute("crm_name"), None);
        let own = read("johndoe22,John,Doe,A7,4711,agent,jane1,Team A,Agent,,,");
        assert_eq!(own.values.attributes["agent_id"].clone().value().as_deref(), Some("A7"));
    }

    /// OCM-04, N74: no blanks, no letters beyond ASCII, at most 64 characters, never empty.
    #[test]
    fn lan_id_with_special_characters_is_invalid() {
        let lan = |id: &str| problems(&format!("{id},J,D,,1,agent,x,T,R,,,"));
        for bad in ["jöhn", "john doe", "ｊｏｈｎ", "john\u{2019}s"] {
            assert_eq!(lan(bad), one("LAN ID", Code::FieldSpecialCharacters), "{bad}");
        }
        assert_eq!(lan(""), one("LAN ID", Code::FieldRequired));
        assert_eq!(lan("jo\u{200b}hn"), one("LAN ID", Code::FieldInvisibleCharacter));
        assert_eq!(lan(&"j".repeat(65)), one("LAN ID", Code::FieldLength));
        assert_eq!(lan(&"j".repeat(64)), vec![]);
        // Whether a mark is taken is the company's to say, so it is not said here.
        assert_eq!(lan("john.doe"), vec![]);
        // The referenced person is a key like any other.
        let supervisor = problems("john,J,D,,1,agent,ja\u{200b}ne1,T,R,,,");
        assert_eq!(supervisor, one("Supervisor", Code::FieldInvisibleCharacter));
        let shown = read("j#h n\u{f6},J,D,,1,agent,x,T,R,,,").problems.remove(0).message;
        assert!(shown.ends_with("(not allowed: blank \u{f6})"), "{shown}");
        let agent = problems("john,J,D,jöhn,1,agent,x,T,R,,,");
        assert_eq!(agent, one("Agent ID", Code::FieldSpecialCharacters));
    }

    /// OCM-06, N76: digits only, folded in width and compared as text.
    #[test]
    fn pbx_id_must_be_digits() {
        let pbx = |id: &str| read(&format!("john,J,D,,{id},agent,x,T,R,,,"));
        for (written, kept) in [("007", "007"), ("7", "7"), ("７", "7")] {
            let value = pbx(written).values.attributes["pbx_id"].clone().value();
            assert_eq!(value.as_deref(), Some(kept));
        }
        for bad in ["4711a", "+47", "4.7E+10", "4 7", "4²", "①", "৪"] {
            assert_eq!(pbx(bad).problems[0].code, Code::FieldNotNumber, "{bad}");
        }
        assert_eq!(problems("john,J,D,,,agent,x,T,R,,,"), one("PBX ID", Code::FieldRequired));
    }

    /// OCM-07, A24: a profile is one of two words; an agent needs a supervisor.
    #[test]
    fn profile_is_agent_or_supervisor() {
        let row = |profile: &str, supervisor: &str| {
            problems(&format!("john,J,D,,1,{profile},{supervisor},T,R,,,"))
        };
        assert_eq!(row("manager", "x"), one("Profile", Code::FieldNotAllowed));
        assert_eq!(row("", "x"), one("Profile", Code::FieldRequired));
        assert_eq!(row("AGENT", ""), one("Supervisor", Code::FieldRequired));
        assert_eq!(row("Supervisor", ""), vec![]);
    }

    /// OCM-11: the last three cells may be blank; the names, the org unit and the role may not.
    #[test]
    fn all_blank_mandatory_cells_are_named_at_once() {
        let columns: Vec<_> =
            problems("john,,,,1,agent,x,,,,,").into_iter().map(|(c, _)| c).collect();
        assert_eq!(columns, ["First Name", "Last Name", "Org Unit", "Role"]);
    }
}
