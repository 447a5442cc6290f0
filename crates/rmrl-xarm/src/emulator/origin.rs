//! The request from which something comes.

/// The request from which a task or a feedback comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub link: u64,
    pub transaction: u16,
    pub protocol: u16,
    pub register: u8,
    /// The bits of the feedback that the link wants.
    pub feedback: u8,
}
