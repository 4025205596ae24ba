//! Headers of files from the field: decorated names, other languages, two columns for one value, empty columns.

use serde_json::{Value, json};

use crate::support::paths::fixture;
use crate::support::program::{Cli, Output};

fn company() -> Cli {
    Cli::with_company_of("company/field.json")
}

fn import(cli: &Cli, file: &str, dialect: &str, options: &[&str]) -> Output {
    let file = fixture(&format!("field/{file}.csv"));
    cli.run(&[&["import", &file, "--dialect", dialect], options].concat())
}

/// N95: Marks of mandatory columns, technical names in brackets and a line of the version are seen through.
#[test]
fn decorated_headers_are_matched() {
    for file in [
        "10-entra-version-line",
        "11-entra-bracket-headers",
        "12-google-required-suffix",
        "13-asterisk-headers",
    ] {
        let cli = company();
        let output = import(&cli, file, "leapxpert", &[]).expect_status(0);
        assert!(!output.stdout.contains("csv.unknown_column"), "{file}: {}", output.stdout);
        let user = cli.json(&["users", "show", "kim"]);
        assert_eq!((&user["first_name"], &user["org_unit"]), (&json!("Kim"), &json!("Sales")));
    }
    let cli = company();
    import(&cli, "13-asterisk-headers", "leapxpert", &["--add-phones"]).expect_status(0);
    assert_eq!(cli.rows(&["phones"])[0]["phone"], json!("+84923448021"));
}

/// N95: A header may list the values of its column, in all products.
#[test]
fn headers_that_list_their_values_are_matched() {
    let multiline = "firstname,E-mail address/device,Social Messaging (Yes/No),Monitor Calls (auto/off),\
        Monitor SMS (on or off)\nAnn,ann@acme.example,Yes,auto,on\n";
    let chat = "Email / Login,Enabled (TRUE, FALSE or blank)\nann@acme.example,TRUE\n";
    let mango = "Employee-ID *,Enabled (TRUE/FALSE)\nE1,TRUE\n";
    for (dialect, text) in [("multiline", multiline), ("officechat", chat), ("mangoapps", mango)] {
        let cli = company();
        let text =
            text.replace("Enabled (TRUE, FALSE or blank)", "\"Enabled (TRUE, FALSE or blank)\"");
        let file = cli.file("people.csv", &text);
        let words = ["import", &file, "--dialect", dialect];
        let place = ["--organization", "Sales", "--permission-group", "Traders"];
        let place = if dialect == "multiline" { &place[..] } else { &[] };
        let output = cli.run(&[&words[..], place].concat()).expect_status(0);
        assert!(output.stdout.contains("1 created"), "{}", output.stdout);
        assert!(!output.stdout.contains("csv.unknown_column"), "{}", output.stdout);
    }
}

/// N34, N95: Words of six languages get the column that they mean, also where the delimiter is wrong too.
#[test]
fn headers_of_other_languages_get_suggestions() {
    let cli = company();
    let columns =
        ["username", "first_name", "last_name", "email", "phone_number", "org_unit", "role"];
    for header in [
        "Benutzername,Vorname,Nachname,E-Mail-Adresse,Telefonnummer,Abteilung,Rolle",
        "Nom d'utilisateur,Prénom,Nom de famille,Adresse e-mail,Numéro de téléphone,Service,Rôle",
        "Nombre de usuario,Nombre,Apellidos,Correo electrónico,Teléfono,Departamento,Rol",
        "Nome utente,Nome,Cognome,Indirizzo e-mail,Numero di telefono,Reparto,Ruolo",
        "Nome de usuário,Primeiro nome,Sobrenome,Correio eletrônico,Telefone,Departamento,Função",
        "ユーザー名,名,姓,メールアドレス,電話番号,部署,役割",
    ] {
        let file =
            cli.file("people.csv", &format!("{header}\nkim,Kim,Poe,kim@acme.example,,Sales,\n"));
        let refusal = cli.refused(&["import", &file, "--dialect", "leapxpert"]);
        assert_eq!(refusal["code"], "csv.missing_column");
        for (own, column) in header.split(',').zip(columns) {
            assert_eq!(refusal["details"]["did_you_mean"][own], json!(column), "{own}");
        }
    }
    let german = fixture("field/14-german-headers.csv");
    let refusal = cli.refused(&["import", &german, "--dialect", "leapxpert"]);
    assert_eq!(refusal["code"], "csv.wrong_delimiter");
    assert_eq!(refusal["details"]["did_you_mean"]["Abteilung"], "org_unit");
    let words = ["import", &german, "--dialect", "leapxpert", "--delimiter", ";"];
    let refusal = cli.refused(&words);
    assert_eq!(refusal["details"]["did_you_mean"]["Benutzername"], "username");
    let advice = cli.run(&words).expect_status(1).stderr;
    assert!(advice.contains("--column 'Benutzername=username'"), "{advice}");
}

