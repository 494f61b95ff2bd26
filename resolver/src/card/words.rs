//! The words of the card, in the language of the logs.

use base::{ids::Kind, settings::Language};
use jiff::{Timestamp, tz::TimeZone};
use ledger::resolution::Relation;

pub(super) struct Words {
    pub(super) email: &'static str,
    pub(super) kind: &'static str,
    pub(super) position: &'static str,
    pub(super) company: &'static str,
    pub(super) opportunity: &'static str,
    pub(super) owner: &'static str,
    pub(super) missed: &'static str,
    pub(super) not_called_back: &'static str,
    pub(super) times: &'static str,
    pub(super) last_calls: &'static str,
    pub(super) unanswered: &'static str,
    pub(super) outbound: &'static str,
    client: &'static str,
    prospect: &'static str,
    supplier: &'static str,
    contact: &'static str,
    individual: &'static str,
    date: &'static str,
}

const FRENCH: Words = Words {
    email: "E-mail",
    kind: "Type",
    position: "Fonction",
    company: "Société",
    opportunity: "Opportunité",
    owner: "Propriétaire",
    missed: "Appel manqué",
    not_called_back: "sans rappel",
    times: "fois",
    last_calls: "Derniers appels",
    unanswered: "sans réponse",
    outbound: "sortant",
    client: "Client",
    prospect: "Prospect",
    supplier: "Fournisseur",
    contact: "Contact",
    individual: "Particulier",
    date: "%d/%m %H:%M",
};

const ENGLISH: Words = Words {
    email: "E-mail",
    kind: "Type",
    position: "Position",
    company: "Company",
    opportunity: "Opportunity",
    owner: "Owner",
    missed: "Missed call",
    not_called_back: "not called back",
    times: "times",
    last_calls: "Last calls",
    unanswered: "unanswered",
    outbound: "outbound",
    client: "Client",
    prospect: "Prospect",
    supplier: "Supplier",
    contact: "Contact",
    individual: "Individual",
    date: "%-d %b %H:%M",
};

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::French => &FRENCH,
            Language::English => &ENGLISH,
        }
    }

    pub(super) fn kind_of(&self, relation: Option<Relation>, kind: Kind) -> &'static str {
        match (relation, kind) {
            (Some(Relation::Client), _) => self.client,
            (Some(Relation::Prospect), _) => self.prospect,
            (Some(Relation::Supplier), _) => self.supplier,
            (None, Kind::Contact) => self.contact,
            (None, Kind::Company) => self.company,
            (None, Kind::Individual) => self.individual,
        }
    }

    pub(super) fn time(&self, at: Timestamp, time_zone: &TimeZone) -> String {
        at.to_zoned(time_zone.clone()).strftime(self.date).to_string()
    }
}
