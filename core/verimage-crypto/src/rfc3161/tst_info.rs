//! What a time stamp says: `TSTInfo` (RFC 3161, section 2.4.2).

use std::time::Duration;

use const_oid::ObjectIdentifier;

use super::{TimestampError, signed_data::malformed};
use crate::{
    HashAlgorithm,
    asn1::{self, Element, Fault, Reader, small, tag, time},
    x509::{Extension, GeneralName, algorithm::Identifier},
};

#[derive(Debug)]
pub(super) struct TstInfo<'a> {
    pub(super) policy: ObjectIdentifier,
    pub(super) hash: HashAlgorithm,
    pub(super) imprint: &'a [u8],
    pub(super) serial: &'a [u8],
    /// Seconds since 1970, and nanoseconds.
    pub(super) gen_time: (i64, u32),
    pub(super) accuracy: Option<Duration>,
    pub(super) nonce: Option<&'a [u8]>,
}

/// The structure, before it is judged.
struct Body<'a> {
    version: u64,
    algorithm: Identifier<'a>,
    extensions: Vec<Extension>,
    info: TstInfo<'a>,
}

pub(super) fn read(content: &[u8]) -> Result<TstInfo<'_>, TimestampError> {
    let body = Element::only(content)
        .and_then(|value| value.expect(tag::SEQUENCE)?.read(Body::read))
        .map_err(malformed("time stamp information"))?;
    if body.version != 1 {
        return Err(TimestampError::Version { part: "time stamp information", found: body.version });
    }
    let unsupported = TimestampError::Algorithm { oid: body.algorithm.oid };
    let hash = body.algorithm.hash().ok_or(unsupported)?;
    match body.extensions.iter().find(|extension| extension.is_critical()) {
        Some(extension) => Err(TimestampError::UnknownCriticalExtension { id: extension.id() }),
        None => Ok(TstInfo { hash, ..body.info }),
    }
}

impl<'a> Body<'a> {
    fn read(reader: &mut Reader<'a>) -> asn1::Result<Self> {
        let version = reader.any()?.small()?;
        let policy = reader.any()?.oid()?;
        let (algorithm, imprint) = reader.expect(tag::SEQUENCE)?.read(|reader| {
            let algorithm = Identifier::read(reader.any()?)?;
            Ok((algorithm, reader.expect(tag::OCTET_STRING)?.content))
        })?;
        let serial = number(reader.any()?)?;
        let gen_time = time::read_fine(reader.any()?)?;
        let accuracy = reader.optional(tag::SEQUENCE)?.map(accuracy).transpose()?;
        reader.optional(tag::BOOLEAN)?.map(Element::boolean).transpose()?;
        let nonce = reader.optional(tag::INTEGER)?.map(number).transpose()?;
        if let Some(authority) = reader.optional(tag::constructed(0))? {
            authority.read(|reader| GeneralName::read(reader.any()?))?;
        }
        let extensions = reader.optional(tag::constructed(1))?.map(extensions).transpose()?.unwrap_or_default();
        let hash = HashAlgorithm::Sha256;
        Ok(Self { version, algorithm, extensions, info: TstInfo { policy, hash, imprint, serial, gen_time, accuracy, nonce } })
    }
}

/// Numbers that grow with the years are still short.
fn number(value: Element<'_>) -> asn1::Result<&[u8]> {
    const LONGEST: usize = 64;
    let number = value.integer()?;
    if number.len() > LONGEST { Err(Fault::TooMany) } else { Ok(number) }
}

/// Thousandths and millionths of a second are from 1 to 999 each.
fn accuracy(value: Element<'_>) -> asn1::Result<Duration> {
    const MOST_SECONDS: u64 = 1_000_000_000;
    let part =
        |value: Element<'_>| small(value.content).and_then(|part| if (1..=999).contains(&part) { Ok(part) } else { Err(Fault::Malformed) });
    value.read(|reader| {
        let seconds = reader.optional(tag::INTEGER)?.map(Element::small).transpose()?.unwrap_or(0);
        let millis = reader.optional(tag::context(0))?.map(part).transpose()?.unwrap_or(0);
        let micros = reader.optional(tag::context(1))?.map(part).transpose()?.unwrap_or(0);
        if seconds > MOST_SECONDS {
            return Err(Fault::Malformed);
        }
        Ok([Duration::from_secs(seconds), Duration::from_millis(millis), Duration::from_micros(micros)].iter().sum())
    })
}

fn extensions(value: Element<'_>) -> asn1::Result<Vec<Extension>> {
    Extension::read_all(Element { tag: tag::SEQUENCE, ..value })
}
