//! Extensions that path rules read (RFC 5280, section 4.2).

use std::ops::BitOr;

use const_oid::ObjectIdentifier;

use super::{
    name::{GeneralName, Name},
    oid,
};
use crate::asn1::{Element, Fault, Result, named_bits, small, tag};

/// One extension as it stands in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    id: ObjectIdentifier,
    critical: bool,
    value: Vec<u8>,
}

impl Extension {
    const MOST: usize = 128;

    /// Which extension it is.
    #[must_use]
    pub fn id(&self) -> ObjectIdentifier {
        self.id
    }

    /// Whether whoever does not understand it must refuse the certificate.
    #[must_use]
    pub fn is_critical(&self) -> bool {
        self.critical
    }

    /// The bytes inside the `OCTET STRING`.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Reads `Extensions`, in which no extension stands twice.
    pub(crate) fn read_all(list: Element<'_>) -> Result<Vec<Self>> {
        let mut extensions: Vec<Self> = Vec::new();
        for value in list.expect(tag::SEQUENCE)?.list(Self::MOST)? {
            let extension = Self::read(value)?;
            if extensions.iter().any(|known| known.id == extension.id) {
                return Err(Fault::Malformed);
            }
            extensions.push(extension);
        }
        Ok(extensions)
    }

    fn read(value: Element<'_>) -> Result<Self> {
        value.expect(tag::SEQUENCE)?.read(|reader| {
            let id = reader.any()?.oid()?;
            // A criticality that is written although it is the default is not DER, but common.
            let critical = reader.optional(tag::BOOLEAN)?.map_or(Ok(false), Element::boolean)?;
            let value = reader.expect(tag::OCTET_STRING)?.content.to_vec();
            Ok(Self { id, critical, value })
        })
    }
}

/// `basicConstraints` (section 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BasicConstraints {
    /// Whether the extension is critical.
    pub critical: bool,
    /// Whether the key may certify others.
    pub is_ca: bool,
    /// How many certificates of others may stand between this one and the last of a path.
    pub path_length: Option<u64>,
}

/// `keyUsage` (section 4.2.1.3): a set of uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// `digitalSignature`.
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    /// `nonRepudiation`, also called `contentCommitment`.
    pub const CONTENT_COMMITMENT: Self = Self(1 << 1);
    /// `keyEncipherment`.
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 2);
    /// `dataEncipherment`.
    pub const DATA_ENCIPHERMENT: Self = Self(1 << 3);
    /// `keyAgreement`.
    pub const KEY_AGREEMENT: Self = Self(1 << 4);
    /// `keyCertSign`.
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    /// `cRLSign`.
    pub const CRL_SIGN: Self = Self(1 << 6);
    /// `encipherOnly`.
    pub const ENCIPHER_ONLY: Self = Self(1 << 7);
    /// `decipherOnly`.
    pub const DECIPHER_ONLY: Self = Self(1 << 8);

    /// Whether all uses of the other set are in this one.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether some use is in both sets.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for KeyUsage {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// `extKeyUsage` (section 4.2.1.12).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtendedKeyUsage {
    /// Whether the extension is critical.
    pub critical: bool,
    /// The purposes, known ones and others, in their order.
    pub purposes: Vec<ObjectIdentifier>,
}

/// `authorityKeyIdentifier` (section 4.2.1.1).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuthorityKeyIdentifier {
    /// Identifier of the issuer's key.
    pub key: Option<Vec<u8>>,
    /// Names of the issuer's issuer.
    pub issuer: Vec<GeneralName>,
    /// Serial number of the issuer's certificate.
    pub serial: Option<Vec<u8>>,
}

/// `nameConstraints` (section 4.2.1.10).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NameConstraints {
    /// Where names of these kinds must lie.
    pub permitted: Vec<GeneralName>,
    /// Where no name may lie.
    pub excluded: Vec<GeneralName>,
}

/// The extensions on certificate policies (sections 4.2.1.4, 4.2.1.5, 4.2.1.11, 4.2.1.14).
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    /// Policies that the certificate asserts, if it says any.
    pub(crate) asserted: Option<Vec<ObjectIdentifier>>,
    /// Pairs of policies: the issuer's, and the subject's that means the same.
    pub(crate) mappings: Vec<(ObjectIdentifier, ObjectIdentifier)>,
    pub(crate) require_explicit: Option<u64>,
    pub(crate) inhibit_mapping: Option<u64>,
    pub(crate) inhibit_any: Option<u64>,
}

