//! `cargo dev` itself.

use guichet_tests::{Person, Setup, local_binary, signal};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn refuses(setup: &Setup) -> (Option<i32>, String) {
    let output = setup.command(&local_binary()).output().expect("guichet-local runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn sigint_ends_all_children_and_keeps_data() {
    let mut portal = Setup::new().as_processes().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    let children: Vec<_> = ["login", "mailer", "cargo-lambda"].iter().flat_map(|name| portal.pids_of(name)).collect();
    assert!(children.len() >= 3, "{children:?}");
    assert_eq!(portal.stop(), Some(0));
    for pid in children {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists() || is_zombie(pid), "{pid} is left");
    }

    let again = portal.setup().clone().as_processes().start();
    again.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
}

fn is_zombie(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[tokio::test]
async fn killed_stack_leaves_no_children() {
    let portal = Setup::new().as_processes().start();
    let pids: Vec<_> = ["login", "mailer", "cargo-lambda"].iter().flat_map(|name| portal.pids_of(name)).collect();
    let own = portal.stack()["pid"].as_u64().unwrap();
    signal("KILL", u32::try_from(own).unwrap());
    for pid in pids {
        let is_gone = || !std::path::Path::new(&format!("/proc/{pid}")).exists() || is_zombie(pid);
        portal.until(&format!("{pid} ends"), async || is_gone().then_some(())).await;
    }
}

#[tokio::test]
async fn two_stacks_run_side_by_side() {
    let (one, other) = (Setup::new().as_processes().start(), Setup::new().start());
    let person = Person::new();
    one.visitor().sign_up(&one, &person, "oie7").await;
    one.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    other.visitor().sign_in(&person.account, "oie7").await.expect(401, "invalid-credentials");
}

#[test]
fn second_start_builds_nothing() {
    let setup = Setup::new();
    let mut command = Command::new(local_binary());
    command.args(["--port=0", "--data"]).arg(setup.data()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut stack = command.spawn().unwrap();
    let mut output = BufReader::new(stack.stderr.take().unwrap()).lines().map_while(Result::ok);
    let built = output.find(|line| line.contains("Finished") || line.contains("Compiling"));
    signal("KILL", stack.id());
    stack.wait().unwrap();
    assert!(built.as_ref().is_some_and(|line| line.contains("Finished")), "{built:?}");
}

#[test]
fn busy_port_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (code, output) = refuses(&Setup::new().with(&format!("--port={port}")));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&port.to_string()) && output.contains("--port"), "{output}");
}

#[test]
fn invalid_directory_is_a_clear_error() {
    let setup = Setup::new();
    std::fs::write(setup.data().join("directory.csv"), "ceci,n'est,pas\nun,annuaire\n").unwrap();
    let (code, output) = refuses(&setup);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("directory.csv") && output.contains("compte"), "{output}");
    let (code, output) = refuses(&Setup::new().with("--directory=/nowhere/personnel.csv"));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("/nowhere/personnel.csv"), "{output}");
}

#[test]
fn invalid_setting_is_a_clear_error() {
    for (setting, word) in [
        ("LinkLifetimeMinutes=0", "LinkLifetimeMinutes"),
        ("LinkLifetimeMinutes=soon", "LinkLifetimeMinutes"),
        ("NoSuchParameter=1", "NoSuchParameter"),
        ("PasswordNeedsLetterAndDigit=maybe", "PasswordNeedsLetterAndDigit"),
        ("MailFrom", "MailFrom"),
    ] {
        let (code, output) = refuses(&Setup::new().with(&format!("--set={setting}")));
        assert!(code.is_some_and(|code| code > 0), "{setting}: {output}");
        assert!(output.contains(word), "{setting}: {output}");
    }
}
