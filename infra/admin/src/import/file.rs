//! The CSV file of a directory export, as spreadsheets and directories write it, validated line by line.

use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use guichet_domain::account::AccountName;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::person::{Language, PersonName, fold, is_name};
use guichet_store::directory::Entry;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// The columns and their usual other names, compared after folding.
const COLUMNS: [(&str, &[&str]); 6] = [
    (
        "compte",
        &[
            "compteunifie",
            "nomdutilisateur",
            "codedutilisateur",
            "codeutilisateur",
            "compteutilisateur",
            "comptedutilisateur",
            "nomutilisateur",
            "utilisateur",
            "identifiant",
            "username",
            "userid",
            "samaccountname",
            "account",
            "accountname",
            "login",
        ],
    ),
    ("courriel", &["adressecourriel", "adressedecourriel", "adresseelectronique", "email", "mail", "emailaddress"]),
    ("prenom", &["givenname", "firstname"]),
    ("nom", &["nomdefamille", "familyname", "lastname", "surname", "sn"]),
    ("langue", &["languedecorrespondance", "language", "preferredlanguage"]),
    ("actif", &["compteactif", "statut", "active", "enabled", "status"]),
];
const YES: &[&str] = &["oui", "o", "vrai", "1", "actif", "yes", "y", "true", "active", "enabled"];
const NO: &[&str] = &["non", "n", "faux", "0", "inactif", "no", "false", "inactive", "disabled"];

#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot read {0}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// Its byte order mark names an encoding that it does not have.
    #[error("{0} is damaged: it is not valid {1}")]
    Damaged(PathBuf, &'static str),
    /// Mostly UTF-8. Decoded as another encoding, every accented name would be wrong.
    #[error("{0} is damaged: invalid UTF-8 at byte {1}")]
    PartlyUtf8(PathBuf, usize),
    #[error("{0}: the first line must name the columns {columns}; it lacks {1}", columns = COLUMNS.map(|(name, _)| name).join(","))]
    NoColumn(PathBuf, &'static str),
    #[error("{0}: the columns {1:?} and {2:?} would both be {3}")]
    TwoColumns(PathBuf, String, String, &'static str),
    #[error("{0} has no accounts")]
    Empty(PathBuf),
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    /// From 1.
    pub line: u64,
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// A validated file: its text, which can be iterated repeatedly, and the facts that span lines (duplicates, counts).
///
/// Accounts and addresses are identified by 64-bit hashes with a random key, so that 100,000 lines take a few
/// megabytes. A collision is less likely than a bit error on the disk.
pub(super) struct File {
    lines: Lines,
    hasher: RandomState,
    /// First line and content hash of each account.
    accounts: HashMap<u64, (u64, u64)>,
    /// Number of active accounts with each address.
    owners: HashMap<u64, usize>,
    pub(super) refused: Vec<Refusal>,
    pub(super) encoding: &'static str,
}

impl File {
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = std::fs::read(path).map_err(|error| FileError::Unreadable(path.to_owned(), error))?;
        let (encoding, text) = decode(path, &bytes)?;
        let lines = Lines::parse(path, text.into_owned())?;
        let (mut accounts, mut owners, mut refused) = (HashMap::new(), HashMap::new(), Vec::new());
        let hasher = RandomState::new();
        for (line, entry) in lines.entries() {
            let accepted = entry.and_then(|entry| {
                let content = hasher.hash_one(&entry);
                match *accounts.entry(hasher.hash_one(&entry.account)).or_insert((line, content)) {
                    (first, _) if first == line => Ok(Some(entry)),
                    (_, earlier) if earlier == content => Ok(None),
                    (first, _) => Err(format!("the account {} is on line {first} already", entry.account)),
                }
            });
            match accepted {
                Ok(Some(Entry { active: true, email: Some(email), .. })) => {
                    *owners.entry(hasher.hash_one(&email)).or_default() += 1;
                }
                Ok(_) => {}
                Err(reason) => refused.push(Refusal { line, reason }),
            }
        }
        if accounts.is_empty() && refused.is_empty() {
            return Err(FileError::Empty(path.to_owned()));
        }
        Ok(Self { lines, hasher, accounts, owners, refused, encoding })
    }

    /// Number of accounts.
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    pub(super) fn contains(&self, account: &AccountName) -> bool {
        self.accounts.contains_key(&self.hasher.hash_one(account))
    }

    /// Number of active accounts with this address.
    pub(super) fn owners_of(&self, address: &EmailAddress) -> usize {
        self.owners.get(&self.hasher.hash_one(address)).copied().unwrap_or_default()
    }

    /// The valid entries. `shared_mailbox` reflects the file alone.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let is_first = |line: u64, entry: &Entry| {
            self.accounts.get(&self.hasher.hash_one(&entry.account)).is_some_and(|(first, _)| *first == line)
        };
        let entries = self.lines.entries().filter_map(|(line, entry)| Some((line, entry.ok()?)));
        entries.filter(move |(line, entry)| is_first(*line, entry)).map(|(_, entry)| {
            let shared_mailbox = entry.email.as_ref().is_some_and(|email| self.owners_of(email) > 1);
            Entry { shared_mailbox, ..entry }
        })
    }
}

