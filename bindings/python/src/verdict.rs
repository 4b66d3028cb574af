//! `Verdict` and its parts.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use verimage::Decision;
use verimage::core::policy::Mode;
use verimage::core::{LeafVerdict, ReportOutcome, ReportVerdict, RuleVerdict};

use crate::{errors, html};

/// May the image run, and which digest exactly. True if it may.
#[pyclass(frozen, eq, module = "verimage")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) verdict: Arc<verimage::Verdict>,
}

#[pymethods]
impl Verdict {
    /// Whether the image may run.
    #[getter]
    fn allowed(&self) -> bool {
        self.verdict.allowed()
    }

    /// The same as `allowed`, in the words of the JSON form.
    #[getter]
    fn admitted(&self) -> bool {
        self.verdict.allowed()
    }

    /// The deciding rule's decision: `allow`, `deny` or `inconclusive`.
    #[getter]
    fn decision(&self) -> &'static str {
        decision(self.verdict.decision)
    }

    /// The reference that was judged, Docker Hub's defaults filled in.
    #[getter]
    fn image(&self) -> &str {
        &self.verdict.image
    }

    /// The digest that the evidence names, or that was judged.
    #[getter]
    fn digest(&self) -> Option<&str> {
        self.verdict.digest.as_deref()
    }

    /// What the digest is: `manifest` or `index`; none if the registry was not asked.
    #[getter]
    fn kind(&self) -> Option<&str> {
        self.verdict.subject.kind.as_deref()
    }

    /// The platform that was chosen inside an index.
    #[getter]
    fn platform(&self) -> Option<&str> {
        self.verdict.subject.platform.as_deref()
    }

    /// The deciding rule.
    #[getter]
    fn rule(&self) -> Option<&str> {
        self.verdict.rule.as_deref()
    }

    /// The deciding rule's mode: `enforce` or `audit`.
    #[getter]
    fn mode(&self) -> &'static str {
        mode(self.verdict.mode)
    }

    /// Why not, as a stable code; none when allowed.
    #[getter]
    fn code(&self) -> Option<&str> {
        self.verdict.code.as_deref()
    }

    /// One sentence for people.
    #[getter]
    fn message(&self) -> &str {
        &self.verdict.message
    }

    /// What to do; none when allowed.
    #[getter]
    fn hint(&self) -> Option<&str> {
        self.verdict.hint.as_deref()
    }

    /// The time at which was judged, RFC 3339.
    #[getter]
    fn at(&self) -> &str {
        &self.verdict.at
    }

    /// The file of the policy, or how it was given.
    #[getter]
    fn policy_source(&self) -> &str {
        &self.verdict.policy.source
    }

    /// The digest of the policy's text.
    #[getter]
    fn policy_digest(&self) -> &str {
        &self.verdict.policy.digest
    }

    /// What a reader must know beside the decision, as stable words.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.verdict.warnings)
    }

    /// Every applying rule.
    #[getter]
    fn rules<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.verdict.rules.iter().cloned().map(Rule))
    }

    /// Every leaf of the applying rules.
    #[getter]
    fn leaves<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.verdict.leaves.iter().cloned().map(Leaf))
    }

    /// Every signature that was looked at.
    #[getter]
    fn reports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.verdict.reports.iter().cloned().map(Report))
    }

    /// The verdict itself if the image may run; else raises `Denied`, or `Inconclusive` if it could not be found out.
    fn require<'py>(this: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let verdict = &this.get().verdict;
        if verdict.allowed() {
            return Ok(this);
        }
        let class = if verdict.decision == Decision::Inconclusive { "Inconclusive" } else { "Denied" };
        Err(errors::denied(this.py(), class, this.into_any()))
    }

    /// The JSON form, as the command line prints it.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&*self.verdict).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The JSON form as a dictionary.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.to_json()?,))
    }

    /// What `pickle` makes a verdict of.
    #[staticmethod]
    fn _from_json(text: &str) -> PyResult<Self> {
        let verdict = serde_json::from_str(text).map_err(|error| PyValueError::new_err(format!("this is no verdict: {error}")))?;
        Ok(Self { verdict: Arc::new(verdict) })
    }

    fn __reduce__<'py>(this: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((this.get_type().getattr("_from_json")?, (this.get().to_json()?,)))
    }

    fn __bool__(&self) -> bool {
        self.verdict.allowed()
    }

    fn __hash__(&self) -> u64 {
        let verdict = &self.verdict;
        hash_of(&(&verdict.image, &verdict.digest, &verdict.code, &verdict.at, &verdict.policy.digest))
    }

    fn __repr__(&self) -> String {
        let digest = self.digest().map(|digest| format!(" {digest}")).unwrap_or_default();
        let code = self.code().map(|code| format!(": {code}")).unwrap_or_default();
        format!("<verimage.Verdict {}{code} {:?}{digest}>", self.decision(), self.image())
    }

    fn _repr_html_(&self) -> String {
        html::page(&self.verdict)
    }
}

