//! Links in texts that should hold none: mail programs turn them into something to press.

use std::borrow::Cow;

use boarding_csv::is_invisible;
use unicode_normalization::UnicodeNormalization as _;

/// The beginnings of links without `//`.
const SCHEMES: [&str; 19] = [
    "callto:",
    "data:",
    "facetime:",
    "file:",
    "ftp:",
    "geo:",
    "http:",
    "https:",
    "intent:",
    "javascript:",
    "mailto:",
    "market:",
    "sip:",
    "skype:",
    "sms:",
    "tel:",
    "tg:",
    "vbscript:",
    "whatsapp:",
];
/// The last labels of domains with more than two letters that are in wide use.
const TOP_LABELS: [&str; 92] = [
    "academy",
    "aero",
    "agency",
    "app",
    "art",
    "asia",
    "bank",
    "bet",
    "biz",
    "blog",
    "casino",
    "cat",
    "center",
    "cloud",
    "club",
    "com",
    "company",
    "coop",
    "credit",
    "dev",
    "digital",
    "edu",
    "email",
    "events",
    "example",
    "exchange",
    "expert",
    "finance",
    "fun",
    "fund",
    "games",
    "gmbh",
    "gov",
    "group",
    "guru",
    "help",
    "icu",
    "info",
    "ink",
    "int",
    "internal",
    "invalid",
    "jobs",
    "life",
    "link",
    "live",
    "loan",
    "local",
    "ltd",
    "market",
    "media",
    "mil",
    "mobi",
    "money",
    "museum",
    "name",
    "net",
    "network",
    "news",
    "one",
    "online",
    "onion",
    "org",
    "page",
    "party",
    "plus",
    "poker",
    "press",
    "pro",
    "review",
    "rocks",
    "sbs",
    "services",
    "shop",
    "site",
    "social",
    "solutions",
    "space",
    "store",
    "support",
    "systems",
    "tech",
    "test",
    "today",
    "tools",
    "top",
    "travel",
    "vip",
    "website",
    "work",
    "xyz",
    "zip",
];
/// The last labels of domains in other scripts, in small letters.
const TOP_LABELS_OF_OTHER_SCRIPTS: [&str; 16] = [
    "рф",
    "укр",
    "бел",
    "қаз",
    "срб",
    "онлайн",
    "сайт",
    "中国",
    "中國",
    "公司",
    "网络",
    "在线",
    "香港",
    "한국",
    "भारत",
    "みんな",
];
/// What people write before a name with a dot and no blank. It is no domain of a country.
const TITLES: [&str; 17] = [
    "dr", "fr", "hr", "jr", "md", "mr", "mrs", "ms", "mst", "mx", "prof", "rev", "sk", "sr", "sra",
    "srta", "st",
];
/// Degrees that look like domains.
const DEGREES: [&str; 3] = ["b.com", "m.com", "d.com"];
/// Joins two words for the eye, and parts them for a program that looks for links.
const WORD_JOINER: char = '\u{2060}';

/// Whether the text is or holds a link: a scheme, `www.`, or a domain, also in full-width letters and dots.
pub fn holds_link(text: &str) -> bool {
    // Most names hold none of the characters that every link needs.
    if !text.chars().any(may_be_dot_or_colon) {
        return false;
    }
    let folded: String = if text.is_ascii() {
        text.chars().filter(|c| !is_invisible(*c)).map(|c| c.to_ascii_lowercase()).collect()
    } else {
        text.nfkc()
            .filter(|c| !is_invisible(*c))
            .map(|c| if is_dot(c) { '.' } else { c })
            .flat_map(char::to_lowercase)
            .collect()
    };
    let parts =
        |c: char| c.is_whitespace() || c.is_control() || "<>\"'()[]{},;|„“”«»、，".contains(c);
    folded.split(parts).any(is_link)
}

/// The text with every dot and colon parted from the word after it, so that no program sees a link in it. It looks
/// the same.
pub fn without_links(text: &str) -> Cow<'_, str> {
    let is_joint =
        |c: char| is_dot(c) || matches!(c, '.' | ':' | '/' | '@' | '．' | '：' | '／' | '＠');
    if !text.contains(is_joint) {
        return Cow::Borrowed(text);
    }
    let mut parted = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        parted.push(c);
        if is_joint(c) && characters.peek().is_some_and(|next| !next.is_whitespace()) {
            parted.push(WORD_JOINER);
        }
    }
    Cow::Owned(parted)
}

/// Whether a character is or may become a dot or a colon when the text is folded. False for the letters of all scripts
/// in wide use.
fn may_be_dot_or_colon(c: char) -> bool {
    match c {
        '.' | ':' => true,
        _ => !matches!(u32::from(c), 0..=0x1fff | 0x3040..=0x30ff | 0x3400..=0xd7ff),
    }
}

/// Whether browsers read the character as the dot of a domain, beside the full stop.
fn is_dot(c: char) -> bool {
    matches!(c, '\u{3002}' | '\u{ff61}' | '\u{2024}' | '\u{fe52}')
}

