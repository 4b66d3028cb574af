//! Where the revocation of a certificate can be asked for (RFC 5280, sections 4.2.1.13, 4.2.2.1 and 5.2.6).

use super::{
    Certificate, CertificateError, GeneralName, RevocationList,
    extension::{DistributionPoint, PointName},
    oid,
};
use crate::asn1::{Element, Result, tag};

/// Most entries of `authorityInfoAccess` that are read.
const MOST_ENTRIES: usize = 64;

impl Certificate {
    /// The URLs of OCSP responders, in their order.
    ///
    /// # Errors
    /// [`CertificateError::Extension`] if `authorityInfoAccess` cannot be read.
    pub fn ocsp_urls(&self) -> std::result::Result<Vec<String>, CertificateError> {
        let id = oid::AUTHORITY_INFO_ACCESS;
        let Some(extension) = self.extension(id) else { return Ok(Vec::new()) };
        responders(extension.value()).map_err(|_| CertificateError::Extension { id })
    }

    /// The URLs of revocation lists, in their order.
    #[must_use]
    pub fn revocation_list_urls(&self) -> Vec<String> {
        urls(self.distribution_points())
    }

    /// Whether the certificate names additions to revocation lists (`freshestCRL`).
    #[must_use]
    pub fn has_freshest_list(&self) -> bool {
        self.extension(oid::FRESHEST_CRL).is_some()
    }
}

impl RevocationList {
    /// The URLs of additions to this list (`freshestCRL`), in their order; nothing if none are announced.
    ///
    /// # Errors
    /// [`CertificateError::Extension`] if they are announced and cannot be read.
    pub fn freshest_urls(&self) -> std::result::Result<Option<Vec<String>>, CertificateError> {
        let id = oid::FRESHEST_CRL;
        let Some(extension) = self.extensions().iter().find(|extension| extension.id() == id) else { return Ok(None) };
        let points = Element::only(extension.value()).and_then(DistributionPoint::read_all);
        points.map(|points| Some(urls(&points))).map_err(|_| CertificateError::Extension { id })
    }
}

fn responders(value: &[u8]) -> Result<Vec<String>> {
    let mut urls = Vec::new();
    for entry in Element::only(value)?.expect(tag::SEQUENCE)?.list(MOST_ENTRIES)? {
        let (method, location) =
            entry.expect(tag::SEQUENCE)?.read(|reader| Ok((reader.any()?.oid()?, GeneralName::read(reader.any()?)?)))?;
        if let (oid::OCSP, GeneralName::Uri(url)) = (method, location) {
            urls.push(url);
        }
    }
    Ok(urls)
}

fn urls(points: &[DistributionPoint]) -> Vec<String> {
    let names = points.iter().filter_map(|point| if let Some(PointName::Full(names)) = &point.name { Some(names) } else { None });
    names.flatten().filter_map(|name| if let GeneralName::Uri(url) = name { Some(url.clone()) } else { None }).collect()
}
