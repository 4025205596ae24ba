//! Profile pictures: listed, shown, downloaded, removed, and imported by the thousand.

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::pictures::{write_cut_pictures, write_pictures};
use crate::support::program::Cli;

/// A company with users of these Agent IDs; the key of each user is the Agent ID with `user-` in front.
fn with_agents(agents: &[&str]) -> Cli {
    let cli = Cli::with_company();
    for agent in agents {
        let user = json!({"user": format!("user-{agent}"), "attributes": {"agent_id": agent}});
        cli.run(&["command", "AddUser", &user.to_string()]).expect_status(0);
    }
    cli
}

/// Writes a zip archive of pictures beside the data folder and returns its path.
fn archive(cli: &Cli, name: &str, names: &str, kinds: usize) -> String {
    let path = cli.path().join(name);
    write_pictures(&path, names, kinds);
    path.to_str().unwrap().to_owned()
}

/// The files of stored pictures and archives.
fn stored(cli: &Cli) -> Vec<String> {
    let files = std::fs::read_dir(cli.data().join("files")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// OCM-20: the pictures of users are listed, shown, written to files, and removed with their bytes.
#[test]
fn picture_is_listed_downloaded_and_removed() {
    let cli = with_agents(&["johndoe22", "janedoe1"]);
    let john = fixture("ocm/Archive.zip");
    cli.run(&["pictures", &john]).expect_status(5);
    // Jane has the same picture as John.
    let same = "['johndoe22.png', 'janedoe1.png']";
    cli.run(&["pictures", &archive(&cli, "Two.zip", same, 1)]).expect_status(0);
    let rows = cli.rows(&["pictures", "list"]);
    let users: Vec<_> = rows.iter().map(|row| row["user"].clone()).collect();
    assert_eq!(users, ["user-janedoe1", "user-johndoe22"]);
    let shown = cli.json(&["pictures", "show", "user-johndoe22"]);
    assert_eq!(shown, rows[1], "the verb shows the row of the list");
    assert_eq!((&shown["format"], &shown["name"]), (&json!("png"), &json!("johndoe22.png")));
    let cut = cli.run(&["pictures", "list", "--limit", "1"]).expect_status(0);
    assert!(cut.stderr.contains("only 1 picture is shown; add --limit"), "{}", cut.stderr);

    let folder = cli.path().join("faces");
    let folder = folder.to_str().unwrap();
    cli.run(&["pictures", "download", "--all", "--to", folder]).expect_status(0);
    let bytes = std::fs::read(cli.path().join("faces/user-johndoe22.png")).unwrap();
    assert_eq!(bytes.len() as u64, shown["bytes"].as_u64().unwrap());
    assert!(bytes.starts_with(b"\x89PNG"));
    let again = cli.run(&["pictures", "download", "--all", "--to", folder]).expect_status(5);
    assert!(again.stderr.contains("--overwrite replaces it"), "{}", again.stderr);
    let file = cli.path().join("john.png");
    let to = ["pictures", "download", "user-johndoe22", "--to", file.to_str().unwrap()];
    cli.run(&to).expect_status(0);
    assert_eq!(std::fs::read(file).unwrap(), bytes);

    let asks = cli.run(&["pictures", "remove", "user-johndoe22"]).expect_status(2);
    assert!(asks.stderr.contains("add --yes"), "{}", asks.stderr);
    let digest = shown["sha256"].as_str().unwrap().to_owned();
    cli.run(&["pictures", "remove", "user-johndoe22", "--yes"]).expect_status(0);
    assert!(stored(&cli).contains(&digest), "Jane still has the picture");
    cli.run(&["pictures", "remove", "user-janedoe1", "--yes"]).expect_status(0);
    assert!(!stored(&cli).contains(&digest), "the bytes stay although no person has the picture");
    assert_eq!(cli.rows(&["pictures", "list"]), Vec::<Value>::new());
    let gone = cli.refused(&["pictures", "show", "user-johndoe22"]);
    assert_eq!(gone["code"], "picture.not_found");
    let gone = cli.refused(&["pictures", "remove", "user-johndoe22", "--yes"]);
    assert_eq!(gone["code"], "picture.not_found");
    let history = cli.rows(&["history", "user:user-johndoe22"]);
    assert!(history.iter().any(|row| row["event"] == "PictureRemoved"));
}

/// OCM-19: an archive of 10,000 pictures is imported in several commits; each picture has one outcome.
#[test]
fn ten_thousand_pictures_are_imported() {
    let cli = with_agents(&["agent1", "agent5000", "agent10000"]);
    let names = "[f'agent{n}.png' for n in range(1, 10001)]";
    let path = archive(&cli, "All.zip", names, 3);
    let import = cli.run(&["pictures", &path, "--json"]).expect_status(5).json();
    assert_eq!(
        (&import["state"], &import["total"], &import["inserted"], &import["invalid"]),
        (&json!("completed"), &json!(10_000), &json!(3), &json!(9_997))
    );
    let id = import["import"].as_str().unwrap();
    let inserted = cli.rows(&["pictures", "--rows", id, "--outcome", "inserted"]);
    let numbers: Vec<_> = inserted.iter().map(|row| row["number"].clone()).collect();
    assert_eq!(numbers, [1, 5_000, 10_000]);
    assert_eq!(cli.rows(&["pictures", "list", "--import", id]).len(), 3);
    // The archive and three pictures of two or three kinds: pictures that no person got are not kept.
    assert!(stored(&cli).len() <= 4, "{:?}", stored(&cli));
    let more = archive(&cli, "Some.zip", "[f'agent{n}.png' for n in range(1, 1102)]", 3);
    let more = cli.run(&["pictures", &more]).expect_status(5);
    assert!(more.stderr.contains("1101 pictures: they are imported in several steps"));
    let too_many = archive(&cli, "More.zip", "[f'agent{n}.png' for n in range(10001)]", 1);
    let refusal = cli.refused(&["pictures", &too_many]);
    assert_eq!(refusal["code"], "zip.too_many_entries");
}

/// OCM-17, A27: a damaged picture of a later archive does not replace a good one.
#[test]
fn good_picture_stays_when_a_damaged_one_follows() {
    let cli = with_agents(&["johndoe22"]);
    let name = "['johndoe22.png']";
    cli.run(&["pictures", &archive(&cli, "Good.zip", name, 1)]).expect_status(0);
    let good = cli.json(&["pictures", "show", "user-johndoe22"]);
    let path = cli.path().join("Damaged.zip");
    write_cut_pictures(&path, name);
    cli.run(&["pictures", path.to_str().unwrap()]).expect_status(5);
    let refused = cli.rows(&["pictures", "--rows", "latest"]);
    assert_eq!(refused[0]["problem"]["code"], "picture.damaged", "{refused:?}");
    assert_eq!(cli.json(&["pictures", "show", "user-johndoe22"]), good);
    assert!(stored(&cli).contains(&good["sha256"].as_str().unwrap().to_owned()));
    cli.run(&["pictures", "download", "user-johndoe22", "--to", "john.png"]).expect_status(0);
}

/// A27: the bytes of a replaced picture go, unless a user of any company has the same picture.
#[test]
fn bytes_of_replaced_pictures_are_removed() {
    let cli = with_agents(&["agent0", "agent1"]);
    let digest = |user: &str, company: &str| {
        let row = cli.json(&["pictures", "show", user, "--company", company]);
        row["sha256"].as_str().unwrap().to_owned()
    };
    let both = archive(&cli, "Both.zip", "['agent0.png', 'agent1.png']", 2);
    cli.run(&["pictures", &both]).expect_status(0);
    let user = json!({"user": "zoe", "attributes": {"agent_id": "agent0"}}).to_string();
    cli.run(&["command", "AddUser", &user, "--company", "globex"]).expect_status(0);
    let other = archive(&cli, "Other.zip", "['agent0.png']", 1);
    cli.run(&["pictures", &other, "--company", "globex"]).expect_status(0);
    let (shared, own) = (digest("user-agent0", "acme"), digest("user-agent1", "acme"));
    assert_eq!(digest("zoe", "globex"), shared);

    // More pictures than one commit can hold: the archive is decided about in several commits.
    let many = "[f'agent{n}.png' for n in [*range(2, 1100), 0, 1]]";
    let many = archive(&cli, "Many.zip", many, 900);
    cli.run(&["pictures", &many]).expect_status(5);
    let stored = stored(&cli);
    assert_ne!(digest("user-agent0", "acme"), shared);
    assert!(stored.contains(&shared), "a user of another company has the picture");
    assert!(!stored.contains(&own), "the bytes stay although no user has the picture");
    for user in ["user-agent0", "user-agent1"] {
        assert!(stored.contains(&digest(user, "acme")));
    }
    let last = archive(&cli, "Last.zip", "['none.png', 'zoe.png', 'agent0.png']", 3);
    cli.run(&["pictures", &last, "--company", "globex"]).expect_status(5);
    assert_ne!(digest("zoe", "globex"), shared);
    assert!(!self::stored(&cli).contains(&shared), "no user has the picture any more");
}

/// OCM-19: a single picture is no archive. The refusal says so and what to type, also where a file is named in place
/// of its user.
#[test]
fn single_picture_is_refused_with_what_to_do() {
    let cli = with_agents(&["agent0"]);
    let file = cli.path().join("agent0.png");
    std::fs::write(&file, b"\x89PNG\r\n\x1a\n").unwrap();
    let refused = cli.run(&["pictures", file.to_str().unwrap()]).expect_status(1).stderr;
    assert!(refused.contains("import.unsupported_file_type: This is a picture"), "{refused}");
    assert!(refused.contains("zip Archive.zip agent0.png"), "{refused}");
    for words in [&["remove", "agent0.png", "--yes"][..], &["show", "agent0.png"]] {
        let refused = cli.run(&[&["pictures"], words].concat()).expect_status(1).stderr;
        let advice = "agent0.png is the name of a file; name its user";
        assert!(refused.contains(advice) && refused.contains("--search agent0"), "{refused}");
    }
}

/// OCM-20: a download goes into a folder that exists. Where it cannot be written, the message names the given path.
#[test]
fn download_names_the_path_that_was_given() {
    let cli = with_agents(&["agent0"]);
    cli.run(&["pictures", &archive(&cli, "One.zip", "['agent0.png']", 1)]).expect_status(0);
    let download = |to: &str| cli.run(&["pictures", "download", "user-agent0", "--to", to]);
    let failed = download("nowhere/face.png").expect_status(2).stderr;
    assert!(failed.contains("nowhere/face.png: there is no folder nowhere"), "{failed}");
    assert!(!failed.contains(".part"), "{failed}");
    std::fs::create_dir(cli.path().join("faces")).unwrap();
    let output = download("faces").expect_status(0);
    assert!(output.stdout.contains("1 picture written faces/user-agent0.png"), "{output:?}");
}

/// OCM-16: an import of pictures says that it cannot be undone, and its pictures are removed together.
#[test]
fn pictures_of_an_import_are_not_undone_but_removed() {
    let cli = with_agents(&["agent0", "agent1"]);
    let first = archive(&cli, "First.zip", "['agent0.png', 'agent1.png']", 2);
    let first = cli.json(&["pictures", &first])["import"].as_str().unwrap().to_owned();
    cli.run(&["pictures", &archive(&cli, "Next.zip", "['agent1.png']", 1)]).expect_status(0);
    // Without --yes too: a question whose answer cannot matter is not asked.
    for words in [&["imports", "undo", &first, "--yes"][..], &["imports", "undo", &first]] {
        assert_eq!(cli.refused(words)["code"], "import.of_pictures");
    }
    let remove = ["pictures", "remove", "--import", &first, "--yes"];
    let removed = || cli.json(&remove)["result"]["removed"].clone();
    assert_eq!((removed(), removed()), (json!(1), json!(0)), "the second time removes nothing");
    let left = cli.rows(&["pictures", "list"]);
    assert_eq!((left.len(), &left[0]["user"]), (1, &json!("user-agent1")));
    assert_eq!(cli.rows(&["pictures", "list", "--import", "latest"]), left);
    let unknown = ["pictures", "remove", "--import", "01JD0000000000000000000000", "--yes"];
    assert_eq!(cli.refused(&unknown)["code"], "query.not_found");
}

/// P23, OCM-16: a picture that came after an import keeps its row, and the undo says so instead of failing.
#[test]
fn undo_names_the_pictures_that_came_after_the_import() {
    let cli = Cli::with_company_of("company/field.json");
    cli.run(&["org-units", "define", "Desk", "--level", "department"]).expect_status(0);
    let header = "LAN ID,First Name,Last Name,Agent ID,PBX ID,Profile,Supervisor,Org Unit,Role\n";
    let rows = "ann,Ann,Lee,agent0,1001,supervisor,,Desk,Agent\nbob,Bob,Lee,agent1,1002,supervisor,,Desk,Agent\n";
    let people = cli.file("people.csv", &format!("{header}{rows}"));
    let features = cli.file("f.csv", "LAN ID,Feature,Enabled\n");
    let channels = cli.file("c.csv", "LAN ID,Channel,Count\n");
    let first = cli.json(&["import", &people, &features, &channels, "--dialect", "ocm"]);
    let first = first["import"].as_str().unwrap();
    let pictures = archive(&cli, "One.zip", "['agent0.png']", 1);
    let pictures = cli.json(&["pictures", &pictures])["import"].as_str().unwrap().to_owned();
    let undone = cli.run(&["imports", "undo", first, "--yes"]).expect_status(0).stdout;
    let listed = cli.run(&["imports", "rows", first, "--undo", "kept"]).expect_status(0).stdout;
    for text in [&undone, &listed] {
        assert!(text.contains(&format!("pictures {pictures}, by ")), "{text}");
    }
}
