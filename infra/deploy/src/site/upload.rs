use super::{content_type, render_page, stylesheet};
use crate::aws_cli::{Deployed, aws};
use crate::workspace;
use anyhow::{Context, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Has the release of the pages, also in its object metadata. The edge serves it to nobody.
pub const RELEASE: &str = "release.txt";

/// A file and its key in the bucket.
struct Upload {
    key: String,
    file: PathBuf,
}

/// Uploads `static-site/` to the stack's bucket, deletes what is no longer there, and invalidates CloudFront's cache.
/// Pages follow what they load. Can be repeated after a failure. With `dry_run` it only prints.
pub fn upload(stack: &str, dry_run: bool) -> anyhow::Result<()> {
    let deployed = Deployed::describe(stack)?;
    let output = |name| match deployed.output(name) {
        "" => bail!("the stack {stack} has no output {name}: it is not a stack of Guichet"),
        value => Ok(value),
    };
    let (bucket, distribution, settings) = (output("SiteBucketName")?, output("SiteId")?, output("SiteSettings")?);
    let clone = workspace::root()?;
    let is_page = |key: &str| content_type(key).starts_with("text/html");
    let mut uploads = files(&clone.join("static-site"))?;
    for Upload { key, file } in uploads.iter_mut().filter(|upload| is_page(&upload.key)) {
        let html = std::fs::read_to_string(&*file).with_context(|| format!("cannot read {}", file.display()))?;
        *file = generate(&clone, key, &render_page(&html, settings))?.file;
    }
    uploads.push(generate(&clone, "settings.json", settings)?);
    uploads.push(generate(&clone, "settings.css", &stylesheet(settings))?);
    let release = release(&clone);
    uploads.push(generate(&clone, RELEASE, &release)?);
    uploads.sort_by_key(|upload| (upload.key == RELEASE, is_page(&upload.key), upload.key.clone()));

    for Upload { key, file } in &uploads {
        println!("{key}  {}", content_type(key));
        if !dry_run {
            // Browsers revalidate at each use, so that a page and what it loads are always of one release.
            let (body, kind) = (file.to_string_lossy(), content_type(key));
            let put =
                ["s3api", "put-object", "--bucket", bucket, "--key", key, "--body", &body, "--content-type", kind];
            let metadata = (key == RELEASE).then(|| ["--metadata".to_owned(), format!("release={release}")]);
            let arguments = put.into_iter().chain(["--cache-control", "no-cache"]).map(str::to_owned);
            aws(arguments.chain(metadata.into_iter().flatten()))?;
        }
    }
    let existing = aws(["s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].Key"])?;
    let existing = existing.as_array().into_iter().flatten().filter_map(Value::as_str);
    for key in existing.filter(|key| !uploads.iter().any(|upload| upload.key == *key)) {
        println!("{key}  deleted");
        if !dry_run {
            aws(["s3api", "delete-object", "--bucket", bucket, "--key", key])?;
        }
    }
    if !dry_run {
        let created = aws(["cloudfront", "create-invalidation", "--distribution-id", distribution, "--paths", "/*"])?;
        println!("CloudFront cache invalidated: {}", created["Invalidation"]["Id"].as_str().unwrap_or("no id"));
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<Vec<Upload>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))? {
            let file = entry.with_context(|| format!("cannot read {}", next.display()))?.path();
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

/// Writes a file that the clone does not have in its uploaded form.
fn generate(clone: &Path, key: &str, content: &str) -> anyhow::Result<Upload> {
    let folder = clone.join("target/site");
    let file = folder.join(key);
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, content))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Upload { key: key.to_owned(), file })
}

fn release(clone: &Path) -> String {
    let described = Command::new("git").arg("-C").arg(clone).args(["describe", "--always", "--dirty"]).output();
    described.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
