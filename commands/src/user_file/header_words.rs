//! Words that headers of other languages and products use for columns. They are suggested, never taken.

use boarding_csv::HeaderWords;

const fn of(columns: &'static [&'static str], words: &'static str) -> HeaderWords {
    HeaderWords { columns, words, beside: None }
}

/// Words that mean a column only in a file that has the other column too.
const fn beside(
    other: &'static str,
    columns: &'static [&'static str],
    words: &'static str,
) -> HeaderWords {
    HeaderWords { columns, words, beside: Some(other) }
}

/// German, French, Spanish, Italian, Portuguese and Japanese words, and English ones that have several meanings.
/// The first entry whose column the dialect has wins.
pub(super) const HEADER_WORDS: &[HeaderWords] = &[
    of(
        &["username", "LAN ID", "email/login"],
        "user; user id; user name; network id; user logon name; samaccountname; user principal name; account; account name; \
            Benutzername; Benutzer; Benutzerkennung; Benutzerkonto; Benutzer-ID; Nutzername; Nutzer; \
            Nutzerkennung; Anmeldename; Anmeldung; Kennung; Netzwerkkennung; Login-Name; nom d'utilisateur; \
            utilisateur; nom utilisateur; identifiant; identifiant utilisateur; nom de connexion; compte; \
            login utilisateur; nombre de usuario; usuario; ID de usuario; identificador; cuenta; \
            cuenta de usuario; nome utente; utente; ID utente; identificativo; nome account; \
            nome de usuário; usuário; nome de utilizador; utilizador; ID do usuário; conta; ユーザー名; ユーザ名; \
            ユーザー; ユーザーID; ユーザID; ログインID; ログイン名; アカウント; アカウント名; 利用者ID; 利用者名",
    ),
    of(
        &["email", "email/login", "email address or device"],
        "E-Mail-Adresse; Mailadresse; Mail-Adresse; E-Post; E-Mail geschäftlich; work email; courriel; \
            adresse e-mail; adresse mail; adresse électronique; adresse de courriel; adresse courriel; mél; \
            adresse de messagerie; messagerie; correo; correo electrónico; correo-e; dirección de correo; \
            dirección de correo electrónico; dirección de email; posta elettronica; indirizzo e-mail; \
            indirizzo email; indirizzo mail; indirizzo di posta elettronica; correio eletrônico; \
            correio eletrónico; endereço de e-mail; endereço de email; endereço eletrônico; \
            endereço de correio eletrónico; メール; メールアドレス; Eメール; Eメールアドレス; 電子メール; 電子メールアドレス",
    ),
    of(
        &["email address or device"],
        "adresse e-mail ou appareil; e-mail ou appareil; E-Mail oder Gerät; E-Mail-Adresse oder Gerät; \
            correo o dispositivo; correo electrónico o dispositivo; e-mail o dispositivo; \
            indirizzo e-mail o dispositivo; e-mail ou dispositivo; endereço de e-mail ou dispositivo; \
            メールアドレスまたはデバイス",
    ),
    of(
        &["name"],
        "vollständiger Name; Vor- und Nachname; Anzeigename; nom complet; nom affiché; prénom et nom; \
            nom et prénom; nombre completo; nombre y apellidos; nome completo; nome e cognome; \
            nome e sobrenome; nome de exibição; 氏名; フルネーム; 表示名; お名前",
    ),
    of(
        &["first_name"],
        "Vorname; Vornamen; Rufname; prénom; prénoms; nombre; nombres; nombre de pila; primer nombre; \
            nome; nome di battesimo; nome proprio; primo nome; primeiro nome; nome próprio; prenome; 名; 名前; \
            ファーストネーム; 下の名前",
    ),
    of(
        &["last_name"],
        "Nachname; Familienname; Zuname; nom; nom de famille; patronyme; apellido; apellidos; \
            primer apellido; cognome; sobrenome; apelido; último nome; nome de família; 姓; 苗字; 名字; 氏; \
            ラストネーム",
    ),
    // "Vorname, Name" is first name and last name. "Name" alone is the whole name.
    beside("first_name", &["last_name"], "Name"),
    of(
        &["mobile", "phone_number", "email address or device"],
        "cell; cell phone; Handy; Handynummer; Handy-Nr; Mobil; Mobilnummer; Mobiltelefon; \
            Mobiltelefonnummer; Mobilfunk; Mobilfunknummer; portable; téléphone portable; \
            numéro de portable; téléphone mobile; numéro de mobile; mobile professionnel; GSM; móvil; \
            teléfono móvil; número de móvil; número móvil; celular; teléfono celular; número de celular; \
            cellulare; telefono cellulare; numero di cellulare; telefonino; telefono mobile; telemóvel; \
            telefone celular; número de telemóvel; número do celular; telefone móvel; 携帯; 携帯電話; 携帯番号; \
            携帯電話番号; モバイル; スマートフォン",
    ),
    of(
        &["phone", "phone_number", "mobile"],
        "work phone; office phone; Telefon; Telefonnummer; Telefon-Nr; Tel-Nr; Rufnummer; Tel; Festnetz; \
            Festnetznummer; téléphone; numéro de téléphone; n° de téléphone; no de téléphone; tél; \
            téléphone professionnel; teléfono; número de teléfono; número telefónico; telefono; \
            numero di telefono; numero telefonico; recapito telefonico; telefone; número de telefone; \
            número do telefone; 電話; 電話番号; TEL番号",
    ),
    of(
        &["org_unit", "organization"],
        "department; division; business unit; team; Abteilung; Organisationseinheit; Bereich; \
            Dienststelle; OE; unité organisationnelle; unité d'organisation; service; département; \
            direction; entité; équipe; unidad organizativa; unidad organizacional; departamento; área; \
            equipo; unità organizzativa; reparto; dipartimento; divisione; settore; unidade organizacional; \
            unidade; setor; seção; equipe; 部署; 部署名; 部門; 部門名; 所属; 組織; 組織単位; 組織名; 所属部署; 課; チーム",
    ),
    of(
        &["organization", "org_unit"],
        "company; Organisation; Firma; Unternehmen; société; entreprise; empresa; organización; azienda; \
            società; organizzazione; organização; 会社; 会社名",
    ),
    of(
        &["title"],
        "position; Titel; Stellenbezeichnung; Berufsbezeichnung; Funktion; titre; poste; fonction; \
            intitulé du poste; intitulé de poste; cargo; puesto; título; qualifica; posizione; titolo; \
            mansione; função; 役職; 役職名; 肩書; 肩書き; 職位; 職種",
    ),
    of(
        &["role"],
        "Rolle; Rollen; Benutzerrolle; Benutzerrollen; Funktion; rôle; rôles; rôle de l'utilisateur; \
            fonction; rol; roles de usuario; rol de usuario; función; ruolo; ruoli; ruolo utente; papel; \
            função; perfil de acesso; 役割; ロール; 権限; ユーザーロール",
    ),
    of(
        &["Access Role"],
        "Zugriffsrolle; rôle d'accès; rol de acceso; ruolo di accesso; função de acesso; \
            papel de acesso; アクセスロール; アクセス権限; アクセス権",
    ),
    of(
        &["manager", "Supervisor"],
        "supervisor lan id; supervisor id; supervisor name; manager id; Vorgesetzter; Vorgesetzte; Führungskraft; Teamleiter; Leiter; responsable; \
            supérieur hiérarchique; supérieur; superviseur; gestionnaire; encadrant; gerente; jefe; \
            supervisor; responsabile; superiore; supervisore; gestor; chefe; responsável; 上司; マネージャー; \
            マネージャ; 上長; 管理者; スーパーバイザー; 責任者",
    ),
    of(
        &["employee id", "Agent ID"],
        "emp id; emp no; employee number; employee no; staff id; staff number; personnel number; Personalnummer; Personal-Nr; Mitarbeiternummer; \
            Mitarbeiter-ID; Agenten-ID; matricule; numéro d'employé; identifiant employé; \
            numéro de salarié; ID agent; identifiant de l'agent; número de empleado; ID de empleado; \
            ID de agente; matricola; ID dipendente; numero dipendente; ID agente; matrícula; \
            número de funcionário; ID do funcionário; ID do agente; 社員番号; 社員ID; 従業員番号; 従業員ID; エージェントID",
    ),
    of(
        &["desktop_extension", "PBX ID"],
        "PBX; PBX number; PBX no; ext; Durchwahl; Nebenstelle; TK-Nummer; PBX-Nummer; poste téléphonique; numéro de poste; \
            identifiant PBX; extensión; anexo; ID de PBX; interno; numero interno; ID PBX; ramal; extensão; \
            ID do PBX; 内線; 内線番号; PBX番号",
    ),
    of(&["Profile"], "Profil; perfil; profilo; プロファイル; プロフィール"),
    of(
        &["CRM Name"],
        "nom CRM; nom du CRM; nombre de CRM; nombre del CRM; nome CRM; nome do CRM; CRM名",
    ),
    of(
        &["Text Chat Greeting Template Name"],
        "greeting; Begrüßung; Begrüßungsvorlage; Chat-Begrüßungsvorlage; modèle d'accueil; modèle de message d'accueil; \
            plantilla de saludo; modello di saluto; modelo de saudação; 挨拶テンプレート; 挨拶テンプレート名",
    ),
    of(
        &["Enabled"],
        "active; status; state; aktiv; aktiviert; freigeschaltet; Zustand; activé; actif; statut; état; \
            habilitado; activo; activado; estado; abilitato; attivo; stato; ativo; ativado; 有効; 状態; ステータス; \
            有効化",
    ),
    of(
        &["dob"],
        "birthday; Geburtsdatum; date de naissance; fecha de nacimiento; data di nascita; \
            data de nascimento; 生年月日",
    ),
    of(&["gender"], "sex; Geschlecht; sexe; genre; sexo; género; sesso; genere; gênero; 性別"),
    of(
        &["Language", "locale"],
        "Sprache; Gebietsschema; langue; idioma; lengua; lingua; língua; 言語; ロケール",
    ),
    of(
        &["Office Locations"],
        "office; location; site; Standort; Bürostandort; Büro; bureau; emplacement; lieu; oficina; \
            ubicación; sede; ufficio; escritório; localização; 勤務地; オフィス; 所在地; 事業所",
    ),
    of(
        &["social_messaging"],
        "soziale Nachrichten; messagerie sociale; mensajería social; messaggistica social; \
            mensagens sociais; ソーシャルメッセージ; ソーシャルメッセージング",
    ),
    of(
        &["multiline_number"],
        "MultiLine-Nummer; Hauptnummer; numéro MultiLine; numéro principal; número MultiLine; \
            número principal; numero MultiLine; numero principale; MultiLine番号; 代表番号",
    ),
    of(
        &["monitor_calls"],
        "Anrufe überwachen; Anrufe aufzeichnen; Anrufaufzeichnung; surveiller les appels; \
            enregistrement des appels; supervisar llamadas; grabar llamadas; grabación de llamadas; \
            monitorare chiamate; registrazione chiamate; monitorar chamadas; gravar chamadas; \
            gravação de chamadas; 通話監視; 通話録音; 通話記録",
    ),
    of(
        &["monitor_sms"],
        "SMS überwachen; SMS aufzeichnen; SMS-Aufzeichnung; surveiller les SMS; enregistrement des SMS; \
            supervisar SMS; grabar SMS; grabación de SMS; monitorare SMS; registrazione SMS; monitorar SMS; \
            gravar SMS; gravação de SMS; SMS監視; SMS記録",
    ),
    of(
        &["forwarding_number"],
        "Weiterleitungsnummer; Rufumleitung; Weiterleitung; numéro de renvoi; numéro de transfert; \
            número de desvío; número de reenvío; numero di inoltro; numero di deviazione; \
            número de encaminhamento; número de desvio; 転送番号; 転送先番号; 転送先",
    ),
];
