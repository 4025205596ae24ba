//! Names and phone ranges of the sample people, by country.

/// A name in its own script, and its Latin form for the user name.
pub(super) type Name = (&'static str, &'static str);

/// The names and phones of one country.
pub(super) struct Country {
    /// The pattern of a mobile phone in E.164, in which `#` is any digit. If an unassigned range is known, it is that
    /// range, so the number belongs to no person.
    pub(super) phones: &'static str,
    /// The range that the country's regulator reserves for films and examples, if there is one. It is small, so only
    /// the first people of a sample get a phone from it.
    pub(super) fiction: Option<&'static str>,
    pub(super) first_names: [Name; 8],
    pub(super) last_names: [Name; 8],
}

pub(super) const COUNTRIES: [&Country; 19] = [
    &UNITED_STATES, &UNITED_KINGDOM, &GERMANY, &FRANCE, &SPAIN,
    &POLAND, &CZECHIA, &TURKEY, &BRAZIL, &VIETNAM,
    &UKRAINE, &BULGARIA, &GREECE, &EGYPT, &INDIA,
    &THAILAND, &JAPAN, &CHINA, &KOREA,
];

/// Area codes with a 9 in the middle are unassigned; 555-01XX is reserved for fiction.
const UNITED_STATES: Country = Country {
    phones: "+129#5######",
    fiction: Some("+121255501##"),
    first_names: [
        ("Jane", "jane"), ("William", "william"), ("Aaliyah", "aaliyah"), ("Ethan", "ethan"),
        ("Grace", "grace"), ("Marcus", "marcus"), ("Renée", "renee"), ("Tyler", "tyler"),
    ],
    last_names: [
        ("Hudson", "hudson"), ("Carter", "carter"), ("O'Connor", "oconnor"), ("Washington", "washington"),
        ("Nakamura-Reed", "nakamurareed"), ("Brooks", "brooks"), ("St. James", "stjames"), ("Ramirez", "ramirez"),
    ],
};

/// Ofcom reserves 07700 900000 to 900999 for drama.
const UNITED_KINGDOM: Country = Country {
    phones: "+44745#######",
    fiction: Some("+447700900###"),
    first_names: [
        ("Oliver", "oliver"), ("Amelia", "amelia"), ("Siân", "sian"), ("Harry", "harry"),
        ("Niamh", "niamh"), ("Rhys", "rhys"), ("Imogen", "imogen"), ("Zoë", "zoe"),
    ],
    last_names: [
        ("Smith", "smith"), ("Llewellyn", "llewellyn"), ("MacDonald", "macdonald"), ("Patel", "patel"),
        ("Ashworth", "ashworth"), ("O'Neill", "oneill"), ("Brontë", "bronte"), ("Taylor", "taylor"),
    ],
};

/// The Bundesnetzagentur reserves 0176 04069000 to 04069099 for films.
const GERMANY: Country = Country {
    phones: "+491590#######",
    fiction: Some("+49176040690##"),
    first_names: [
        ("Jürgen", "juergen"), ("Anna", "anna"), ("Björn", "bjoern"), ("Käthe", "kaethe"),
        ("Lukas", "lukas"), ("Sören", "soeren"), ("Heike", "heike"), ("Jörg", "joerg"),
    ],
    last_names: [
        ("Müller", "mueller"), ("Weiß", "weiss"), ("Schäfer", "schaefer"), ("von der Heide", "vonderheide"),
        ("Groß", "gross"), ("Köhler", "koehler"), ("Becker", "becker"), ("Lüdemann", "luedemann"),
    ],
};

/// Arcep reserves 06 39 98 XX XX for audiovisual works.
const FRANCE: Country = Country {
    phones: "+3375#######",
    fiction: Some("+3363998####"),
    first_names: [
        ("Chloé", "chloe"), ("François", "francois"), ("Élodie", "elodie"), ("Jean-Luc", "jeanluc"),
        ("Noël", "noel"), ("Gaëlle", "gaelle"), ("Benoît", "benoit"), ("Inès", "ines"),
    ],
    last_names: [
        ("Lefèvre", "lefevre"), ("D'Alençon", "dalencon"), ("Rousseau", "rousseau"), ("Béranger", "beranger"),
        ("Garçon", "garcon"), ("Le Goff", "legoff"), ("Hébert", "hebert"), ("Œuvrard", "oeuvrard"),
    ],
};

const SPAIN: Country = Country {
    phones: "+3468#######",
    fiction: None,
    first_names: [
        ("José", "jose"), ("María", "maria"), ("Íñigo", "inigo"), ("Begoña", "begona"),
        ("Andrés", "andres"), ("Lucía", "lucia"), ("Martín", "martin"), ("Noa", "noa"),
    ],
    last_names: [
        ("García López", "garcia"), ("Muñoz", "munoz"), ("Núñez", "nunez"), ("Ibáñez", "ibanez"),
        ("Peña", "pena"), ("Agüero", "aguero"), ("Sáenz de Miera", "saenz"), ("Castro", "castro"),
    ],
};

