//! Puts the pages where CloudFront finds them.

use crate::aws_cli::{AwsError, Deployed, aws};
use guichet_local::brand::{page, stylesheet};
use guichet_local::site::content_type;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says which release the pages are of, in its own metadata as well. The edge leads nobody there.
pub(crate) const RELEASE: &str = "release.txt";
/// What the pages show of the organisation, made from the template's output.
const SETTINGS: &str = "settings.json";
/// How they look there, made from the same.
const STYLE: &str = "settings.css";

/// The pages are not where they belong, or not all of them. Running it again does the rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    /// AWS said no.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A file cannot be read, or made.
    #[error("{0} cannot be read, or made")]
    File(PathBuf, #[source] std::io::Error),
    /// The stack is none of Guichet's.
    #[error("the stack {0} has no output {1}; is it Guichet's?")]
    NoOutput(String, &'static str),
}

/// A file and where it goes.
struct Upload {
    key: String,
    file: PathBuf,
}

/// Uploads `static-site/` to the stack's bucket: what pages load before the pages, then takes away what is gone and tells
/// CloudFront. With `dry_run` it only says what it would do.
pub(crate) fn site(stack: &str, dry_run: bool) -> Result<(), SiteError> {
    let deployed = Deployed::describe(stack)?;
    let output = |name| {
        Some(deployed.output(name))
            .filter(|it| !it.is_empty())
            .ok_or_else(|| SiteError::NoOutput(stack.to_owned(), name))
    };
    let (bucket, distribution, settings) = (output("SiteBucketName")?, output("SiteId")?, output("SiteSettings")?);
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let is_page = |key: &str| content_type(key).starts_with("text/html");
    let mut uploads = files(&clone.join("static-site"))?;
    for Upload { key, file } in uploads.iter_mut().filter(|upload| is_page(&upload.key)) {
        let html = std::fs::read_to_string(&*file).map_err(|error| SiteError::File(file.clone(), error))?;
        *file = made(&clone, key, &page(&html, settings))?.file;
    }
    uploads.push(made(&clone, SETTINGS, settings)?);
    uploads.push(made(&clone, STYLE, &stylesheet(settings))?);
    let release = release(&clone);
    uploads.push(made(&clone, RELEASE, &release)?);
    uploads.sort_by_key(|upload| (upload.key == RELEASE, is_page(&upload.key), upload.key.clone()));

    for Upload { key, file } in &uploads {
        println!("{key}  {}", content_type(key));
        if !dry_run {
            // Revalidated at each use: a page and what it loads are always of one release.
            let (body, kind) = (file.to_string_lossy(), content_type(key));
            let put =
                ["s3api", "put-object", "--bucket", bucket, "--key", key, "--body", &body, "--content-type", kind];
            let named = (key == RELEASE).then(|| ["--metadata".to_owned(), format!("release={release}")]);
            let words = put.into_iter().chain(["--cache-control", "no-cache"]).map(str::to_owned);
            aws(words.chain(named.into_iter().flatten()))?;
        }
    }
    let there = aws(["s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].Key"])?;
    let there = there.as_array().into_iter().flatten().filter_map(Value::as_str);
    for gone in there.filter(|key| !uploads.iter().any(|upload| upload.key == *key)) {
        println!("{gone}  taken away");
        if !dry_run {
            aws(["s3api", "delete-object", "--bucket", bucket, "--key", gone])?;
        }
    }
    if !dry_run {
        let told = aws(["cloudfront", "create-invalidation", "--distribution-id", distribution, "--paths", "/*"])?;
        println!("CloudFront forgets what it kept: {}", told["Invalidation"]["Id"].as_str().unwrap_or("told"));
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<Upload>, SiteError> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        let failed = |error| SiteError::File(next.clone(), error);
        for entry in std::fs::read_dir(&next).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.is_dir() {
                folders.push(file);
            } else if let Ok(path) = file.strip_prefix(folder) {
                let key =
                    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
                found.push(Upload { key, file });
            }
        }
    }
    Ok(found)
}

/// A file that is not in the clone as it is uploaded.
fn made(clone: &Path, key: &str, content: &str) -> Result<Upload, SiteError> {
    let folder = clone.join("target/site");
    let file = folder.join(key);
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, content))
        .map_err(|error| SiteError::File(file.clone(), error))?;
    Ok(Upload { key: key.to_owned(), file })
}

/// What git calls the clone's state.
fn release(clone: &Path) -> String {
    let described = Command::new("git").arg("-C").arg(clone).args(["describe", "--always", "--dirty"]).output();
    described.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
