//! How policy-controller itself is set: the ConfigMap `config-policy-controller`.

use verimage_core::PolicyError;

use super::NAMESPACE;
use crate::objects::Resources;
use crate::part::Part;

const NAME: &str = "config-policy-controller";
/// Words of Go for a truth value.
const TRUE: [&str; 6] = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE: [&str; 6] = ["0", "f", "F", "FALSE", "false", "False"];

/// What of it has a bearing on verdicts.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Images that no policy matches are admitted. The verdict says so aloud, as `warn` does.
    pub(super) admits_unmatched: bool,
    /// Signatures are looked for among the referrers, too.
    pub(super) referrers: bool,
}

impl Settings {
    pub(super) fn read(resources: &Resources<'_>) -> Result<Self, PolicyError> {
        let mut settings = Self::default();
        let maps = resources.config_maps_named(NAME);
        if let Some(namespace) = maps.iter().filter_map(|map| map.namespace()).find(|namespace| namespace.value != NAMESPACE) {
            let message = format!("policy-controller reads the ConfigMap `{NAME}` of the namespace `{NAMESPACE}` alone");
            return Err(namespace.unsupported(message, format!("write `namespace: {NAMESPACE}`, or remove it")));
        }
        if let [_, second, ..] = maps.as_slice() {
            return Err(second.invalid("the file has two ConfigMaps of this name, and only one can be that of policy-controller"));
        }
        for (name, (word, part)) in maps.first().map_or_else(|| Ok(Default::default()), |map| map.texts())? {
            match name {
                "no-match-policy" => settings.admits_unmatched = admits(&word, &part)?,
                "enable-oci11" => settings.referrers = flag(&word, &part)?,
                // A policy without authorities is refused here in any case; the others say how policy-controller reports.
                "fail-on-empty-authorities" | "annotate-validation-results" => drop(flag(&word, &part)?),
                "_example" => {}
                _ => {
                    let hint = "it has `no-match-policy`, `enable-oci11`, `fail-on-empty-authorities`, `annotate-validation-results`";
                    return Err(part.unsupported(format!("`{name}` is no setting of policy-controller that is known"), hint));
                }
            }
        }
        Ok(settings)
    }
}

fn admits(word: &str, part: &Part<'_>) -> Result<bool, PolicyError> {
    match word {
        "deny" => Ok(false),
        "allow" | "warn" => Ok(true),
        _ => Err(part.invalid("images that no policy matches are `deny`, `allow` or `warn`")),
    }
}

fn flag(word: &str, part: &Part<'_>) -> Result<bool, PolicyError> {
    match word {
        word if TRUE.contains(&word) => Ok(true),
        word if FALSE.contains(&word) => Ok(false),
        _ => Err(part.invalid("`true` or `false` is needed here")),
    }
}
