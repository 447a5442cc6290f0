//! Trained policies in transfers: which one is asked, what it says, and what its transfers came to.
//!
//! - `pick_policy`: what a policy is here, and the trials that it learns from
//! - `policy_pair`: between which sites a policy corrects
//! - `policy_file`: the gates as a file. `policy_error`: why a change is refused
//! - `kept_policies`: the gates of a cell with the policies behind them

mod kept_policies;
mod pick_policy;
mod policy_error;
mod policy_file;
mod policy_pair;

pub use kept_policies::{BELIEF, LoadPolicy, POLICIES, Policies, Turn};
pub use pick_policy::{KeepTrials, PickPolicy, TransferTrial};
pub use policy_error::PolicyError;
pub use policy_file::PairGate;
pub use policy_pair::PolicyPair;