/// N34: No column is suggested for two names. "Name" beside a first name is the last name, and alone it is no column.
#[test]
fn no_column_is_suggested_twice() {
    let cli = company();
    let suggested = |header: &str| {
        let file = cli.file("people.csv", &format!("{header}\nkim,Poe,Kim,kim@acme.example,,,\n"));
        cli.refused(&["import", &file, "--dialect", "leapxpert"])["details"]["did_you_mean"].clone()
    };
    let found = suggested("Benutzername,Name,Vorname,E-Mail,Handy,Telefon,Firma");
    let expected = json!({
        "Benutzername": "username", "Name": "last_name", "Vorname": "first_name",
        "Handy": "phone_number", "Firma": "org_unit",
    });
    assert_eq!(found, expected);
    let found = suggested("Benutzername,Name,,E-Mail,Abteilung,Firma,Titel");
    assert_eq!(found, json!({"Benutzername": "username", "Abteilung": "org_unit"}));
}

/// The column that the caller chooses wins. The other column for the value is ignored, and that is said.
#[test]
fn chosen_column_wins_over_another_of_the_same_value() {
    let cli = company();
    let refusal = cli.refused(&[
        "import",
        &fixture("field/44b-mobile-and-phone.csv"),
        "--dialect",
        "leapxpert",
    ]);
    assert_eq!(refusal["code"], "csv.duplicate_column");
    let choice = ["--column", "Mobile Phone=phone_number", "--add-phones"];
    let output = import(&cli, "44b-mobile-and-phone", "leapxpert", &choice).expect_status(0);
    assert!(output.stdout.contains("csv.column_not_chosen"), "{}", output.stdout);
    assert_eq!(cli.rows(&["phones"])[0]["phone"], json!("+84923448021"));
    let choice = ["--column", "login=email/login"];
    let output = import(&cli, "44c-login-and-email", "officechat", &choice).expect_status(0);
    assert!(output.stdout.contains("csv.column_not_chosen"), "{}", output.stdout);
    let users = cli.rows(&["users", "list", "--search", "kim.poe"]);
    assert_eq!(users.len(), 1, "{users:?}");
    assert_eq!((&users[0]["user"], &users[0]["email"]), (&json!("kim.poe"), &Value::Null));
}

/// N98: Columns without a name and without values are ignored, however many, with one warning.
#[test]
fn thousands_of_unnamed_empty_columns_are_ignored() {
    let cli = company();
    let output = import(&cli, "43c-16384-columns-empty", "leapxpert", &[]).expect_status(0).stdout;
    assert_eq!(output.matches("csv.unnamed_columns_ignored").count(), 1, "{output}");
    let wide = ",".repeat(2_000);
    let text = format!("{wide}username{wide},email{wide}\n{wide}kim{wide},kim@acme.example\n");
    let file = cli.file("wide.csv", &text);
    cli.run(&["import", &file, "--dialect", "leapxpert"]).expect_status(0);
    let value = format!("{wide}username{wide}\n,x{}kim{wide}\n", ",".repeat(1_999));
    let file = cli.file("value.csv", &value);
    let refusal = cli.refused(&["import", &file, "--dialect", "leapxpert"]);
    assert_eq!(
        (&refusal["code"], &refusal["details"]["column"]),
        (&json!("csv.missing_header"), &json!(2))
    );
}
