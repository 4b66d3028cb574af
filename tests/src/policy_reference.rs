//! Every field of the policy file: `docs/policy-reference.md`, from its JSON Schema and the examples in `tests/policy-reference.toml`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use serde::Deserialize;
use serde_json::{Map, Value};
use verimage::PolicyLoader;
use verimage_import::Document;

use crate::attacks::repository;

/// What examples call by file names, and which of the fixtures stands for each.
pub const MATERIAL: [(&str, &str); 10] = [
    ("between.pem", "notation/certificates/issuing.pem"),
    ("company-ca.pem", "notation/certificates/root.pem"),
    ("pinned.pem", "cosign-certificates/certificates/release.pem"),
    ("rekor.pub", "cosign/keys/p384.pub"),
    ("release.pub", "cosign/keys/p256.pub"),
    ("root.pub", "notary-v1/pins/tags.pub"),
    ("rsa.pub", "cosign/keys/rsa2048.pub"),
    ("trusted_root.json", "keyless/trusted_root.json"),
    ("tsa.pem", "notation/certificates/tsa-root.pem"),
    ("vendor.asc", "simple-signing/keys/blocks.asc"),
];

/// The examples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// A policy that has something of everything; each example takes the place of a part of it.
    policy: String,
    /// One for each kind of object.
    #[serde(rename = "section")]
    pub sections: Vec<Section>,
}

/// One kind of object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Its place in the schema: a definition, and fields of it separated by dots.
    pub schema: String,
    /// Other places with the same fields.
    #[serde(default)]
    pub also: Vec<String>,
    /// Its place in the policy, as a JSON pointer.
    at: String,
    /// What stands around its examples.
    #[serde(default)]
    around: Around,
    /// What stands around the examples of single fields instead.
    #[serde(default)]
    around_field: BTreeMap<String, Around>,
    /// Fields of which an object has one.
    #[serde(default)]
    one_of: Vec<String>,
    /// Defaults that the schema does not tell.
    #[serde(default)]
    defaults: BTreeMap<String, String>,
    /// A value for each field, in YAML.
    pub examples: BTreeMap<String, String>,
}

/// What an example needs, in YAML; what is there, where nothing is said.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Around {
    /// The rule of the policy.
    rule: Option<String>,
    /// What the rule demands.
    require: Option<String>,
    /// The object that the example is added to.
    base: Option<String>,
}

/// One field of a kind of object.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    required: bool,
    schema: Value,
    /// What an object is that has it, where objects are told apart by their fields.
    meaning: String,
    /// The objects that may have it, where they are told apart by a word.
    with: Vec<String>,
}

impl Reference {
    /// What this repository has.
    ///
    /// # Panics
    ///
    /// Where it cannot be read.
    pub fn read() -> Self {
        let text = fs::read_to_string(repository().join("tests/policy-reference.toml")).expect("tests/policy-reference.toml is there");
        toml::from_str(&text).unwrap_or_else(|error| panic!("tests/policy-reference.toml: {error}"))
    }

    /// The policy in which an example stands, as JSON. Names that nothing in it refers to are left out, as they must be.
    ///
    /// # Errors
    /// If something in the data cannot be read.
    pub fn policy_with(&self, section: &Section, field: &str) -> Result<String, String> {
        let example = section.examples.get(field).ok_or("there is no example")?;
        let mut policy = yaml(&self.policy)?;
        let place = |pointer: &str| format!("the policy has no `{pointer}`");
        let around = section.around_field.get(field).unwrap_or(&section.around);
        for (pointer, part) in [("/rules/0", &around.rule), ("/rules/0/require", &around.require), (section.at.as_str(), &around.base)] {
            if let Some(part) = part {
                *policy.pointer_mut(pointer).ok_or_else(|| place(pointer))? = yaml(part)?;
            }
        }
        let object = policy.pointer_mut(&section.at).ok_or_else(|| place(&section.at))?;
        let object = object.as_object_mut().ok_or_else(|| place(&section.at))?;
        if section.one_of.iter().any(|one| one == field) {
            object.retain(|name, _| !section.one_of.contains(name));
        }
        let example = match named_text(example) {
            Some(name) => Value::String(text_of(name)?),
            None => yaml(example)?,
        };
        object.insert(field.to_owned(), example);
        leave_out_unused(&mut policy);
        Ok(policy.to_string())
    }

