//! The configuration of a NATS server in operator mode: accounts and users as signed JWTs, as the tool `nsc` makes them.
//!
//! No password is in the server's environment, so a reload is enough for a new company. The rights are those of
//! [`super::nats_conf`].

use std::collections::BTreeMap;
use std::{fmt, io};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boarding_commands::values::Time;
use data_encoding::BASE32_NOPAD;
use nkeys::{KeyPair, KeyPairType};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::accounts::{Account, Export, Import, ResponseType, Subjects, User, read};
use super::text::{SERVER, SERVER_BEGIN};

/// The name of the operator in its JWT.
const OPERATOR: &str = "boarding";

/// The account of the server itself. Operator mode needs one.
const SYSTEM: &str = "SYS";

/// The version of the claims of NATS JWTs.
const CLAIMS_VERSION: u8 = 2;

/// No limit, in the claims of an account or user.
const UNLIMITED: i8 = -1;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    Operator,
    Account,
    User,
}

impl KeyOwner {
    const fn key_type(self) -> KeyPairType {
        match self {
            Self::Operator => KeyPairType::Operator,
            Self::Account => KeyPairType::Account,
            Self::User => KeyPairType::User,
        }
    }

    /// A new seed, which is the secret part of a key.
    ///
    /// # Errors
    /// When the seed cannot be encoded.
    pub fn new_seed(self) -> Result<String, OperatorModeError> {
        Ok(KeyPair::new(self.key_type()).seed()?)
    }
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "operator",
            Self::Account => "account",
            Self::User => "user",
        })
    }
}

/// Why the configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OperatorModeError {
    #[error("read the accounts of the configuration")]
    Accounts,
    #[error("the configuration has no account {0}")]
    NoAccount(String),
    #[error("use the NATS key of the {owner} {name}: it is another kind of key")]
    OtherKey { owner: KeyOwner, name: String },
    #[error("read the revoked keys of the account {account}")]
    Revoked { account: String, source: io::Error },
    #[error("use a NATS key")]
    Key(#[from] nkeys::error::Error),
    #[error("read or write the NATS key of the {owner} {name}")]
    Seed { owner: KeyOwner, name: String, source: io::Error },
}

/// What a server in operator mode and its clients need.
#[derive(Debug)]
pub struct OperatorMode {
    /// The settings of the server that are not about accounts, as the first configuration has them.
    pub settings: String,
    /// The accounts, which follow the settings.
    pub preload: String,
    /// The credentials of each user, by name.
    pub credentials: BTreeMap<String, String>,
    /// The public key of each account, by name. The server names the folder of an account's streams after it.
    pub accounts: BTreeMap<String, String>,
}

/// The keys that are kept from one configuration to the next.
pub trait Keys {
    /// The seed of a key that is kept, or a new one that is kept from now on.
    ///
    /// # Errors
    /// When it cannot be read or written.
    fn seed(&self, owner: KeyOwner, name: &str) -> io::Result<String>;

    /// The public keys of users that an account accepts no more, with the time of their revocation.
    ///
    /// # Errors
    /// When they cannot be read.
    fn revoked(&self, account: &str) -> io::Result<BTreeMap<String, Time>>;
}

/// The public key of a seed.
///
/// # Errors
/// When it is no seed.
pub fn public_key(seed: &str) -> Result<String, OperatorModeError> {
    Ok(KeyPair::from_seed(seed.trim())?.public_key())
}

