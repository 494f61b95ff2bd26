//! The scopes that a Sellsy API client needs, and the request by which it shows whether it has one.
//!
//! Sellsy has no endpoint that lists what a client was granted; a request without its scope is answered with 403. Each
//! request here is the cheapest one that needs the scope. For a write scope it changes an object that does not exist, which
//! is answered with 404 (or 400), so nothing is ever written.

use vendors::sellsy::Probe;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Accounts,
    Activities,
    Individuals,
    Companies,
    Contacts,
    Search,
    Opportunities,
    Staffs,
    ReadPhoneCalls,
    WritePhoneCalls,
    ReadComments,
    WriteComments,
    ReadTasks,
    WriteTasks,
    WriteIndividuals,
    WriteOpportunities,
    ReadSmartTags,
    WriteSmartTags,
    ReadWebhooks,
    WriteWebhooks,
}

impl Scope {
    /// The scopes that every installation needs.
    pub(crate) const NEEDED: [Scope; 8] = [
        Scope::Individuals,
        Scope::Companies,
        Scope::Contacts,
        Scope::Search,
        Scope::Opportunities,
        Scope::Staffs,
        Scope::ReadPhoneCalls,
        Scope::WritePhoneCalls,
    ];
    /// Needed in addition with `LOG_FALLBACK=comment`, or if text messages become comments.
    pub(crate) const FOR_COMMENTS: [Scope; 2] = [Scope::ReadComments, Scope::WriteComments];
    /// Needed in addition if tasks follow from calls.
    pub(crate) const FOR_TASKS: [Scope; 2] = [Scope::ReadTasks, Scope::WriteTasks];

    /// Needed in addition if callers whom Sellsy does not have become prospects.
    pub(crate) const FOR_PROSPECTS: [Scope; 1] = [Scope::WriteIndividuals];
    /// Needed in addition if tags move opportunities.
    pub(crate) const FOR_STEPS: [Scope; 1] = [Scope::WriteOpportunities];
    /// Needed in addition if tags add smart-tags, each with the write scope of the kind of record.
    pub(crate) const FOR_SMART_TAGS: [Scope; 2] = [Scope::ReadSmartTags, Scope::WriteSmartTags];

    /// Needed in addition by whoever makes Sellsy's webhook.
    pub(crate) const FOR_WEBHOOKS: [Scope; 2] = [Scope::ReadWebhooks, Scope::WriteWebhooks];
    /// Nothing fails without them.
    pub(crate) const USEFUL: [Scope; 4] =
        [Scope::Accounts, Scope::Activities, Scope::ReadWebhooks, Scope::WriteWebhooks];

    /// Its name in Sellsy's developer portal.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Scope::Accounts => "accounts.read",
            Scope::Activities => "activities.read",
            Scope::Individuals => "individuals.read",
            Scope::Companies => "companies.read",
            Scope::Contacts => "contacts.read",
            Scope::Search => "search.read",
            Scope::Opportunities => "opportunities.read",
            Scope::Staffs => "staffs.read",
            Scope::ReadPhoneCalls => "phonecalls.read",
            Scope::WritePhoneCalls => "phonecalls.write",
            Scope::ReadComments => "comments.read",
            Scope::WriteComments => "comments.write",
            Scope::ReadTasks => "tasks.read",
            Scope::WriteTasks => "tasks.write",
            Scope::WriteIndividuals => "individuals.write",
            Scope::WriteOpportunities => "opportunities.write",
            Scope::ReadSmartTags => "smart-tags.read",
            Scope::WriteSmartTags => "smart-tags.write",
            Scope::ReadWebhooks => "webhooks.read",
            Scope::WriteWebhooks => "webhooks.write",
        }
    }

    /// The cheapest request that needs it.
    pub(crate) fn probe(self) -> Probe {
        match self {
            Scope::Accounts => Probe::quotas(),
            Scope::Activities => Probe::metas(),
            Scope::Individuals => Probe::individuals(),
            Scope::Companies => Probe::companies(),
            Scope::Contacts => Probe::contacts(),
            Scope::Search => Probe::search(),
            Scope::Opportunities => Probe::opportunities(),
            Scope::Staffs => Probe::staffs(),
            Scope::ReadPhoneCalls => Probe::phone_calls(),
            Scope::WritePhoneCalls => Probe::writing_phone_calls(),
            Scope::ReadComments => Probe::comments(),
            Scope::WriteComments => Probe::writing_comments(),
            Scope::ReadTasks => Probe::tasks(),
            Scope::WriteTasks => Probe::writing_tasks(),
            Scope::WriteIndividuals => Probe::writing_individuals(),
            Scope::WriteOpportunities => Probe::writing_opportunities(),
            Scope::ReadSmartTags => Probe::smart_tags(),
            Scope::WriteSmartTags => Probe::writing_smart_tags(),
            Scope::ReadWebhooks => Probe::webhooks(),
            Scope::WriteWebhooks => Probe::writing_webhooks(),
        }
    }
}
