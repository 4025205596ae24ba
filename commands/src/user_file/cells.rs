//! The cells of one row, each checked as the kind of value that its column holds.

use boarding_csv::{CellValue, Row, RowDefects, has_control, list_items, without_invisible};

mod damaged;

use crate::user_file::defects::problem;
use crate::values::{Code, NotPhone, Phone, Problem, UserKey, damage, email, links, text};

/// The longest name, org unit, role or other text, in characters: what the products' forms take.
const MAX_TEXT_CHARS: usize = 255;
/// The words about scientific notation in the text of a code. The message about a cell has the cell instead.
const SCIENTIFIC_EXAMPLE: &str = "a form like 8.4923E+10";
/// The longest cell that a message about a phone number shows, in characters: a number with blanks and words.
const MAX_SHOWN_CHARS: usize = 40;

/// The cells of one row. Each check that fails adds a problem or a warning.
///
/// A column is identified by its index in the format's columns. No message repeats an address, or a phone number with
/// its plus sign. Damaged cells are shown.
#[derive(Debug)]
pub struct Cells<'a> {
    row: Row<'a>,
    assume_plus: bool,
    /// Whether the cells are looked at for warnings too.
    finds_warnings: bool,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    lost: u64,
}

/// What the checks of a row's cells found.
#[derive(Debug, Default)]
pub(super) struct CellProblems {
    /// What makes the row invalid.
    pub(super) problems: Vec<Problem>,
    /// What is worth saying though the row is good.
    pub(super) warnings: Vec<Problem>,
    /// Cells whose text is not taken over though the row is good.
    pub(super) lost: u64,
}

impl<'a> Cells<'a> {
    /// The cells of a row. `assume_plus` reads phone numbers without a plus sign.
    pub fn new(row: Row<'a>, assume_plus: bool) -> Self {
        let (problems, warnings) = (Vec::new(), Vec::new());
        Self { row, assume_plus, finds_warnings: true, problems, warnings, lost: 0 }
    }

    /// The same cells for a reader who needs only the values and whether the row is valid: the checks for warnings take half of the time.
    pub(super) fn without_warnings(self) -> Self {
        Self { finds_warnings: false, ..self }
    }

    /// Adds the defects of the row's shape as problems and warnings.
    pub(super) fn add_defects(&mut self, defects: RowDefects) {
        self.problems.extend(defects.problems.into_iter().map(problem));
        self.warnings.extend(defects.warnings.into_iter().map(problem));
    }

    /// The problems and the warnings so far.
    pub(super) fn into_problems(self) -> CellProblems {
        let Self { problems, warnings, lost, .. } = self;
        CellProblems { problems, warnings, lost }
    }