const POLAND: Country = Country {
    phones: "+4857#######",
    fiction: None,
    first_names: [
        ("Łukasz", "lukasz"), ("Małgorzata", "malgorzata"), ("Paweł", "pawel"), ("Zofia", "zofia"),
        ("Michał", "michal"), ("Agnieszka", "agnieszka"), ("Grażyna", "grazyna"), ("Błażej", "blazej"),
    ],
    last_names: [
        ("Wiśniewska", "wisniewska"), ("Kowalczyk", "kowalczyk"), ("Dąbrowski", "dabrowski"), ("Zając", "zajac"),
        ("Wójcik", "wojcik"), ("Jabłońska", "jablonska"), ("Szczęsny", "szczesny"), ("Król", "krol"),
    ],
};

const CZECHIA: Country = Country {
    phones: "+42077#######",
    fiction: None,
    first_names: [
        ("Jiří", "jiri"), ("Tereza", "tereza"), ("Ondřej", "ondrej"), ("Kateřina", "katerina"),
        ("Tomáš", "tomas"), ("Lenka", "lenka"), ("Matěj", "matej"), ("Eliška", "eliska"),
    ],
    last_names: [
        ("Dvořák", "dvorak"), ("Nováková", "novakova"), ("Černý", "cerny"), ("Procházka", "prochazka"),
        ("Růžičková", "ruzickova"), ("Šťastný", "stastny"), ("Kučera", "kucera"), ("Říha", "riha"),
    ],
};

const TURKEY: Country = Country {
    phones: "+90555#######",
    fiction: None,
    first_names: [
        ("Ayşe", "ayse"), ("Mehmet", "mehmet"), ("Gülşen", "gulsen"), ("Çağrı", "cagri"),
        ("İbrahim", "ibrahim"), ("Özlem", "ozlem"), ("Işıl", "isil"), ("Barış", "baris"),
    ],
    last_names: [
        ("Yılmaz", "yilmaz"), ("Öztürk", "ozturk"), ("Çelik", "celik"), ("Şahin", "sahin"),
        ("Güneş", "gunes"), ("Aydoğan", "aydogan"), ("Kılıç", "kilic"), ("Uçar", "ucar"),
    ],
};

const BRAZIL: Country = Country {
    phones: "+551199#######",
    fiction: None,
    first_names: [
        ("João", "joao"), ("Conceição", "conceicao"), ("Antônio", "antonio"), ("Letícia", "leticia"),
        ("Caíque", "caique"), ("Helena", "helena"), ("Otávio", "otavio"), ("Iara", "iara"),
    ],
    last_names: [
        ("da Conceição", "daconceicao"), ("Guimarães", "guimaraes"), ("Araújo", "araujo"), ("Falcão", "falcao"),
        ("Magalhães", "magalhaes"), ("Brandão", "brandao"), ("Teixeira", "teixeira"), ("de Sá", "desa"),
    ],
};

const VIETNAM: Country = Country {
    phones: "+8492#######",
    fiction: None,
    first_names: [
        ("Thị Hồng Ngọc", "ngoc"), ("Văn Đức", "duc"), ("Minh Tuấn", "tuan"), ("Thùy Linh", "linh"),
        ("Quốc Bảo", "bao"), ("Phương Thảo", "thao"), ("Hữu Nghĩa", "nghia"), ("Diễm Quỳnh", "quynh"),
    ],
    last_names: [
        ("Nguyễn", "nguyen"), ("Trần", "tran"), ("Phạm", "pham"), ("Hoàng", "hoang"),
        ("Võ", "vo"), ("Đặng", "dang"), ("Bùi", "bui"), ("Đỗ", "do"),
    ],
};

const UKRAINE: Country = Country {
    phones: "+38067#######",
    fiction: None,
    first_names: [
        ("Олена", "olena"), ("Андрій", "andrii"), ("Юлія", "yuliia"), ("Тарас", "taras"),
        ("Ганна", "hanna"), ("Сергій", "serhii"), ("Оксана", "oksana"), ("Богдан", "bohdan"),
    ],
    last_names: [
        ("Шевченко", "shevchenko"), ("Коваленко", "kovalenko"), ("Бойко", "boiko"), ("Ткачук", "tkachuk"),
        ("Лисенко", "lysenko"), ("Гончарук", "honcharuk"), ("Мельник", "melnyk"), ("Їжакевич", "yizhakevych"),
    ],
};

const BULGARIA: Country = Country {
    phones: "+35988#######",
    fiction: None,
    first_names: [
        ("Иван", "ivan"), ("Мария", "mariya"), ("Георги", "georgi"), ("Радостина", "radostina"),
        ("Николай", "nikolay"), ("Цветелина", "tsvetelina"), ("Петър", "petar"), ("Жана", "zhana"),
    ],
    last_names: [
        ("Иванов", "ivanov"), ("Петрова", "petrova"), ("Димитров", "dimitrov"), ("Ангелова", "angelova"),
        ("Христов", "hristov"), ("Стоянова", "stoyanova"), ("Божинов", "bozhinov"), ("Щерева", "shtereva"),
    ],
};