/// Turns the text of [`super::nats_conf`] into operator mode.
///
/// # Errors
/// When the text is not of this crate, or a key cannot be used.
pub fn operator_mode(
    config: &str,
    at: Time,
    kept: &impl Keys,
) -> Result<OperatorMode, OperatorModeError> {
    let accounts = read(config).ok_or(OperatorModeError::Accounts)?;
    let operator = pair(kept, KeyOwner::Operator, OPERATOR)?;
    let system = pair(kept, KeyOwner::Account, SYSTEM)?;
    let mut keys = Vec::new();
    for (name, _) in &accounts {
        keys.push(pair(kept, KeyOwner::Account, name)?);
    }
    let named = accounts.iter().zip(&keys);
    let public: BTreeMap<_, _> =
        named.map(|((name, _), key)| (name.clone(), key.public_key())).collect();
    let system_claims = json!({"limits": limits(false), "type": "account"});
    let mut preload = vec![(
        SYSTEM,
        system.public_key(),
        sign(&operator, SYSTEM, &system.public_key(), ALWAYS, system_claims)?,
    )];
    let mut credentials = BTreeMap::new();
    for ((name, account), signer) in accounts.iter().zip(&keys) {
        let mut claims = account_claims(account, &public)?;
        revoke(&mut claims, name, kept)?;
        let jwt = sign(&operator, name, &signer.public_key(), ALWAYS, claims)?;
        preload.push((name, signer.public_key(), jwt));
        for user in &account.users {
            let pair = pair(kept, KeyOwner::User, &user.user)?;
            let jwt = sign(signer, &user.user, &pair.public_key(), at, user_claims(user))?;
            credentials.insert(user.user.clone(), credentials_file(&jwt, &pair.seed()?));
        }
    }
    let operator_claims = json!({"type": "operator", "system_account": system.public_key()});
    let operator_jwt = sign(&operator, OPERATOR, &operator.public_key(), ALWAYS, operator_claims)?;
    let preload = preload_text(&operator_jwt, &system.public_key(), &preload);
    Ok(OperatorMode { settings: settings_text(), preload, credentials, accounts: public })
}

fn pair(kept: &impl Keys, owner: KeyOwner, name: &str) -> Result<KeyPair, OperatorModeError> {
    let failed = |source| OperatorModeError::Seed { owner, name: name.to_owned(), source };
    let seed = kept.seed(owner, name).map_err(failed)?;
    let pair = KeyPair::from_seed(seed.trim());
    let pair = pair.map_err(|error| failed(io::Error::other(error)))?;
    if pair.key_pair_type() == owner.key_type() {
        Ok(pair)
    } else {
        Err(OperatorModeError::OtherKey { owner, name: name.to_owned() })
    }
}

/// Adds the revoked keys of an account to its claims.
fn revoke(claims: &mut Value, name: &str, kept: &impl Keys) -> Result<(), OperatorModeError> {
    let failed = |source| OperatorModeError::Revoked { account: name.to_owned(), source };
    let revoked = kept.revoked(name).map_err(failed)?;
    if !revoked.is_empty()
        && let Some(claims) = claims.as_object_mut()
    {
        let revoked = revoked.into_iter().map(|(key, at)| (key, json!(seconds(at))));
        claims.insert("revocations".to_owned(), Value::Object(revoked.collect()));
    }
    Ok(())
}

/// The time of issue of operator and accounts, so that their JWTs are always the same text. A server refuses to load
/// another operator without a restart, and cuts running requests of an account that has changed.
const ALWAYS: Time = Time(0);

const fn seconds(at: Time) -> i64 {
    at.0.div_euclid(1000)
}

/// A signed JWT for this key.
fn sign(
    signer: &KeyPair,
    name: &str,
    subject: &str,
    at: Time,
    mut claims: Value,
) -> Result<String, OperatorModeError> {
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("version".to_owned(), json!(CLAIMS_VERSION));
    }
    let mut payload = json!({
        "iat": seconds(at),
        "iss": signer.public_key(),
        "name": name,
        "nats": claims,
        "sub": subject,
    });
    // The id of a JWT is the digest of its other claims.
    let id = BASE32_NOPAD.encode(&Sha256::digest(payload.to_string()));
    if let Some(payload) = payload.as_object_mut() {
        payload.insert("jti".to_owned(), json!(id));
    }
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&header), encode(&payload));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(text.as_bytes())?);
    Ok(format!("{text}.{signature}"))
}

