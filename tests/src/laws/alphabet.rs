//! The few people, numbers, addresses and units of which histories are made, right ones and wrong ones.

/// Keys, some of them one person's in two spellings.
pub(super) const USERS: [&str; 9] =
    ["ann", "ANN", "bob", "Bob ", "cid", "dee.x", "eve", "zoë", "nobody"];

/// One number in two spellings, good ones, and some that are none.
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

/// Numbers of the pool, and one that is in none.
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

/// Keys of people of whatever product: user names, and addresses and devices that are keys. These are told in
/// the `Debug` of a command, which tells keys as they are, so none of them is among the secrets.
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

/// Those of accounts, as they come in one file and in another.
pub(super) const ACCOUNTS: [&str; 7] = [
    "one@pool.example",
    "Two@pool.example",
    "three@pool.example",
    "four@pool.example",
    "five@pool.example",
    "+551130001234",
    "nobody@here",
];

/// LAN IDs and Agent IDs, some of them alike.
pub(super) const IDS: [&str; 8] = ["ann", "Ann", "bob", "lan1", "lan2", "LAN2", "a.b", "zoë"];
