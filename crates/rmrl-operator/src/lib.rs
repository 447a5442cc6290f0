//! The operator's page: a run watched, paused and stopped from a browser.
//!
//! A run publishes its status to an [`OperatorPage`] and never waits for readers. Between trials it reads the
//! operator's [`Requests`].
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
//! A page is no emergency stop: it depends on a browser, a network, and a run that has not hung.
//!
//! The files, from the run to the browser:
//! - `page.rs`: [`OperatorPage`], which the run holds.
//! - `status.rs`, `page_image.rs`: what a run publishes.
//! - `request.rs`: what operators request, and the callbacks for a stop.
//! - `published_state.rs`: the latest status and image, shared by the run and the readers.
//! - `server.rs`: the thread that accepts connections, with its limits.
//! - `request_handler.rs`: HTTP requests to responses.
//! - `guard.rs`, `token.rs`: who may read and who may act.
//! - `page.html`: the page itself, with its style and script.

mod guard;
mod page;
mod page_image;
mod published_state;
mod request;
mod request_handler;
mod server;
mod status;
mod token;

pub use page::{OperatorPage, PageConfig, PageError};
pub use page_image::{PageImage, PageImageFormat};
pub use request::{Answer, OnStop, ReadStop, Request, Requests};
pub use status::{
    CompletedTrial, FaultedAttempt, Noticed, Phase, ProofProgress, RunStatus, StopStatus,
};
pub use token::{Token, TokenError};