struct Lines {
    text: String,
    /// Byte offset of the header, and number of lines before it.
    begin: (usize, u64),
    delimiter: u8,
    width: usize,
    places: [usize; COLUMNS.len()],
}

impl Lines {
    fn parse(path: &Path, text: String) -> Result<Self, FileError> {
        // Spreadsheets sometimes write a first line such as `sep=;`.
        let hint = text.split_once('\n').filter(|(line, _)| line.starts_with("sep="));
        let begin = hint.map_or((0, 0), |(line, _)| (line.len() + 1, 1));
        let delimiter = delimiter(&text[begin.0..]);
        let mut lines = Self { text, begin, delimiter, width: 0, places: Default::default() };
        let header = lines.reader().headers().cloned().unwrap_or_default();
        (lines.width, lines.places) = (header.len(), places(path, &header)?);
        Ok(lines)
    }

    fn reader(&self) -> Reader<&[u8]> {
        let text = &self.text.as_bytes()[self.begin.0..];
        ReaderBuilder::new().delimiter(self.delimiter).flexible(true).trim(Trim::All).from_reader(text)
    }

    /// Line number, and entry or reason for refusal.
    fn entries(&self) -> impl Iterator<Item = (u64, Result<Entry, String>)> {
        // Spreadsheets may leave empty rows.
        let is_empty = |record: &StringRecord| record.iter().all(str::is_empty);
        let records = self.reader().into_records().filter(move |record| !record.as_ref().is_ok_and(is_empty));
        records.map(|record| {
            let (position, entry) = match &record {
                Ok(record) => (record.position(), entry(record, self.width, self.places)),
                Err(error) => (error.position(), Err(error.to_string())),
            };
            (position.map_or(0, csv::Position::line) + self.begin.1, entry)
        })
    }
}

/// By the byte order mark; without one UTF-8 if it is valid, else Windows-1252.
fn decode<'a>(path: &Path, bytes: &'a [u8]) -> Result<(&'static str, Cow<'a, str>), FileError> {
    let (encoding, mark) = match (Encoding::for_bom(bytes), std::str::from_utf8(bytes)) {
        (Some(marked), _) => marked,
        (None, Ok(_)) => (UTF_8, 0),
        // Accented small letters in UTF-8; in Windows-1252 these bytes are a capital and a symbol.
        (None, Err(error)) if bytes.windows(2).any(|two| two[0] == 0xc3 && (0xa0..0xc0).contains(&two[1])) => {
            return Err(FileError::PartlyUtf8(path.to_owned(), error.valid_up_to() + 1));
        }
        (None, Err(_)) => (WINDOWS_1252, 0),
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]);
    text.map(|text| (encoding.name(), text)).ok_or_else(|| FileError::Damaged(path.to_owned(), encoding.name()))
}

/// French spreadsheets write semicolons; their "Unicode text" has tabs.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    [b';', b'\t'].into_iter().find(|sign| first.contains(char::from(*sign))).unwrap_or(b',')
}