    /// The page.
    ///
    /// # Panics
    ///
    /// If a section names nothing in the schema.
    pub fn page(&self) -> String {
        let schema = Schema::of_policies();
        let mut page = String::from(
            "# Every field of the policy file\n\n\
             Generated from the JSON Schema (`verimage policy schema`) and from `tests/policy-reference.toml` by `make policy-reference`.\n\
             `tests/tests/policy_reference.rs` loads a policy with each example. [The policy file](policy.md) explains how they work together.\n",
        );
        for section in &self.sections {
            let _ = write!(page, "\n## {}\n\n{}\n\n", section.title, schema.description(&section.schema));
            page.push_str("| field | type | default | meaning | example |\n|---|---|---|---|---|\n");
            for field in schema.fields(&section.schema) {
                let example = section.examples.get(&field.name).map_or_else(String::new, |example| shown(example));
                let cells = [
                    format!("`{}`", field.name),
                    self.kind(&schema, &field.schema),
                    section.default_of(&field),
                    schema.meaning(&field),
                    format!("`{}: {example}`", field.name),
                ];
                let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).join(" | "));
            }
        }
        page
    }

    /// The type of a value, with links to what is an object.
    fn kind(&self, schema: &Schema, value: &Value) -> String {
        if let Some(name) = reference(value) {
            if let Some(section) = self.sections.iter().find(|section| section.schema == name) {
                let words = schema.words(value).into_iter().map(|(word, _)| format!("`{word}`"));
                return words.chain([section.link()]).collect::<Vec<_>>().join(" or ");
            }
            return self.kind(schema, schema.resolve(value));
        }
        if let Some(section) = self.sections.iter().find(|section| schema.at(&section.schema) == Some(value)) {
            return section.link();
        }
        let choices = choices(value).filter(|choice| choice["type"] != "null");
        let mut kinds: Vec<String> = choices.map(|choice| self.kind(schema, choice)).collect();
        if kinds.is_empty() {
            kinds = vec![self.plain_kind(schema, value)];
        }
        kinds.dedup();
        kinds.join(" or ")
    }

    fn plain_kind(&self, schema: &Schema, value: &Value) -> String {
        if let Some(word) = value["const"].as_str() {
            return format!("`{word}`");
        }
        if let Some(words) = value["enum"].as_array() {
            return words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        }
        let types = value["type"].as_array().map_or_else(|| vec![&value["type"]], |types| types.iter().collect());
        match types.into_iter().filter_map(Value::as_str).find(|kind| *kind != "null") {
            Some("string") => "text".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("integer") => "number".to_owned(),
            Some("array") => format!("list of {}", self.kind(schema, &value["items"])),
            Some("object") if value["additionalProperties"].is_object() => {
                format!("map to {}", self.kind(schema, &value["additionalProperties"]))
            }
            _ => "any".to_owned(),
        }
    }
}

impl Section {
    fn link(&self) -> String {
        let within = self.title.strip_prefix('A').filter(|rest| rest.starts_with([' ', 'n'])).map(|rest| format!("a{rest}"));
        format!("[{}](#{})", within.as_ref().unwrap_or(&self.title), self.title.to_lowercase().replace(' ', "-"))
    }

    fn default_of(&self, field: &Field) -> String {
        let told = self.defaults.get(&field.name).cloned();
        let default = told.or_else(|| field.schema.get("default").filter(|value| !value.is_null()).map(plain));
        match default {
            _ if field.required => "required".to_owned(),
            Some(default) => format!("`{default}`"),
            None if field.schema["type"] == "boolean" => "`false`".to_owned(),
            None => "–".to_owned(),
        }
    }
}

/// The JSON Schema of policy files.
pub struct Schema(Value);

impl Schema {
    /// Of policies with the schemes that are built in.
    pub fn of_policies() -> Self {
        Self(PolicyLoader::new().schema())
    }

    /// Every object of the schema by its place.
    pub fn objects(&self) -> Vec<String> {
        let mut places = Vec::new();
        let definitions = self.0["$defs"].as_object();
        let names = definitions.into_iter().flat_map(|definitions| definitions.keys().map(String::as_str));
        for name in std::iter::once(ROOT).chain(names) {
            self.collect(name, &mut places);
        }
        places
    }

    fn collect(&self, place: &str, places: &mut Vec<String>) {
        let fields = self.fields(place);
        if !fields.is_empty() {
            places.push(place.to_owned());
        }
        for field in fields.iter().filter(|field| reference(&field.schema).is_none()) {
            self.collect(&format!("{place}.{}", field.name), places);
        }
    }

