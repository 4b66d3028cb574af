//! Public keys in tokens and hardware security modules, through PKCS#11.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use verimage_core::async_trait;
use verimage_crypto::PublicKey;

use crate::keys::{KeyReference, KeyResolver, KeyResolverError};

/// A module can be initialised once in a process, and stays so.
static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// Resolves `pkcs11:token=…;object=…` (RFC 7512): a public key, ECDSA or RSA, for which no PIN is needed.
///
/// The module is a library that is loaded into this process. So the program names it, or `$COSIGN_PKCS11_MODULE_PATH`; a
/// policy cannot.
#[derive(Clone, Debug)]
pub struct Pkcs11Keys {
    module: PathBuf,
}

impl Pkcs11Keys {
    /// Asks the tokens of this module.
    pub fn new(module: impl Into<PathBuf>) -> Self {
        Self { module: module.into() }
    }
}

#[async_trait]
impl KeyResolver for Pkcs11Keys {
    fn schemes(&self) -> &[&str] {
        &["pkcs11"]
    }

    async fn resolve(&self, reference: &KeyReference) -> Result<Vec<u8>, KeyResolverError> {
        let (wanted, module) = (Wanted::read(reference)?, self.module.clone());
        let asked = tokio::task::spawn_blocking(move || find(&module, &wanted)).await;
        let key = asked.map_err(|_| KeyResolverError::unavailable("the PKCS#11 module broke off"))??;
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key.spki_der())).into_bytes())
    }
}

/// Which key is meant.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    token: Option<String>,
    serial: Option<String>,
    object: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
}

impl Wanted {
    /// RFC 7512, section 2.3. What is not followed is refused.
    fn read(reference: &KeyReference) -> Result<Self, KeyResolverError> {
        let refuse = |why: &str| KeyResolverError::invalid(format!("`{reference}`: {why}"));
        let (path, query) = reference.rest().split_once('?').unwrap_or((reference.rest(), ""));
        if !query.is_empty() {
            return Err(refuse("nothing behind `?` is followed")
                .with_hint("a public key needs no PIN; the module is named by `COSIGN_PKCS11_MODULE_PATH`, because it is a program"));
        }
        let mut wanted = Self::default();
        for attribute in path.split(';') {
            let (name, value) = attribute.split_once('=').ok_or_else(|| refuse("an attribute looks like `object=NAME`"))?;
            let value = decoded(value).ok_or_else(|| refuse("what stands behind `%` is no byte"))?;
            let text = || String::from_utf8(value.clone()).map_err(|_| refuse("a name is not text"));
            let before = match name {
                "token" => wanted.token.replace(text()?).is_some(),
                "serial" => wanted.serial.replace(text()?).is_some(),
                "object" => wanted.object.replace(value).is_some(),
                "id" => wanted.id.replace(value).is_some(),
                "type" if value == b"public" => false,
                _ => return Err(refuse("only `token`, `serial`, `object`, `id` and `type=public` are followed")),
            };
            if before {
                return Err(refuse("an attribute stands twice"));
            }
        }
        match (&wanted.object, &wanted.id) {
            (None, None) => Err(refuse("`object` or `id` says which key is meant")),
            _ => Ok(wanted),
        }
    }

    fn template(&self) -> Vec<Attribute> {
        let label = self.object.clone().map(Attribute::Label);
        let id = self.id.clone().map(Attribute::Id);
        [Attribute::Class(ObjectClass::PUBLIC_KEY)].into_iter().chain(label).chain(id).collect()
    }
}

/// RFC 3986, section 2.1.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

/// The one key that is meant.
fn find(path: &Path, wanted: &Wanted) -> Result<PublicKey, KeyResolverError> {
    let failed = |error: Error| KeyResolverError::unavailable(format!("the PKCS#11 module `{}`: {error}", path.display()));
    let module = module(path).map_err(failed)?;
    let mut found = Vec::new();
    for slot in module.get_slots_with_initialized_token().map_err(failed)? {
        let token = module.get_token_info(slot).map_err(failed)?;
        let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is.trim_end());
        if fits(&wanted.token, token.label()) && fits(&wanted.serial, token.serial_number()) {
            let session = module.open_ro_session(slot).map_err(failed)?;
            for object in session.find_objects(&wanted.template()).map_err(failed)? {
                found.push(public_key(&session, object).map_err(failed)?);
            }
        }
    }
    match (found.pop(), found.len()) {
        (Some(key), 0) => key.ok_or_else(|| KeyResolverError::invalid("the key in the token is no ECDSA or RSA key that can be used")),
        (None, _) => Err(KeyResolverError::invalid("no token has such a public key")
            .with_hint("some tokens show a public key only after a login; export it to a file then")),
        (Some(_), more) => {
            let message = format!("the tokens have {} public keys of this description", more.saturating_add(1));
            Err(KeyResolverError::invalid(message).with_hint("name the `token` and the `id`"))
        }
    }
}

