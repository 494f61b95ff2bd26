//! What Sellsy's v2 API sends and accepts, as plain types.
//!
//! These types contain no logic. A type lists the fields that some worker uses and ignores other fields. Unknown values of an
//! enum are kept in its `Other` ("on lists, values can be added"). Absent, `null`, `""` and `{}` mean "none": phone numbers
//! are `null` from one endpoint and `""` from another. Phone numbers are as people typed them, with spaces and without country
//! code, so they are plain text here; `base::phone` normalises them.
//!
//! Other differences between what is documented and what is sent: `offset` is a number or a text, `amount.value` is a text, a search row's `id` is a hash while its record's id is in
//! `object.id`, and a record's last change is `updated_at` on individuals and companies but `updated` on contacts.
//!
//! The body of an error has no type: its texts are in French, may change and may quote the request, so only the HTTP status
//! counts.
//!
//! `Debug` prints only the ids of types that hold personal data.

mod access;
mod comment;
mod notice;
mod page;
mod phone_call;
mod record;
mod smart_tag;
mod step;
mod task;
mod webhook;

pub use access::{QuotaLimit, Quotas, Staff, StaffStatus, TokenAnswer};
pub use comment::{Comment, CommentCreate};
pub use notice::{Notice, NoticeError};
pub use page::{Offset, Page, Pagination};
pub use phone_call::{CallResult, CallSource, Metas, PhoneCall, PhoneCallCreate, PhoneCallUpdate, Topic, TopicLabel};
pub use record::{
    Amount, Company, Contact, Individual, IndividualCreate, Linked, Named, Opportunity, OpportunityStatus, RecordKind,
    Related, SearchObject, SearchRow, ThirdKind,
};
pub use smart_tag::{SmartTag, SmartTagRef};
pub use step::Step;
pub use task::{Task, TaskCreate, TaskLabel, TaskUpdate};
pub use webhook::{Webhook, WebhookEvent, WebhookEvents, WebhookRequest};