/// Whether one word in small letters is a link.
fn is_link(word: &str) -> bool {
    let word = word.trim_end_matches(['.', '!', '?', ':', '…']);
    let follows = |start: &str| word.strip_prefix(start).is_some_and(|rest| !rest.is_empty());
    if word.contains("://") || follows("www.") || SCHEMES.iter().any(|scheme| follows(scheme)) {
        return true;
    }
    let host = word.rsplit_once('@').map_or(word, |(_, host)| host);
    let end = host.find(['/', '?', '#', ':', '\\']).unwrap_or(host.len());
    let (host, path) = host.split_at(end);
    is_domain(host.trim_end_matches('.'), path.len() > 1)
}

fn is_domain(host: &str, has_path: bool) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let [first, .., last] = labels.as_slice() else { return false };
    let is_label = |label: &&str| {
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    if !labels.iter().all(is_label) {
        return false;
    }
    let is_number = |label: &&str| label.len() < 4 && label.bytes().all(|b| b.is_ascii_digit());
    if labels.len() == 4 && labels.iter().all(is_number) {
        return true;
    }
    let is_latin = last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic());
    if has_path {
        return is_latin || !last.is_ascii();
    }
    if last.starts_with("xn--") || TOP_LABELS_OF_OTHER_SCRIPTS.contains(last) {
        return true;
    }
    if is_latin && last.len() == 2 {
        // Initials and titles: J.Li, Dr.No.
        let is_name = first.chars().count() == 1 || TITLES.contains(first);
        return labels.len() > 2 || !is_name;
    }
    TOP_LABELS.contains(last) && !DEGREES.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N96: a scheme, `www.` and a domain are links, in every spelling that mail programs or browsers read.
    #[test]
    fn links_are_found_in_every_spelling() {
        for link in [
            "https://evil.example/reset",
            "Your account is locked. Visit www.evil.example",
            "HTTP://EVIL",
            "evil.com",
            "Call me (evil.co.uk)",
            "evil.de/reset",
            "evil.surprise/reset",
            "t.me/evil",
            "ｅｖｉｌ．ｃｏｍ",
            "evil。com",
            "evil｡com",
            "evil․com",
            "ev\u{200b}il.c\u{ad}om",
            "ｈｔｔｐｓ：／／evil",
            "mailto:x@evil",
            "ann@evil.example",
            "javascript:alert(1)",
            "пример.рф",
            "xn--e1afmkfd.xn--p1ai",
            "10.0.0.1",
            "Win at casino.online!",
        ] {
            assert!(holds_link(link), "{link}");
        }
    }

    /// N96: initials, titles, degrees and joined names are names.
    #[test]
    fn names_with_dots_are_no_links() {
        for name in [
            "Jane",
            "J.R. Smith",
            "J.Li",
            "Dr.No",
            "St.John",
            "Ph.D",
            "Anil Kumar B.Sc",
            "Anil B.Com",
            "O.Brien",
            "Smith, Jr.",
            "А.Иванов",
            "Anne...Marie",
            "Lee: QA",
            "Smith-Jones",
            "Nr. 5.2",
            "نادر",
            "Note: x",
        ] {
            assert!(!holds_link(name), "{name}");
        }
    }

    #[test]
    fn every_folded_dot_or_colon_is_seen() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let folds_to_one = is_dot(c) || [c].into_iter().nfkc().any(|c| matches!(c, '.' | ':'));
            assert!(!folds_to_one || may_be_dot_or_colon(c), "{c:?}");
        }
    }

    #[test]
    fn unknown_scheme_is_a_link() {
        assert!(holds_link("evil://reset"));
    }

    #[test]
    fn word_after_www_is_a_link() {
        assert!(holds_link("www.evil"));
    }

    #[test]
    fn domain_may_have_an_underscore() {
        assert!(holds_link("my_shop.com"));
    }

    /// A title or an initial makes a name of two labels only.
    #[test]
    fn domain_that_begins_like_a_title_is_a_link() {
        assert!(holds_link("dr.evil.de") && holds_link("j.evil.de"));
    }

    #[test]
    fn dots_beside_each_other_make_no_domain() {
        assert!(!holds_link("Jane...com"));
    }

    #[test]
    fn name_with_a_slash_is_no_link() {
        for name in ["Hudson.Jane/", "J.R/Smith", "Nr. 5.25/2"] {
            assert!(!holds_link(name), "{name}");
        }
    }

    #[test]
    fn four_parts_that_are_no_address_are_no_link() {
        for name in ["J.R.R.Lee", "1.2.3.2026"] {
            assert!(!holds_link(name), "{name}");
        }
    }

    #[test]
    fn parted_text_holds_no_link_for_a_program() {
        assert_eq!(without_links("Jane Hudson"), "Jane Hudson");
        assert_eq!(without_links("J. Li"), "J. Li");
        assert_eq!(without_links("J.Li"), "J.\u{2060}Li");
        assert_eq!(without_links("a://b"), "a:\u{2060}/\u{2060}/\u{2060}b");
    }
}
