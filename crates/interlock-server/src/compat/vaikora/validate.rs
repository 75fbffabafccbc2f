//! `/api/v1/validate`: the quality of data before a model sees it. Personal data is found by the
//! detectors; gaps, duplicates, mixed types and outliers by counting. Nothing judges toxicity:
//! an answer says so in `unchecked` where it was asked for.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use axum::Json;
use interlock_core::privacy::{Strategy, mask_text, mask_value};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Body, Client};
use crate::auth::Permission;
use crate::error::ApiError;

/// Items of one batch.
const ITEMS_MAX: usize = 100;
/// Findings that are listed; all are counted.
const LISTED_MAX: usize = 1_000;
/// How deep data is looked into.
const DEPTH_MAX: usize = 32;
/// Values that a field must have before one of them can be an outlier.
const OUTLIER_VALUES_MIN: usize = 8;
/// Tukey's inner fences, in interquartile ranges (Exploratory Data Analysis, 1977).
const FENCE: f64 = 1.5;

fn yes() -> bool {
    true
}

fn tenth() -> f64 {
    0.1
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Checks {
    #[serde(default = "yes")]
    check_pii: bool,
    #[serde(default = "yes")]
    check_anomalies: bool,
    #[serde(default = "yes")]
    check_toxicity: bool,
    #[serde(default)]
    auto_clean: bool,
    #[serde(default = "tenth")]
    anomaly_threshold: f64,
    #[serde(default)]
    strict_mode: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Request {
    data: Value,
    #[serde(flatten)]
    checks: Checks,
}

#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    items: Vec<Request>,
    #[serde(default)]
    fail_fast: bool,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    pii: Vec<Value>,
    pii_count: usize,
    anomalies: Vec<Value>,
    anomaly_count: usize,
    /// Records in which something was found.
    touched: HashSet<usize>,
}

impl Found {
    fn anomaly(
        &mut self,
        kind: &str,
        field: Option<&str>,
        record: Option<usize>,
        severity: f64,
        what: String,
    ) {
        self.anomaly_count += 1;
        self.touched.extend(record);
        if self.anomalies.len() < LISTED_MAX {
            self.anomalies.push(json!({
                "anomaly_type": kind,
                "field": field,
                "description": what,
                "severity": severity,
                "record_index": record,
            }));
        }
    }

    /// The personal data in every text below `value`.
    fn personal(&mut self, value: &Value, path: &str, record: usize, depth: usize) {
        match value {
            Value::String(text) => {
                for found in mask_text(text, Strategy::Partial).matches {
                    self.pii_count += 1;
                    self.touched.insert(record);
                    if self.pii.len() >= LISTED_MAX {
                        continue;
                    }
                    let matched = text.get(found.start..found.end).unwrap_or_default();
                    let chars = |to: usize| text.get(..to).map_or(0, |t| t.chars().count());
                    self.pii.push(json!({
                        "pii_type": type_of(found.kind.name),
                        "kind": found.kind.name,
                        "field": path,
                        "value_preview": mask_value(found.kind, matched, Strategy::Partial),
                        "confidence": f64::from(found.confidence) / 100.0,
                        "start_pos": chars(found.start),
                        "end_pos": chars(found.end),
                    }));
                }
            }
            Value::Array(items) if depth < DEPTH_MAX => {
                for (index, item) in items.iter().enumerate() {
                    self.personal(item, &format!("{path}[{index}]"), record, depth + 1);
                }
            }
            Value::Object(fields) if depth < DEPTH_MAX => {
                for (name, item) in fields {
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    self.personal(item, &path, record, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// What is odd about records as a table.
    fn odd(&mut self, records: &[&Value], threshold: f64) {
        let mut seen = HashSet::new();
        let mut columns: BTreeMap<&str, Vec<(usize, &Value)>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            if records.len() > 1 && !seen.insert(record.to_string()) {
                let what = format!("record {index} is the same as an earlier one");
                self.anomaly("duplicate", None, Some(index), 0.3, what);
            }
            for (name, value) in record.as_object().into_iter().flatten() {
                columns.entry(name).or_default().push((index, value));
            }
        }
        for (name, values) in &columns {
            let (empty, full): (Vec<_>, Vec<_>) = values
                .iter()
                .partition(|(_, v)| v.is_null() || v.as_str() == Some(""));
            for (index, _) in empty {
                let what = format!("`{name}` is empty");
                self.anomaly("missing_value", Some(name), Some(index), 0.5, what);
            }
            self.mixed(name, &full, threshold);
            self.outliers(name, &full);
        }
        for (index, record) in records.iter().enumerate() {
            let Some(record) = record.as_object() else {
                continue;
            };
            for name in columns.keys().filter(|name| !record.contains_key(**name)) {
                let what = format!("`{name}` is absent");
                self.anomaly("missing_value", Some(name), Some(index), 0.5, what);
            }
        }
    }

    /// Values whose type few others of the field have.
    fn mixed(&mut self, name: &str, values: &[(usize, &Value)], threshold: f64) {
        let mut types: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, value) in values {
            types.entry(kind_of(value)).or_default().push(*index);
        }
        let Some(usual) = types
            .iter()
            .max_by_key(|(_, all)| all.len())
            .map(|(t, _)| *t)
        else {
            return;
        };
        for (kind, records) in types.iter().filter(|(kind, _)| **kind != usual) {
            if records.len() as f64 > threshold * values.len() as f64 {
                continue;
            }
            for index in records {
                let what = format!("`{name}` is {kind}, others are {usual}");
                self.anomaly("type_mismatch", Some(name), Some(*index), 0.6, what);
            }
        }
    }

    /// Numbers beyond Tukey's fences.
    fn outliers(&mut self, name: &str, values: &[(usize, &Value)]) {
        let numbers: Vec<(usize, f64)> = values
            .iter()
            .filter_map(|(index, value)| Some((*index, value.as_f64()?)))
            .collect();
        if numbers.len() < OUTLIER_VALUES_MIN {
            return;
        }
        let mut sorted: Vec<f64> = numbers.iter().map(|(_, n)| *n).collect();
        sorted.sort_by(f64::total_cmp);
        let quartile = |quarters: usize| sorted[(sorted.len() - 1) * quarters / 4];
        let (low, high) = (quartile(1), quartile(3));
        let reach = FENCE * (high - low);
        for (index, number) in numbers {
            if number < low - reach || number > high + reach {
                let what = format!("`{name}` is {number}, most are from {low} to {high}");
                self.anomaly("outlier", Some(name), Some(index), 0.7, what);
            }
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The nearest of the eight types that their model can hold; `kind` says which it is.
fn type_of(kind: &str) -> &'static str {
    match kind {
        "email" => "email",
        "phone" => "phone",
        "credit_card" => "credit_card",
        "ip_address" => "ip_address",
        "date_of_birth" => "date_of_birth",
        "postal_address" => "address",
        "person_name" => "name",
        // National numbers, accounts, secrets: what must be kept like a social security number.
        _ => "ssn",
    }
}

/// The data with what was found masked, and without the duplicates.
fn cleaned(data: &Value, depth: usize) -> Value {
    match data {
        Value::String(text) => json!(mask_text(text, Strategy::Partial).text),
        Value::Array(items) if depth < DEPTH_MAX => {
            let mut seen = HashSet::new();
            let unique = items
                .iter()
                .filter(|item| !item.is_object() || seen.insert(item.to_string()));
            unique.map(|item| cleaned(item, depth + 1)).collect()
        }
        Value::Object(fields) if depth < DEPTH_MAX => {
            let pairs = fields
                .iter()
                .map(|(name, value)| (name.clone(), cleaned(value, depth + 1)));
            Value::Object(pairs.collect())
        }
        other => other.clone(),
    }
}

fn validated(data: &Value, checks: Checks) -> Answer<Value> {
    if !(0.0..=1.0).contains(&checks.anomaly_threshold) {
        let message = "`anomaly_threshold` must be 0 to 1";
        return Err(ApiError::field("anomaly_threshold", "field.invalid", message).into());
    }
    let begun = Instant::now();
    let records: Vec<&Value> = match data {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let mut found = Found::default();
    if checks.check_pii {
        for (index, record) in records.iter().enumerate() {
            found.personal(record, "", index, 0);
        }
    }
    if checks.check_anomalies {
        found.odd(&records, checks.anomaly_threshold);
    }
    // The share of records in which nothing was found.
    let clean = records.len().saturating_sub(found.touched.len());
    let score = match records.len() {
        0 => 100.0,
        all => 100.0 * clean as f64 / all as f64,
    };
    let level = match score {
        s if s >= 90.0 => "excellent",
        s if s >= 75.0 => "good",
        s if s >= 50.0 => "fair",
        s if s >= 25.0 => "poor",
        _ => "critical",
    };
    let valid = if checks.strict_mode {
        found.pii_count == 0 && found.anomaly_count == 0
    } else {
        found.pii_count == 0 && score >= 50.0
    };
    let mut actions = Vec::new();
    let mut after = Value::Null;
    if checks.auto_clean {
        after = cleaned(data, 0);
        let masked = found.pii_count;
        if masked > 0 {
            actions.push(json!({
                "action": "mask_pii", "field": null, "records_affected": masked,
                "description": "personal data and secrets are masked",
            }));
        }
        let count = |v: &Value| v.as_array().map_or(0, Vec::len);
        let dropped = count(data).saturating_sub(count(&after));
        if dropped > 0 {
            actions.push(json!({
                "action": "drop_duplicates", "field": null, "records_affected": dropped,
                "description": "records that stood there before are left out",
            }));
        }
    }
    let unchecked: &[&str] = if checks.check_toxicity {
        &["toxicity"]
    } else {
        &[]
    };
    Ok(json!({
        "is_valid": valid,
        "quality_score": score,
        "quality_level": level,
        "total_records": records.len(),
        "pii_count": found.pii_count,
        "anomaly_count": found.anomaly_count,
        "toxicity_count": 0,
        "pii_detections": found.pii,
        "anomaly_detections": found.anomalies,
        "toxicity_detections": [],
        "cleaned_data": after,
        "cleaning_actions": actions,
        "processing_time_ms": begun.elapsed().as_secs_f64() * 1_000.0,
        "unchecked": unchecked,
    }))
}

/// Off the threads that serve requests: a body of the largest size takes a while.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(ApiError::internal(&error).into()),
    }
}

pub(super) async fn one(
    Client(caller): Client,
    Body(request): Body<Request>,
) -> Answer<Json<Value>> {
    caller.require(Permission::Check)?;
    Ok(Json(
        apart(move || validated(&request.data, request.checks)).await?,
    ))
}

pub(super) async fn batch(Client(caller): Client, Body(batch): Body<Batch>) -> Answer<Json<Value>> {
    caller.require(Permission::Check)?;
    if batch.items.len() > ITEMS_MAX {
        let message = format!(
            "`items` has {} of them, the limit is {ITEMS_MAX}",
            batch.items.len()
        );
        return Err(ApiError::field("items", "field.invalid", message).into());
    }
    let answer = apart(move || {
        let total = batch.items.len();
        let (mut results, mut passed, mut failed) = (Vec::new(), 0, 0);
        let mut sum = 0.0;
        for item in batch.items {
            let result = validated(&item.data, item.checks)?;
            sum += result["quality_score"].as_f64().unwrap_or(0.0);
            let valid = result["is_valid"] == true;
            results.push(result);
            if valid {
                passed += 1;
            } else {
                failed += 1;
                if batch.fail_fast {
                    break;
                }
            }
        }
        let looked = results.len().max(1) as f64;
        Ok(json!({
            "total": total,
            "passed": passed,
            "failed": failed,
            "results": results,
            "overall_quality_score": sum / looked,
        }))
    })
    .await?;
    Ok(Json(answer))
}

pub(super) async fn health(Client(caller): Client) -> Answer<Json<Value>> {
    caller.require(Permission::Check)?;
    Ok(Json(json!({
        "status": "healthy",
        "checks": ["pii", "anomalies"],
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(data: Value, options: Value) -> Value {
        let mut request = options;
        request["data"] = data;
        let request: Request = serde_json::from_value(request).unwrap();
        validated(&request.data, request.checks).unwrap()
    }

    #[test]
    fn personal_data_is_shown_masked() {
        let answer = checked(json!({"user": {"mail": "x ann@example.com"}}), json!({}));
        assert_eq!(answer["pii_count"], 1);
        assert_eq!(answer["is_valid"], false);
        let found = &answer["pii_detections"][0];
        assert_eq!(
            (&found["pii_type"], &found["field"]),
            (&json!("email"), &json!("user.mail"))
        );
        assert_eq!(
            (&found["start_pos"], &found["end_pos"]),
            (&json!(2), &json!(17))
        );
        assert!(!answer.to_string().contains("ann@example.com"), "{answer}");
        assert_eq!(answer["unchecked"], json!(["toxicity"]));
        let quiet = checked(
            json!("ann@example.com"),
            json!({"check_pii": false, "check_toxicity": false}),
        );
        assert_eq!(
            (&quiet["pii_count"], &quiet["is_valid"]),
            (&json!(0), &json!(true))
        );
        assert_eq!(quiet["unchecked"], json!([]));
    }

    #[test]
    fn a_table_is_looked_at_by_field() {
        let mut rows: Vec<Value> = (0..20)
            .map(|n| json!({"id": n, "age": 30 + n % 5}))
            .collect();
        rows.push(json!({"id": 20, "age": 400}));
        rows.push(json!({"id": "x", "age": 31}));
        rows.push(json!({"id": 22, "age": null}));
        rows.push(json!({"id": 23}));
        rows.push(rows[0].clone());
        let answer = checked(json!(rows), json!({}));
        let kinds: Vec<(&str, i64)> = answer["anomaly_detections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| {
                (
                    a["anomaly_type"].as_str().unwrap(),
                    a["record_index"].as_i64().unwrap(),
                )
            })
            .collect();
        for wanted in [
            ("outlier", 20),
            ("type_mismatch", 21),
            ("missing_value", 22),
            ("missing_value", 23),
            ("duplicate", 24),
        ] {
            assert!(kinds.contains(&wanted), "{wanted:?} in {kinds:?}");
        }
        assert_eq!(answer["anomaly_count"], 5);
        assert_eq!(
            (&answer["quality_score"], &answer["quality_level"]),
            (&json!(80.0), &json!("good"))
        );
        assert_eq!(answer["is_valid"], true);
        assert_eq!(
            checked(json!(rows), json!({"strict_mode": true}))["is_valid"],
            false
        );
        let clean = checked(json!(rows), json!({"auto_clean": true}));
        assert_eq!(clean["cleaned_data"].as_array().unwrap().len(), 24);
        assert_eq!(clean["cleaning_actions"][0]["action"], "drop_duplicates");
    }

    #[test]
    fn deep_and_empty_data() {
        let mut deep = json!("ann@example.com");
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert_eq!(checked(deep, json!({}))["pii_count"], 0);
        assert_eq!(checked(json!([]), json!({}))["quality_score"], 100.0);
        let wrong: Request =
            serde_json::from_value(json!({"data": 1, "anomaly_threshold": 2})).unwrap();
        assert!(validated(&wrong.data, wrong.checks).is_err());
    }
}