const GREECE: Country = Country {
    phones: "+30694#######",
    fiction: None,
    first_names: [
        ("Ελένη", "eleni"), ("Γιώργος", "giorgos"), ("Δήμητρα", "dimitra"), ("Νίκος", "nikos"),
        ("Αικατερίνη", "aikaterini"), ("Θανάσης", "thanasis"), ("Ζωή", "zoi"), ("Σπύρος", "spyros"),
    ],
    last_names: [
        ("Παπαδόπουλος", "papadopoulos"), ("Οικονόμου", "oikonomou"), ("Βλάχου", "vlachou"), ("Χατζής", "chatzis"),
        ("Αγγελίδης", "angelidis"), ("Καραγιάννη", "karagianni"), ("Μαυρίδης", "mavridis"), ("Ξένου", "xenou"),
    ],
};

const EGYPT: Country = Country {
    phones: "+20101#######",
    fiction: None,
    first_names: [
        ("محمد", "mohamed"), ("فاطمة", "fatma"), ("أحمد", "ahmed"), ("ياسمين", "yasmin"),
        ("خالد", "khaled"), ("نور", "nour"), ("عمر", "omar"), ("هبة", "heba"),
    ],
    last_names: [
        ("عبد الرحمن", "abdelrahman"), ("حسن", "hassan"), ("السيد", "elsayed"), ("منصور", "mansour"),
        ("إبراهيم", "ibrahim"), ("شاهين", "shahin"), ("فؤاد", "fouad"), ("الشريف", "elsherif"),
    ],
};

const INDIA: Country = Country {
    phones: "+91981#######",
    fiction: None,
    first_names: [
        ("प्रिया", "priya"), ("राहुल", "rahul"), ("अनिता", "anita"), ("विक्रम", "vikram"),
        ("दीपिका", "deepika"), ("अर्जुन", "arjun"), ("मीरा", "meera"), ("सुनील", "sunil"),
    ],
    last_names: [
        ("शर्मा", "sharma"), ("गुप्ता", "gupta"), ("सिंह", "singh"), ("अय्यर", "iyer"),
        ("देशपांडे", "deshpande"), ("चौधरी", "chaudhary"), ("मिश्रा", "mishra"), ("पटेल", "patel"),
    ],
};

const THAILAND: Country = Country {
    phones: "+6681#######",
    fiction: None,
    first_names: [
        ("สมชาย", "somchai"), ("กนกวรรณ", "kanokwan"), ("ณัฐวุฒิ", "nattawut"), ("พิมพ์ชนก", "pimchanok"),
        ("อนันต์", "anan"), ("สุดารัตน์", "sudarat"), ("ธีรเดช", "theeradech"), ("ปิยะนุช", "piyanuch"),
    ],
    last_names: [
        ("แสงทอง", "saengthong"), ("วงศ์สวัสดิ์", "wongsawat"), ("ศรีสุข", "srisuk"), ("บุญมี", "boonmee"),
        ("จันทร์เพ็ญ", "chanphen"), ("รัตนากร", "rattanakorn"), ("ทองดี", "thongdee"), ("สุขใจ", "sukjai"),
    ],
};

/// 090-0XXX-XXXX is unassigned.
const JAPAN: Country = Country {
    phones: "+81900#######",
    fiction: None,
    first_names: [
        ("美咲", "misaki"), ("健太", "kenta"), ("さくら", "sakura"), ("大輔", "daisuke"),
        ("由美子", "yumiko"), ("翔", "sho"), ("アンナ", "anna"), ("一郎", "ichiro"),
    ],
    last_names: [
        ("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("渡邊", "watanabe"),
        ("小林", "kobayashi"), ("山﨑", "yamazaki"), ("伊藤", "ito"), ("斎藤", "saito"),
    ],
};

const CHINA: Country = Country {
    phones: "+861380#######",
    fiction: None,
    first_names: [
        ("伟", "wei"), ("秀英", "xiuying"), ("建国", "jianguo"), ("丽娜", "lina"),
        ("志强", "zhiqiang"), ("晓明", "xiaoming"), ("静", "jing"), ("宇轩", "yuxuan"),
    ],
    last_names: [
        ("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"),
        ("欧阳", "ouyang"), ("陈", "chen"), ("赵", "zhao"), ("吕", "lyu"),
    ],
};

/// 010-0XXX-XXXX is unassigned.
const KOREA: Country = Country {
    phones: "+82100#######",
    fiction: None,
    first_names: [
        ("민준", "minjun"), ("서연", "seoyeon"), ("지후", "jihu"), ("하은", "haeun"),
        ("도윤", "doyun"), ("수빈", "subin"), ("예린", "yerin"), ("현우", "hyeonu"),
    ],
    last_names: [
        ("김", "kim"), ("이", "lee"), ("박", "park"), ("최", "choi"),
        ("정", "jeong"), ("강", "kang"), ("윤", "yoon"), ("남궁", "namgung"),
    ],
};
