//! The prefixes with which vendors mark their tokens.

/// What may follow a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// Letters and digits.
    Alnum,
    /// Letters.
    Alpha,
    /// Upper-case letters and digits.
    Upper,
    /// Hexadecimal digits.
    Hex,
    /// Hexadecimal digits and `_`.
    HexUnder,
    /// Letters, digits, `-`, `_`.
    Url,
    /// Letters, digits, `-`, `_`, `.`.
    Dotted,
    /// Letters, digits, `-`, `_`, `.`, `/`, `+`, `=`.
    Path,
}

impl Charset {
    pub(super) const fn has(self, b: u8) -> bool {
        match self {
            Self::Alnum => b.is_ascii_alphanumeric(),
            Self::Alpha => b.is_ascii_alphabetic(),
            Self::Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Self::Hex => b.is_ascii_hexdigit(),
            Self::HexUnder => b.is_ascii_hexdigit() || b == b'_',
            Self::Url => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'),
            Self::Dotted => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'),
            Self::Path => {
                b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'+' | b'=')
            }
        }
    }
}

/// What a token ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Anything.
    Any,
    /// These characters.
    With(&'static str),
    /// Anything, but it begins with at least so many decimal digits and a hyphen.
    Digits(usize),
    /// The CRC-32 of what stands before it behind the prefix, to the base 62, in six characters
    /// (GitHub, *Behind GitHub's new authentication token formats*, 2021; npm uses the same).
    Crc62,
}

/// A vendor's token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vendor {
    /// Whose it is.
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
    pub(super) charset: Charset,
    /// Least and most characters after the prefix.
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) end: End,
}

const fn vendor(
    name: &'static str,
    prefix: &'static str,
    charset: Charset,
    min: usize,
    max: usize,
    end: End,
) -> Vendor {
    Vendor {
        name,
        prefix,
        charset,
        min,
        max,
        end,
    }
}

macro_rules! vendors {
    ($($name:literal: $($prefix:literal $charset:ident $min:literal $max:literal $end:expr),+;)*) => {
        /// In the order of their vendors; as the vendors document them or their own scanners state them.
        pub(super) static VENDORS: &[Vendor] = &[$($(vendor($name, $prefix, Charset::$charset, $min, $max, $end)),+),*];
    };
}

use End::{Any, Crc62, Digits, With};