/// What one rule says.
#[pyclass(frozen, eq, module = "verimage")]
#[derive(Debug, PartialEq)]
pub(crate) struct Rule(RuleVerdict);

#[pymethods]
impl Rule {
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn mode(&self) -> &'static str {
        mode(self.0.mode)
    }

    #[getter]
    fn decision(&self) -> &'static str {
        decision(self.0.decision)
    }

    #[getter]
    fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    fn __hash__(&self) -> u64 {
        hash_of(&(&self.0.name, &self.0.code))
    }

    fn __repr__(&self) -> String {
        format!("<verimage.Rule {:?} {}>", self.name(), self.decision())
    }
}

/// What one leaf says.
#[pyclass(frozen, eq, module = "verimage")]
#[derive(Debug, PartialEq)]
pub(crate) struct Leaf(LeafVerdict);

#[pymethods]
impl Leaf {
    /// Where the leaf stands in the policy, as a JSON pointer.
    #[getter]
    fn requirement(&self) -> &str {
        &self.0.requirement
    }

    /// None if it was not needed.
    #[getter]
    fn decision(&self) -> Option<&'static str> {
        self.0.decision.map(decision)
    }

    #[getter]
    fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    #[getter]
    fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The digest that it judged.
    #[getter]
    fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Where it looked.
    #[getter]
    fn searched<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.0.searched)
    }

    /// Whether some signature that counts passed every check.
    #[getter]
    fn trusted(&self) -> bool {
        self.0.trusted
    }

    fn __hash__(&self) -> u64 {
        hash_of(&(&self.0.requirement, &self.0.code))
    }

    fn __repr__(&self) -> String {
        format!("<verimage.Leaf {} {}>", self.requirement(), self.decision().unwrap_or("not needed"))
    }
}

/// What one signature says.
#[pyclass(frozen, eq, module = "verimage")]
#[derive(Debug, PartialEq)]
pub(crate) struct Report(ReportVerdict);

#[pymethods]
impl Report {
    /// The scheme.
    #[getter]
    fn verifier(&self) -> &str {
        &self.0.verifier
    }

    /// The leaf that asked.
    #[getter]
    fn requirement(&self) -> &str {
        &self.0.requirement
    }

    /// Where the signature came from; the number behind `#` is its position there.
    #[getter]
    fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether it counts: `pass` or `fail`.
    #[getter]
    fn outcome(&self) -> &'static str {
        match self.0.outcome {
            ReportOutcome::Pass => "pass",
            ReportOutcome::Fail => "fail",
        }
    }

    #[getter]
    fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    #[getter]
    fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Who signed; only of signatures that count.
    #[getter]
    fn signer(&self) -> Option<&str> {
        self.0.signer.as_deref()
    }

    /// Whether every check of a signature that counts passed; none if it does not count.
    #[getter]
    fn trusted(&self) -> Option<bool> {
        self.0.trusted
    }

    /// Authenticated times of signing, each with who vouches for it.
    #[getter]
    fn signed_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.signed_at.iter().map(|signed| (&signed.time, &signed.source)))
    }

    /// What the verified bytes say besides.
    #[getter]
    fn facts(&self) -> BTreeMap<String, String> {
        self.0.facts.clone()
    }

    fn __hash__(&self) -> u64 {
        hash_of(&(&self.0.requirement, &self.0.source, &self.0.code))
    }

    fn __repr__(&self) -> String {
        let code = self.code().map(|code| format!(": {code}")).unwrap_or_default();
        format!("<verimage.Report {} {}{code} {:?}>", self.verifier(), self.outcome(), self.source())
    }
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Inconclusive => "inconclusive",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Audit => "audit",
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