/// The claims of an account. `keys` are the public keys of all accounts by name.
fn account_claims(
    account: &Account,
    keys: &BTreeMap<String, String>,
) -> Result<Value, OperatorModeError> {
    let imports: Result<Vec<_>, _> =
        account.imports.iter().map(|import| import_claims(import, keys)).collect();
    Ok(json!({
        "exports": account.exports.iter().map(export).collect::<Vec<_>>(),
        "imports": imports?,
        "limits": limits(account.jetstream.is_some()),
        "type": "account",
    }))
}

fn import_claims(
    import: &Import,
    keys: &BTreeMap<String, String>,
) -> Result<Value, OperatorModeError> {
    let (kind, from) = match (&import.service, &import.stream) {
        (Some(service), None) => ("service", service),
        (None, Some(stream)) => ("stream", stream),
        _ => return Err(OperatorModeError::Accounts),
    };
    let known = keys.get(&from.account);
    let account = known.ok_or_else(|| OperatorModeError::NoAccount(from.account.clone()))?;
    let local = import.to.as_ref().unwrap_or(&from.subject);
    let mut claims = json!({
        "name": local,
        "subject": from.subject,
        "account": account,
        "type": kind,
    });
    if let (Some(claims), Some(to)) = (claims.as_object_mut(), &import.to) {
        claims.insert("local_subject".to_owned(), json!(to));
    }
    Ok(claims)
}

fn export(export: &Export) -> Value {
    let (kind, subject) = match &export.service {
        Some(subject) => ("service", Some(subject)),
        None => ("stream", export.stream.as_ref()),
    };
    let mut claims = json!({"name": subject, "subject": subject, "type": kind});
    if let Some(claims) = claims.as_object_mut()
        && let Some(ResponseType::Stream) = export.response_type
    {
        claims.insert("response_type".to_owned(), json!("Stream"));
    }
    claims
}

/// The limits of an account. Without those of storage it has no JetStream.
fn limits(has_streams: bool) -> Value {
    let names = ["subs", "data", "payload", "imports", "exports", "conn", "leaf"];
    let of_streams = ["mem_storage", "disk_storage", "streams", "consumer", "max_ack_pending"];
    let of_streams = of_streams.iter().filter(|_| has_streams);
    let unlimited = names.iter().chain(of_streams);
    let mut limits: serde_json::Map<_, _> =
        unlimited.map(|name| ((*name).to_owned(), json!(UNLIMITED))).collect();
    limits.insert("wildcards".to_owned(), json!(true));
    Value::Object(limits)
}

fn user_claims(user: &User) -> Value {
    let rights = |subjects: &Subjects| json!({"allow": subjects.allow, "deny": subjects.deny});
    json!({
        "pub": rights(&user.permissions.publish),
        "sub": rights(&user.permissions.subscribe),
        "subs": UNLIMITED,
        "data": UNLIMITED,
        "payload": UNLIMITED,
        "type": "user",
    })
}

/// A file with a JWT and its key, as the clients of NATS read it.
fn credentials_file(jwt: &str, seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         This file is a secret: who has it connects as this user.\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

fn settings_text() -> String {
    let (_, settings) = SERVER.split_once(SERVER_BEGIN).unwrap_or_default();
    format!(
        "# NATS for Boarding, in operator mode. `boarding nats-config COMPANY --operator-mode FOLDER` adds a company to this\n\
         # file; then let the server read it again: nats-server --signal reload\n\n\
         {SERVER_BEGIN}{settings}\n"
    )
}

/// The line below which each run writes anew.
pub const ACCOUNTS_BEGIN: &str =
    "# The accounts, written by boarding nats-config. The text above this line is kept.\n";

fn preload_text(operator: &str, system: &str, accounts: &[(&str, String, String)]) -> String {
    let mut text = format!(
        "{ACCOUNTS_BEGIN}operator: {operator}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload: {{\n"
    );
    for (name, key, jwt) in accounts {
        text.push_str(&format!("  # {name}\n  {key}: {jwt}\n"));
    }
    text.push_str("}\n");
    text
}
