//! `BindNatsUser`: says which actors a NATS user may name.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use crate::company::{Binding, Bindings, Company, Grants};
use crate::decide::changes::Defined;
use crate::decide::rule::{Context, Decide, Decision};
use crate::event::{Event, Permission, SpeaksFor};
use crate::values::{Code, Personal, Refusal, check_actor, check_nats_user};

/// The most actors of one user, in names: the people of a desk. A portal for more people speaks for anyone.
pub const ACTORS_MAX: usize = 100;

/// The most bound users of a company, in users: each is an account in the configuration of the NATS server.
pub const USERS_MAX: usize = 1_000;

/// Says which actors a NATS user may name in commands and queries. It replaces the user's earlier binding.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindNatsUser {
    /// The user as the NATS server knows it.
    #[schemars(length(min = 1))]
    pub nats_user: Personal<String>,
    /// The actors that the user may name. Give this or `speaks_for`.
    #[serde(default)]
    #[schemars(length(max = ACTORS_MAX))]
    pub actors: Vec<Personal<String>>,
    /// `anyone`: the user may name every actor, as the backend of a portal does that knows its people itself.
    pub speaks_for: Option<SpeaksFor>,
}

impl Decide for BindNatsUser {
    const NEEDS: Option<Permission> = Some(Permission::Administer);

    fn decide(&self, company: &Company, context: &Context<'_>) -> Result<Decision, Refusal> {
        self.check_shape()?;
        let actors = self.actors.iter().map(|actor| actor.as_str());
        let binding = Binding::new(actors, self.speaks_for);
        let current = company.bindings.of(&self.nats_user);
        let values = |binding: &Binding| json!(binding);
        let result = Defined::counted(current.map(values).as_ref(), &values(&binding));
        if current == Some(&binding) {
            return Ok(Decision::append(vec![]).with_result(result));
        }
        if current.is_none() && company.bindings.count() >= USERS_MAX {
            let limit = json!({"limit": USERS_MAX, "field": "nats_user"});
            let words = format!("a company has at most {USERS_MAX} bound users");
            return Err(Refusal::new(Code::EnvelopeMalformed).saying(&words).with(limit));
        }
        if context.authenticated == Some(self.nats_user.as_str()) && !binding.allows(context.actor)
        {
            let words = "the command would take its own actor from its user";
            return Err(Refusal::new(Code::AuthAdministratorNotBound).saying(words));
        }
        let mut bindings = company.bindings.clone();
        bindings.bind(&self.nats_user, binding);
        check_reachable(company, &bindings, &company.grants)?;
        Ok(Decision::append(vec![Event::NatsUserBound {
            nats_user: self.nats_user.clone(),
            actors: self.actors.clone(),
            speaks_for: self.speaks_for,
        }])
        .with_result(result))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        Defined::json_schema(generator)
    }
}

