//! What an ID token says, once it is believed (`OpenID` Connect Core 1.0, section 3.1.3.7).

use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::jose::{Keys, TokenError, Unverified, to_base64url};

/// How far the clocks of the provider and of this machine may be apart, in seconds.
const LEEWAY_S: i64 = 60;
/// How long before it comes a token may have been made, in seconds.
const AGE_S: i64 = 600;
/// Groups of one person that are looked at.
const GROUPS_MAX: usize = 2_000;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    /// The access token that came with it.
    pub(crate) access_token: Option<&'a str>,
    /// Seconds since 1970.
    pub(crate) now_s: i64,
}

/// What is known of a person, by a provider that is believed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claims {
    pub(crate) subject: String,
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Standard {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: String,
    at_hash: Option<String>,
}

fn same(a: &str, b: &str) -> bool {
    bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

/// A time of a token, in whole seconds; one that is no number of this age is none.
#[expect(
    clippy::cast_possible_truncation,
    reason = "between 0 and 2^53 after the check"
)]
fn seconds(name: &'static str, time: f64) -> Result<i64, TokenError> {
    if (0.0..9_007_199_254_740_992.0).contains(&time) {
        Ok(time as i64)
    } else {
        Err(TokenError::Claim(name, "is no time"))
    }
}

/// Believes a token, or does not.
///
/// # Errors
/// Why not.
pub(crate) fn verify(
    token: &Unverified<'_>,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<Claims, TokenError> {
    let payload = token.verify(keys)?;
    let standard: Standard = serde_json::from_slice(payload).map_err(|_| {
        TokenError::Form("it lacks `iss`, `sub`, `aud`, `exp`, `iat` or `nonce`, or has one twice")
    })?;
    if standard.iss != expected.issuer {
        return Err(TokenError::Claim("iss", "is another provider"));
    }
    let audience = match standard.aud {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    };
    if !audience.iter().any(|name| name == expected.client_id) {
        return Err(TokenError::Claim("aud", "is another program"));
    }
    match &standard.azp {
        Some(azp) if azp != expected.client_id => {
            return Err(TokenError::Claim("azp", "is another program"));
        }
        None if audience.len() > 1 => {
            return Err(TokenError::Claim(
                "azp",
                "is missing, with several in `aud`",
            ));
        }
        _ => {}
    }
    let now = expected.now_s;
    let issued = seconds("iat", standard.iat)?;
    if seconds("exp", standard.exp)? <= now - LEEWAY_S {
        return Err(TokenError::Claim("exp", "is over"));
    }
    if issued > now + LEEWAY_S {
        return Err(TokenError::Claim("iat", "is to come"));
    }
    if issued < now - AGE_S - LEEWAY_S {
        return Err(TokenError::Claim("iat", "is too long ago"));
    }
    if let Some(from) = standard.nbf
        && seconds("nbf", from)? > now + LEEWAY_S
    {
        return Err(TokenError::Claim("nbf", "is to come"));
    }
    if !same(&standard.nonce, expected.nonce) {
        return Err(TokenError::Claim("nonce", "is of another sign-in"));
    }
    if let (Some(at_hash), Some(access_token)) = (&standard.at_hash, expected.access_token) {
        let hash = token.algorithm().hash(access_token.as_bytes());
        if !same(at_hash, &to_base64url(&hash[..hash.len() / 2])) {
            return Err(TokenError::Claim("at_hash", "is of another access token"));
        }
    }
    let rest: Map<String, Value> = serde_json::from_slice(payload)
        .map_err(|_| TokenError::Form("what it says is no JSON object"))?;
    Claims::new(standard.sub, rest)
}

impl Claims {
    fn new(subject: String, rest: Map<String, Value>) -> Result<Self, TokenError> {
        let max = interlock_store::identity::SUBJECT_BYTES_MAX;
        if subject.is_empty() || subject.len() > max {
            return Err(TokenError::Claim("sub", "is empty or too long"));
        }
        Ok(Self { subject, rest })
    }

    /// Whether a claim is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.rest.contains_key(name)
    }

    /// Adds what the provider's userinfo says of the same person; what the token says stays.
    ///
    /// # Errors
    /// When it is of another person (`OpenID` Connect Core 1.0, section 5.3.2).
    pub(crate) fn add(&mut self, userinfo: &[u8]) -> Result<(), TokenError> {
        let more: Map<String, Value> = serde_json::from_slice(userinfo)
            .map_err(|_| TokenError::Form("the provider's userinfo is no JSON object"))?;
        if more.get("sub").and_then(Value::as_str) != Some(&self.subject) {
            return Err(TokenError::Claim("sub", "is not the one of the userinfo"));
        }
        // An address is believed with what the same answer says of it alone.
        let address = ["email", "email_verified"];
        if !address.iter().all(|name| self.has(name)) {
            for name in address {
                self.rest.remove(name);
            }
        }
        let known = self.has("email");
        for (name, value) in more {
            if !(known && address.contains(&name.as_str())) {
                self.rest.entry(name).or_insert(value);
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.rest.get(name).and_then(Value::as_str)
    }

    /// The address of which the provider says that it is the person's, in lower case.
    pub(crate) fn verified_email(&self) -> Option<String> {
        (self.rest.get("email_verified") == Some(&Value::Bool(true)))
            .then(|| self.text("email"))
            .flatten()
            .map(|email| email.trim().to_ascii_lowercase())
            .filter(|email| email.split('@').count() == 2)
    }

    /// The person's name as people write it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.text("name").map(str::trim).filter(|n| !n.is_empty())
    }

    /// The person's groups: a list of texts, or one text.
    pub(crate) fn groups(&self, claim: &str) -> Vec<&str> {
        match self.rest.get(claim) {
            Some(Value::Array(all)) => all
                .iter()
                .take(GROUPS_MAX)
                .filter_map(Value::as_str)
                .collect(),
            Some(Value::String(one)) => vec![one],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