/// The extensions that path rules read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) alternative_names: Vec<GeneralName>,
    pub(crate) authority_key: Option<AuthorityKeyIdentifier>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) distribution_points: Vec<DistributionPoint>,
    pub(crate) extended_key_usage: Option<ExtendedKeyUsage>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) policies: Policies,
    pub(crate) subject_key: Option<Vec<u8>>,
}

impl Known {
    const MOST_PURPOSES: usize = 64;
    const MOST_NAMES: usize = 1024;
    const MOST_POLICIES: usize = 128;

    /// Takes in an extension; nothing of it is left unread where the path rules count it as understood.
    pub(crate) fn add(&mut self, extension: &Extension) -> Result<()> {
        let critical = extension.critical;
        match extension.id {
            oid::AUTHORITY_KEY_IDENTIFIER => self.authority_key = Some(authority_key(value(extension)?)?),
            oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value(extension)?, critical)?),
            oid::CERTIFICATE_POLICIES => self.policies.asserted = Some(policies(value(extension)?)?),
            oid::CRL_DISTRIBUTION_POINTS => self.distribution_points = DistributionPoint::read_all(value(extension)?)?,
            oid::EXTENDED_KEY_USAGE => self.extended_key_usage = Some(extended_key_usage(value(extension)?, critical)?),
            oid::INHIBIT_ANY_POLICY => self.policies.inhibit_any = Some(value(extension)?.small()?),
            oid::KEY_USAGE => self.key_usage = Some(KeyUsage(named_bits(value(extension)?.expect(tag::BIT_STRING)?.content)?)),
            oid::NAME_CONSTRAINTS => self.name_constraints = Some(name_constraints(value(extension)?)?),
            oid::POLICY_CONSTRAINTS => self.add_policy_constraints(value(extension)?)?,
            oid::POLICY_MAPPINGS => self.policies.mappings = mappings(value(extension)?)?,
            oid::SUBJECT_ALTERNATIVE_NAME => self.alternative_names = general_names(value(extension)?.expect(tag::SEQUENCE)?)?,
            oid::SUBJECT_KEY_IDENTIFIER => self.subject_key = Some(value(extension)?.expect(tag::OCTET_STRING)?.content.to_vec()),
            _ => {}
        }
        Ok(())
    }

    /// Section 4.2.1.11: an empty sequence must not be.
    fn add_policy_constraints(&mut self, value: Element<'_>) -> Result<()> {
        let value = value.expect(tag::SEQUENCE)?;
        if value.content.is_empty() {
            return Err(Fault::Malformed);
        }
        value.read(|reader| {
            self.policies.require_explicit = reader.optional(tag::context(0))?.map(|value| small(value.content)).transpose()?;
            self.policies.inhibit_mapping = reader.optional(tag::context(1))?.map(|value| small(value.content)).transpose()?;
            Ok(())
        })
    }
}

fn value(extension: &Extension) -> Result<Element<'_>> {
    Element::only(&extension.value)
}

fn basic_constraints(value: Element<'_>, critical: bool) -> Result<BasicConstraints> {
    value.expect(tag::SEQUENCE)?.read(|reader| {
        let is_ca = reader.optional(tag::BOOLEAN)?.map_or(Ok(false), Element::boolean)?;
        let path_length = reader.optional(tag::INTEGER)?.map(Element::small).transpose()?;
        Ok(BasicConstraints { critical, is_ca, path_length })
    })
}

fn extended_key_usage(value: Element<'_>, critical: bool) -> Result<ExtendedKeyUsage> {
    let purposes = value.expect(tag::SEQUENCE)?.list(Known::MOST_PURPOSES)?.into_iter().map(Element::oid).collect::<Result<_>>()?;
    Ok(ExtendedKeyUsage { critical, purposes })
}

fn authority_key(value: Element<'_>) -> Result<AuthorityKeyIdentifier> {
    value.expect(tag::SEQUENCE)?.read(|reader| {
        let key = reader.optional(tag::context(0))?.map(|value| value.content.to_vec());
        let issuer = reader.optional(tag::constructed(1))?.map(general_names).transpose()?.unwrap_or_default();
        let serial = reader.optional(tag::context(2))?.map(|value| value.content.to_vec());
        Ok(AuthorityKeyIdentifier { key, issuer, serial })
    })
}

/// The content of a `GeneralNames`, whatever its tag.
pub(crate) fn general_names(value: Element<'_>) -> Result<Vec<GeneralName>> {
    value.list(Known::MOST_NAMES)?.into_iter().map(GeneralName::read).collect()
}

