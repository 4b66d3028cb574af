//! What `inspect` found, as a tree.

use crate::commands::{Attachment, Bundle, Finding, Inspection, Layer, Payload, Referrer, Referrers};
use crate::output::{Page, Tone};

const UNVERIFIED: &str = "UNVERIFIED: whoever can write to the repository can put anything here; judge with `verimage verify`";

struct Node {
    tone: Tone,
    text: String,
    children: Vec<Node>,
}

pub(crate) fn inspection(typed: &str, inspection: &Inspection) -> Page {
    let mut page = Page::default();
    page.line([(Tone::Strong, inspection.image.as_deref().unwrap_or(typed))]);
    page.plain(&format!("{} ({})", inspection.digest, inspection.kind.unwrap_or("neither image nor index")));
    page.line([(Tone::Unsure, UNVERIFIED)]);
    let attachments = inspection.attachments.iter().map(|attachment| self::attachment(attachment, inspection));
    let nodes: Vec<Node> = attachments.chain([referrers(&inspection.referrers, inspection)]).collect();
    draw(&mut page, &nodes, "");
    page
}

fn draw(page: &mut Page, nodes: &[Node], indent: &str) {
    for (index, node) in nodes.iter().enumerate() {
        let last = index + 1 == nodes.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        page.line([(Tone::Faint, format!("{indent}{branch}").as_str()), (node.tone, &node.text)]);
        draw(page, &node.children, &format!("{indent}{below}"));
    }
}

impl Node {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into(), children: Vec::new() }
    }

    fn leaf(text: impl Into<String>) -> Self {
        Self::new(Tone::Plain, text)
    }
}

fn place(what: &str, place: &str, finding: &Finding) -> Node {
    match finding {
        Finding::Found => Node::new(Tone::Strong, format!("{what} at {place}")),
        Finding::Absent => Node::new(Tone::Faint, format!("{what} at {place}: none")),
        Finding::Unreadable { code, detail } => Node::new(Tone::Bad, format!("{what} at {place}: {code}: {detail}")),
    }
}

fn attachment(attachment: &Attachment, inspection: &Inspection) -> Node {
    let mut node = place(attachment.holds, &attachment.place, &attachment.finding);
    node.children = attachment.layers.iter().enumerate().map(|(index, layer)| self::layer(index, layer, inspection)).collect();
    node.children.extend(left_out(attachment.layers_left_out));
    node
}

fn referrers(referrers: &Referrers, inspection: &Inspection) -> Node {
    let mut node = match referrers.finding {
        Finding::Found => Node::new(Tone::Strong, &referrers.place),
        Finding::Absent => Node::new(Tone::Faint, format!("{}: none", referrers.place)),
        Finding::Unreadable { code, ref detail } => Node::new(Tone::Bad, format!("{}: {code}: {detail}", referrers.place)),
    };
    node.children = referrers.manifests.iter().map(|manifest| referrer(manifest, inspection)).collect();
    node.children.extend(left_out(referrers.left_out));
    node
}

fn left_out(count: usize) -> Option<Node> {
    (count > 0).then(|| Node::new(Tone::Faint, format!("and {count} more")))
}

fn referrer(referrer: &Referrer, inspection: &Inspection) -> Node {
    let artifact = referrer.artifact_type.as_deref().unwrap_or("of no stated type");
    let mut node = Node::leaf(format!("{} {artifact}", referrer.digest));
    node.children.extend(annotations(&referrer.annotations));
    node.children.extend(problem(referrer.problem.as_deref()));
    node.children.extend(referrer.layers.iter().enumerate().map(|(index, layer)| self::layer(index, layer, inspection)));
    node
}

fn layer(index: usize, layer: &Layer, inspection: &Inspection) -> Node {
    let mut node = Node::leaf(format!("#{index} {}", layer.media_type));
    node.children.extend(annotations(&layer.annotations));
    node.children.extend(problem(layer.problem.as_deref()));
    node.children.extend(layer.payload.iter().flat_map(|payload| self::payload(payload, inspection)));
    node.children.extend(layer.bundle.iter().flat_map(bundle));
    node
}

fn annotations(keys: &[String]) -> Option<Node> {
    (!keys.is_empty()).then(|| Node::leaf(format!("annotations: {}", keys.join(", "))))
}

fn problem(problem: Option<&str>) -> Option<Node> {
    problem.map(|problem| Node::new(Tone::Bad, format!("cannot be read: {problem}")))
}

fn payload(payload: &Payload, inspection: &Inspection) -> Vec<Node> {
    let mut nodes = Vec::new();
    match &payload.digest {
        Some(digest) if *digest == inspection.digest.to_string() => nodes.push(Node::leaf("claims this digest")),
        Some(digest) => nodes.push(Node::new(Tone::Bad, format!("claims another digest: {digest}"))),
        None => nodes.push(Node::new(Tone::Bad, "claims no digest")),
    }
    nodes.extend(payload.docker_reference.iter().map(|name| Node::leaf(format!("claims the name: {name}"))));
    nodes.extend(payload.kind.iter().map(|kind| Node::leaf(format!("type: {kind}"))));
    let optional = payload.optional.as_object().into_iter().flatten();
    let optional = optional.map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    let optional: Vec<String> = optional.collect();
    if !optional.is_empty() {
        nodes.push(Node::leaf(format!("optional: {}", optional.join(", "))));
    }
    nodes
}

fn bundle(bundle: &Bundle) -> Vec<Node> {
    let hint = bundle.key_hint.iter().map(|hint| format!("key hint: {hint}"));
    let kind = bundle.payload_type.iter().map(|kind| format!("payload type: {kind}"));
    let mut holds = Vec::new();
    if bundle.certificate {
        holds.push("a certificate".to_owned());
    }
    holds.push(format!("{} log entries", bundle.log_entries));
    holds.push(format!("{} timestamps", bundle.timestamps));
    hint.chain(kind).chain([format!("holds {}", holds.join(", "))]).map(Node::leaf).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_values_are_shown_as_they_are() {
        let payload = Payload { optional: serde_json::json!({"a": "x", "b": [1], "c": null}), ..Payload::default() };
        let inspection = Inspection {
            version: 1,
            verified: false,
            image: None,
            digest: verimage::Digest::sha256(b""),
            kind: None,
            attachments: Vec::new(),
            referrers: Referrers { place: String::new(), finding: Finding::Absent, manifests: Vec::new(), left_out: 0 },
        };
        let texts: Vec<String> = self::payload(&payload, &inspection).into_iter().map(|node| node.text).collect();
        assert_eq!(texts, ["claims no digest", "optional: a=x, b=[1], c=null"]);
    }
}
