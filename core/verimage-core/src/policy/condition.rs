//! Conditions over predicates.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::document::{ConditionDocument, Operator};
use super::{Pattern, PolicyError};

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 8;
/// How many entries a list of conditions may have.
const MAX_CHILDREN: usize = 64;

/// A condition that is ready to judge. What is not there, or of another type, fulfils nothing.
#[derive(Clone, Debug)]
pub struct Condition(Node);

#[derive(Clone, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Value {
        path: String,
        test: Test,
    },
    /// The verified time of signing is not older than this.
    SignedWithin(SignedDuration),
}

#[derive(Clone, Debug)]
enum Test {
    Eq(Value),
    Ne(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Order { below: bool, equal: bool, bound: Value },
    Matches(Pattern),
    Exists,
    MaxAge(SignedDuration),
}

impl Condition {
    pub(super) fn read(document: &ConditionDocument, pointer: &str) -> Result<Self, PolicyError> {
        node(document, pointer, 0).map(Self)
    }

    /// Whether the predicate of a verified statement fulfils the condition. `signed_at` is the earliest verified time of
    /// signing, if there is one.
    ///
    /// # Errors
    /// The first condition that it does not fulfil, in words.
    pub fn check(&self, predicate: &Value, signed_at: Option<Timestamp>, now: Timestamp) -> Result<(), String> {
        self.0.check(&Judged { predicate, signed_at, now })
    }
}

struct Judged<'a> {
    predicate: &'a Value,
    signed_at: Option<Timestamp>,
    now: Timestamp,
}

impl Node {
    fn check(&self, judged: &Judged<'_>) -> Result<(), String> {
        match self {
            Self::All(children) => children.iter().try_for_each(|child| child.check(judged)),
            Self::Any(children) => {
                let failures: Vec<String> = children.iter().map_while(|child| child.check(judged).err()).collect();
                if failures.len() < children.len() { Ok(()) } else { Err(format!("none of: {}", failures.join("; "))) }
            }
            Self::SignedWithin(age) => match judged.signed_at {
                None => Err("no verified time of signing".to_owned()),
                Some(time) => within(time, *age, judged.now, "the time of signing"),
            },
            Self::Value { path, test } => match judged.predicate.pointer(path) {
                None => Err(format!("`{path}` is not there")),
                Some(value) => test.check(path, value, judged.now),
            },
        }
    }
}

impl Test {
    fn check(&self, path: &str, value: &Value, now: Timestamp) -> Result<(), String> {
        let holds = match self {
            Self::Eq(wanted) => same(value, wanted),
            Self::Ne(unwanted) => !same(value, unwanted),
            Self::In(list) => list.iter().any(|wanted| same(value, wanted)),
            Self::NotIn(list) => !list.iter().any(|unwanted| same(value, unwanted)),
            Self::Order { below, equal, bound } => ordered(value, bound).is_some_and(|order| match order {
                std::cmp::Ordering::Equal => *equal,
                order => order.is_lt() == *below,
            }),
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
            Self::Exists => true,
            Self::MaxAge(age) => {
                let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
                return time.ok_or_else(|| format!("`{path}` is no time")).and_then(|time| within(time, *age, now, path));
            }
        };
        if holds { Ok(()) } else { Err(format!("`{path}` is {}, which does not fit", brief(value))) }
    }
}

/// Neither older than `age` nor in the future.
fn within(time: Timestamp, age: SignedDuration, now: Timestamp, what: &str) -> Result<(), String> {
    let found = now.duration_since(time);
    if found > age || found.is_negative() { Err(format!("`{what}` is {time}, which does not fit")) } else { Ok(()) }
}

/// JSON equality, in which 1 and 1.0 are one number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => ordered(one, other) == Some(std::cmp::Ordering::Equal),
        (Value::Array(one), Value::Array(other)) => one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other)),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

/// The order of two numbers, or of two times.
fn ordered(one: &Value, other: &Value) -> Option<std::cmp::Ordering> {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.parse::<Timestamp>().ok()?.cmp(&b.parse().ok()?)),
        _ => None,
    }
}

/// A value for a message, not longer than a line.
fn brief(value: &Value) -> String {
    let text: String = value.to_string().chars().take(120).collect();
    text.escape_debug().to_string().replace("\\\"", "\"")
}

