//! Valid and invalid names, numbers, addresses and units that generated commands use.

/// User keys. Some pairs are two spellings of one key.
pub(super) const USERS: [&str; 9] =
    ["ann", "ANN", "bob", "Bob ", "cid", "dee.x", "eve", "zoë", "nobody"];

/// Phone numbers: one in two spellings, some valid, some invalid.
pub(super) const PHONES: [&str; 9] = [
    "+66812340987",
    "+66 812 340 987",
    "+4930123456",
    "+14155550100",
    "(+91)1234123411",
    "+33612345678",
    "0044205551234567",
    "8.4923E+10",
    "66812340987",
];

pub(super) const ADDRESSES: [&str; 8] = [
    "ann@acme.example",
    "Ann@Acme.example",
    "bob@acme.example",
    "cid@acme.example",
    "dee@globex.example",
    "eve@globex.example",
    "zoe@post.example",
    "nobody@here",
];

pub(super) const NAMES: [&str; 8] =
    ["Ann", "Bob, Jr.", "D\"Arcy", "Zoë", "=1+1", "'=x", "'t Hooft", "“Ann”"];

pub(super) const UNITS: [&str; 4] = ["Sales", "Support", "Ops", "Nowhere"];

pub(super) const ROLES: [&str; 3] = ["Agent", "Guest", "King"];

pub(super) const CHANNELS: [&str; 5] =
    ["whatsapp", "WhatsApp Native", "whatsapp", "imessage", "pigeon"];

pub(super) const ACTORS: [&str; 2] = ["jane", "joe"];

/// Numbers of the pool. The last one is never added.
pub(super) const POOL: [&str; 8] = [
    "+12125550001",
    "+1 212 555 0002",
    "+12125550003",
    "+12125550004",
    "+12125550005",
    "+12125550006",
    "+12125550007",
    "+12125559999",
];

/// User keys of every product: user names, e-mail addresses and device numbers. The `Debug` text of a command
/// prints keys in clear text, so none of them is one of the secrets.
pub(super) const PEOPLE: [&str; 12] = [
    "ann",
    "bob",
    "cid",
    "dee.x",
    "eve",
    "zoë",
    "nobody",
    "one@pool.example",
    "two@pool.example",
    "three@pool.example",
    "four@pool.example",
    "+551130001234",
];

/// Account keys in MultiLine files, in the spelling of the file.
pub(super) const ACCOUNTS: [&str; 7] = [
    "one@pool.example",
    "Two@pool.example",
    "three@pool.example",
    "four@pool.example",
    "five@pool.example",
    "+551130001234",
    "nobody@here",
];

/// LAN IDs and Agent IDs. Some differ only in upper and lower case.
pub(super) const IDS: [&str; 8] = ["ann", "Ann", "bob", "lan1", "lan2", "LAN2", "a.b", "zoë"];