fn places(path: &Path, header: &StringRecord) -> Result<[usize; COLUMNS.len()], FileError> {
    let mut places = [0; COLUMNS.len()];
    for (place, (column, others)) in places.iter_mut().zip(COLUMNS) {
        let is_it = |title: &str| fold(title) == column || others.contains(&fold(title).as_str());
        let mut found = header.iter().enumerate().filter(|(_, title)| is_it(title));
        let (at, title) = found.next().ok_or_else(|| FileError::NoColumn(path.to_owned(), column))?;
        if let Some((_, other)) = found.next() {
            return Err(FileError::TwoColumns(path.to_owned(), title.to_owned(), other.to_owned(), column));
        }
        *place = at;
    }
    Ok(places)
}

fn entry(record: &StringRecord, width: usize, places: [usize; COLUMNS.len()]) -> Result<Entry, String> {
    // Spreadsheets may omit empty fields at the end.
    if record.len() > width || places.iter().any(|place| *place >= record.len()) {
        return Err(format!("{} fields; the first line has {width}", record.len()));
    }
    if record.iter().any(|field| field.contains('\n')) {
        return Err("a field spans lines: a quotation mark may be missing".into());
    }
    let field = |column: usize| record.get(places[column]).unwrap_or_default();
    let account = AccountName::parse(field(0)).map_err(|error| format!("compte {:?} is {error}", field(0)))?;
    let email = match field(1) {
        "" => None,
        email => Some(EmailAddress::parse(email).ok_or_else(|| format!("courriel {email:?} is not an email address"))?),
    };
    let name = PersonName { given_name: field(2).to_owned(), family_name: field(3).to_owned() };
    for (column, name) in [("prenom", &name.given_name), ("nom", &name.family_name)] {
        if !is_name(name) {
            return Err(format!("{column} {name:?} is not a name"));
        }
    }
    let language = parse_word(4, field(4), &Language::ALL.map(|language| (language, language.names())))?;
    let active = parse_word(5, field(5), &[(true, YES), (false, NO)])?;
    Ok(Entry { account, email, name, language, active, shared_mailbox: false, bounced_at: None })
}