    /// The cell without blanks around the text and without a formula guard, otherwise unchecked.
    pub fn raw(&self, column: usize) -> CellValue<&'a str> {
        match self.row.cell(column) {
            CellValue::Value(text) if !damage::may_be_damaged(text) => CellValue::Value(text),
            CellValue::Value(text) if damage::is_database_null(text) => CellValue::Blank,
            // The cell says nothing, so an update leaves the value as it is.
            CellValue::Value(text) if damage::is_spreadsheet_error(text) => CellValue::Absent,
            cell => cell,
        }
    }

    /// The person's key: required, kept as it is spelled.
    pub fn key(&mut self, column: usize) -> Option<UserKey> {
        let CellValue::Value(text) = self.raw(column) else {
            self.problem(column, Code::FieldRequired);
            return None;
        };
        if self.refuse_null_word(column) || self.refuse_scientific(column, text) {
            return None;
        }
        let text = self.exact(column, text, UserKey::MAX_CHARS)?;
        Some(UserKey::new(&text))
    }

    /// An id beside the key: kept as it is spelled, like the key itself.
    pub fn id(&mut self, column: usize, max_chars: usize) -> CellValue<String> {
        match self.raw(column) {
            CellValue::Value(text) if self.refuse_scientific(column, text) => CellValue::Absent,
            _ => self.number_id(column, max_chars),
        }
    }

    /// An id of digits: the dialect says what is wrong with other texts.
    pub fn number_id(&mut self, column: usize, max_chars: usize) -> CellValue<String> {
        match self.raw(column) {
            CellValue::Absent => CellValue::Absent,
            CellValue::Blank => CellValue::Blank,
            CellValue::Value(text) => {
                self.exact(column, text, max_chars).map_or(CellValue::Absent, CellValue::Value)
            }
        }
    }

    /// Notes if the cell is blank.
    pub fn require(&mut self, column: usize) {
        if !matches!(self.raw(column), CellValue::Value(_)) {
            self.problem(column, Code::FieldRequired);
        }
    }

    /// The person's key: an e-mail address, or a login for people without an address.
    pub fn email_or_login(&mut self, column: usize) -> (Option<UserKey>, CellValue<String>) {
        let text = self.raw(column).value().unwrap_or_default();
        if text.contains('@') && text.chars().count() > UserKey::MAX_CHARS {
            self.problem(column, Code::FieldInvalidEmail);
            return (None, CellValue::Absent);
        }
        let Some(key) = self.key(column) else { return (None, CellValue::Absent) };
        if !key.as_str().contains('@') {
            return (Some(key), CellValue::Absent);
        }
        let email = self.checked_email(column, key.as_str().to_owned());
        (Some(key), email)
    }

    /// A name or another free text: invisible characters are taken out, and that is said.
    pub fn text(&mut self, column: usize) -> CellValue<String> {
        match self.raw(column) {
            CellValue::Absent => CellValue::Absent,
            CellValue::Blank => CellValue::Blank,
            CellValue::Value(text) => self.free(column, text),
        }
    }

    /// A name of a person. One that is or holds a link is kept, and that is said.
    pub fn person_name(&mut self, column: usize) -> CellValue<String> {
        let name = self.text(column);
        if let CellValue::Value(text) = &name
            && self.finds_warnings
            && links::holds_link(text)
        {
            self.warning(column, Code::NameLooksLikeLink);
        }
        name
    }

    /// Several texts in one cell, each once.
    pub fn list(&mut self, column: usize, separators: &[char]) -> CellValue<Vec<String>> {
        // The first separator is the usual one.
        if let (CellValue::Value(text), Some(separator)) = (self.raw(column), separators.first())
            && text.contains(['\n', '\r'])
        {
            let more = format!("separate several values with {separator} instead of a line break");
            self.problem_saying(column, Code::FieldControlCharacter, &more);
            return CellValue::Absent;
        }
        let whole = match self.text(column) {
            CellValue::Absent => return CellValue::Absent,
            CellValue::Blank => return CellValue::Blank,
            CellValue::Value(whole) => whole,
        };
        let mut items: Vec<String> = Vec::new();
        for item in list_items(&whole, separators) {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        if items.is_empty() { CellValue::Blank } else { CellValue::Value(items) }
    }

    /// One plain e-mail address, kept as it is spelled.
    pub fn email(&mut self, column: usize) -> CellValue<String> {
        let text = match self.raw(column) {
            CellValue::Absent => return CellValue::Absent,
            CellValue::Blank => return CellValue::Blank,
            CellValue::Value(text) if damage::is_null_word(text) => return CellValue::Absent,
            CellValue::Value(text) => text,
        };
        let Some(text) = self.exact(column, text, usize::MAX) else { return CellValue::Absent };
        self.checked_email(column, text)
    }

    fn checked_email(&mut self, column: usize, text: String) -> CellValue<String> {
        match email::check(&text) {
            Ok(()) => CellValue::Value(text),
            Err(why) => {
                let problem = Problem::in_column(self.name(column), Code::FieldInvalidEmail);
                self.problems.push(problem.saying(why));
                CellValue::Absent
            }
        }
    }

    /// Reads a phone number. An invalid one is only a warning, because the person is created nevertheless. Control
    /// characters are a problem.
    pub fn phone(&mut self, column: usize) -> CellValue<Result<Phone, Code>> {
        let text = match self.raw(column) {
            CellValue::Absent => return CellValue::Absent,
            CellValue::Blank => return CellValue::Blank,
            CellValue::Value(text) => text,
        };
        if !self.has_no_control(column, text) {
            return CellValue::Value(Err(Code::FieldControlCharacter));
        }
        match Phone::read(text, self.assume_plus) {
            Ok(reading) => {
                if reading.plus_assumed {
                    self.warning(column, Code::PhonePlusAssumed);
                }
                CellValue::Value(Ok(reading.phone))
            }
            Err(not) => {
                self.lost += 1;
                self.warnings.push(self.not_phone(column, text, not));
                CellValue::Value(Err(not.code))
            }
        }
    }

    /// One of a few words, in any case; the canonical spelling comes back.
    pub fn one_of(&mut self, column: usize, allowed: &[&'static str]) -> CellValue<&'static str> {
        let text = match self.raw(column) {
            CellValue::Absent => return CellValue::Absent,
            CellValue::Blank => return CellValue::Blank,
            CellValue::Value(text) if !self.has_no_control(column, text) => {
                return CellValue::Absent;
            }
            CellValue::Value(text) => text,
        };
        match allowed.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            Some(word) => CellValue::Value(word),
            None => {
                let problem = Problem::in_column(self.name(column), Code::FieldNotAllowed);
                self.problems.push(problem.saying(&format!("{} or blank", allowed.join(", "))));
                CellValue::Absent
            }
        }
    }

    /// One of a few words, in any case; blank is none of them.
    pub fn word(&mut self, column: usize, allowed: &[&'static str]) -> Option<&'static str> {
        let CellValue::Value(text) = self.raw(column) else {
            self.problem(column, Code::FieldRequired);
            return None;
        };
        if !self.has_no_control(column, text) {
            return None;
        }
        let word = allowed.iter().find(|word| word.eq_ignore_ascii_case(text)).copied();
        if word.is_none() {
            self.problem_saying(column, Code::FieldNotAllowed, &allowed.join(", "));
        }
        word
    }

    /// A phone number that the row cannot do without: nothing is noted, that is the dialect's to do.
    pub fn exact_phone(&mut self, column: usize) -> CellValue<Result<Phone, NotPhone>> {
        self.raw(column).map(|text| {
            let reading = Phone::read(text, self.assume_plus)?;
            if reading.plus_assumed {
                self.warning(column, Code::PhonePlusAssumed);
            }
            Ok(reading.phone)
        })
    }

    /// The digits of a number of any length: nothing is noted, that is the dialect's to do.
    pub fn digits(&self, column: usize) -> CellValue<Result<String, NotPhone>> {
        self.raw(column).map(Phone::digits)
    }

    /// TRUE or FALSE. None for a blank cell or a missing column: the person keeps the state.
    pub fn enabled(&mut self, column: usize) -> Option<bool> {
        self.one_of(column, &["TRUE", "FALSE"]).value().map(|word| word == "TRUE")
    }

    /// Notes what makes the row invalid.
    pub fn problem(&mut self, column: usize, code: Code) {
        self.problems.push(Problem::in_column(self.name(column), code));
    }

    /// Notes a problem that makes the row invalid.
    pub fn invalid(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes that a number makes the row invalid, under this code, with the text of the cell.
    pub fn phone_problem(&mut self, column: usize, not: NotPhone, code: Code) {
        let text = self.raw(column).value().unwrap_or_default();
        // A text with letters may be meant as something else than a number.
        let not = if not == NotPhone::LETTERS { NotPhone::new(not.code) } else { not };
        let problem = self.not_phone(column, text, not);
        let message = problem.message.replacen(not.code.text(), code.text(), 1);
        self.problems.push(Problem { code, message, ..problem });
    }

    /// Notes what makes the row invalid, and says more than the code does.
    pub fn problem_saying(&mut self, column: usize, code: Code, more: &str) {
        self.problems.push(Problem::in_column(self.name(column), code).saying(more));
    }

    /// Notes what is worth saying though the row is good.
    pub fn warning(&mut self, column: usize, code: Code) {
        self.warnings.push(Problem::in_column(self.name(column), code));
    }

    fn name(&self, column: usize) -> &'static str {
        self.row.column_name(column)
    }

    /// A text that tells people apart: nothing invisible may be in it, and nothing is changed but its form.
    fn exact(&mut self, column: usize, text: &str, max_chars: usize) -> Option<String> {
        let kept = text::exact(text, max_chars);
        let kept = kept.map_err(|code| self.problem_of(column, code, max_chars)).ok()?;
        self.warn_of_scripts(column, &kept);
        Some(kept)
    }

    fn free(&mut self, column: usize, text: &str) -> CellValue<String> {
        let kept = text::free(text, MAX_TEXT_CHARS);
        let loses_something = without_invisible(text).len() != text.len();
        if loses_something && kept != Err(Code::FieldControlCharacter) {
            self.warning(column, Code::FieldInvisibleCharacter);
        }
        match kept {
            Ok(kept) => {
                self.warn_of_scripts(column, &kept);
                CellValue::Value(kept)
            }
            // The cell had invisible characters only.
            Err(Code::FieldRequired) => CellValue::Blank,
            Err(code) => {
                self.problem_of(column, code, MAX_TEXT_CHARS);
                CellValue::Absent
            }
        }
    }

    fn problem_of(&mut self, column: usize, code: Code, max_chars: usize) {
        match code {
            Code::FieldLength => {
                self.problem_saying(column, code, &format!("1 to {max_chars} characters"));
            }
            Code::FieldControlCharacter => self.control_character(column),
            _ => self.problem(column, code),
        }
    }

    fn has_no_control(&mut self, column: usize, text: &str) -> bool {
        let clean = !has_control(text);
        if !clean {
            self.control_character(column);
        }
        clean
    }

    fn warn_of_scripts(&mut self, column: usize, text: &str) {
        if self.finds_warnings && text::mixes_scripts(text) {
            self.warning(column, Code::FieldMixedScript);
        }
    }

    /// What is wrong with a phone number, with the text of the cell.
    fn not_phone(&self, column: usize, text: &str, not: NotPhone) -> Problem {
        let problem = Problem::in_column(self.name(column), not.code);
        if not.code == Code::PhoneScientificNotation && text.chars().count() <= MAX_SHOWN_CHARS {
            let message = problem.message.replacen(SCIENTIFIC_EXAMPLE, text, 1);
            return Problem { message, ..problem };
        }
        // A text with a plus sign or an at sign may be the number or address of a person, so it is not repeated.
        let may_show = not.code == Code::PhoneInvalid
            && not != NotPhone::LOST_PLUS
            && !text.contains(['+', '@', '\u{ff0b}'])
            && text.chars().count() <= MAX_SHOWN_CHARS;
        match (not.why, may_show) {
            (Some(why), true) => problem.saying(&format!("{why}: {text}")),
            (Some(why), false) => problem.saying(why),
            (None, true) => problem.saying(&format!("the cell has {text}")),
            (None, false) => problem,
        }
    }
}