fn name_constraints(value: Element<'_>) -> Result<NameConstraints> {
    let value = value.expect(tag::SEQUENCE)?;
    if value.content.is_empty() {
        return Err(Fault::Malformed);
    }
    value.read(|reader| {
        let permitted = reader.optional(tag::constructed(0))?.map(subtrees).transpose()?.unwrap_or_default();
        let excluded = reader.optional(tag::constructed(1))?.map(subtrees).transpose()?.unwrap_or_default();
        Ok(NameConstraints { permitted, excluded })
    })
}

/// Section 4.2.1.10: the minimum is zero and there is no maximum.
fn subtrees(value: Element<'_>) -> Result<Vec<GeneralName>> {
    let base = |subtree: Element<'_>| subtree.expect(tag::SEQUENCE)?.read(|reader| GeneralName::read_base(reader.any()?));
    value.list(Known::MOST_NAMES)?.into_iter().map(base).collect()
}

/// Section 4.2.1.4: no policy stands twice; qualifiers are for people.
fn policies(value: Element<'_>) -> Result<Vec<ObjectIdentifier>> {
    let mut policies = Vec::new();
    for information in value.expect(tag::SEQUENCE)?.list(Known::MOST_POLICIES)? {
        let policy = information.expect(tag::SEQUENCE)?.read(|reader| {
            let policy = reader.any()?.oid()?;
            reader.optional(tag::SEQUENCE)?;
            Ok(policy)
        })?;
        if policies.contains(&policy) {
            return Err(Fault::Malformed);
        }
        policies.push(policy);
    }
    Ok(policies)
}

fn mappings(value: Element<'_>) -> Result<Vec<(ObjectIdentifier, ObjectIdentifier)>> {
    let pair = |value: Element<'_>| value.expect(tag::SEQUENCE)?.read(|reader| Ok((reader.any()?.oid()?, reader.any()?.oid()?)));
    value.expect(tag::SEQUENCE)?.list(Known::MOST_POLICIES)?.into_iter().map(pair).collect()
}

/// Where, for which reasons and from whom revocation is published (section 4.2.1.13).
#[derive(Clone, Debug)]
pub(crate) struct DistributionPoint {
    pub(crate) name: Option<PointName>,
    pub(crate) reasons: Option<u16>,
    pub(crate) crl_issuer: Vec<GeneralName>,
}

/// `DistributionPointName`.
#[derive(Clone, Debug)]
pub(crate) enum PointName {
    Full(Vec<GeneralName>),
    /// The `RelativeDistinguishedName` that follows the name of the issuer, in DER as a `SET`'s content.
    Relative(Vec<u8>),
}

impl DistributionPoint {
    const MOST: usize = 64;

    pub(crate) fn read_all(value: Element<'_>) -> Result<Vec<Self>> {
        value.expect(tag::SEQUENCE)?.list(Self::MOST)?.into_iter().map(Self::read).collect()
    }

    /// A point that has only reasons says nothing.
    fn read(value: Element<'_>) -> Result<Self> {
        value.expect(tag::SEQUENCE)?.read(|reader| {
            let name = reader.optional(tag::constructed(0))?.map(PointName::read).transpose()?;
            let reasons = reader.optional(tag::context(1))?.map(|value| named_bits(value.content)).transpose()?;
            let crl_issuer = reader.optional(tag::constructed(2))?.map(general_names).transpose()?.unwrap_or_default();
            if name.is_none() && crl_issuer.is_empty() {
                return Err(Fault::Malformed);
            }
            Ok(Self { name, reasons, crl_issuer })
        })
    }
}

impl PointName {
    /// The content of `[0]`.
    pub(crate) fn read(value: Element<'_>) -> Result<Self> {
        value.read(|reader| {
            let choice = reader.any()?;
            match choice.tag {
                FULL => general_names(choice).map(Self::Full),
                RELATIVE => Ok(Self::Relative(choice.content.to_vec())),
                _ => Err(Fault::Malformed),
            }
        })
    }

    /// The names that this stands for; a relative one follows the name of the issuer.
    pub(crate) fn names(&self, issuer: &Name) -> Result<Vec<GeneralName>> {
        match self {
            Self::Full(names) => Ok(names.clone()),
            Self::Relative(part) => {
                let part = Element { tag: tag::SET, content: part, whole: part };
                Ok(vec![GeneralName::Directory(issuer.joined(part)?)])
            }
        }
    }
}

const FULL: u8 = tag::constructed(0);
const RELATIVE: u8 = tag::constructed(1);
