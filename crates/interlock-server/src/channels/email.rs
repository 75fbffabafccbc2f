//! Mail over SMTP: one message to one person, with a link to a page that asks.

use std::time::Duration;

use interlock_runtime::Runtime;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Tls as Security, TlsParameters,
};
use lettre::{Message as Mail, SmtpTransport, Transport as _};

use super::address::authorities;
use super::config::{Config, Email, Tls};
use super::text::{line, visible};
use super::{AlertMessage, Message, Sent, alert_text, alert_title, asks, link};
use crate::api::time;

/// How long each step of the conversation may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends through one mail server.
#[derive(Debug)]
pub(super) struct Sender {
    from: Mailbox,
    transport: SmtpTransport,
}

impl Sender {
    pub(super) fn new(email: &Email) -> Result<Self, String> {
        let from = email
            .from
            .parse()
            .map_err(|e| format!("`{}` is not a mail address: {e}", email.from))?;
        let security = match email.tls {
            Tls::None => Security::None,
            Tls::Implicit | Tls::Starttls => {
                let pem = authorities(email.ca_file.as_deref())?;
                let mut parameters = TlsParameters::builder(email.host.clone())
                    .certificate_store(CertificateStore::None);
                for certificate in pem_blocks(&pem) {
                    // One that cannot be read is one that nobody trusts.
                    if let Ok(certificate) = Certificate::from_pem(&certificate) {
                        parameters = parameters.add_root_certificate(certificate);
                    }
                }
                let parameters = parameters.build_rustls().map_err(|e| e.to_string())?;
                if email.tls == Tls::Implicit {
                    Security::Wrapper(parameters)
                } else {
                    Security::Required(parameters)
                }
            }
        };
        let mut transport = SmtpTransport::builder_dangerous(&email.host)
            .port(email.port)
            .tls(security)
            .timeout(Some(TIMEOUT));
        if let (Some(username), Some(password)) = (&email.username, &email.password) {
            transport = transport.credentials(Credentials::new(
                username.clone(),
                password.text()?.to_owned(),
            ));
        }
        Ok(Self {
            from,
            transport: transport.build(),
        })
    }

    pub(super) fn send(&self, runtime: &Runtime, config: &Config, message: &Message<'_>) -> Sent {
        let delivery = &message.delivery.message;
        let asked = &message.row.asked;
        let subject = match delivery.topic.as_str() {
            "approval.remind" => "Still waiting: ",
            "approval.escalate" => "Nobody has answered: ",
            "approval.expire" => "Denied, as nobody answered: ",
            _ => "",
        };
        let mut text = format!(
            "Agent {} asks to run {} {} on {}.\n\nWhy: {}\nRisk: {}\nUntil: {}\n",
            line(&asked.agent_id, 128),
            line(&asked.action_type, 64),
            line(&asked.tool, 128),
            line(&asked.resource, 256),
            visible(&asked.reason, 1_000),
            asked.risk,
            time(message.row.approval.request.expires_at),
        );
        if asks(&delivery.topic) {
            let path = match link::make(runtime, config, message.row, &delivery.person) {
                Ok(path) => path,
                Err(error) => return Sent::Later(error, None),
            };
            let base = config.public_url.as_deref().unwrap_or_default();
            text.push_str(&format!(
                "\nRead what it is about and answer here; the link is yours alone, and works once:\n{base}{path}\n"
            ));
        }
        let subject = format!(
            "{subject}agent {} asks for {}",
            line(&asked.agent_id, 64),
            line(&asked.action_type, 64)
        );
        let id = format!("<{}.{}@interlock>", asked.id, message.delivery.seq);
        self.mail(config, &delivery.person, subject, id, text)
    }

    /// Tells of a group of alerts.
    pub(super) fn tell(&self, config: &Config, message: &AlertMessage<'_>) -> Sent {
        let AlertMessage {
            delivery, group, ..
        } = message;
        let id = format!("<{}.{}@interlock>", group.id, delivery.seq);
        let subject = alert_title(delivery, group);
        let person = &delivery.message.person;
        self.mail(config, person, subject, id, alert_text(group))
    }

    fn mail(
        &self,
        config: &Config,
        person: &str,
        subject: String,
        id: String,
        text: String,
    ) -> Sent {
        let Some(address) = config.emails.get(person) else {
            return Sent::Never(format!("`{person}` has no mail address any more"));
        };
        let to: Mailbox = match address.parse() {
            Ok(to) => to,
            Err(error) => {
                return Sent::Never(format!("`{address}` is not a mail address: {error}"));
            }
        };
        let mail = Mail::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(text);
        let mail = match mail {
            Ok(mail) => mail,
            Err(error) => return Sent::Never(format!("the mail cannot be written: {error}")),
        };
        match self.transport.send(&mail) {
            Ok(_) => Sent::Yes,
            Err(error) if error.is_permanent() => {
                Sent::Never(format!("the mail server refused: {error}"))
            }
            Err(error) => Sent::Later(format!("the mail server did not take it: {error}"), None),
        }
    }
}

/// The certificates of a bundle, each as PEM.
fn pem_blocks(pem: &[u8]) -> Vec<Vec<u8>> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    text.split_inclusive(END)
        .filter_map(|part| {
            let at = part.find("-----BEGIN CERTIFICATE-----")?;
            part.ends_with(END)
                .then(|| format!("{}\n", &part[at..]).into_bytes())
        })
        .collect()
}
