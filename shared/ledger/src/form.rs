//! The form of a call's log in Sellsy. A call that was logged in one form keeps that form.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogForm {
    PhoneCall,
    /// Used where Sellsy does not let us write phone calls.
    Comment,
}

impl LogForm {
    pub fn as_str(self) -> &'static str {
        match self {
            LogForm::PhoneCall => "phone_call",
            LogForm::Comment => "comment",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        if text == LogForm::Comment.as_str() { LogForm::Comment } else { LogForm::PhoneCall }
    }
}
