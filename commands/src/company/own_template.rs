//! A company's own wording of a mail, with earlier versions that mails under way still need.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The wording of one mail in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateText {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// A company's own wording of one mail in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTemplate {
    pub current: TemplateText,
    /// Counts how often it was set, from 1.
    pub version: u64,
    /// Whether it was removed. Its versions go on counting, and a claimed mail may still need the last one.
    pub(super) removed: bool,
    /// Earlier versions, as long as a mail that was claimed with one may be under way.
    former: BTreeMap<u64, TemplateText>,
}

impl OwnTemplate {
    /// The first version.
    pub(super) fn first(template: TemplateText) -> Self {
        Self { current: template, version: 1, removed: false, former: BTreeMap::new() }
    }

    /// The wording of a version, if it is still kept.
    pub(super) fn of(&self, version: u64) -> Option<&TemplateText> {
        if version == self.version { Some(&self.current) } else { self.former.get(&version) }
    }

    /// Sets the next version. The current one is kept if mails are under way.
    pub(super) fn replace(&mut self, template: TemplateText, mails_under_way: bool) {
        let former = std::mem::replace(&mut self.current, template);
        if mails_under_way {
            self.former.insert(self.version, former);
        }
        self.version += 1;
        self.removed = false;
    }

    pub(super) fn forget_former(&mut self) {
        self.former.clear();
    }
}
