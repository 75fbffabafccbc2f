//! What every operation of the OpenAPI document has in common.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

fn error(description: &str) -> RefOr<Response> {
    RefOr::T(
        ResponseBuilder::new()
            .description(description)
            .content(
                "application/json",
                Content::new(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody")))),
            )
            .build(),
    )
}

/// Adds the answers that do not depend on what an operation does.
pub(crate) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let health = !path.starts_with("/api");
        for operation in [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ]
        .into_iter()
        .flatten()
        {
            if !health {
                common(operation);
            }
        }
    }
}

fn common(operation: &mut Operation) {
    let mut add = |status: &str, description: &str| {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| error(description));
    };
    // Whoever has a key may have a session instead.
    if let Some(security) = &mut operation.security {
        security.push(SecurityRequirement::new("session", Vec::<String>::new()));
        add(
            "403",
            "The role may not do this, or a session is used from another page",
        );
    }
    if operation.request_body.is_some() {
        add("408", "The body was not there in time");
    }
    add("429", "Too many wrong keys came from this address");
    add("503", "There is too much underway; try again");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn operations_have_names_of_their_own_and_links_lead_somewhere() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let mut names = BTreeSet::new();
        let mut linked = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap().to_owned();
                assert!(
                    names.insert(name.clone()),
                    "{method} {path}: `{name}` twice"
                );
                for response in operation["responses"].as_object().unwrap().values() {
                    for link in response["links"].as_object().into_iter().flatten() {
                        linked.push(link.1["operationId"].as_str().unwrap().to_owned());
                    }
                }
                if path.starts_with("/api") {
                    assert!(!operation["responses"]["429"].is_null(), "{method} {path}");
                }
            }
        }
        assert!(linked.len() >= 5, "{linked:?}");
        for name in linked {
            assert!(names.contains(&name), "`{name}` is linked and not there");
        }
    }
}
