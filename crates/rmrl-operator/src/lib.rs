//! The operator's page: a run watched, paused and stopped from a browser.
//!
//! A run tells an [`OperatorPage`] what it does and never waits for who reads it; between trials it asks
//! [`Requests`] what the operator wants.
//!
//! ```
//! use rmrl_operator::{OperatorPage, PageConfig, Phase, Request};
//!
//! let config = PageConfig { address: ([127, 0, 0, 1], 0).into(), ..PageConfig::default() };
//! let page = OperatorPage::serve(config)?;
//! println!("watch the run at {}", page.url());
//! let requests = page.requests();
//! page.update(|status| status.phase = Phase::Picking);
//! // The trial, and after it:
//! if requests.take() == Some(Request::PauseAfterTrial) {
//!     page.update(|status| status.phase = Phase::Paused);
//! }
//! # Ok::<(), rmrl_operator::PageError>(())
//! ```
//!
//! A page is no emergency stop: it comes by way of a browser and a network, and the run may have hung.

mod answer;
mod board;
mod guard;
mod page;
mod picture;
mod request;
mod server;
mod status;
mod token;

pub use page::{OnStop, OperatorPage, PageConfig, PageError, ReadStop};
pub use picture::{Picture, PictureFormat};
pub use request::{Answer, Request, Requests};
pub use status::{CompletedTrial, FaultedAttempt, Phase, ProofProgress, RunStatus, StopStatus};
pub use token::{Token, TokenError};