fn node(document: &ConditionDocument, pointer: &str, depth: usize) -> Result<Node, PolicyError> {
    if depth > MAX_DEPTH {
        return Err(PolicyError::invalid(pointer, format!("conditions are nested more than {MAX_DEPTH} deep")));
    }
    let ConditionDocument { all, any, path, op, value } = document;
    match (all, any, op) {
        (Some(children), None, None) if path.is_none() && value.is_none() => {
            Ok(Node::All(nodes(children, &format!("{pointer}/all"), depth)?))
        }
        (None, Some(children), None) if path.is_none() && value.is_none() => {
            Ok(Node::Any(nodes(children, &format!("{pointer}/any"), depth)?))
        }
        (None, None, Some(op)) => leaf(path.as_deref(), *op, value.as_ref(), pointer),
        _ => Err(PolicyError::invalid(pointer, "a condition has exactly one of `all`, `any` and `op`")),
    }
}

fn nodes(documents: &[ConditionDocument], pointer: &str, depth: usize) -> Result<Vec<Node>, PolicyError> {
    if !(1..=MAX_CHILDREN).contains(&documents.len()) {
        return Err(PolicyError::invalid(pointer, format!("a list of 1 to {MAX_CHILDREN} conditions is needed here")));
    }
    documents.iter().enumerate().map(|(index, document)| node(document, &format!("{pointer}/{index}"), depth.saturating_add(1))).collect()
}

fn leaf(path: Option<&str>, op: Operator, value: Option<&Value>, pointer: &str) -> Result<Node, PolicyError> {
    let fault = |field: &str, message: &str| PolicyError::invalid(format!("{pointer}{field}"), message);
    let Some(path) = path else {
        return match op {
            Operator::MaxAge => duration(value, pointer).map(Node::SignedWithin),
            _ => Err(fault("", "`path` says which value of the predicate is compared")),
        };
    };
    if !path.is_empty() && !path.starts_with('/') {
        return Err(fault("/path", "a JSON pointer begins with `/`, as `/builder/id`"));
    }
    test(op, value, pointer).map(|test| Node::Value { path: path.to_owned(), test })
}

fn test(op: Operator, value: Option<&Value>, pointer: &str) -> Result<Test, PolicyError> {
    let fault = |message: String| PolicyError::invalid(format!("{pointer}/value"), message);
    if op == Operator::Exists {
        return if value.is_none() { Ok(Test::Exists) } else { Err(fault("`exists` compares with nothing".to_owned())) };
    }
    let value = value.ok_or_else(|| PolicyError::invalid(pointer, "`value` is missing"))?;
    let list = || match value.as_array() {
        Some(list) if !list.is_empty() => Ok(list.clone()),
        _ => Err(fault("a list of at least one value is needed here".to_owned())),
    };
    let order = |below, equal| match ordered(value, value) {
        Some(_) => Ok(Test::Order { below, equal, bound: value.clone() }),
        None => Err(fault("a number or a time of RFC 3339 is needed here".to_owned())),
    };
    match op {
        Operator::Eq => Ok(Test::Eq(value.clone())),
        Operator::Ne => Ok(Test::Ne(value.clone())),
        Operator::In => list().map(Test::In),
        Operator::NotIn => list().map(Test::NotIn),
        Operator::Lt => order(true, false),
        Operator::Le => order(true, true),
        Operator::Gt => order(false, false),
        Operator::Ge => order(false, true),
        Operator::Matches => {
            let text = value.as_str().ok_or_else(|| fault("a regular expression is needed here".to_owned()))?;
            Pattern::regex(text).map(Test::Matches).map_err(|reason| fault(format!("the regular expression: {reason}")))
        }
        Operator::MaxAge => duration(Some(value), pointer).map(Test::MaxAge),
        Operator::Exists => Ok(Test::Exists),
    }
}

