//! The metrics of an engine, and their text in the format of Prometheus.

use std::fmt::{Display, Write as _};

use boarding_commands::values::{CompanyId, Time};

/// What operators watch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metrics {
    /// The position of the last event in the log.
    pub log_position: u64,
    /// The companies that this engine works for.
    pub companies: Vec<CompanyMetrics>,
    /// The companies that lost commits by damage.
    pub damaged: Vec<CompanyId>,
}

/// The metrics of one company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyMetrics {
    pub company: CompanyId,
    pub work: WorkMetrics,
    /// Since when the mails that are no invitations cannot be sent, while they cannot.
    pub notifications_wait_since: Option<Time>,
}

/// The work of one company, from its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkMetrics {
    /// Whether a run has started and not ended.
    pub is_active: bool,
    /// Since when the active run waits because its mails cannot be sent, while it waits.
    pub waits_since: Option<Time>,
    /// Recipients of the active run without an outcome.
    pub remaining: u64,
    /// Runs that wait for the end of the active one.
    pub queued: usize,
    /// Mails that are no invitations and are tried again later.
    pub notifications_deferred: usize,
}

impl CompanyMetrics {
    /// Since when mails of the company cannot be sent; the earlier time, if several kinds wait.
    fn waits_since(&self) -> Option<Time> {
        self.work.waits_since.into_iter().chain(self.notifications_wait_since).min()
    }
}

/// The value of a metric for one company. None leaves the company out.
type ValueOf = fn(&CompanyMetrics) -> Option<u64>;

/// Each metric of a company: its name, its help, and its value.
const OF_COMPANY: [(&str, &str, ValueOf); 7] = [
    (
        "boarding_mail_server_waiting",
        "1 while mails of the company wait, because their mail server or outbox cannot be used.",
        |one| Some(u64::from(one.waits_since().is_some())),
    ),
    (
        "boarding_mail_server_waiting_since_seconds",
        "Since when mails of the company wait, in seconds since 1970. Only while they wait.",
        |one| one.waits_since().map(|since| since.seconds_since(Time(0))),
    ),
    (
        "boarding_runs_waiting",
        "Runs that have started and wait until their mails can be sent.",
        |one| Some(u64::from(one.work.waits_since.is_some())),
    ),
    ("boarding_run_active", "1 while a run has started and not ended.", |one| {
        Some(u64::from(one.work.is_active))
    }),
    ("boarding_run_recipients_remaining", "People of the active run without an outcome.", |one| {
        Some(one.work.remaining)
    }),
    ("boarding_runs_queued", "Runs that wait for the end of the active run.", |one| {
        Some(one.work.queued as u64)
    }),
    (
        "boarding_notifications_deferred",
        "Mails other than invitations that could not be sent and are tried again.",
        |one| Some(one.work.notifications_deferred as u64),
    ),
];

impl Metrics {
    /// The metrics in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        let mut text = String::new();
        family(&mut text, "boarding_log_position", "The position of the last event in the log.");
        sample(&mut text, "boarding_log_position", None, self.log_position);
        let damaged = "boarding_company_damaged";
        family(
            &mut text,
            damaged,
            "1 if the log of the company lost commits, so that it takes no commands.",
        );
        for company in &self.damaged {
            sample(&mut text, damaged, Some(company.as_str()), 1);
        }
        for (name, help, value_of) in OF_COMPANY {
            family(&mut text, name, help);
            for one in &self.companies {
                if let Some(value) = value_of(one) {
                    sample(&mut text, name, Some(one.company.as_str()), value);
                }
            }
        }
        text
    }
}

fn family(text: &mut String, name: &str, help: &str) {
    // Writing to a string never fails.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn sample(text: &mut String, name: &str, company: Option<&str>, value: impl Display) {
    let label = company.map(|company| format!("{{company=\"{}\"}}", escaped(company)));
    let _ = writeln!(text, "{name}{} {value}", label.unwrap_or_default());
}

/// The value of a label, with the escapes of the format.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A31: the text has each metric once, with a line for each company.
    #[test]
    fn text_has_the_format_of_prometheus() {
        let company = |id: &str, work, notifications_wait_since| CompanyMetrics {
            company: id.parse().unwrap(),
            work,
            notifications_wait_since,
        };
        let waits = WorkMetrics {
            is_active: true,
            waits_since: Some(Time(1_795_248_000_500)),
            remaining: 7,
            queued: 2,
            notifications_deferred: 3,
        };
        let earlier = Some(Time(1_795_247_000_000));
        let companies =
            vec![company("acme", waits, earlier), company("globex", WorkMetrics::default(), None)];
        let damaged = vec!["mira".parse().unwrap()];
        let text = Metrics { log_position: 42, companies, damaged }.text();
        let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "boarding_log_position 42",
                "boarding_company_damaged{company=\"mira\"} 1",
                "boarding_mail_server_waiting{company=\"acme\"} 1",
                "boarding_mail_server_waiting{company=\"globex\"} 0",
                "boarding_mail_server_waiting_since_seconds{company=\"acme\"} 1795247000",
                "boarding_runs_waiting{company=\"acme\"} 1",
                "boarding_runs_waiting{company=\"globex\"} 0",
                "boarding_run_active{company=\"acme\"} 1",
                "boarding_run_active{company=\"globex\"} 0",
                "boarding_run_recipients_remaining{company=\"acme\"} 7",
                "boarding_run_recipients_remaining{company=\"globex\"} 0",
                "boarding_runs_queued{company=\"acme\"} 2",
                "boarding_runs_queued{company=\"globex\"} 0",
                "boarding_notifications_deferred{company=\"acme\"} 3",
                "boarding_notifications_deferred{company=\"globex\"} 0",
            ]
        );
        let types = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!((types, text.matches("# HELP ").count()), (9, 9), "{text}");
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn values_of_labels_are_escaped() {
        let mut text = String::new();
        sample(&mut text, "x", Some("a\"b\\c\nd"), 1);
        assert_eq!(text, "x{company=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
