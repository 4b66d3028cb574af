//! The settings of this machine. The environment of a process is set before it starts, so each case is a child of this one.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use verimage_registry::{RegistryConfig, RegistryStore};

/// Prints the settings of its own environment; does nothing but in a child.
#[test]
fn child() {
    if std::env::var_os("VERIMAGE_TEST_CHILD").is_some() {
        let config = RegistryConfig::from_environment().unwrap();
        let made = RegistryStore::new(config.clone()).map(drop).map_err(|error| error.to_string());
        println!("{config:?} {made:?}");
    }
}

fn settings(variables: &[(&str, &Path)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "environment::child", "--nocapture"]).env_clear().env("VERIMAGE_TEST_CHILD", "1");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn home() -> TempDir {
    let home = TempDir::new().unwrap();
    for (file, text) in [
        (".config/containers/auth.json", "{}"),
        (".config/containers/registries.conf", ""),
        (".config/containers/registries.conf.d/20.conf", ""),
        (".config/containers/registries.conf.d/10.conf", ""),
        (".config/containers/registries.conf.d/README", "not read"),
        (".config/containers/certs.d/a.test/ca.crt", ""),
        (".docker/config.json", "{}"),
        ("run/containers/auth.json", "{}"),
        ("own/auth.json", "{}"),
        ("own/config.json", "{}"),
        ("own/registries.conf", ""),
        ("broken/config.json", "hunter2"),
    ] {
        let path = home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

/// Where each text stands; all must, in this order.
fn assert_in_order(text: &str, parts: &[String]) {
    let places: Vec<usize> = parts.iter().map(|part| text.find(part.as_str()).unwrap_or_else(|| panic!("{part} in {text}"))).collect();
    assert!(places.is_sorted(), "{parts:?} in {text}");
}

#[test]
fn files_are_found_where_the_container_tools_keep_them() {
    let home = home();
    let at = |file: &str| format!("{:?}", home.path().join(file));
    let text = settings(&[("HOME", home.path()), ("XDG_RUNTIME_DIR", &home.path().join("run"))]);
    let files = ["run/containers/auth.json", ".config/containers/auth.json", ".docker/config.json"];
    assert_in_order(&text, &files.map(at));
    let fragments = ["registries.conf", "registries.conf.d/10.conf", "registries.conf.d/20.conf"];
    assert_in_order(&text, &fragments.map(|file| at(&format!(".config/containers/{file}"))));
    assert!(text.contains(&at(".config/containers/certs.d")) && !text.contains("README") && text.contains("Ok(())"), "{text}");
}

#[test]
fn variables_name_other_files() {
    let home = home();
    let own = home.path().join("own");
    let (auth, conf) = (own.join("auth.json"), own.join("registries.conf"));
    let variables = [("HOME", home.path()), ("REGISTRY_AUTH_FILE", &auth), ("DOCKER_CONFIG", &own), ("CONTAINERS_REGISTRIES_CONF", &conf)];
    let text = settings(&variables);
    assert_in_order(&text, &[&auth, &own.join("config.json")].map(|path| format!("{path:?}")));
    assert!(text.contains(&format!("registries_conf: [{conf:?}]")) && !text.contains(".docker"), "{text}");
}

#[test]
fn proxies_are_read_and_not_shown() {
    let proxy = Path::new("http://user:hunter2@proxy.test:3128");
    let text = settings(&[("https_proxy", proxy), ("NO_PROXY", Path::new("a.test,10.0.0.0/8"))]);
    assert!(text.contains(r#"Proxy { http: false, https: true, except: "a.test,10.0.0.0/8" }"#) && !text.contains("hunter2"), "{text}");
    let text = settings(&[("ALL_PROXY", Path::new("socks5://proxy.test"))]);
    assert!(text.contains("http or https proxy"), "{text}");
}

#[test]
fn a_broken_file_is_told_and_not_quoted() {
    let home = home();
    let text = settings(&[("DOCKER_CONFIG", &home.path().join("broken"))]);
    assert!(text.contains("no credential file") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_relative_directory_is_passed_over() {
    let home = home();
    let relative = |name: &str, directory: &str| {
        let variables = [("HOME", home.path()), (name, Path::new(directory))];
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "environment::child", "--nocapture"]).env_clear().env("VERIMAGE_TEST_CHILD", "1");
        let output = command.envs(variables).current_dir(home.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let at = |file: &str| format!("{:?}", home.path().join(file));
    let text = relative("XDG_CONFIG_HOME", ".config");
    assert!(text.contains(&at(".config/containers/auth.json")) && !text.contains("\".config"), "{text}");
    let text = relative("DOCKER_CONFIG", "own");
    assert!(text.contains(&at(".docker/config.json")) && !text.contains("\"own"), "{text}");
    assert!(!relative("XDG_RUNTIME_DIR", "run").contains("\"run"));
    let text = relative("HOME", ".");
    assert!(!text.contains(".config") && !text.contains(".docker"), "{text}");
    // A file that a variable names is what the user said.
    assert!(relative("REGISTRY_AUTH_FILE", "own/auth.json").contains("\"own/auth.json\""));
}