fn duration(value: Option<&Value>, pointer: &str) -> Result<SignedDuration, PolicyError> {
    let parsed = value.and_then(Value::as_str).and_then(|text| text.parse::<SignedDuration>().ok());
    parsed
        .filter(SignedDuration::is_positive)
        .ok_or_else(|| PolicyError::invalid(format!("{pointer}/value"), "a duration such as `72h` or `30m` is needed here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(document: Value) -> Result<Condition, PolicyError> {
        Condition::read(&serde_json::from_value(document).unwrap(), "/c")
    }

    fn holds(document: Value) -> bool {
        let predicate = json!({"builder": {"id": "https://b.example/1"}, "count": 3, "ratio": 0.5, "at": "2026-01-01T00:00:00Z",
            "list": [1, {"a": 2.0}], "odd~/key": true, "none": null});
        let now = "2026-01-03T00:00:00Z".parse().unwrap();
        read(document).unwrap().check(&predicate, Some("2026-01-02T00:00:00Z".parse().unwrap()), now).is_ok()
    }

    #[test]
    fn each_operator_tells_right_from_wrong() {
        for (path, op, right, wrong) in [
            ("/count", "eq", json!(3.0), json!("3")),
            ("/list", "eq", json!([1, {"a": 2}]), json!([{"a": 2}, 1])),
            ("/count", "ne", json!("3"), json!(3)),
            ("/builder/id", "in", json!(["x", "https://b.example/1"]), json!(["https://b.example/"])),
            ("/builder/id", "notIn", json!(["x"]), json!(["https://b.example/1"])),
            ("/count", "lt", json!(3.5), json!(3)),
            ("/count", "le", json!(3), json!(2)),
            ("/ratio", "gt", json!(0), json!(0.5)),
            ("/count", "ge", json!(3), json!(4)),
            ("/at", "lt", json!("2026-01-01T01:00:00+00:30"), json!("2025-12-31T23:59:59Z")),
            ("/builder/id", "matches", json!("https://b\\.example/[0-9]"), json!("https://b\\.example/")),
            ("/odd~0~1key", "eq", json!(true), json!(false)),
            ("/at", "maxAge", json!("49h"), json!("47h")),
        ] {
            assert!(holds(json!({"path": path, "op": op, "value": right})), "{path} {op} {right}");
            assert!(!holds(json!({"path": path, "op": op, "value": wrong})), "{path} {op} {wrong}");
        }
        assert!(holds(json!({"path": "/none", "op": "exists"})) && !holds(json!({"path": "/nothing", "op": "exists"})));
        assert!(holds(json!({"op": "maxAge", "value": "25h"})) && !holds(json!({"op": "maxAge", "value": "23h"})));
    }

    #[test]
    fn what_is_not_there_or_of_another_type_fulfils_nothing() {
        for (op, value) in
            [("eq", json!(1)), ("ne", json!(1)), ("in", json!([1])), ("notIn", json!([1])), ("lt", json!(1)), ("ge", json!(1))]
        {
            assert!(!holds(json!({"path": "/nothing", "op": op, "value": value})), "{op}");
        }
        assert!(!holds(json!({"path": "/builder", "op": "matches", "value": ".*"})));
        assert!(
            !holds(json!({"path": "/builder/id", "op": "gt", "value": 0}))
                && !holds(json!({"path": "/count", "op": "maxAge", "value": "1h"}))
        );
    }

    #[test]
    fn lists_join_conditions() {
        let (yes, no) = (json!({"path": "/count", "op": "eq", "value": 3}), json!({"path": "/count", "op": "eq", "value": 4}));
        assert!(holds(json!({"all": [yes, yes]})) && !holds(json!({"all": [yes, no]})));
        assert!(holds(json!({"any": [no, yes]})) && !holds(json!({"any": [no, no]})));
    }

    #[test]
    fn a_time_in_the_future_has_no_age() {
        let condition = read(json!({"op": "maxAge", "value": "1h"})).unwrap();
        let (now, later) = ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T00:00:01Z".parse().unwrap());
        assert!(condition.check(&json!({}), Some(now), now).is_ok() && condition.check(&json!({}), Some(later), now).is_err());
        assert!(condition.check(&json!({}), None, now).is_err());
    }

    #[test]
    fn refuses_conditions_without_meaning() {
        for (document, pointer) in [
            (json!({}), "/c"),
            (json!({"all": []}), "/c/all"),
            (json!({"all": [{"any": []}]}), "/c/all/0/any"),
            (json!({"all": [{"path": "/a", "op": "exists"}], "path": "/b"}), "/c"),
            (json!({"path": "a", "op": "exists"}), "/c/path"),
            (json!({"op": "exists"}), "/c"),
            (json!({"path": "/a", "op": "exists", "value": 1}), "/c/value"),
            (json!({"path": "/a", "op": "eq"}), "/c"),
            (json!({"path": "/a", "op": "in", "value": []}), "/c/value"),
            (json!({"path": "/a", "op": "lt", "value": "soon"}), "/c/value"),
            (json!({"path": "/a", "op": "matches", "value": "("}), "/c/value"),
            (json!({"path": "/a", "op": "maxAge", "value": "-1h"}), "/c/value"),
        ] {
            assert_eq!(read(document.clone()).unwrap_err().pointer, pointer, "{document}");
        }
        let nested = (0..10).fold(json!({"path": "/a", "op": "exists"}), |inner, _| json!({"all": [inner]}));
        assert!(read(nested).is_err());
    }
}