fn module(path: &Path) -> Result<Pkcs11, Error> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another part of the program was first.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(error),
    }
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

/// The attributes of a public key object (PKCS#11, sections 2.1.2 and 2.3.3) as a key; nothing if it is of another kind.
fn public_key(session: &Session, object: ObjectHandle) -> Result<Option<PublicKey>, Error> {
    let wanted = [AttributeType::EcParams, AttributeType::EcPoint, AttributeType::Modulus, AttributeType::PublicExponent];
    let attributes = session.get_attributes(object, &wanted)?;
    let pick = |choose: fn(&Attribute) -> Option<&[u8]>| attributes.iter().find_map(choose).filter(|bytes| !bytes.is_empty());
    let curve = pick(|attribute| if let Attribute::EcParams(bytes) = attribute { Some(bytes) } else { None });
    let point = pick(|attribute| if let Attribute::EcPoint(bytes) = attribute { Some(bytes) } else { None });
    let modulus = pick(|attribute| if let Attribute::Modulus(bytes) = attribute { Some(bytes) } else { None });
    let exponent = pick(|attribute| if let Attribute::PublicExponent(bytes) = attribute { Some(bytes) } else { None });
    Ok(match (curve, point, modulus, exponent) {
        (Some(curve), Some(point), _, _) => PublicKey::from_spki_der(&ec_key(curve, point)).ok(),
        (_, _, Some(modulus), Some(exponent)) => {
            PublicKey::from_pkcs1_der(&der(SEQUENCE, &[integer(modulus), integer(exponent)].concat())).ok()
        }
        _ => None,
    })
}

/// A `SubjectPublicKeyInfo` (RFC 5480). The point is an OCTET STRING; some modules leave its head out.
fn ec_key(curve: &[u8], point: &[u8]) -> Vec<u8> {
    let inner = match point {
        [0x04, length, inner @ ..] if usize::from(*length) == inner.len() && *length < 0x80 => inner,
        [0x04, 0x81, length, inner @ ..] if usize::from(*length) == inner.len() => inner,
        bare => bare,
    };
    let algorithm = der(SEQUENCE, &[EC_PUBLIC_KEY, curve].concat());
    der(SEQUENCE, &[algorithm, der(BIT_STRING, &[&[0], inner].concat())].concat())
}

/// A positive number of big-endian bytes.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let sign: &[u8] = if bytes.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    der(INTEGER, &[sign, bytes].concat())
}

/// X.690, section 8.1.3: the length in as few bytes as there can be.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len());
    let digits = length.get(start..).unwrap_or_default();
    let head = match digits {
        [] => vec![tag, 0],
        [short] if *short < 0x80 => vec![tag, *short],
        digits => [&[tag, 0x80 | u8::try_from(digits.len()).unwrap_or_default()], digits].concat(),
    };
    [head.as_slice(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_which_key_and_nothing_else() {
        let read = |text: &str| Wanted::read(&KeyReference::parse(text).unwrap());
        let wanted = read("pkcs11:token=release%20keys;id=%01%ff;object=a;type=public;serial=1").unwrap();
        assert_eq!((wanted.token.as_deref(), wanted.id.as_deref()), (Some("release keys"), Some(&[1, 0xff][..])));
        assert_eq!((wanted.object.as_deref(), wanted.serial.as_deref()), (Some(&b"a"[..]), Some("1")));
        for text in [
            "pkcs11:token=a",
            "pkcs11:object=a;object=b",
            "pkcs11:object=a;type=private",
            "pkcs11:object=a;slot-id=1",
            "pkcs11:object",
            "pkcs11:object=%0",
            "pkcs11:object=%zz",
            "pkcs11:token=%ff;object=a",
            "pkcs11:object=a?module-path=/tmp/evil.so",
            "pkcs11:object=a?pin-value=not-a-secret",
        ] {
            let refused = read(text).unwrap_err();
            assert!(!refused.message.contains("not-a-secret"), "{text}");
        }
    }

    #[test]
    fn lengths_and_numbers_are_written_in_the_shortest_form() {
        assert_eq!(der(4, &[]), [4, 0]);
        assert_eq!(der(4, &[7; 0x7f])[..2], [4, 0x7f]);
        assert_eq!(der(4, &[7; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(der(4, &[7; 0x100])[..4], [4, 0x82, 1, 0]);
        assert_eq!((integer(&[0, 0, 0x80]), integer(&[0x7f]), integer(&[0])), (vec![2, 2, 0, 0x80], vec![2, 1, 0x7f], vec![2, 1, 0]));
    }
}