    /// The fields of an object; of a choice between objects, those of all of them.
    ///
    /// # Panics
    ///
    /// If there is no such place.
    pub fn fields(&self, place: &str) -> Vec<Field> {
        let object = self.at(place).unwrap_or_else(|| panic!("the schema has no {place}"));
        let mut fields: Vec<Field> = Vec::new();
        for choice in std::iter::once(object).chain(choices(object)) {
            let alone = std::ptr::eq(choice, object);
            let properties = choice["properties"].as_object();
            let tag = properties.into_iter().flatten().find_map(|(_, schema)| schema["const"].as_str().filter(|_| !alone));
            for (name, schema) in properties.into_iter().flatten() {
                let is_tag = tag.is_some() && schema["const"].as_str() == tag;
                let required = choice["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name));
                let field = Field {
                    name: name.clone(),
                    required: required && (alone || is_tag),
                    schema: schema.clone(),
                    meaning: choice["description"].as_str().filter(|_| !alone && (tag.is_none() || is_tag)).unwrap_or_default().to_owned(),
                    with: tag.filter(|_| !is_tag).map(str::to_owned).into_iter().collect(),
                };
                match fields.iter_mut().find(|known| known.name == *name) {
                    Some(known) => known.extend(&field),
                    None => fields.push(field),
                }
            }
        }
        fields
    }

    fn at(&self, place: &str) -> Option<&Value> {
        let mut names = place.split('.');
        let name = names.next()?;
        let start = if name == ROOT { &self.0 } else { self.0["$defs"].get(name)? };
        names.try_fold(start, |object, name| {
            let found = std::iter::once(object).chain(choices(object)).find_map(|choice| choice["properties"].get(name))?;
            Some(found)
        })
    }

    fn description(&self, place: &str) -> String {
        self.at(place).and_then(|object| object["description"].as_str()).unwrap_or_default().replace('\n', " ")
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        reference(value).map_or(value, |name| &self.0["$defs"][name])
    }

    /// The words that a value may be, each with its meaning.
    fn words<'a>(&'a self, value: &'a Value) -> Vec<(&'a str, &'a str)> {
        let value = self.resolve(value);
        let of = |choice: &'a Value| Some((choice["const"].as_str()?, choice["description"].as_str().unwrap_or_default()));
        std::iter::once(value)
            .chain(choices(value))
            .flat_map(|choice| match reference(choice) {
                Some(_) => self.words(choice),
                None => of(choice).into_iter().collect(),
            })
            .collect()
    }

    /// What a field means, with the meaning of each word that may stand there.
    fn meaning(&self, field: &Field) -> String {
        let with = match field.with.as_slice() {
            [] => String::new(),
            with => format!("With {}:", with.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
        };
        let own = field.schema["description"].as_str().unwrap_or_default();
        let mut sentences: Vec<String> =
            [with.as_str(), field.meaning.as_str(), own].into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let words = self.words(&field.schema).into_iter().filter(|(_, meaning)| !meaning.is_empty());
        sentences.extend(words.map(|(word, meaning)| format!("`{word}`: {meaning}")));
        sentences.join(" ")
    }
}

impl Field {
    /// The same field of another choice.
    fn extend(&mut self, other: &Self) {
        self.with.extend(other.with.iter().cloned());
        if other.schema["const"].is_null() {
            return;
        }
        let first = || vec![told(&self.schema, &self.meaning)];
        let mut words = self.schema["oneOf"].as_array().cloned().unwrap_or_else(first);
        words.push(told(&other.schema, &other.meaning));
        self.schema = serde_json::json!({"oneOf": words});
        self.meaning.clear();
    }
}

/// The name of the file itself in the schema.
const ROOT: &str = "PolicyDocument";

fn told(word: &Value, meaning: &str) -> Value {
    serde_json::json!({"const": word["const"], "description": meaning})
}

fn choices(value: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|kind| value[kind].as_array()).flatten()
}

/// The definition that a value refers to, alone or where it is there.
fn reference(value: &Value) -> Option<&str> {
    let named = |value: &Value| value["$ref"].as_str().and_then(|to| to.strip_prefix("#/$defs/")).map(str::len);
    let direct = value["$ref"].as_str();
    let optional = || choices(value).filter(|choice| choice["type"] != "null").collect::<Vec<_>>();
    let to = direct.or_else(|| match optional().as_slice() {
        [one] if named(one).is_some() => one["$ref"].as_str(),
        _ => None,
    })?;
    to.strip_prefix("#/$defs/")
}

/// The name of the file whose text an example is.
fn named_text(example: &str) -> Option<&str> {
    example.strip_prefix("{{")?.strip_suffix("}}")
}

fn text_of(name: &str) -> Result<String, String> {
    let (_, fixture) = MATERIAL.iter().find(|(known, _)| *known == name).ok_or(format!("nothing is called {name}"))?;
    fs::read_to_string(repository().join("tests/fixtures").join(fixture)).map_err(|error| format!("{fixture}: {error}"))
}

/// An example as the page has it: of a text, how it begins.
fn shown(example: &str) -> String {
    let Some(name) = named_text(example) else { return example.to_owned() };
    let text = text_of(name).unwrap_or_default();
    let begin: String = text.lines().next().unwrap_or_default().chars().take(40).collect();
    format!("\"{begin}…\"")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn yaml(text: &str) -> Result<Value, String> {
    Document::parse(text).map(|document| document.value().clone()).map_err(|error| format!("`{text}`: {error}"))
}

fn leave_out_unused(policy: &mut Value) {
    for section in ["trust", "stores"] {
        let rules = policy["rules"].to_string();
        let used = |name: &String| rules.contains(&format!("\"{name}\""));
        if let Some(names) = policy[section].as_object_mut() {
            names.retain(|name, _| used(name));
        }
    }
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    if let Some(object) = policy.as_object_mut() {
        object.retain(|name, value| !(["trust", "stores"].contains(&name.as_str()) && empty(value)));
    }
}