vendors! {
    "1Password": "ops_eyJ" Path 200 2000 Any, "A3-" Url 32 40 Any;
    "Adafruit": "aio_" Alnum 28 28 Any;
    "Adobe": "p8e-" Alnum 32 32 Any;
    "Airtable": "pat" Dotted 79 79 Any;
    "age": "AGE-SECRET-KEY-1" Upper 58 58 Any;
    "Alibaba Cloud": "LTAI" Alnum 16 26 Any;
    "Amazon Bedrock": "ABSK" Path 109 269 Any, "bedrock-api-key-" Path 60 800 Any;
    "Anthropic": "sk-ant-api03-" Url 95 95 With("AA"), "sk-ant-admin01-" Url 95 95 With("AA"), "sk-ant-oat01-" Url 80 120 Any,
        "sk-ant-sid01-" Url 80 140 Any;
    "Apify": "apify_api_" Alnum 36 40 Any;
    "Artifactory": "AKCp" Alnum 60 80 Any, "cmVmd" Alnum 59 59 Any;
    "Atlassian": "ATATT3" Path 150 250 Any, "ATCTT3" Path 150 250 Any, "ATTA" Alnum 72 76 Any;
    "Bitbucket": "ATBB" Alnum 32 32 Any;
    "Block Square": "EAAA" Url 56 66 Any, "sq0atp-" Url 22 22 Any, "sq0csp-" Url 43 43 Any, "sq0idp-" Url 22 22 Any;
    "Brevo": "xkeysib-" Url 81 81 Any, "xsmtpsib-" Url 81 81 Any;
    "Buildkite": "bkua_" Alnum 40 40 Any;
    "Cerebras": "csk-" Alnum 48 48 Any;
    "CircleCI": "CCIPAT_" Url 60 70 Any;
    "ClickHouse": "4b1d" Alnum 38 38 Any;
    "Clojars": "CLOJARS_" Alnum 60 60 Any;
    "Cloudflare": "v1.0-" Url 171 171 Any, "cfut_" Alnum 40 60 Any;
    "Context7": "ctx7sk-" Url 30 50 Any;
    "Contentful": "CFPAT-" Url 43 43 Any;
    "Databricks": "dapi" Hex 32 32 Any;
    "Defined Networking": "dnkey-" Url 70 90 Any;
    "Deno": "ddp_" Alnum 36 36 Any, "ddw_" Alnum 36 36 Any;
    "DigitalOcean": "dop_v1_" Hex 64 64 Any, "doo_v1_" Hex 64 64 Any, "dor_v1_" Hex 64 64 Any;
    "Docker": "dckr_pat_" Url 24 40 Any, "dckr_oat_" Url 32 40 Any;
    "Doppler": "dp.pt." Alnum 40 44 Any, "dp.st." Dotted 40 80 Any, "dp.ct." Alnum 40 44 Any, "dp.sa." Alnum 40 44 Any,
        "dp.scim." Alnum 40 44 Any, "dp.audit." Alnum 40 44 Any;
    "Dropbox": "sl." Url 130 152 Any;
    "Duffel": "duffel_test_" Url 43 43 Any, "duffel_live_" Url 43 43 Any;
    "Dynatrace": "dt0c01." Dotted 89 89 Any;
    "EasyPost": "EZAK" Alnum 54 54 Any, "EZTK" Alnum 54 54 Any;
    "Facebook": "EAAM" Alnum 100 400 Any, "EAAC" Alnum 100 400 Any;
    "Figma": "figd_" Url 36 60 Any, "figu_" Url 36 60 Any;
    "Fireworks": "fw_" Alnum 22 24 Any;
    "Flutterwave": "FLWSECK_TEST-" Url 12 36 Any, "FLWSECK-" Url 32 50 Any, "FLWPUBK_TEST-" Url 32 36 Any;
    "Fly.io": "fo1_" Url 43 43 Any, "fm1a_" Path 100 700 Any, "fm1r_" Path 100 700 Any, "fm2_" Path 100 700 Any;
    "Frame.io": "fio-u-" Url 64 64 Any;
    "GitHub": "ghp_" Alnum 36 36 Crc62, "gho_" Alnum 36 36 Crc62, "ghu_" Alnum 36 36 Crc62, "ghs_" Alnum 36 36 Crc62,
        "ghr_" Alnum 36 36 Crc62, "github_pat_" Url 40 90 Any;
    "GitLab": "glpat-" Dotted 20 310 Any, "gldt-" Url 20 64 Any, "glrt-" Dotted 20 310 Any, "glptt-" Hex 40 40 Any,
        "glft-" Url 20 64 Any, "glsoat-" Url 20 64 Any, "glimt-" Url 25 25 Any, "glagent-" Url 50 50 Any, "gloas-" Url 64 64 Any,
        "glcbt-" Url 20 64 Any, "glffct-" Url 20 64 Any, "GR1348941" Url 20 20 Any;
    "Google": "AIza" Url 35 35 Any, "ya29." Dotted 30 300 Any, "GOCSPX-" Url 28 28 Any;
    "Grafana": "glc_" Path 32 400 Any, "glsa_" Url 41 41 Any, "eyJrIjoi" Path 62 400 Any;
    "Groq": "gsk_" Alnum 48 56 Any;
    "Harness": "pat." Dotted 68 68 Any, "sat." Dotted 68 68 Any;
    "HashiCorp Vault": "hvs." Url 24 140 Any, "hvb." Url 90 300 Any, "s." Alnum 24 24 Any;
    "Heroku": "HRKU-" Url 36 70 Any;
    "Honeycomb": "hcaik_" Alnum 50 70 Any;
    "HubSpot": "pat-na1-" Url 36 36 Any, "pat-eu1-" Url 36 36 Any;
    "Hugging Face": "hf_" Alpha 34 34 Any, "hf_" Alnum 34 40 Any, "api_org_" Alnum 34 34 Any;
    "Infracost": "ico-" Alnum 32 32 Any;
    "Interlock": "ilk_" Alnum 24 64 Any;
    "Intra42": "s-s4t2ud-" Hex 64 64 Any, "s-s4t2af-" Hex 64 64 Any;
    "LangSmith": "lsv2_pt_" Url 40 50 Any, "lsv2_sk_" Url 40 50 Any;
    "LaunchDarkly": "sdk-" Url 36 36 Any, "mob-" Url 36 36 Any;
    "Linear": "lin_api_" Alnum 40 40 Any, "lin_oauth_" Alnum 40 64 Any;
    "Lob": "live_" Hex 35 35 Any, "test_" Hex 35 35 Any;
    "Mailgun": "key-" Hex 32 32 Any, "pubkey-" Hex 32 32 Any;
    "Mapbox": "sk.eyJ" Dotted 60 140 Any;
    "Neon": "napi_" Alnum 60 70 Any;
    "Netlify": "nfp_" Alnum 36 40 Any;
    "New Relic": "NRAK-" Alnum 27 27 Any, "NRII-" Url 32 32 Any, "NRJS-" Alnum 19 19 Any;
    "Notion": "ntn_" Alnum 43 48 Any, "secret_" Alnum 43 43 Any;
    "npm": "npm_" Alnum 36 36 Crc62;
    "NuGet": "oy2" Alnum 43 43 Any;
    "NVIDIA": "nvapi-" Url 60 70 Any;
    "Octopus Deploy": "API-" Upper 26 26 Any;
    "OpenAI": "sk-proj-" Url 30 200 Any, "sk-svcacct-" Url 30 200 Any, "sk-admin-" Url 30 200 Any, "sk-" Alnum 32 80 Any;
    "OpenRouter": "sk-or-v1-" Hex 40 80 Any;
    "OpenShift": "sha256~" Url 43 43 Any;
    "Perplexity": "pplx-" Alnum 48 56 Any;
    "Pinecone": "pcsk_" Url 60 80 Any;
    "Plaid": "access-sandbox-" Url 36 36 Any, "access-development-" Url 36 36 Any, "access-production-" Url 36 36 Any;
    "PlanetScale": "pscale_tkn_" Dotted 32 64 Any, "pscale_pw_" Dotted 32 64 Any, "pscale_oauth_" Dotted 32 64 Any;
    "PostHog": "phc_" Alnum 40 46 Any, "phx_" Alnum 40 50 Any;
    "Postman": "PMAK-" Url 59 59 Any;
    "Prefect": "pnu_" Alnum 36 36 Any;
    "Together AI": "tgp_v1_" Url 40 50 Any;
    "Pulumi": "pul-" Hex 40 40 Any;
    "PyPI": "pypi-AgEIcHlwaS5vcmc" Url 50 1000 Any, "pypi-AgENdGVzdC5weXBpLm9yZw" Url 50 1000 Any;
    "ReadMe": "rdme_" Alnum 70 70 Any;
    "Render": "rnd_" Alnum 28 36 Any;
    "Replicate": "r8_" Alnum 37 40 Any;
    "RubyGems": "rubygems_" Hex 48 48 Any;
    "Scalingo": "tk-us-" Url 48 48 Any;
    "SendGrid": "SG." Dotted 60 72 Any;
    "Sentry": "sntrys_" Path 50 400 Any, "sntryu_" Hex 64 64 Any;
    "SettleMint": "sm_aat_" Alnum 16 16 Any, "sm_pat_" Alnum 16 16 Any, "sm_sat_" Alnum 16 16 Any;
    "Shippo": "shippo_live_" Hex 40 40 Any, "shippo_test_" Hex 40 40 Any;
    "Shopify": "shpat_" Hex 32 32 Any, "shpss_" Hex 32 32 Any, "shpca_" Hex 32 32 Any, "shppa_" Hex 32 32 Any;
    "Slack": "xoxb-" Url 27 160 Digits(8), "xoxp-" Url 40 180 Digits(8), "xoxa-" Url 20 160 Any, "xoxo-" Url 40 180 Digits(8), "xoxr-" Url 20 180 Any,
        "xoxs-" Url 20 160 Any, "xoxe-" Url 100 220 Any, "xoxe.xox" Url 100 220 Any, "xapp-" Url 30 140 Any,
        "hooks.slack.com/services/" Path 40 90 Any, "hooks.slack.com/workflows/" Path 40 110 Any,
        "hooks.slack.com/triggers/" Path 40 110 Any;
    "SonarQube": "sqp_" Hex 40 40 Any, "squ_" Hex 40 40 Any, "sqa_" Hex 40 40 Any;
    "Sourcegraph": "sgp_local_" Hex 40 40 Any, "sgp_" Hex 40 40 Any, "sgp_" HexUnder 57 57 Any, "slk_" Hex 64 64 Any;
    "Stripe": "sk_live_" Alnum 10 120 Any, "sk_test_" Alnum 10 120 Any, "sk_prod_" Alnum 10 120 Any, "rk_live_" Alnum 10 120 Any,
        "rk_test_" Alnum 10 120 Any, "rk_prod_" Alnum 10 120 Any, "whsec_" Path 24 80 Any;
    "Supabase": "sbp_" Hex 40 40 Any, "sb_secret_" Url 30 50 Any;
    "Tailscale": "tskey-" Url 20 70 Any;
    "Twilio": "SK" Hex 32 32 Any, "AC" Hex 32 32 Any;
    "Typeform": "tfp_" Dotted 40 60 Any;
    "Vercel": "vercel_" Alnum 24 40 Any, "vcp_" Alnum 56 60 Any;
    "xAI": "xai-" Alnum 70 90 Any;
    "Yandex": "t1." Dotted 90 400 Any, "AQVN" Url 35 38 Any, "YC" Url 38 38 Any;
    "ElevenLabs": "sk_" Hex 48 48 Any;
}