impl BindNatsUser {
    fn check_shape(&self) -> Result<(), Refusal> {
        check_nats_user(&self.nats_user)?;
        self.actors.iter().try_for_each(|actor| check_actor(actor))?;
        let malformed = |words: &str| {
            let refusal = Refusal::new(Code::EnvelopeMalformed).saying(words);
            Err(refusal.with(json!({"field": "actors", "limit": ACTORS_MAX})))
        };
        match (self.actors.len(), self.speaks_for) {
            (0, None) => malformed("name the actors, or give speaks_for"),
            (1.., Some(_)) => malformed("give either actors or speaks_for"),
            (count, _) if count > ACTORS_MAX => {
                malformed(&format!("{count} actors; at most {ACTORS_MAX}, or give speaks_for"))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a change after which no bound user could administer a company that requires bindings.
///
/// # Errors
/// `auth.administrator_not_bound`.
pub(super) fn check_reachable(
    company: &Company,
    bindings: &Bindings,
    grants: &Grants,
) -> Result<(), Refusal> {
    if company.settings.require_bound_users && !bindings.reach_administrator(grants) {
        return Err(Code::AuthAdministratorNotBound.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::testing::{Given, NOW, given};
    use crate::decide::{GrantPermissions, RevokePermissions, SetCompanyConfig, UnbindNatsUser};

    fn bind(nats_user: &str, actors: &[&str]) -> BindNatsUser {
        BindNatsUser {
            nats_user: Personal(nats_user.to_owned()),
            actors: actors.iter().map(|actor| Personal((*actor).to_owned())).collect(),
            speaks_for: None,
        }
    }

    fn unbind(nats_user: &str) -> UnbindNatsUser {
        UnbindNatsUser { nats_user: Personal(nats_user.to_owned()) }
    }

    fn require() -> SetCompanyConfig {
        let body = json!({"require_bound_users": true});
        SetCompanyConfig(body.as_object().unwrap().clone())
    }

    /// The company, which requires bindings.
    fn requiring(mut company: Given) -> Given {
        let setting = "require_bound_users".to_owned();
        let value = json!(true);
        company.append(NOW, "jane", &[Event::CompanyConfigChanged { setting, value }]);
        company
    }

    fn administered_by(actor: &str) -> GrantPermissions {
        GrantPermissions {
            actor: Personal(actor.to_owned()),
            permissions: vec![Permission::Administer],
        }
    }

    /// What the company says to a command of this NATS user in the name of this actor.
    fn refusal(company: &Given, nats_user: Option<&str>, actor: &str) -> Option<Code> {
        let command = bind("another", &["x"]);
        let then = company.when_sent_by(nats_user, actor, command);
        then.0.err().map(|refusal| refusal.code)
    }

    #[test]
    fn bound_user_names_only_its_actors() {
        let company = given([]).after(bind("acme-hr", &["Hr@acme.example", "joe"]));
        assert_eq!(refusal(&company, Some("acme-hr"), "hr@ACME.example"), None);
        assert_eq!(refusal(&company, Some("acme-hr"), "eve"), Some(Code::AuthActorNotBound));
        for unbound in [Some("acme-it"), None] {
            assert_eq!(refusal(&company, unbound, "eve"), None, "{unbound:?}");
        }
        let anyone = BindNatsUser {
            actors: Vec::new(),
            speaks_for: Some(SpeaksFor::Anyone),
            ..bind("acme-hr", &[])
        };
        let company = company.after(anyone);
        assert_eq!(refusal(&company, Some("acme-hr"), "eve"), None);
    }

    /// The result is stored in clear, and the event holds the names as personal values.
    #[test]
    fn result_of_a_binding_holds_no_names() {
        let company = given([]).after(bind("acme-hr", &["ann"]));
        let result = company.when(bind("acme-hr", &["bob"])).result();
        let actors = json!({"field": "actors", "old": 1, "new": 1});
        assert_eq!(result, json!({"created": false, "changes": [actors]}));
    }

    #[test]
    fn unbound_user_is_refused_once_bindings_are_required() {
        let refused = Code::AuthAdministratorNotBound;
        given([]).when_locally(require()).then_refused(refused);
        let company = given([]).after(bind("acme-hr", &["hr"]));
        // Who requires it must get in afterwards, so its own user is bound too.
        for shut_out in [Some("acme-it"), None] {
            company.when_sent_by(shut_out, "hr", require()).then_refused(refused);
        }
        assert!(company.when_sent_by(Some("acme-hr"), "hr", require()).0.is_ok());
        assert!(company.when_locally(require()).0.is_ok());
        let company = requiring(company);
        let unbind = company.when_sent_by(Some("acme-hr"), "hr", unbind("acme-hr"));
        unbind.then_refused(refused);
        assert_eq!(refusal(&company, Some("acme-hr"), "hr"), None);
        for unbound in [Some("acme-it"), None] {
            assert_eq!(refusal(&company, unbound, "hr"), Some(Code::AuthUserNotBound));
        }
    }

    /// Each change leaves a bound administrator in a company that requires bindings.
    #[test]
    fn last_bound_administrator_is_kept() {
        let company = given([])
            .after(administered_by("jane@acme.example"))
            .after(administered_by("ann"))
            .after(bind("acme-hr", &["ann"]));
        let company = requiring(company);
        let refused = Code::AuthAdministratorNotBound;
        company.when_locally(unbind("acme-hr")).then_refused(refused);
        company.when_locally(bind("acme-hr", &["bob"])).then_refused(refused);
        let revoke = RevokePermissions {
            actor: Personal("ann".to_owned()),
            permissions: vec![Permission::Administer],
        };
        company.when_locally(revoke).then_refused(refused);
        // Before the first grant everybody may administer; after it, only its actor.
        let open = requiring(given([]).after(bind("acme-hr", &["ann"])));
        open.when_locally(administered_by("eve")).then_refused(refused);
        assert!(open.when_locally(administered_by("ann")).0.is_ok());
    }

    /// A user cannot take the actor from itself with which it administers.
    #[test]
    fn user_keeps_the_actor_of_its_own_command() {
        let by = |command: BindNatsUser| given([]).when_sent_by(Some("acme-hr"), "hr", command);
        by(bind("acme-hr", &["joe"])).then_refused(Code::AuthAdministratorNotBound);
        assert!(by(bind("acme-hr", &["joe", "hr"])).0.is_ok());
        assert!(by(bind("acme-it", &["joe"])).0.is_ok());
    }

    #[test]
    fn malformed_binding_is_refused() {
        let both = BindNatsUser { speaks_for: Some(SpeaksFor::Anyone), ..bind("acme-hr", &["hr"]) };
        let many: Vec<String> = (0..=ACTORS_MAX).map(|n| format!("a{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for command in [
            bind("acme-hr", &[]),
            both,
            bind("acme-hr", &many),
            bind("acme-hr", &["a\nb"]),
            bind("acme hr", &["hr"]),
            bind("acme.hr", &["hr"]),
            bind("", &["hr"]),
        ] {
            given([]).when(command).then_refused(Code::EnvelopeMalformed);
        }
        given([]).when(bind("acme-hr", &["Engine"])).then_refused(Code::AuthActorReserved);
    }
}