/// The value that a field names.
fn parse_word<T: Copy>(column: usize, field: &str, of: &[(T, &[&str])]) -> Result<T, String> {
    let folded = fold(field);
    let found = of.iter().find(|(_, names)| names.contains(&folded.as_str()));
    found.map(|(value, _)| *value).ok_or_else(|| {
        let names: Vec<_> = of.iter().map(|(_, names)| names.join(", ")).collect();
        format!("{} {field:?} is not one of {}", COLUMNS[column].0, names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_16LE;

    fn read_bytes(bytes: &[u8]) -> Result<File, FileError> {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        File::read(file.path())
    }

    const HEADER: &str = "compte;courriel;prenom;nom;langue;actif\n";

    fn line(line: &str) -> Result<Entry, String> {
        let mut file = read_bytes(format!("{HEADER}{line}\n").as_bytes()).unwrap();
        let entry = file.entries().next();
        entry.ok_or_else(|| file.refused.remove(0).reason)
    }

    #[test]
    fn import_accepts_valid_lines_and_reports_others() {
        let text = format!(
            "\u{feff}{HEADER}\
            TremblaM;Marie@Sante.example;Marie-Ève;Tremblay;fr;oui\n\
            ;x@sante.example;X;Y;fr;oui\n\
            roy;marie@sante.example;Luc;Roy;en;oui\n\
            gagnon;pas une adresse;Zoé;Gagnon;fr;oui\n\
            roy;;Luc;Roy;fr;oui\n\
            cote;;Léa;Côté;fr;peut-être\n\
            cote;;Léa\n\
            nguyen;;An;Nguyen;fr;non\n\
            ;;;;;\n\
            ROY;marie@sante.example;Luc;Roy;en;oui\n"
        );
        let file = read_bytes(text.as_bytes()).unwrap();
        for _ in 0..2 {
            let taken = file.entries().map(|entry| (entry.account.to_string(), entry.shared_mailbox, entry.active));
            let expected = [("tremblam", true, true), ("roy", true, true), ("nguyen", false, false)];
            assert_eq!(
                taken.collect::<Vec<_>>(),
                expected.map(|(name, shared, active)| (name.to_owned(), shared, active))
            );
        }
        let File { refused, encoding, .. } = file;
        let lines: Vec<_> = refused.iter().map(|refusal| refusal.line).collect();
        assert_eq!(lines, [3, 5, 6, 7, 8], "identical duplicates are accepted: {refused:?}");
        assert!(refused[2].reason.contains("line 4 already"), "{}", refused[2].reason);
        assert_eq!(encoding, "UTF-8");
    }

    #[test]
    fn import_detects_encoding() {
        let text = "Compte unifié;Adresse courriel;Prénom;Nom de famille;Langue;Actif ?;Poste\r\n\
            cote;lea@sante.example;\"Léa; Œdipe\";Côté;Français;VRAI\r\n";
        let mut utf_16 = vec![0xff, 0xfe];
        utf_16.extend(text.replace(';', "\t").replace("Léa\t", "Léa;").encode_utf16().flat_map(u16::to_le_bytes));
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), "UTF-8"),
            (WINDOWS_1252.encode(text).0.into_owned(), "windows-1252"),
            (WINDOWS_1252.encode(&format!("sep=;\r\n{text}")).0.into_owned(), "windows-1252"),
            (utf_16, UTF_16LE.name()),
        ] {
            let file = read_bytes(&bytes).unwrap();
            assert_eq!(file.encoding, encoding);
            let entries: Vec<_> = file.entries().collect();
            let [entry] = &entries[..] else { panic!("{:?}", file.refused) };
            assert_eq!((entry.account.as_str(), entry.active, entry.language), ("cote", true, Language::Fr));
            assert_eq!(entry.name.display(), "Léa; Œdipe Côté");
        }
    }

    #[test]
    fn import_accepts_usual_words_for_yes_and_languages() {
        for (words, is_this) in [(YES, true), (NO, false)] {
            for word in words {
                let spelled = line(&format!("a;;A;B;fr;{}", word.to_uppercase())).unwrap();
                assert_eq!(spelled.active, is_this, "{word}");
            }
        }
        for (word, language) in [("FR-CA", Language::Fr), ("Français", Language::Fr), ("anglais", Language::En)] {
            assert_eq!(line(&format!("a;;A;B;{word};oui")).unwrap().language, language);
        }
        assert!(line("a;;A;B;de;oui").err().unwrap().contains("langue \"de\" is not one of fr,"));
    }

    #[test]
    fn import_refuses_field_with_open_quotation_mark() {
        let text = "compte;courriel;prenom;nom;langue;actif;note\n\
            a;;A;B;fr;oui;\"ouvert\nb;;A;B;fr;oui;\nc;;A;B;fr;oui;\"fermé\"\nd;;A;B;fr;oui;\n";
        let file = read_bytes(text.as_bytes()).unwrap();
        assert!(!file.entries().any(|entry| entry.account.as_str() == "a"));
        assert!(!file.refused.is_empty(), "{:?}", file.refused);
    }

    #[test]
    fn import_refuses_invalid_file() {
        assert!(matches!(read_bytes(b""), Err(FileError::NoColumn(_, "compte"))));
        assert!(matches!(read_bytes(b"compte,nom\na,b\n"), Err(FileError::NoColumn(_, "courriel"))));
        assert!(matches!(read_bytes(HEADER.as_bytes()), Err(FileError::Empty(_))));
        assert!(matches!(File::read(Path::new("/nowhere.csv")), Err(FileError::Unreadable(..))));
        assert!(matches!(read_bytes(&[0xff, 0xfe, 0, 0xd8, b'a', 0]), Err(FileError::Damaged(_, "UTF-16LE"))));
        let mut damaged = format!("{HEADER}a;;Zoé;B;fr;oui\n").into_bytes();
        damaged.extend(b"b;;L\xe9a;B;fr;oui\n");
        let at = damaged.iter().position(|byte| *byte == 0xe9).unwrap() + 1;
        assert!(matches!(read_bytes(&damaged), Err(FileError::PartlyUtf8(_, byte)) if byte == at));
        let twice = read_bytes(b"compte;Identifiant;courriel;prenom;nom;langue;actif\n");
        assert!(matches!(twice, Err(FileError::TwoColumns(_, _, _, "compte"))));
    }
}
