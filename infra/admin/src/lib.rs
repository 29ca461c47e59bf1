//! `cargo admin`: the desk's commands, the directory's import, what is restored, the pages' upload, and a look at what a
//! deployment still lacks.
//!
//! It knows the tables through `guichet-core`; where they are, from the file that the local stack writes or from
//! `CloudFormation`; and the CSV that the directory exports. `site` and `doctor` ask AWS through its own command line, and
//! the name servers through `dig`; how the pages are made up for an organisation is `guichet-local`'s. It knows nothing of
//! HTTP, of the API of SES, or of how functions are made, and has the rights of the person who runs it.

mod aws_cli;
pub mod cli;
mod desk;
mod doctor;
mod import;
mod restore;
mod site;
mod stack;
