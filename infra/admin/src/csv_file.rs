//! The directory's export: a CSV file, checked line by line.

use csv::{ByteRecord, ReaderBuilder, Trim};
use guichet_core::account::AccountName;
use guichet_core::mailbox::MailAddress;
use guichet_core::person::{Language, PersonName, is_name};
use guichet_core::store::directory::Entry;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

const COLUMNS: [&str; 6] = ["compte", "courriel", "prenom", "nom", "langue", "actif"];
/// The file as a whole cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// Its first line is not the columns' names.
    #[error("{0}: the first line must name the columns {columns}; it lacks {1}", columns = COLUMNS.join(","))]
    NoColumn(PathBuf, &'static str),
    /// It has no line below the first.
    #[error("{0} names nobody")]
    Empty(PathBuf),
}

/// A line that is not taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// The lines that can be taken, with `shared_mailbox` as the file alone tells it, and those that cannot.
pub(crate) fn read(path: &Path) -> Result<(Vec<Entry>, Vec<Refusal>), FileError> {
    let bytes = std::fs::read(path).map_err(|error| FileError::Unreadable(path.to_owned(), error))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // Spreadsheets set to French write semicolons.
    let delimiter = if first_line.contains(&b';') { b';' } else { b',' };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(Trim::All).from_reader(bytes);

    let header = reader.byte_headers().cloned().unwrap_or_default();
    let mut places = [0; COLUMNS.len()];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let found = header.iter().position(|name| name.eq_ignore_ascii_case(column.as_bytes()));
        *place = found.ok_or_else(|| FileError::NoColumn(path.to_owned(), column))?;
    }

    let (mut entries, mut refusals, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    for record in reader.byte_records() {
        let (line, entry) = match record {
            Ok(record) => (record.position().map_or(0, csv::Position::line), entry(&record, header.len(), places)),
            Err(error) => (error.position().map_or(0, csv::Position::line), Err(error.to_string())),
        };
        let once = |entry: Entry| match seen.insert(entry.account.clone(), line) {
            None => Ok(entry),
            Some(earlier) => Err(format!("the account {} stands on line {earlier} already", entry.account)),
        };
        match entry.and_then(once) {
            Ok(entry) => entries.push(entry),
            Err(reason) => refusals.push(Refusal { line, reason }),
        }
    }
    if entries.is_empty() && refusals.is_empty() {
        return Err(FileError::Empty(path.to_owned()));
    }
    mark_shared(&mut entries);
    Ok((entries, refusals))
}

fn entry(record: &ByteRecord, width: usize, places: [usize; COLUMNS.len()]) -> Result<Entry, String> {
    if record.len() != width {
        return Err(format!("{} fields where the first line has {width}", record.len()));
    }
    let field = |column: usize| {
        let bytes = record.get(places[column]).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8; export the file as UTF-8", COLUMNS[column]))
    };
    let account = field(0)?;
    let account = AccountName::parse(account).map_err(|error| format!("compte {account:?} is {error}"))?;
    let email = match field(1)? {
        "" => None,
        email => Some(MailAddress::parse(email).ok_or_else(|| format!("courriel {email:?} is no mail address"))?),
    };
    let name = PersonName { given_name: field(2)?.to_owned(), family_name: field(3)?.to_owned() };
    for (column, name) in [(2, &name.given_name), (3, &name.family_name)] {
        if !is_name(name) {
            return Err(format!("{} {name:?} is no name", COLUMNS[column]));
        }
    }
    let language = match field(4)? {
        "fr" => Language::Fr,
        "en" => Language::En,
        other => return Err(format!("langue {other:?} is neither fr nor en")),
    };
    let active = match field(5)? {
        "oui" => true,
        "non" => false,
        other => return Err(format!("actif {other:?} is neither oui nor non")),
    };
    Ok(Entry { account, email, name, language, active, shared_mailbox: false, bounced_at: None })
}

fn mark_shared(entries: &mut [Entry]) {
    let holders = holders_of_addresses(entries);
    for entry in entries {
        let email = entry.email.as_ref();
        entry.shared_mailbox = email.and_then(|email| holders.get(email.as_str())).is_some_and(|holders| *holders > 1);
    }
}

/// How many active accounts of the file have each address.
pub(crate) fn holders_of_addresses(entries: &[Entry]) -> HashMap<String, usize> {
    let mut holders = HashMap::new();
    for email in entries.iter().filter(|entry| entry.active).filter_map(|entry| entry.email.as_ref()) {
        *holders.entry(email.as_str().to_owned()).or_default() += 1;
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &[u8]) -> Result<(Vec<Entry>, Vec<Refusal>), FileError> {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        read(file.path())
    }

    #[test]
    fn good_lines_are_taken_and_bad_ones_are_named() {
        let text = "\u{feff}compte;courriel;prenom;nom;langue;actif\n\
            TremblaM;Marie@Sante.example;Marie-Ève;Tremblay;fr;oui\n\
            ;x@sante.example;X;Y;fr;oui\n\
            roy;marie@sante.example;Luc;Roy;en;oui\n\
            gagnon;pas une adresse;Zoé;Gagnon;fr;oui\n\
            roy;;Luc;Roy;fr;oui\n\
            cote;;Léa;Côté;fr;peut-être\n\
            cote;;Léa\n\
            nguyen;;An;Nguyen;fr;non\n";
        let (entries, refusals) = read_text(text.as_bytes()).unwrap();
        let taken: Vec<_> =
            entries.iter().map(|entry| (entry.account.as_str(), entry.shared_mailbox, entry.active)).collect();
        assert_eq!(taken, [("tremblam", true, true), ("roy", true, true), ("nguyen", false, false)]);
        let lines: Vec<_> = refusals.iter().map(|refusal| refusal.line).collect();
        assert_eq!(lines, [3, 5, 6, 7, 8], "{refusals:?}");
        assert!(refusals[2].reason.contains("line 4 already"), "{}", refusals[2].reason);
    }

    #[test]
    fn a_file_that_is_none_is_refused_whole() {
        assert!(matches!(read_text(b""), Err(FileError::NoColumn(_, "compte"))));
        assert!(matches!(read_text(b"compte,nom\na,b\n"), Err(FileError::NoColumn(_, "courriel"))));
        assert!(matches!(read_text(b"compte,courriel,prenom,nom,langue,actif\n"), Err(FileError::Empty(_))));
        assert!(matches!(read(Path::new("/nowhere.csv")), Err(FileError::Unreadable(..))));
        let latin1 = b"compte,courriel,prenom,nom,langue,actif\na,,Zo\xe9,Roy,fr,oui\n";
        assert!(read_text(latin1).unwrap().1[0].reason.contains("UTF-8"));
    }
}
