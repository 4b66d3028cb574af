//! `pkcs11:`, against SoftHSM. Skipped aloud where it is not installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use verimage::Code;
use verimage::keys::Pkcs11Keys;
use verimage_crypto::PublicKey;

use crate::{fixtures, resolve};

const TOKENS: [&str; 2] = ["first token", "second"];
/// Name, identifier, and what OpenSSL calls the kind.
const KEYS: [(&str, &str, &[&str]); 4] = [
    ("ec", "01", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("p384", "02", &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("p521", "03", &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    ("rsa", "04", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
];

fn module() -> Option<PathBuf> {
    let places = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"];
    places.iter().map(PathBuf::from).find(|path| path.exists())
}

fn tool(configuration: &Path, name: &str, arguments: &[&str]) {
    let output = Command::new(name).args(arguments).env("SOFTHSM2_CONF", configuration).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two tokens in a folder, each with a key of every kind, made by OpenSSL. Its public keys lie beside them.
fn fill(folder: &Path) {
    let configuration = folder.join("softhsm2.conf");
    std::fs::create_dir(folder.join("tokens")).unwrap();
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", folder.join("tokens").display())).unwrap();
    for token in TOKENS {
        let pins = ["--pin", "1234", "--so-pin", "1234"];
        tool(&configuration, "softhsm2-util", &[&["--init-token", "--free", "--label", token][..], &pins].concat());
        for (name, id, kind) in KEYS {
            let key = folder.join(format!("{token}-{name}"));
            let (private, public) = (key.with_extension("key"), key.with_extension("pub"));
            let (private, public) = (private.to_str().unwrap(), public.to_str().unwrap());
            tool(&configuration, "openssl", &[&["genpkey", "-out", private, "-algorithm"][..], kind].concat());
            tool(&configuration, "openssl", &["pkey", "-in", private, "-pubout", "-out", public]);
            let names = ["--token", token, "--label", name, "--id", id, "--pin", "1234"];
            tool(&configuration, "softhsm2-util", &[&["--import", private][..], &names].concat());
        }
    }
}

/// In a process of its own, because the module reads its configuration from the environment.
#[test]
fn a_key_is_read_from_a_token() {
    let Some(module) = module() else {
        eprintln!("SKIPPED: softhsm2 is not installed; `tests/tools/install.sh pkcs11` installs it");
        return;
    };
    if let Some(folder) = std::env::var_os("VERIMAGE_TEST_TOKENS") {
        return read_keys(Path::new(&folder), &module);
    }
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let test = ["--exact", "pkcs11::a_key_is_read_from_a_token", "--nocapture"];
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(test).env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf")).env("VERIMAGE_TEST_TOKENS", folder.path());
    assert!(again.status().unwrap().success());
}

fn read_keys(folder: &Path, module: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let read = |reference: &str| runtime.block_on(resolve(&Pkcs11Keys::new(module), reference));
    let fingerprint = |pem: &[u8]| PublicKey::from_pem(pem).unwrap().fingerprint();
    for (name, _, _) in KEYS {
        let expected = std::fs::read(folder.join(format!("first token-{name}.pub"))).unwrap();
        let key = read(&format!("pkcs11:token=first%20token;object={name}")).unwrap();
        assert_eq!(fingerprint(&key), fingerprint(&expected), "{name}");
    }
    let by_id = read("pkcs11:token=first%20token;id=%04;type=public").unwrap();
    assert_eq!(by_id, read("pkcs11:token=first%20token;object=rsa").unwrap());
    assert_ne!(read("pkcs11:token=second;object=ec").unwrap(), read("pkcs11:token=first%20token;object=ec").unwrap());
    for (reference, says) in [
        ("pkcs11:object=ec", "2 public keys"),
        ("pkcs11:token=second;object=absent", "no token"),
        ("pkcs11:token=third;object=ec", "no token"),
    ] {
        let refused = read(reference).unwrap_err();
        assert!(refused.code == Code::PolicyInvalid && refused.message.contains(says), "{refused}");
    }
    let no_module = runtime.block_on(resolve(&Pkcs11Keys::new(fixtures().join("keys/p256.pub")), "pkcs11:object=ec")).unwrap_err();
    assert_eq!(no_module.code, Code::StoreUnavailable);
}
